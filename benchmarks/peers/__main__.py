"""Is imgscan faster than what people score folders with today, and does it say the same?

    python -m benchmarks.peers --data data/cifake --quick

Everyone scores the same files in a process of its own, from its start to a CSV on disk, in rounds
that alternate. Where the model is the same, so are its weights, and the logits are compared.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click
import matplotlib
import pandas as pd

matplotlib.use("Agg")
from matplotlib import pyplot as plt

from benchmarks.peers.broken import behaviour, lay_out_broken
from benchmarks.peers.contenders import OURS, Contender, contenders
from benchmarks.shared.cifake import lay_out, take
from benchmarks.shared.results import FOLDER, command_line, write_part
from benchmarks.shared.rounds import Spread, alternate, ratios, spread
from scanner.model import DEFAULT_MODEL, ModelError, open_model
from trainer.data import DataError, read_examples, split_examples

SIZES = {True: (1000, 12, 2), False: (4000, 40, 5)}  # quick: files, files for slow ones, rounds
START = 2  # files of a run that is as good as only its start
AMID_BROKEN = 6


class ContenderFailed(Exception):
    """A contender cannot score whole files; the sentence has its last words."""


class Comparison:
    """The contenders over one set of files.

    images: folder of test images by class, of which `files` are scored, or `few` by slow ones.
    """

    def __init__(
        self, found: dict[str, Contender], images: Path, place: Path, files: int, few: int
    ) -> None:
        self._found = found
        self._place = place
        self._folders = {
            count: take(images, count, place / f"{count}-files") for count in {START, files, few}
        }
        self.files = {name: few if who.slow else files for name, who in found.items()}
        self._good = sorted(self._folders[few].rglob("*.*"))[:AMID_BROKEN]
        self.peaks = dict.fromkeys(found, 0)
        self.starts: dict[str, float] = {}
        self.failed: dict[str, str] = {}

    def measure(self, rounds: int) -> list[dict[str, float]]:
        """Files a second of each contender in each round, after a run that warms up.

        Whoever fails goes to `failed`. Raises ContenderFailed for imgscan.
        """
        for name in self._found:
            self.starts[name] = self._attempt(name, partial(self._run, name, START))
        timed = {
            name: partial(self._attempt, name, partial(self._rate, name))
            for name in self._found
            if name not in self.failed
        }
        measured = list(alternate(timed, rounds))
        return [
            {name: rate for name, rate in one.items() if name not in self.failed}
            for one in measured
        ]

    def _attempt(self, name: str, measure: Callable[[], float]) -> float:
        """What `measure` returns; not a number once the contender has failed."""
        if name in self.failed:
            return math.nan
        try:
            return measure()
        except ContenderFailed as error:
            if name == OURS:
                raise
            self.failed[name] = str(error)
            return math.nan

    def _rate(self, name: str) -> float:
        """Over the whole run; the start of this round is taken off for who scores few files.

        Many files would make the start small, so this errs in favour of whoever scored few.
        """
        seconds = self._run(name, self.files[name])
        if not self.few(name):
            return self.files[name] / seconds
        scoring = seconds - self._run(name, START)
        if scoring <= 0:
            raise ContenderFailed(f"{name} starts too unevenly to be measured on so few files")
        return (self.files[name] - START) / scoring

    def few(self, name: str) -> bool:
        """Whether it scored fewer files than the others."""
        return self._found[name].slow

    def difference(self, name: str) -> float | None:
        """The largest difference of logits from imgscan's; None for another model's scores."""
        if not self._found[name].same_weights:
            return None
        ours, theirs = (
            pd.read_csv(self._output(who)).set_index("path")["logit"] for who in (OURS, name)
        )
        return float((ours - theirs).abs().max(skipna=False))

    def broken(self) -> dict[str, str]:
        """What each contender does with broken files."""
        folder = lay_out_broken(self._good, self._place / "broken")
        output = self._place / "broken.csv"
        able = [name for name in self._found if name not in self.failed]
        return {name: behaviour(self._found[name], folder, output) for name in able}

    def _run(self, name: str, count: int) -> float:
        ran = self._found[name].run(self._folders[count], self._output(name))
        if ran.returncode:
            last = (ran.error.strip() or f"exit code {ran.returncode}").splitlines()[-1]
            raise ContenderFailed(f"{name} failed: {last}")
        rows = len(pd.read_csv(self._output(name)))
        if rows != count:
            raise ContenderFailed(f"{name} wrote {rows} rows for {count} files")
        self.peaks[name] = max(self.peaks[name], ran.peak_bytes)
        return ran.seconds

    def _output(self, name: str) -> Path:
        return self._place / f"{name}.csv"


def row_of(name: str, compared: Comparison, measured: list[dict[str, float]]) -> dict[str, Any]:
    """Everything measured of one contender, without the broken files."""
    rate, ratio = spread([one[name] for one in measured]), ratios(measured, OURS, name)
    return {
        "contender": name,
        "files": compared.files[name],
        "start_taken_off": compared.few(name),
        "files_per_second": rate.median,
        "imgscan_ratio": ratio.median,
        "imgscan_ratio_lowest": ratio.lowest,
        "imgscan_ratio_highest": ratio.highest,
        "start_seconds": compared.starts[name],
        "peak_bytes": compared.peaks[name],
        "largest_logit_difference": compared.difference(name),
    }


def line_of(row: dict[str, Any]) -> dict[str, str]:
    """A row for readers."""
    cells = (
        "files/s",
        "imgscan's speed : its",
        "start",
        "memory",
        "logits differ by",
        "broken files",
    )
    ratio = Spread(*(row[f"imgscan_ratio{end}"] for end in ("", "_lowest", "_highest")))
    difference = row["largest_logit_difference"]
    texts = (
        speed_of(row),
        "" if row["contender"] == OURS else str(ratio),
        f"{row['start_seconds']:.1f} s",
        f"{row['peak_bytes'] / 1e6:,.0f} MB",
        "" if difference is None or row["contender"] == OURS else f"{difference:.2g}",
        row["broken_files"],
    )
    return {"": row["contender"]} | dict(zip(cells, texts, strict=True))


def speed_of(row: dict[str, Any]) -> str:
    """Files/s, and of how many files where they were too few to count the start."""
    few = f" ({row['files']} files, start taken off)" if row["start_taken_off"] else ""
    return f"{row['files_per_second']:,.3g}{few}"


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Bars of files/s, with how many times faster imgscan is."""
    shown = [row for row in rows if "not_measured" not in row][::-1]
    figure, axes = plt.subplots(figsize=(8, 0.6 * len(shown) + 1), layout="constrained")
    speeds = [row["files_per_second"] for row in shown]
    colours = ["tab:blue" if row["contender"].startswith(OURS) else "tab:grey" for row in shown]
    bars = axes.barh([row["contender"] for row in shown], speeds, color=colours)
    labels = [
        speed_of(row)
        + ("" if row["contender"].startswith(OURS) else f"; imgscan {row['imgscan_ratio']:.3g}×")
        for row in shown
    ]
    axes.bar_label(bars, labels, padding=4)
    axes.set_xlim(0, 1.5 * max(speeds))
    axes.set_xlabel("files scored a second, from start to CSV (higher is better)")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120)
    plt.close(figure)


