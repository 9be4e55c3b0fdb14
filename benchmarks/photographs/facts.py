"""What an image's file says before a pixel is decoded, in numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from PIL import Image

from scanner.images.decode import open_image
from trainer.data.examples import DataError

SUM_AT_50 = 3688  # of libjpeg's table for brightness at quality 50
GREY = ("1", "L", "LA", "I;16")


def facts(files: Mapping[str, Path]) -> pd.DataFrame:
    """A row an image, by its name; a column a fact, float64, NaN where the image has none.

    Raises DataError for a file that is no image.
    """
    return pd.DataFrame.from_dict({name: _facts(path) for name, path in files.items()}, "index")


def _facts(path: Path) -> dict[str, float]:
    try:
        data = path.read_bytes()
        with open_image(data) as image:
            width, height = image.size
            found = {
                "PNG": image.format == "PNG",
                "WebP or AVIF": image.format in ("WEBP", "AVIF"),
                **_encoding(image),
                "shorter side": min(width, height),
                "width over height": width / height,
                "bytes a pixel": len(data) / (width * height),
                "EXIF": "exif" in image.info,
                "ICC profile": bool(image.info.get("icc_profile")),
                "grey": image.mode in GREY,
            }
    except Exception as error:  # Pillow raises far more than OSError on broken files
        raise DataError(f"{path} cannot be read: {error}.") from error
    return {name: float(value) for name, value in found.items()}


def _encoding(image: Image.Image) -> dict[str, float]:
    """How a JPEG was saved; NaN for other files, and for colour where there is none.

    The quality is libjpeg's, of the table for brightness with the same sum. Samples of colour are
    those a pixel: 1 for 4:4:4, a quarter for 4:2:0.
    """
    tables = getattr(image, "quantization", {})
    samples = [across * down for _, across, down, _ in getattr(image, "layer", [])]
    return {
        "JPEG quality": _quality(sum(next(iter(tables.values())))) if tables else math.nan,
        "JPEG samples of colour": samples[1] / samples[0] if len(samples) > 1 else math.nan,
        "progressive JPEG": float("progressive" in image.info) if tables else math.nan,
    }


def _quality(total: int) -> float:
    scale = 100 * total / SUM_AT_50
    return 5000 / scale if scale > 100 else 100 - scale / 2
