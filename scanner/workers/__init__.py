"""Processes that read, hash and decode files, and what they do with each."""

SERVED_BY = "scanner.workers.serve"  # what a worker imports, with all that it needs
