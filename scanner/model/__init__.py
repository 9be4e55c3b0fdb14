"""The model-file contract: a file that describes itself, and how it is found and read."""

from scanner.limits import AUTO
from scanner.model.card import (
    INPUT,
    INT8_ROWS,
    METADATA_KEY,
    OOD,
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
    TrainingSource,
    parse_card,
)
from scanner.model.file import (
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
    "INT8_ROWS",
    "METADATA_KEY",
    "OOD",
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
    "TrainingSource",
    "bundled_models",
    "open_model",
    "open_models",
    "parse_card",
]