@click.command(context_settings={"show_default": True})
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    default=Path("data/cifake"),
    help="CIFAKE, as for the trainer; images of its test split are scored.",
)
@click.option("--model", "name", default=DEFAULT_MODEL, help="A bundled model or an .onnx file.")
@click.option("--sahu65", default="sahu65", help="Its command, in an environment of its own.")
@click.option("--quick", is_flag=True, help="Fewer files and rounds: minutes on two cores.")
@click.option(
    "--output", type=click.Path(path_type=Path), default=FOLDER, help="Where the results go."
)
def main(data: Path, name: str, sahu65: str, quick: bool, output: Path) -> None:
    """Measure imgscan against a DataLoader, timm, plain ONNX Runtime and sahu65 on the CPU."""
    files, few, rounds = SIZES[quick]
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        try:
            model = open_model(name)
            images = lay_out(split_examples(read_examples(data)), place / "data", files)
            everyone = contenders(model, place / "data", place, sahu65)
            found = {who: this for who, this in everyone.items() if isinstance(this, Contender)}
            compared = Comparison(found, images, place, files, few)
            measured = compared.measure(rounds)
        except (ContenderFailed, DataError, ModelError) as error:
            raise click.ClickException(str(error)) from error
        rows = {who: row_of(who, compared, measured) for who in measured[0]}
        for who, text in compared.broken().items():
            rows[who]["broken_files"] = text
    missing = {who: why for who, why in everyone.items() if isinstance(why, str)}
    for who, why in (missing | compared.failed).items():
        rows[who] = {"contender": who, "not_measured": why}
    ordered = [rows[who] for who in everyone]
    facts = {
        "command": command_line("peers", quick, [name]),
        "unit": "files/s",
        "model": model.name,
        "rounds": measured,
    }
    output.mkdir(parents=True, exist_ok=True)
    lines = [line_of(row) for row in ordered if "not_measured" not in row]
    notes = [
        f"Not measured: {row['contender']}: {row['not_measured']}"
        for row in ordered
        if "not_measured" in row
    ]
    write_part(output, "peers", facts, ordered, lines, notes)
    draw(ordered, output / "peers-speed.png")
    click.echo((output / "peers.md").read_text())


if __name__ == "__main__":
    main()
