"""The chain of custody: manifest and signature, verification and comparison."""
