"""What is said of a picture whose pixels are not made, rather than to make others."""

from __future__ import annotations

from scanner.containers.container import MemberError
from scanner.record import Status


def unsupported(needs: str) -> MemberError:
    """The error for an image that needs what is not done here."""
    return MemberError(Status.UNSUPPORTED, f"the image needs {needs}, which imgscan does not do")
