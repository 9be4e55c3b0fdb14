"""What scores batches of views: ONNX Runtime on CPU or GPU, and TensorRT engines."""
