"""Do the verdicts survive what happens to images on their way? CIFAKE's test split, degraded.

    python -m benchmarks.robustness --data data/cifake --quick

Figures are those of the default operating point: an image counts as fake where the verdict is.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import click
import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.metrics import f1_score, roc_auc_score

matplotlib.use("Agg")
from matplotlib import pyplot as plt

from benchmarks.robustness import natural
from benchmarks.robustness.degradations import DEGRADATIONS, Degradation
from benchmarks.shared.results import FOLDER, command_line, write_part
from scanner.backends import Backend, BackendError, open_backend
from scanner.model import DEFAULT_MODEL, ModelCard, ModelError, open_model
from scanner.preprocess import decode, view
from scanner.record import Verdict
from scanner.verdict import verdicts
from trainer.calibration import wilson_interval
from trainer.data import DataError, read_examples, split_examples

IMAGES = {True: 1000, False: 5000}  # quick: images a condition, half of each class
UNHARMED = "as they are"
COLUMNS = 4  # of panels
NOTE = (
    "F1 here counts an `inconclusive` image as not fake; elsewhere F1 counts every image as fake "
    "whose `p_fake` is 0.5 or more."
)


def test_images(data: Path, count: int) -> tuple[list[Image.Image], NDArray[np.int64]]:
    """The first `count` test images, half of each class, and their labels. Raises DataError."""
    test = split_examples(read_examples(data)).test
    chosen = [e for label in (0, 1) for e in [e for e in test if e.label == label][: count // 2]]
    return [decode(e.read()).rgb for e in chosen], np.array([e.label for e in chosen])


def score(images: Sequence[Image.Image], backend: Backend, card: ModelCard) -> NDArray[np.float32]:
    """Calibrated logits, float32 N, as a scan computes them."""
    views = np.stack([view(image, card.preprocessing) for image in images])
    batches = [
        views[at : at + backend.batch_size] for at in range(0, len(views), backend.batch_size)
    ]
    with ThreadPoolExecutor(backend.streams) as inference:
        logits = np.concatenate(list(inference.map(backend.score, batches)))
    return card.calibration.apply(logits)


def figures(
    calibrated: NDArray[np.float32], labels: NDArray[np.int64], card: ModelCard
) -> dict[str, float]:
    """F1, AUROC, false-positive rate with its 95% interval, and share inconclusive."""
    said = verdicts(calibrated, card.operating_points[0])
    fake = said == Verdict.FAKE
    accused, real = int(fake[labels == 0].sum()), int((labels == 0).sum())
    low, high = wilson_interval(accused, real)
    return {
        "f1": float(f1_score(labels, fake, zero_division=0.0)),
        "auroc": float(roc_auc_score(labels, calibrated)),
        "false_positive_rate": accused / real,
        "false_positive_rate_low": low,
        "false_positive_rate_high": high,
        "inconclusive": float((said == Verdict.INCONCLUSIVE).mean()),
    }


def chosen_strengths(degradation: Degradation, quick: bool) -> tuple[float, ...]:
    """All, or a middle one and the strongest."""
    strengths = degradation.strengths
    return (strengths[len(strengths) // 2], strengths[-1]) if quick else strengths


def conditions(quick: bool) -> Iterator[tuple[str, float | None, Callable[..., Image.Image]]]:
    """Name, strength and what makes an image so; the first leaves images as they are."""
    yield UNHARMED, None, lambda image, _: image
    for name, degradation in DEGRADATIONS.items():
        for strength in chosen_strengths(degradation, quick):
            yield name, strength, degradation.apply


def measure(
    images: Sequence[Image.Image],
    labels: NDArray[np.int64],
    backend: Backend,
    card: ModelCard,
    quick: bool,
) -> Iterator[dict[str, Any]]:
    """A row for each condition."""
    for name, strength, apply in conditions(quick):
        harmed = [apply(image, strength) for image in images]
        row = {"degradation": name, "strength": strength, "images": len(images)}
        yield row | figures(score(harmed, backend, card), labels, card)


def lines_of(rows: list[dict[str, Any]]) -> list[dict[str, str]]:
    """A line for each degradation: figures from the mildest strength measured to the strongest."""
    names = dict.fromkeys(row["degradation"] for row in rows)
    return [_line(name, [row for row in rows if row["degradation"] == name]) for name in names]


def _line(name: str, rows: list[dict[str, Any]]) -> dict[str, str]:
    ends = rows[:1] if len(rows) == 1 else [rows[0], rows[-1]]

    def both(key: str, form: str) -> str:
        return " → ".join(format(row[key], form) for row in ends)

    low, high = (ends[-1][f"false_positive_rate_{end}"] for end in ("low", "high"))
    known = name in DEGRADATIONS
    return {
        "": name,
        "strength": f"{DEGRADATIONS[name].unit} {both('strength', 'g')}" if known else "",
        "F1": both("f1", ".3f"),
        "AUROC": both("auroc", ".3f"),
        "false-positive rate": f"{both('false_positive_rate', '.1%')} ({low:.1%} to {high:.1%})",
        "inconclusive": both("inconclusive", ".0%"),
    }


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """A panel for each degradation: F1, false-positive rate and share inconclusive by strength."""
    names = [name for name in DEGRADATIONS if any(row["degradation"] == name for row in rows)]
    lines = -(-len(names) // COLUMNS)
    figure, panels = plt.subplots(
        lines, COLUMNS, figsize=(3 * COLUMNS, 2.7 * lines), sharey=True, layout="constrained"
    )
    curves = (
        ("f1", "F1", "tab:blue"),
        ("false_positive_rate", "false-positive rate (95% interval)", "tab:red"),
        ("inconclusive", "share inconclusive", "tab:grey"),
    )
    for panel, name in zip(panels.flat, names, strict=False):
        of_it = [rows[0], *(row for row in rows if row["degradation"] == name)]
        ticks = ["none", *(f"{row['strength']:g}" for row in of_it[1:])]
        for key, label, colour in curves:
            panel.plot(ticks, [row[key] for row in of_it], "o-", ms=3, color=colour, label=label)
        low, high = (
            [row[f"false_positive_rate_{end}"] for row in of_it] for end in ("low", "high")
        )
        panel.fill_between(ticks, low, high, color="tab:red", alpha=0.2, linewidth=0)
        panel.set(title=name, xlabel=DEGRADATIONS[name].unit, ylim=(-0.03, 1.03))
        panel.grid(alpha=0.3)
    for panel in panels[:, 0]:
        panel.set_ylabel("F1, or share of images")
    handles, labels = panels.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(curves))
    figure.savefig(path, dpi=120)
    plt.close(figure)


@click.command(context_settings={"show_default": True})
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    default=Path("data/cifake"),
    help="CIFAKE, as for the trainer; images of its test split are degraded.",
)
@click.option("--model", "name", default=DEFAULT_MODEL, help="A bundled model or an .onnx file.")
@click.option(
    "--natural",
    "folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Full-size images in folders real and fake, to be scanned too.",
)
@click.option("--quick", is_flag=True, help="Fewer images and strengths: minutes on two cores.")
@click.option(
    "--output", type=click.Path(path_type=Path), default=FOLDER, help="Where the results go."
)
def main(data: Path, name: str, folder: Path | None, quick: bool, output: Path) -> None:
    """Measure the default verdicts on degraded test images, and on images outside the domain."""
    try:
        model = open_model(name)
        backend = open_backend(model, "auto")
        images, labels = test_images(data, IMAGES[quick])
        rows = list(measure(images, labels, backend, model.card, quick))
        with tempfile.TemporaryDirectory() as place:
            outside = natural.measure_natural(folder, model, Path(place) / "natural.csv")
    except (BackendError, DataError, ModelError, natural.ScanFailed) as error:
        raise click.ClickException(str(error)) from error
    more = "--natural FOLDER" if folder else ""
    facts = {"command": command_line("robustness", quick, [name], more), "model": model.name}
    output.mkdir(parents=True, exist_ok=True)
    write_part(output, "robustness", facts, rows, lines_of(rows), [NOTE])
    if folder or not (output / f"{natural.NAME}.json").exists():  # an earlier result stays
        write_part(output, natural.NAME, facts, outside, [natural.line_of(row) for row in outside])
    draw(rows, output / "robustness-strength.png")
    for part in ("robustness", natural.NAME):
        click.echo((output / f"{part}.md").read_text())


if __name__ == "__main__":
    main()
