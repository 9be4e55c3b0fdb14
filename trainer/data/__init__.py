"""Training data: found and split, decoded, cropped, and degraded as the world degrades images."""
