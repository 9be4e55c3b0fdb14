"""The forensic scan: evidence in, report out. Imports neither torch, torchvision nor onnx."""

__version__ = "0.1.0"
