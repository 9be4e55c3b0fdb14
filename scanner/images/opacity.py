"""Whether enough of a picture can be seen for a verdict on it."""

from __future__ import annotations

from scanner.images.decode import Decoded
from scanner.preprocess import Preprocessing, view

# What shows through is white, which alone can turn a verdict. Of 1,000 photographs that it learnt
# (CIFAKE) the 96-pixel ResNet-18 calls 1 fake; with one of the 1,024 pixels transparent 4, with two
# 37. Of 1,000 fakes it calls 1 real; at an alpha of 0.95 it calls 14, at 0.9 84, at 0.5 993.
LEAST_OPACITY = 0.999


def doubt(decoded: Decoded, preprocessing: Preprocessing) -> str | None:
    """Why no verdict can be given on a picture, whatever its score; None where one can.

    It goes by the whole picture and by what of it the model sees: of several views by the least
    visible, since each has its say in the score.
    """
    if decoded.alpha is None:
        return None
    views = view(decoded.alpha, preprocessing).reshape(preprocessing.count, -1)
    seen = float(views.mean(axis=1).min()) / 255
    if (opacity := min(decoded.opacity, seen)) >= LEAST_OPACITY:
        return None
    # Scaling rounds what is seen, which is not to look like another part of the picture.
    apart = f"{seen:.1%}" != f"{decoded.opacity:.1%}"
    less = seen < decoded.opacity and apart
    what = "a part of the picture that is judged" if less else "the picture"
    visible = f"only {opacity:.1%} of {what} is visible, the rest is transparent"
    return f"{visible}; a verdict might be of the white behind it"
