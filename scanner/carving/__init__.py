"""Pictures that begin somewhere in bytes which no reader accounts for."""
