"""A whole scan: from the paths that are asked for to the reports on disk."""
