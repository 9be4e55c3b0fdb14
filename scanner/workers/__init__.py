"""Processes that read, hash and decode files, and what they do with each."""
