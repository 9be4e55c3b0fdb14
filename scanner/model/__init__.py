"""The model-file contract: a file that describes itself, and how it is found and read."""

from scanner.model.card import (
    INPUT,
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
    parse_card,
)
from scanner.model.file import (
    AUTO,
    BUNDLED,
    ModelFile,
    bundled_models,
    open_model,
    open_models,
)

__all__ = [
    "AUTO",
    "BUNDLED",
    "INPUT",
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
    "bundled_models",
    "open_model",
    "open_models",
    "parse_card",
]
