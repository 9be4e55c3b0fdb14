"""Functions of a PDF (ISO 32000-2, 7.10), by which its inks become colours.

Sampled, exponential and stitching ones. Those in PostScript are programs, and are not run.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from scanner.containers.pdf.entries import elements, entry, numbers
from scanner.containers.pdf.filters import samples, unpacked
from scanner.containers.pdf.refusal import unsupported

Floats = npt.NDArray[np.float32]
# (count, inputs) to (count, outputs).
Function = Callable[[Floats], Floats]

MOST_INPUTS = 4  # of a sampled function, each of which doubles the work
MOST_SAMPLES = 1 << 22
MOST_STITCHED = 1024


def function(item: Any, inputs: int, outputs: int) -> Function:
    """The function that `item` describes. Raises MemberError for one that is not evaluated."""
    item = item.get_object()
    found = _function(item, inputs)
    lowest = np.array([[low for low, _ in _pairs(item, "/Domain")]], np.float32)
    if found(lowest).shape != (1, outputs):
        raise ValueError("a function gives a wrong number of colours")
    return found


def _function(item: Any, inputs: int) -> Function:
    domain = _pairs(item, "/Domain")
    if len(domain) != inputs:
        raise ValueError("a function takes a wrong number of inks")
    kinds = {0: _sampled, 2: _exponential, 3: _stitching}
    kind = entry(item, "/FunctionType")
    if kind not in kinds or (kind != 0 and inputs != 1):
        raise unsupported("colours that a program in PostScript works out")
    evaluate = kinds[kind](item, domain)
    value_range = _pairs(item, "/Range") if "/Range" in item else None

    def clipped(values: Floats) -> Floats:
        result = evaluate(np.clip(values, domain[:, 0], domain[:, 1]))
        if value_range is None:
            return result
        return np.clip(result, value_range[:, 0], value_range[:, 1])

    return clipped


def _exponential(item: Any, domain: Floats) -> Function:
    """7.10.3: from C0 to C1, by a power of the input."""
    start, end = (_row(item, key, default) for key, default in (("/C0", [0]), ("/C1", [1])))
    power = float(item["/N"])
    if domain[0, 0] < 0 or power <= 0 or start.shape != end.shape:
        raise unsupported("colours by a power that may be of nothing")
    return lambda values: start + values**power * (end - start)


def _stitching(item: Any, domain: Floats) -> Function:
    """7.10.4: other functions of one input, each for a stretch of it."""
    parts = elements(item["/Functions"])
    if len(parts) > MOST_STITCHED or any(entry(part, "/FunctionType") == 3 for part in parts):
        raise unsupported("colours of functions that are stitched of stitched ones")
    evaluated = [_function(part, 1) for part in parts]
    bounds = _row(item, "/Bounds")
    encode = _pairs(item, "/Encode")
    edges = np.concatenate([domain[0, :1], bounds, domain[0, 1:]])
    if len(edges) != len(parts) + 1 or len(encode) != len(parts) or (np.diff(edges) <= 0).any():
        raise ValueError("the stretches of a function do not follow each other")

    def evaluate(values: Floats) -> Floats:
        places = np.digitize(values[:, 0], bounds)
        pieces = []
        for place, part in enumerate(evaluated):
            of_input = _scaled(values[places == place], edges[place : place + 2], encode[place])
            pieces.append(part(of_input.astype(np.float32)))
        result = np.empty((len(values), pieces[0].shape[1]), np.float32)
        for place, piece in enumerate(pieces):
            result[places == place] = piece
        return result

    return evaluate


def _sampled(item: Any, domain: Floats) -> Function:
    """7.10.2: a table of any number of dimensions, linear between its samples."""
    sizes = [int(size) for size in elements(item["/Size"])]
    value_range = _pairs(item, "/Range")
    outputs, bits = len(value_range), int(item["/BitsPerSample"])
    count = outputs
    for size in sizes:
        count *= max(size, 0)
    if len(sizes) > MOST_INPUTS or count > MOST_SAMPLES or bits not in (1, 2, 4, 8, 16):
        raise unsupported("colours of a table that is too large or of an unusual depth")
    if entry(item, "/Order", 1) != 1 or count == 0 or len(sizes) != len(domain):
        raise unsupported("colours between samples that no straight line connects")
    data = unpacked(item, MOST_SAMPLES * 2)
    decode = _pairs(item, "/Decode") if "/Decode" in item else value_range
    whole = [edge for size in sizes for edge in (0, size - 1)]
    encode = _row(item, "/Encode", whole).reshape(-1, 2)
    levels = samples(data, count, bits).reshape(-1, outputs)
    table = _scaled(levels, np.array([[0, 2**bits - 1]], np.float32), decode)
    strides = np.cumprod([1, *sizes[:-1]])
    last = np.array(sizes) - 1

    def evaluate(values: Floats) -> Floats:
        exact = np.clip(_scaled(values, domain, encode), 0, last)
        below = np.floor(exact).astype(np.intp)
        part = exact - below
        result = np.zeros((len(values), outputs), np.float32)
        for corner in itertools.product((0, 1), repeat=len(sizes)):
            weight = np.where(corner, part, 1 - part).prod(axis=1)
            place = (np.minimum(below + corner, last) * strides).sum(axis=1)
            result += weight[:, None] * table[place]
        return result

    return evaluate


def _scaled(values: Any, source: Floats, target: Floats) -> Floats:
    """7.10.2's Interpolate, from one range to another, column by column."""
    low, high = source[..., 0], source[..., 1]
    slope = (target[..., 1] - target[..., 0]) / (high - low)
    scaled: Floats = (target[..., 0] + (values - low) * slope).astype(np.float32)
    return scaled


def _row(item: Any, key: str, default: Sequence[float] | None = None) -> Floats:
    return np.array(numbers(item, key, default), np.float32)


def _pairs(item: Any, key: str) -> Floats:
    return _row(item, key).reshape(-1, 2)
