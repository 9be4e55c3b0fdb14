"""How known files are found among very many hashes."""
