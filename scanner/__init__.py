"""The forensic scan: evidence in, report out. Imports neither torch, torchvision nor onnx."""

import logging
import os

# ONNX Runtime can report usage to its maker and keeps a session file for that in the temporary
# folder. A scan of evidence does neither, so this is said before anything can load the library.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

# Until a scan sets its logs up, Python would print their errors, which are said as sentences.
logging.getLogger(__name__).addHandler(logging.NullHandler())

__version__ = "0.1.0"
