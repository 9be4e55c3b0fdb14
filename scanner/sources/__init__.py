"""Where images come from: folders, files, and what containers hold."""
