"""`python -m scanner` is the `imgscan` command."""

from scanner.cli import main

main()
