"""Export: from a checkpoint to model files whose parity with PyTorch was measured."""
