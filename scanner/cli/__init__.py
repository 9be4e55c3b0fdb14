"""Everything that meets the terminal: commands, options, messages and exit codes."""
