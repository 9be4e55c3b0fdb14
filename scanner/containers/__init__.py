"""What holds other files: archives, documents and mail, each format a module of its own."""
