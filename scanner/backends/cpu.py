"""ONNX Runtime on the CPU: one single-threaded run a core, side by side.

Runs of several threads wait for each other after every layer, and for a core each time a decoding
worker holds one. Runs of one thread never wait, so whatever the workers leave of the cores is
used, and each image's logit is computed in one order whatever the number of cores.
"""

from __future__ import annotations

import hashlib
from threading import Lock

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from scanner.backends.backend import CPU, BackendError, Scores
from scanner.model.card import INPUT, INT8_ROWS, WIDEN_ONCE
from scanner.model.file import ModelFile

# Pixels of the network's input in a batch: past this, layers no longer fit a core's cache and the
# memory of a run a core adds up; below it, small images pay the cost of a call too often.
BATCH_PIXELS = 32 * 64 * 64
MAX_BATCH = 32
FATAL = 4
INT8 = ("int8", INT8_ROWS)


class CpuBackend:
    """Scores views in single-threaded runs; scores do not depend on the batch or the cores."""

    def __init__(self, model: ModelFile, cores: int, batch_size: int | None = None) -> None:
        pixels = model.card.preprocessing.count * model.card.image_size**2  # of an image
        self.provider = CPU
        # CPUs lack float16 arithmetic: ONNX Runtime widens such a graph as it loads it.
        self.precision = "int8" if model.card.precision in INT8 else "float32"
        self.streams = cores
        self.batch_size = batch_size or min(MAX_BATCH, max(1, BATCH_PIXELS // pixels))
        self._model = model
        self._session: onnxruntime.InferenceSession | None = None
        self._opening = Lock()

    def score(self, views: NDArray[np.uint8]) -> Scores:
        """The scores of N images, as `Backend` has it. Thread-safe.

        Raises BackendError when ONNX Runtime cannot run the model, which was tried when it was
        opened or, of a bundled one, tested, and when the file is no longer that one.
        """
        with self._opening:  # only now: many scans meet no image for one of their models
            session = self._session = self._session or self._opened()
        return Scores(*session.run(self._model.card.outputs, {INPUT: views}))

    def _opened(self) -> onnxruntime.InferenceSession:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = FATAL  # what matters is checked and said in a sentence
        options.intra_op_num_threads = 1
        if self.precision == "float32":
            options.add_session_config_entry(*WIDEN_ONCE)
        path = self._model.path
        try:
            content = path.read_bytes()
        except OSError as error:
            raise BackendError(f"{path} cannot be read any more: {error.strerror}.") from error
        if hashlib.sha256(content).hexdigest() != self._model.sha256:
            raise BackendError(
                f"{path} has changed since the scan began; put the file back that it began with, "
                "and give the same command again."
            )
        try:
            return onnxruntime.InferenceSession(content, options, providers=[CPU])
        except Exception as error:  # ONNX Runtime's exceptions share no public base class
            reason = str(error).splitlines()[0]
            raise BackendError(f"{path.name} cannot run on the CPU: {reason}") from error
