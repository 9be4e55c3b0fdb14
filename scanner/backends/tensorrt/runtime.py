"""TensorRT engines through the official Python runtime: one context and one CUDA graph a lane."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from scanner.backends.backend import BackendError, Scores
from scanner.backends.gpu import Buffers, OutOfMemory, check, speaks_of_memory
from scanner.backends.tensorrt.flavors import NAMES, collecting_logger, load_tensorrt
from scanner.model.card import INPUT, ModelCard
from scanner.model.engine import BatchProfile, EngineFile

if TYPE_CHECKING:
    from tensorrt import ICudaEngine, IExecutionContext


class Engine:
    """A deserialised engine that opens lanes. `profile` has the batches it runs."""

    def __init__(self, file: EngineFile) -> None:
        """file: runs as code, so only from a trusted place.

        Raises BackendError when this TensorRT, driver or GPU cannot run it, or it is no detector.
        """
        flavor = file.card.flavor
        self._trt = trt = load_tensorrt(flavor)
        self._log = collecting_logger(trt)
        self._runtime = trt.Runtime(self._log)
        self._engine = self._runtime.deserialize_cuda_engine(file.content)
        if self._engine is None:
            raise BackendError(
                f"{NAMES[flavor]} {trt.__version__} cannot load the engine: {self._log.reason()}; "
                "engines only run with the version, the driver and the kind of GPU they were "
                "built for."
            )
        self.provider = f"{NAMES[flavor]} {trt.__version__}"
        self.precision = file.card.precision
        self.shape = file.card.model.preprocessing.shape
        self._outputs = file.card.model.outputs
        self.profile = inspect_engine(trt, self._engine, file.card.model)
        self.smallest, self.largest = self.profile.minimum, self.profile.maximum

    def open_lane(self, batch: int) -> EngineLane:
        buffers = Buffers(batch, self.shape, self._outputs)
        return EngineLane(self._trt, self._engine, self._log, buffers)


def inspect_engine(trt: Any, engine: ICudaEngine, card: ModelCard) -> BatchProfile:
    """The batches an engine takes.

    card: of its model. Raises BackendError unless the engine takes uint8 `images` of the shape that
    the card says, and returns the outputs that it says, in float32.
    """
    names = {engine.get_tensor_name(index) for index in range(engine.num_io_tensors)}
    if names != {INPUT, *card.outputs}:
        raise BackendError(
            "the engine is no detector of its card's: its tensors are "
            f"{', '.join(sorted(names))}; build it again with python -m export.trt."
        )
    types = {name: engine.get_tensor_dtype(name) for name in names}
    floats = dict.fromkeys(card.outputs, trt.DataType.FLOAT)
    if types != {INPUT: trt.DataType.UINT8, **floats}:
        raise BackendError("the engine is no detector: it must take uint8 and return float32")
    smallest, best, largest = engine.get_tensor_profile_shape(INPUT, 0)
    if (shape := tuple(smallest)[1:]) != card.preprocessing.shape:
        raise BackendError(
            f"the engine sees {'×'.join(map(str, shape))} of an image, and its card says "
            f"{'×'.join(map(str, card.preprocessing.shape))}; build it again with "
            "python -m export.trt."
        )
    return BatchProfile(int(smallest[0]), int(best[0]), int(largest[0]))


class EngineLane:
    """Runs one batch: copy in, infer, copy out, as one CUDA graph where it can be captured."""

    def __init__(self, trt: Any, engine: ICudaEngine, log: Any, buffers: Buffers) -> None:
        """Raises OutOfMemory, and BackendError when TensorRT refuses the batch."""
        self.batch = len(buffers.images)
        self._log = log
        self._graph: int | None = None
        self._buffers = held = buffers
        try:
            self._context = context = _new_context(trt, engine, log)
            # The scratch memory of this batch alone, not of the engine's largest.
            context.set_optimization_profile_async(0, held.stream)
            if not context.set_input_shape(INPUT, held.images.shape):
                reason = log.reason()
                raise BackendError(f"the engine does not run batches of {self.batch}: {reason}")
            size = context.update_device_memory_size_for_shapes()
            context.set_device_memory(held.allocate(max(size, 1)), size)
            context.set_tensor_address(INPUT, held.device_images)
            for name, address in held.device_scores.items():
                context.set_tensor_address(name, address)
            self._begin()  # the first run prepares what a capture must not
            held.wait()
            self._capture()
        except BaseException:
            self.close()
            raise

    def run(self, views: NDArray[np.uint8]) -> Scores:
        """The scores of 1 to `batch` images. Raises OutOfMemory."""
        held = self._buffers
        held.images[: len(views)] = views
        if self._graph is None:
            self._begin()
        else:
            from cuda.bindings import runtime

            check(runtime.cudaGraphLaunch(self._graph, held.stream))
        held.wait()
        return held.first(len(views))

    def _begin(self) -> None:
        self._buffers.upload()
        self._log.errors.clear()
        if not self._context.execute_async_v3(self._buffers.stream):
            raise _stopped(self._log.reason())
        self._buffers.download()

    def _capture(self) -> None:
        """Record a run as a graph, whose launch costs one call; without it runs go call by call."""
        from cuda.bindings import runtime

        stream = self._buffers.stream
        # Thread-local: what the other lane's thread does meanwhile must not spoil the capture.
        mode = runtime.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
        check(runtime.cudaStreamBeginCapture(stream, mode))
        with contextlib.suppress(BackendError):  # some layers cannot be captured
            try:
                self._begin()
            finally:
                ended = runtime.cudaStreamEndCapture(stream)
            graph = check(ended)
            try:
                self._graph = check(runtime.cudaGraphInstantiate(graph, 0))
            finally:
                runtime.cudaGraphDestroy(graph)

    def close(self) -> None:
        if self._graph is not None:
            from cuda.bindings import runtime

            runtime.cudaGraphExecDestroy(self._graph)
            self._graph = None
        self.__dict__.pop("_context", None)  # before the memory that it uses
        self._buffers.close()


def _new_context(trt: Any, engine: ICudaEngine, log: Any) -> IExecutionContext:
    """An execution context whose scratch memory is ours to give.

    Raises OutOfMemory, or BackendError with TensorRT's reason.
    """
    ours = trt.ExecutionContextAllocationStrategy.USER_MANAGED
    if hasattr(trt, "DynamicShapesKernelSpecializationStrategy"):
        # TensorRT for RTX compiles kernels on this machine. Eagerly: later, they would change under
        # a captured graph, and with them the last bits of a logit.
        config: Any = engine.create_runtime_config()
        config.set_execution_context_allocation_strategy(ours)
        eager = trt.DynamicShapesKernelSpecializationStrategy.EAGER
        config.dynamic_shapes_kernel_specialization_strategy = eager
        context = engine.create_execution_context(config)
    else:
        context = engine.create_execution_context(ours)
    if context is None:
        raise _stopped(log.reason())
    return context


def _stopped(reason: str) -> Exception:
    """The exception for TensorRT's last words."""
    if speaks_of_memory(reason):
        return OutOfMemory(reason)
    return BackendError(f"TensorRT stopped: {reason}")
