"""`python -m scanner` is the `imgscan` command."""

import os
import sys

# Python looks for modules in the current folder first, and evidence may lie there. Both modules
# above are loaded before it does; the scanner itself, where it lies there, is looked for last.
if not sys.flags.safe_path:
    folder = sys.path.pop(0)
    if folder == os.path.dirname(os.path.dirname(__file__)):  # noqa: PTH120  pathlib is not loaded
        sys.path.append(folder)

from scanner.cli.main import main

main()
