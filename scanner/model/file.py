"""Model files: the bundled ones, the user's own, and how one is found and read."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scanner.files import file_sha256
from scanner.limits import AUTO
from scanner.model.card import INPUT, METADATA_KEY, OOD, ModelCard, ModelError, parse_card
from scanner.model.engine import SUFFIX, read_engine_card
from scanner.model.metadata import metadata
from scanner.record import path_text

if TYPE_CHECKING:
    import onnxruntime

BUNDLED = Path(__file__).parents[1] / "models"
FIRST = ".int8.onnx"  # of the file beside NAME.onnx that may score before it
SUMS = "SHA256SUMS"  # of the bundled models, as they were tested, beside them
PIN = ".sha256"  # of the file beside an added model with the SHA-256 it had when it was added


@dataclass(frozen=True)
class ModelFile:
    """A model on disk. `name` is the file's stem; `sha256` identifies it in reports."""

    path: Path
    name: str
    sha256: str
    card: ModelCard


def bundled_models() -> list[str]:
    """Names of the models that come with the scanner."""
    return sorted(p.stem for p in BUNDLED.glob("*.onnx") if not p.name.endswith(FIRST))


def added_folder() -> Path:
    """Where the user's own models are kept; XDG_DATA_HOME moves it on Linux."""
    import platformdirs  # which training, that reads cards, does without

    return platformdirs.user_data_path("imgscan", appauthor=False) / "models"


def added_models() -> list[str]:
    """Names of the user's own models, none of which is a bundled one's.

    Also of links whose file is missing.
    """
    files = {
        path.stem
        for path in added_folder().glob("*.onnx")
        if os.path.isfile(path) or path.is_symlink()  # noqa: PTH113  also where looking is denied
    }
    return sorted(files.difference(bundled_models()))


def is_added(path: Path) -> bool:
    """Whether a file lies among the user's own models."""
    return path.parent != BUNDLED and path.parent == added_folder()


def pin_path(added: Path) -> Path:
    """Where the SHA-256 is kept that an added model had when it was added."""
    return added.with_suffix(PIN)


def model_path(name_or_file: str) -> Path:
    """Where a bundled or added model lies, or the file that is named."""
    if name_or_file in bundled_models():  # which takes no look at the user's folders
        return BUNDLED / f"{name_or_file}.onnx"
    if name_or_file in added_models():
        return added_folder() / f"{name_or_file}.onnx"
    return Path(name_or_file)


def model_paths(name_or_file: str) -> list[Path]:
    """Where the models lie that `open_models` reads."""
    return [model_path(name) for name in _names(name_or_file)]


def open_models(name_or_file: str) -> tuple[ModelFile, ...]:
    """The models a scan uses: of `auto` all bundled ones, else the one named. Raises ModelError."""
    names = _names(name_or_file)
    with ThreadPoolExecutor(len(names) or 1) as pool:  # hashing and opening hold no lock of Python
        models = tuple(pool.map(open_model, names))
    if models:
        return models
    raise ModelError(f"there is no model in {BUNDLED}; name an .onnx file with --model.")


def _names(name_or_file: str) -> list[str]:
    return bundled_models() if name_or_file == AUTO else [name_or_file]


def open_model(name_or_file: str) -> ModelFile:
    """Find a bundled or added model by name, or a file, and read its card. Raises ModelError.

    Also for a file that ONNX Runtime cannot open, or that is not as its card says.
    """
    if name_or_file == AUTO:
        bundled = ", ".join(bundled_models()) or "none"
        raise ModelError(f"{AUTO} stands for all bundled models ({bundled}); name one of them.")
    path = model_path(name_or_file)
    if not os.path.isfile(path):  # noqa: PTH113  also of what the system takes for no path
        names = added_models()
        if name_or_file in names:
            raise ModelError(
                f"the file that {path} leads to is missing; put it back, or delete that link with "
                f"imgscan models remove {name_or_file}."
            )
        bundled = ", ".join(bundled_models()) or "none"
        added = ", ".join(map(path_text, names))
        known = f"bundled: {bundled}; added: {added}" if added else f"bundled: {bundled}"
        raise ModelError(f"there is no model {name_or_file!r}; {known}; or name an .onnx file.")
    try:
        digest = file_sha256(path)
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}.") from error
    if is_added(path):
        _check_pin(path, digest)
    card = read_engine_card(path).model if path.suffix == SUFFIX else _read_card(path, digest)
    return ModelFile(path, path_text(path.stem), digest, card)


