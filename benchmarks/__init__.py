"""Benchmarks: speed and F1 of the exported models and of the whole scan."""
