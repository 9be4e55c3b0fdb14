"""What searching bytes for pictures costs, and what it makes of a system full of other files."""
