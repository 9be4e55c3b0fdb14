"""The markers of JPEG (ITU-T T.81, B.1.1.3) that tell where its parts begin and end.

Each is a byte behind 0xFF.
"""

from __future__ import annotations

import re

FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})  # what begins a frame
SCAN, END = 0xDA, 0xD9
ALONE = frozenset({0x01, *range(0xD0, 0xD8)})  # what has no length and no content
# What ends entropy-coded data: all but a stuffed zero, restarts and more of the same.
DATA_END = re.compile(rb"\xff[^\0\xff\xd0-\xd7]", re.DOTALL)
