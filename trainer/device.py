"""The device that trains: chosen, checked, and fed without making it wait."""

from __future__ import annotations

import torch
from torch import Tensor

from scanner.errors import ImgscanError


class DeviceError(ImgscanError):
    """The device that was asked for cannot be used; the sentence says why."""


def choose_device(name: str) -> str:
    """The device that `name` (auto, cpu, cuda, cuda:1...) stands for, tried. Raises DeviceError."""
    device = ("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name
    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:  # AssertionError: a torch without CUDA
        reason = str(error).splitlines()[0]
        raise DeviceError(f"--device {device} cannot be used: {reason}") from error
    return device


def moved(tensor: Tensor, device: torch.device | str) -> Tensor:
    """A CPU tensor on `device`; a GPU is not waited for, as it is by a plain copy to it."""
    if torch.device(device).type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)
