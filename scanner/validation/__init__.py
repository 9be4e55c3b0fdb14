"""A laboratory's own error rates: what is said of pictures that are known to be real or fake.

    validate(Asked((Path("labelled"),), Path("validation.html")))

scans the pictures as any scan does, and writes validation.html, validation.json beside it, and the
scan's own validation.csv with its manifest.
"""

from scanner.validation.result import Validated
from scanner.validation.run import Asked, validate

__all__ = ["Asked", "Validated", "validate"]
