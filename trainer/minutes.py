"""Minutes as commands take them: how long something may last."""

from __future__ import annotations

import math
from typing import Any

import click


class Minutes(click.FloatRange):
    """A finite number of minutes from 0; click's own range lets `nan` and `inf` pass."""

    name = "minutes"

    def __init__(self) -> None:
        super().__init__(min=0)

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        minutes: float = super().convert(value, param, ctx)
        if not math.isfinite(minutes):
            self.fail(f"{value} is no number of minutes.", param, ctx)
        return minutes