def _check_pin(path: Path, digest: str) -> None:
    """Raise ModelError where an added model is not what was added."""
    pin = pin_path(path)
    try:
        pinned = pin.read_text(encoding="ascii", errors="replace").strip()
    except FileNotFoundError:
        return  # it was added before there were pins
    except OSError as error:
        raise ModelError(f"{pin} cannot be read: {error.strerror}.") from error
    if digest != pinned:
        raise ModelError(
            f"{path} has changed since it was added: its SHA-256 is not the one in {pin.name} "
            f"beside it; delete it with imgscan models remove {path_text(path.stem)}, and add it "
            "again from a file that you trust."
        )


def _is_tested(path: Path, digest: str) -> bool:
    """Whether it is a bundled model as it was when all of them were opened and compared."""
    sums = BUNDLED / SUMS
    if path.parent != BUNDLED or not sums.is_file():
        return False
    return f"{digest}  {path.name}" in sums.read_text(encoding="ascii").splitlines()


def _read_card(path: Path, digest: str) -> ModelCard:
    if _is_tested(path, digest):  # to open it takes long, and would show nothing new
        return _parsed(path, metadata(path).get(METADATA_KEY))
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    options.intra_op_num_threads = 1  # it is opened to be looked at, and nothing will run
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's exceptions share no public base class
        raise ModelError(
            f"{path} is not a usable ONNX file: {str(error).splitlines()[0]}"
        ) from error
    card = _parsed(path, session.get_modelmeta().custom_metadata_map.get(METADATA_KEY))
    try:
        check_graph(session, card)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error
    return card


def _parsed(path: Path, card: str | None) -> ModelCard:
    if card is None:
        raise ModelError(
            f"{path} has no imgscan model card, so its preprocessing, thresholds and domain are "
            "unknown; export it with python -m export.onnx."
        )
    try:
        return parse_card(card)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error


def check_graph(session: onnxruntime.InferenceSession, card: ModelCard) -> None:
    """Raise ModelError where the graph does not take and return what its card says."""
    wanted = _tensor(INPUT, "tensor(uint8)", ["N", *card.preprocessing.shape])
    takes = [_tensor(each.name, each.type, each.shape) for each in session.get_inputs()]
    if takes != [wanted]:
        raise ModelError(
            f"its graph takes {' and '.join(takes)}, and its card says {wanted}; export the model "
            "again."
        )
    returned = {each.name: each for each in session.get_outputs()}
    if missing := set(card.outputs).difference(returned):
        raise ModelError(
            f"its graph lacks the output {min(missing)!r}, which its card says it has; export the "
            "model again."
        )
    for name in card.outputs:
        wanted = _tensor(name, "tensor(float)", ["N"])
        # Of an output whose shape the graph leaves open, ONNX Runtime says [].
        gives = _tensor(name, returned[name].type, returned[name].shape or ["N"])
        if gives != wanted:
            raise ModelError(
                f"its graph returns {gives}, and its card says {wanted}; export the model again."
            )
    if OOD in returned and OOD not in card.outputs:
        raise ModelError(
            f"its graph has an output {OOD!r}, and its card no ood_at_most to judge by; export the "
            "model again."
        )


def _tensor(name: str, kind: str, shape: Sequence[int | str | None]) -> str:
    """A tensor of a graph in words, such as `images: uint8 N×32×32×3`; N is any number."""
    sides = (str(side) if isinstance(side, int) else "N" for side in shape)
    return f"{name}: {kind.removeprefix('tensor(').removesuffix(')')} {'×'.join(sides)}"
