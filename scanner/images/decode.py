"""Encoded images, opened and decoded page by page to 8-bit RGB."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from scanner.images import raw, signatures, tiff
from scanner.images.jpeg import decode_checked, jpeg_damage
from scanner.images.jpeg_end import breaks_off, completed
from scanner.images.pixels import TURNED_BACK, NoPicture, to_rgb, turn_of, turned
from scanner.limits import MAX_PIXELS

ANIMATIONS = ("AVIF", "FLI", "GIF", "PNG", "WEBP")  # formats whose frames follow each other in time
JPEG = ("JPEG", "MPO")  # of one picture, and of several


class NotAnImage(Exception):
    """No decoder recognises the bytes."""


class TooManyPixels(Exception):
    """The header announces more pixels than the limit allows."""


class UnsupportedImage(Exception):
    """An image, or what may hold some, that is not decoded, for a stated reason."""


@dataclass(frozen=True)
class Decoded:
    """One frame or page of an image, ready for `view`.

    `rgb` is mode RGB after EXIF orientation; `width` and `height` are the stored pixels before it,
    as other tools report them; `page` counts from 1, and `frames` is how many the file has;
    `alpha` is mode L, of the size of `rgb`, and None without transparency; `turn` is what was done
    to make them upright.
    """

    rgb: Image.Image
    format: str
    width: int
    height: int
    page: int
    frames: int
    alpha: Image.Image | None
    turn: Image.Transpose | None = None

    @property
    def opacity(self) -> float:
        """The mean alpha, 0 to 1."""
        return 1.0 if self.alpha is None else float(np.asarray(self.alpha).mean()) / 255

    def as_stored(self) -> tuple[Image.Image, Image.Image | None]:
        """`rgb` and `alpha` in the position in which the file holds them."""
        if self.turn is None:
            return self.rgb, self.alpha
        back = TURNED_BACK.get(self.turn, self.turn)
        return self.rgb.transpose(back), self.alpha and self.alpha.transpose(back)


class Pages:
    """An opened image, whose frames or pages are decoded one by one.

    format: as the decoder calls it; of camera RAW, the kind. first: what a viewer shows first.
    frames: how many there are. Both count from 1. others: where in the file further pictures begin
    that are whole files.
    """

    def __init__(
        self, data: bytes, image: Image.Image, raw_kind: str | None, max_pixels: int
    ) -> None:
        self.format = raw_kind or image.format or "unknown"
        self.first = self.frames = 1
        self.others: tuple[int, ...] = ()
        self._data = data
        self._image = image
        self._max_pixels = max_pixels
        self._tiff_offsets: list[int] = []
        self._complaint: str | None = None  # of the first page of a JPEG, once it was decoded
        self._check_size(image)  # before the frames are counted, which may decode them
        if self.format == "TIFF":
            self._tiff_offsets = tiff.page_offsets(data)
            self.frames = max(1, len(self._tiff_offsets))
        # A PSD's layers are parts of its one picture, and a preview has no companions.
        elif raw_kind is None and self.format != "PSD":
            self.first = image.tell() + 1  # HEIF names its primary image
            self.frames = max(1, int(getattr(image, "n_frames", 1)))  # a header may say 0
            self.others = _places_of_others(image)

    def damage(self) -> str | None:
        """What is wrong with the first page that decoding it does not show; None if nothing is."""
        if self.format not in JPEG:
            return None
        return jpeg_damage(self._data, self._complaint) or breaks_off(self._data)

    def decode(self, page: int) -> Decoded:
        """Decode one page to 8-bit RGB. Raises as `opened` does."""
        with _quietly(self._max_pixels):
            try:
                with self._at(page) as image:
                    return self._decoded(image, page)
            except OSError:
                whole = self._completed(page)
                if whole is None:
                    raise
            with open_image(whole) as image:
                return self._decoded(image, page)

    def _decoded(self, image: Image.Image, page: int) -> Decoded:
        width, height = self._check_size(image)
        if page == 1 and self.format in JPEG:
            stored, complaint = decode_checked(self._data, image)
            self._complaint = complaint
            if stored is not None:
                turn = turn_of(image)
                rgb = turned(stored, turn)
                return Decoded(rgb, self.format, width, height, page, self.frames, None, turn)
        try:
            rgb, alpha = to_rgb(image)
        except NoPicture as error:
            raise UnsupportedImage(str(error)) from error
        turn = turn_of(image)  # not before: it loads a PNG
        return Decoded(rgb, self.format, width, height, page, self.frames, alpha, turn)

    def _completed(self, page: int) -> bytes | None:
        """The picture of a JPEG file that lacks nothing but its end marker, which it is given."""
        if self.format not in JPEG or page > len(self.others) + 1:
            return None
        return completed(self._data[(0, *self.others)[page - 1] :])

    @contextmanager
    def _at(self, page: int) -> Iterator[Image.Image]:
        """The image at a page; what Pillow keeps of one must not show through a damaged other."""
        if self.frames == 1:
            yield self._image
        elif self._tiff_offsets:
            with _open_tiff_page(self._data, self._tiff_offsets[page - 1]) as image:
                yield image
        elif self.format in ANIMATIONS:  # a frame is drawn over the one before
            self._image.seek(page - 1)
            yield self._image
        else:
            with open_image(self._data) as image:
                image.seek(page - 1)
                yield image

    def _check_size(self, image: Image.Image) -> tuple[int, int]:
        width, height = image.size
        if width * height > self._max_pixels:
            raise TooManyPixels(
                f"{width}x{height} pixels are more than the limit of {self._max_pixels:,}"
            )
        return width, height


def _places_of_others(image: Image.Image) -> tuple[int, ...]:
    """Of a JPEG with several pictures, as the decoder itself will go to them."""
    # Not by the index in the file, of which a forger could write a second one.
    places: list[int] = getattr(image, "_MpoImageFile__mpoffsets", [])
    return tuple(places[1:])


def _open_tiff_page(data: bytes, offset: int) -> Image.Image:
    try:
        image = Image.open(tiff.page_alone(data, offset), formats=["TIFF"])
    except UnidentifiedImageError as error:
        raise ValueError("no page can be read where the file names one") from error
    subfile: Any = image.getexif().get(raw.NEW_SUBFILE_TYPE, 0)
    if isinstance(subfile, int) and subfile & raw.REDUCED:
        raise UnsupportedImage("a reduced copy of another page, which has a row of its own")
    return image


@contextmanager
def opened(data: bytes, max_pixels: int = MAX_PIXELS) -> Iterator[Pages]:
    """An encoded image; of camera RAW, the preview.

    EXIF orientation is applied, ICC profiles are left alone, alpha is composited on white and
    16-bit samples are scaled, not clipped.

    Raises NotAnImage, TooManyPixels, UnsupportedImage; on broken files whatever the decoder
    raises (Pillow raises far more than OSError), so callers catch Exception.
    """
    with _quietly(max_pixels):
        raw_kind = raw.kind(data)
        try:
            image = raw.preview(data, raw_kind) if raw_kind else open_image(data)
        except raw.NoPreview as error:
            raise UnsupportedImage(str(error)) from error
        if image.format == "EPS":
            raise UnsupportedImage("PostScript is a program; imgscan runs no code from evidence")
        pages = Pages(data, image, raw_kind, max_pixels)
    with image:
        yield pages


def decode(data: bytes, max_pixels: int = MAX_PIXELS) -> Decoded:
    """The page of an encoded image that a viewer shows first. Raises as `opened` does."""
    with opened(data, max_pixels) as pages:
        return pages.decode(pages.first)


@contextmanager
def _quietly(max_pixels: int) -> Iterator[None]:
    """Without Pillow's warnings, and with its refusal of a bomb in the words of our limit."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except Image.DecompressionBombError as error:
            raise TooManyPixels(
                f"the image has more pixels than the limit of {max_pixels:,}"
            ) from error


def open_image(data: bytes) -> Image.Image:
    """An image whose header was read, and nothing else. Raises as `opened` does."""
    if data[4:8] == b"ftyp":
        _register_heif()
    try:
        return Image.open(io.BytesIO(data))
    except UnidentifiedImageError as error:
        if signatures.is_image(data):  # Pillow takes a broken header for no image at all
            raise ValueError("it begins like an image, but no decoder can read it") from error
        if unread := signatures.unread_image(data):
            raise UnsupportedImage(f"{unread}, which imgscan does not open") from error
        if signatures.is_damaged_image(data):
            raise ValueError("its first bytes are not those of the image that follows") from error
        raise NotAnImage("no image decoder recognises the content") from error


@cache
def _register_heif() -> None:
    import pillow_heif

    pillow_heif.register_heif_opener()
