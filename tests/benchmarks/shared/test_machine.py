"""Protects: results say what they were measured on: processor, memory, GPU and libraries."""

from __future__ import annotations

import os
from importlib.metadata import version

import pytest
import torch

from benchmarks.shared.machine import GIB, describe_machine


def test_the_gpu_and_the_libraries_are_those_that_pytorch_and_pip_see() -> None:
    machine = describe_machine()
    assert machine.packages["torch"] == version("torch")
    assert (machine.gpu is None) == (not torch.cuda.is_available())


@pytest.mark.skipif(not hasattr(os, "sysconf"), reason="the system has another way to ask")
def test_memory_is_in_gibibytes() -> None:
    expected = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB
    assert describe_machine().memory_gib == pytest.approx(expected, abs=0.1)
