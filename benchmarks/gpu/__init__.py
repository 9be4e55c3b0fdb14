"""Work for a machine with a GPU and no network: packed, done there, and brought home."""
