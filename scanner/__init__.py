"""The forensic scan: evidence in, report out. Imports neither torch, torchvision nor onnx."""

import os  # and nothing else: `python -m scanner` has yet to close the current folder to imports

# ONNX Runtime can report usage to its maker and keeps a session file for that in the temporary
# folder. A scan of evidence does neither, so this is said before anything can load the library.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

__version__ = "0.1.0"
