"""The formats of hash lists. A list is read in full or refused, never read in part."""
