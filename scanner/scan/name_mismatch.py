"""Whether a file's name agrees with its content: a disguise is evidence, whatever the verdict."""

from __future__ import annotations

import re

from scanner.record import Status

# Formats, as the decoders call them, that files of a suffix may honestly have.
FORMATS = {
    "apng": {"PNG"},
    "arw": {"RAW", "TIFF"},
    "avif": {"AVIF"},
    "bmp": {"BMP", "DIB"},
    "cr2": {"CR2"},
    "cr3": {"CR3"},
    "cur": {"CUR"},
    "dds": {"DDS"},
    "dib": {"BMP", "DIB"},
    "dng": {"DNG", "TIFF"},
    "gif": {"GIF"},
    "heic": {"HEIF"},
    "heif": {"AVIF", "HEIF"},
    "hif": {"HEIF"},
    "icns": {"ICNS"},
    "ico": {"ICO"},
    "j2k": {"JPEG2000"},
    "jfif": {"JPEG", "MPO"},
    "jp2": {"JPEG2000"},
    "jpe": {"JPEG", "MPO"},
    "jpeg": {"JPEG", "MPO"},
    "jpg": {"JPEG", "MPO"},
    "mpo": {"JPEG", "MPO"},
    "nef": {"RAW", "TIFF"},
    "orf": {"ORF"},
    "pcx": {"PCX"},
    "png": {"PNG"},
    "psd": {"PSD"},
    "raf": {"RAF"},
    "rw2": {"RW2"},
    "tga": {"TGA"},
    "tif": {"TIFF"},
    "tiff": {"TIFF"},
    "webp": {"WEBP"},
}
# Suffixes that promise something else than an image.
OTHER_CONTENT = re.compile(
    "7z|avi|css|csv|db|dll|doc|docx|eml|exe|gz|htm|html|js|json|log|mkv|mov|mp3|mp4|msg|odp|ods|odt"
    "|pdf|ppt|pptx|rar|rtf|sqlite|sys|tar|txt|wav|xls|xlsx|xml|zip"
)


def mismatch(
    path: str, image_format: str | None, status: Status, container: str | None = None
) -> str | None:
    """A sentence when the suffix of `path` promises another content than there is, else None.

    image_format: by content, None where no image was decoded. container: what kind of one the
    content is, such as "an archive".
    """
    name = path.rpartition("/")[2]
    if name.startswith("carved-") and path.endswith(f"!/{name}"):  # a name of our giving
        return None
    suffix = name.rpartition(".")[2].lower() if "." in name else ""
    formats = FORMATS.get(suffix, set())
    if image_format is None:
        is_other = container is not None or status in (Status.NOT_IMAGE, Status.CONTAINER)
        lies = bool(formats) and is_other
    else:
        lies = image_format not in formats if formats else bool(OTHER_CONTENT.fullmatch(suffix))
    content = image_format or container or "no image"
    return f"named .{suffix}, but the content is {content}" if lies else None
