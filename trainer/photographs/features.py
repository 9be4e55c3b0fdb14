"""What the tower sees of each image, kept on disk: minutes of work that nobody does twice."""

from __future__ import annotations

import hashlib
import io
import multiprocessing
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from scanner.files import own_partial_path, write_whole
from scanner.images.decode import decode
from scanner.model import INPUT
from scanner.preprocess import view
from trainer.data.examples import DataError
from trainer.photographs.clip import PREPROCESSING
from trainer.photographs.sources import Photograph
from trainer.photographs.tiers import in_tier
from trainer.photographs.tower import TOKENS

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

CHUNK = 4  # images that a process is handed at once


@dataclass(frozen=True)
class Features:
    """Class tokens by image and tier, in files of their own; those that are missing are computed.

    A cache belongs to the bytes of its tower, so that another tower starts with an empty one.
    """

    tower: bytes
    folder: Path

    def of(self, photographs: Sequence[Photograph], tier: str) -> NDArray[np.float32]:
        """Tokens N×blocks×768 of the images in one tier. Raises DataError for a broken image."""
        self._compute([(photograph, tier) for photograph in photographs])
        return np.stack([np.load(self._place(photograph, tier)) for photograph in photographs])

    def _place(self, photograph: Photograph, tier: str) -> Path:
        kind = tier if photograph.whole else f"{tier}-of-cuts"
        return self._of_tower / kind / f"{photograph.sha256}.npy"

    @cached_property
    def _of_tower(self) -> Path:
        return self.folder / hashlib.sha256(self.tower).hexdigest()[:12]

    def _compute(self, wanted: Sequence[tuple[Photograph, str]]) -> None:
        from tqdm import tqdm

        missing = [(*pair, self._place(*pair)) for pair in wanted]
        missing = [job for job in missing if not job[-1].is_file()]
        if not missing:
            return
        for folder in {place.parent for _, _, place in missing}:
            folder.mkdir(parents=True, exist_ok=True)
        graph = self._of_tower / "tower.onnx"
        write_whole(graph, self.tower, own_partial_path(graph))
        context = multiprocessing.get_context("spawn")
        with context.Pool() as pool:
            done = pool.imap_unordered(partial(_computed, graph), missing, CHUNK)
            for trouble in tqdm(done, total=len(missing), unit="image", desc=missing[0][1]):
                if trouble:
                    raise DataError(trouble)


@cache
def _session(graph: Path) -> InferenceSession:
    """Opened once a process."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def _computed(graph: Path, job: tuple[Photograph, str, Path]) -> str | None:
    """Keep one image's tokens; what is wrong with it, if anything."""
    photograph, tier, place = job
    try:
        rgb = decode(photograph.path.read_bytes()).rgb
    except Exception as error:  # decoders raise nearly anything on broken files
        return f"{photograph.path} cannot be decoded: {error}."
    seen = view(in_tier(rgb, tier, photograph.sha256), PREPROCESSING)
    tokens = _session(graph).run([TOKENS], {INPUT: seen[None]})[0][0]
    stream = io.BytesIO()
    np.save(stream, tokens)
    write_whole(place, stream.getvalue(), own_partial_path(place))
    return None
