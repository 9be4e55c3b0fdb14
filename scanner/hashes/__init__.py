"""The hashes of files, and lists of known ones."""
