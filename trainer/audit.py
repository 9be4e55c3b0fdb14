"""Can the classes be told apart without looking at a single pixel?

    python -m trainer.audit my-images

Where all fakes are PNG and all photographs are JPEG, a network learns the file format and calls it
forgery. The audit trains a small classifier on container facts alone; what it reaches on images it
has not seen is accuracy that a detector can have for the wrong reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from scanner.images.decode import open_image
from trainer.command import Command
from trainer.data.examples import LABELS, DataError, Example, read_examples

SAMPLE = 4000  # images of each class; more would not change the answer
FOLDS = 5
LEAST_IN_CLASS = 10  # below, no fold says anything
MARGIN = 0.05  # balanced accuracy above chance that is worth a warning
STANDARD_ERRORS = 3  # and it must be this far from what chance gives on so few images

ADVICE = {
    "file format": "save both classes in one format",
    "image size": "crop or resize both classes to the same sizes, by the same method",
    "shape": "crop both classes to the same aspect ratios",
    "JPEG encoding": "re-encode both classes with the same encoder, at qualities drawn alike",
    "pixel layout": "convert both classes to 8-bit RGB before saving them",
    "metadata": "strip the metadata from both classes (it does not reach the network, but images "
    "that kept it have often been through other software)",
}

# Entries of Pillow's `info` that belong to the encoding and not to metadata.
FROM_ENCODING = {
    *("jfif", "jfif_version", "jfif_unit", "jfif_density", "adobe", "adobe_transform"),
    *("progressive", "progression", "interlace", "gamma", "compression", "version", "extension"),
    *("loop", "background", "duration", "timestamp"),
}


@dataclass(frozen=True)
class Shortcut:
    """How well one kind of fact tells the classes apart.

    accuracy: balanced, cross-validated, 0.5 is chance. examples: the most frequent value of each
    class with its share.
    """

    fact: str
    accuracy: float
    examples: dict[str, str]


@dataclass(frozen=True)
class Audit:
    """What container facts give away. `shortcuts` are ordered, the best first."""

    images: int
    accuracy: float
    limit: float
    shortcuts: tuple[Shortcut, ...]

    @property
    def suspicious(self) -> bool:
        """Whether the classes can be told apart better than chance explains."""
        return self.accuracy > self.limit

    def in_words(self) -> str:
        """The finding and what to do about it, for people."""
        if not self.shortcuts:
            return f"audit: too few images ({self.images}) to look for shortcuts."
        if not self.suspicious:
            return (
                f"audit: without looking at pixels the classes of {self.images:,} images are told "
                f"apart {self.accuracy:.1%} of the time; 50% is chance. No shortcut found."
            )
        lines = [
            f"WARNING: without looking at pixels, the classes of {self.images:,} images are told "
            f"apart {self.accuracy:.1%} of the time (50% is chance). A detector trained on them "
            "may learn this instead of forgery, and fail on other images. What gives them away:"
        ]
        for shortcut in self.shortcuts:
            if shortcut.accuracy > self.limit:
                usual = ", ".join(f"{name} mostly {how}" for name, how in shortcut.examples.items())
                lines.append(f"  {shortcut.fact} alone {shortcut.accuracy:.1%}: {usual}")
                lines.append(f"    what to do: {ADVICE[shortcut.fact]}.")
        lines.append("  Mend the folder, run the audit again, and only then trust a test figure.")
        return "\n".join(lines)


def audit(examples: Sequence[Example]) -> Audit:
    """Look for shortcuts in labelled images. Raises DataError for an image without a header."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.model_selection import StratifiedKFold, cross_val_score

    ordered = sorted(examples, key=lambda example: example.sha256)
    distinct = list({example.sha256: example for example in ordered}.values())
    of_class = [[e for e in distinct if e.label == label] for label in LABELS.values()]
    chosen = of_class[0][:SAMPLE] + of_class[1][:SAMPLE]
    labels = np.array([example.label for example in chosen])
    smallest = int(np.bincount(labels, minlength=2).min())
    if smallest < LEAST_IN_CLASS:
        return Audit(len(chosen), 0.5, 1.0, ())
    facts = [_facts(example) for example in chosen]
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)

    def reached(columns: Sequence[str]) -> float:
        values = np.column_stack([_as_numbers([fact[name] for fact in facts]) for name in columns])
        forest = RandomForestClassifier(
            50, min_samples_leaf=3, class_weight="balanced", random_state=0
        )
        scores = cross_val_score(forest, values, labels, cv=folds, scoring="balanced_accuracy")
        return float(scores.mean())

    shortcuts = [
        Shortcut(name, reached([name]), _usual([fact[name] for fact in facts], labels))
        for name in ADVICE
    ]
    shortcuts.sort(key=lambda shortcut: -shortcut.accuracy)
    chance = STANDARD_ERRORS * float(np.sqrt(0.25 / (2 * smallest)))
    return Audit(
        images=len(chosen),
        accuracy=max(reached(list(ADVICE)), shortcuts[0].accuracy),
        limit=0.5 + max(MARGIN, chance),
        shortcuts=tuple(shortcuts),
    )


def _facts(example: Example) -> dict[str, tuple[str | float, ...]]:
    """What the container says, by kind; nothing here depends on a pixel."""
    try:
        with open_image(example.read()) as image:
            info = image.info
            tables = getattr(image, "quantization", None) or {}
            sums = [float(sum(table)) for table in tables.values()]
            sampling = [f"{part[1]}x{part[2]}" for part in getattr(image, "layer", [])]
            kept = [str(name) for name in info if name not in FROM_ENCODING]
            return {
                "file format": (str(image.format),),
                "image size": (image.width, image.height),
                "shape": (round(image.width / image.height, 2),),
                "JPEG encoding": (
                    sums[0] if sums else 0.0,
                    sums[-1] if sums else 0.0,
                    " ".join(sampling) or "none",
                    "progressive" if "progressive" in info else "baseline",
                ),
                "pixel layout": (image.mode, getattr(image, "n_frames", 1)),
                "metadata": (" ".join(sorted(kept)) or "none",),
            }
    except Exception as error:  # Pillow raises far more than OSError on broken files
        raise DataError(f"{example.name} cannot be decoded: {error}; remove it.") from error


def _as_numbers(facts: Sequence[tuple[str | float, ...]]) -> NDArray[np.float64]:
    """One column a part of the fact: numbers as they are, words as the place in their order."""
    columns = []
    for part in zip(*facts, strict=True):
        words = isinstance(part[0], str)
        columns.append(np.unique(part, return_inverse=True)[1] if words else np.array(part, float))
    return np.column_stack(columns)


def _usual(facts: Sequence[tuple[str | float, ...]], labels: NDArray[np.int64]) -> dict[str, str]:
    """Each class's most frequent value and its share, in words."""
    found = {}
    for name, label in LABELS.items():
        of_class = [fact for fact, known in zip(facts, labels, strict=True) if known == label]
        value, count = Counter(of_class).most_common(1)[0]
        words = " / ".join(part if isinstance(part, str) else f"{part:g}" for part in value)
        found[name] = f"{words} ({count / len(of_class):.0%})"
    return found


@click.command(cls=Command)
@click.argument("folder", type=click.Path(path_type=Path))
def main(folder: Path) -> None:
    """Say whether the classes in FOLDER can be told apart from container facts alone.

    The exit code is 1 where they can. Example: python -m trainer.audit my-images
    """
    found = audit(read_examples(folder))
    click.echo(found.in_words())
    raise SystemExit(int(found.suspicious))


if __name__ == "__main__":
    main()
