"""What is said of a picture whose pixels are not made, rather than to make others."""

from __future__ import annotations

from scanner.containers.container import LONGEST_DETAIL, MemberError
from scanner.record import Status, path_text


def unsupported(needs: str) -> MemberError:
    """The error for an image that needs what is not done here, in words that may be the file's."""
    needs = path_text(" ".join(needs.split()))[:LONGEST_DETAIL]
    return MemberError(
        Status.UNSUPPORTED, f"the image needs {needs}, which imgscan does not support"
    )
