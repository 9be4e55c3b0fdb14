"""The model-file contract: a file that describes itself, and how it is found and read."""

from scanner.model.card import (
    INPUT,
    INT8_ROWS,
    METADATA_KEY,
    OUTPUT,
    PRECISIONS,
    WIDEN_ONCE,
    Calibration,
    Domain,
    Gate,
    ModelCard,
    ModelError,
    OperatingPoint,
    ReliabilityBin,
    Source,
    parse_card,
)
from scanner.model.file import (
    BUNDLED,
    DEFAULT_MODEL,
    ModelFile,
    bundled_models,
    open_model,
)

__all__ = [
    "BUNDLED",
    "DEFAULT_MODEL",
    "INPUT",
    "INT8_ROWS",
    "METADATA_KEY",
    "OUTPUT",
    "PRECISIONS",
    "WIDEN_ONCE",
    "Calibration",
    "Domain",
    "Gate",
    "ModelCard",
    "ModelError",
    "ModelFile",
    "OperatingPoint",
    "ReliabilityBin",
    "Source",
    "bundled_models",
    "open_model",
    "parse_card",
]
