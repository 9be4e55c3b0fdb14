"""TensorRT: which library serves a GPU, building engines, keeping them, and running them."""
