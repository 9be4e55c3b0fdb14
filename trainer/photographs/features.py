"""What the tower sees of each image, and its quality, kept on disk: work that nobody does twice."""

from __future__ import annotations

import hashlib
import io
import multiprocessing
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, fields
from functools import cache, cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from scanner.files import own_partial_path, write_whole
from scanner.images.decode import decode
from scanner.model import INPUT
from scanner.preprocess import view
from scanner.quality import Quality, quality
from trainer.data.examples import DataError
from trainer.photographs.clip import PREPROCESSING
from trainer.photographs.sources import Photograph
from trainer.photographs.tiers import in_tier
from trainer.photographs.tower import TOKENS

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from PIL import Image

CHUNK = 4  # images that a process is handed at once

Work = Callable[["Image.Image"], NDArray[np.float32]]  # of a decoded picture


@dataclass(frozen=True)
class Features:
    """Class tokens by image and tier, in files of their own; those that are missing are computed.

    That of tokens belongs to the bytes of a tower, so that another one starts with an empty cache.
    """

    tower: bytes
    folder: Path

    def of(self, photographs: Sequence[Photograph], tier: str) -> NDArray[np.float32]:
        """Tokens N×blocks×768 of the images in one tier. Raises DataError for a broken image."""
        graph = self._of_tower / "tower.onnx"
        if not graph.is_file():
            graph.parent.mkdir(parents=True, exist_ok=True)
            write_whole(graph, self.tower, own_partial_path(graph))
        return self._kept(photographs, tier, self._of_tower, partial(_tokens, graph))

    def qualities(self, photographs: Sequence[Photograph], tier: str) -> list[Quality]:
        """That of each image in one tier. Raises DataError for a broken image.

        Whoever changes how a figure is measured empties the folder.
        """
        figures = "-".join(field.name for field in fields(Quality))
        found = self._kept(photographs, tier, self.folder / f"quality-{figures}", _quality)
        return [Quality(*map(float, figures)) for figures in found]

    @cached_property
    def _of_tower(self) -> Path:
        return self.folder / hashlib.sha256(self.tower).hexdigest()[:12]

    def _kept(
        self, photographs: Sequence[Photograph], tier: str, folder: Path, work: Work
    ) -> NDArray[np.float32]:
        """What `work` makes of each image's pixels, out of `folder`, and put there if missing."""
        from tqdm import tqdm

        jobs = [(photograph, tier, _place(photograph, tier, folder)) for photograph in photographs]
        missing = [job for job in jobs if not job[-1].is_file()]
        for made in {place.parent for _, _, place in missing}:
            made.mkdir(parents=True, exist_ok=True)
        if missing:
            context = multiprocessing.get_context("spawn")
            with context.Pool() as pool:
                done = pool.imap_unordered(partial(_made, work), missing, CHUNK)
                for trouble in tqdm(done, total=len(missing), unit="image", desc=tier):
                    if trouble:
                        raise DataError(trouble)
        return np.stack([np.load(place) for _, _, place in jobs])


def _place(photograph: Photograph, tier: str, folder: Path) -> Path:
    kind = tier if photograph.whole else f"{tier}-of-cuts"
    return folder / kind / f"{photograph.sha256}.npy"


@cache
def _session(graph: Path) -> InferenceSession:
    """Opened once a process."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def _made(work: Work, job: tuple[Photograph, str, Path]) -> str | None:
    """Keep what is made of one image; what is wrong with it, if anything."""
    photograph, tier, place = job
    try:
        rgb = decode(photograph.path.read_bytes()).rgb
    except Exception as error:  # decoders raise nearly anything on broken files
        return f"{photograph.path} cannot be decoded: {error}."
    stream = io.BytesIO()
    np.save(stream, work(in_tier(rgb, tier, photograph.sha256)))
    write_whole(place, stream.getvalue(), own_partial_path(place))
    return None


def _tokens(graph: Path, rgb: Image.Image) -> NDArray[np.float32]:
    tokens: NDArray[np.float32] = _session(graph).run(
        [TOKENS], {INPUT: view(rgb, PREPROCESSING)[None]}
    )[0]
    return tokens[0]


def _quality(rgb: Image.Image) -> NDArray[np.float32]:
    found = quality(rgb, view(rgb, PREPROCESSING), PREPROCESSING)
    return np.array(astuple(found), np.float32)
