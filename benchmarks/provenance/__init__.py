"""What pictures say of where they come from, and what is read that is not there."""
