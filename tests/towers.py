"""A tower of two blocks and random weights, in place of CLIP's."""

from __future__ import annotations

import numpy as np

from trainer.photographs.clip import PATCH, PLACES, WIDTH, Matrix, Weights

LAYERS = 2
SHAPES = {
    **dict.fromkeys((f"self_attn/{name}_proj" for name in ("q", "k", "v", "out")), (WIDTH, WIDTH)),
    "mlp/fc1": (WIDTH, 4 * WIDTH),
    "mlp/fc2": (4 * WIDTH, WIDTH),
}


def random_weights() -> Weights:
    random = np.random.default_rng(0)

    def normal(*shape: int) -> np.ndarray:
        return random.normal(0, 0.5, shape).astype(np.float32)

    arrays = {
        "embeddings.class_embedding": normal(WIDTH),
        "embeddings.patch_embedding.weight": normal(WIDTH, 3, PATCH, PATCH) / PATCH,
        "embeddings.position_embedding.weight": normal(1 + PLACES, WIDTH),
    }
    matrices = {}
    norms = ["pre_layrnorm"]
    for layer in range(LAYERS):
        norms += [f"encoder.layers.{layer}.layer_norm{number}" for number in (1, 2)]
        for name, shape in SHAPES.items():
            width = (1 + random.random(shape[1])) * 2 / shape[0] ** 0.5
            values = (random.uniform(-1, 1, shape) * width).astype(np.float32)
            matrices[f"layers.{layer}/{name}"] = Matrix(values, normal(shape[1]))
    for norm in norms:
        arrays |= {f"{norm}.weight": 1 + normal(WIDTH) / 5, f"{norm}.bias": normal(WIDTH)}
    return Weights(matrices, {f"vision_model.{name}": value for name, value in arrays.items()})
