"""What grows with the number of files, their size, the workers and the depth of archives."""
