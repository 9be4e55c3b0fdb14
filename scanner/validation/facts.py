"""All that a validation says, as the JSON holds it and the page shows it.

No times: the same pictures, models and software give the same bytes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from scanner.files import file_sha256
from scanner.record import Status, Verdict, safe_text
from scanner.scan.facts import decoders, libraries
from scanner.validation.figures import share
from scanner.validation.labels import CLASSES, FAKE
from scanner.validation.pictures import Material, Picture, row_name
from scanner.validation.result import Tested, Validated

FORMAT = 1
RIGHT = {True: Verdict.FAKE, False: Verdict.REAL}  # by whether it is fake
WRONG = {True: Verdict.REAL, False: Verdict.FAKE}


def facts(
    labelled: Sequence[Path], scan: Path, validated: Validated, manifest: dict[str, Any]
) -> dict[str, Any]:
    """Of the scan whose report and manifest are named. Raises OSError."""
    told = {model["sha256"]: model for model in manifest["models"]}
    return {
        "validation": FORMAT,
        "imgscan": manifest["imgscan"],
        "python": manifest["python"],
        "platform": manifest["platform"],
        "instructions": manifest["instructions"],
        "libraries": libraries(),
        "decoders": decoders(),
        "labelled": [safe_text(str(path)) for path in labelled],
        "scan": {"report": safe_text(scan.name), "sha256": file_sha256(scan)},
        "files": [_files(validated.material, label) for label in CLASSES],
        "unlabelled": validated.material.unlabelled,
        "unlabelled_not_examined": _counts(validated.material.unopened),
        "further_pages": validated.material.further,
        "further_pages_not_examined": _counts(validated.material.further_unexamined),
        "copies": validated.material.copies,
        "contradictory": validated.material.contradictory,
        "models": [_model(it, told[it.model.sha256], validated) for it in validated.tested],
    }


def _files(material: Material, label: int) -> dict[str, Any]:
    """What became of all files of a class, each model at its first operating point."""
    pictures = [it for found in material.judged.values() for it in found if it.label == label]
    said = Counter(it.verdicts[0] for it in pictures)
    total = material.of(label)
    right = share(said[RIGHT[label == FAKE]], total)
    return {
        "class": CLASSES[label],
        "pictures": total,
        "called_fake": said[Verdict.FAKE],
        "called_real": said[Verdict.REAL],
        "inconclusive": said[Verdict.INCONCLUSIVE],
        "outside_every_domain": material.outside[label],
        "not_examined": material.unexamined[label].total(),
        "not_examined_by_status": _counts(material.unexamined[label]),
        "not_opened_by_status": _counts(material.closed[label]),
        "called_rightly": right and asdict(right),
        "no_pictures": material.not_images[label],
    }


def _counts(found: Counter[Status]) -> dict[Status, int]:
    """Those that there are."""
    return dict(sorted((+found).items()))


def _model(tested: Tested, told: dict[str, Any], validated: Validated) -> dict[str, Any]:
    model = tested.model
    found = asdict(tested.figures)
    photographs, fakes = found.pop("reasons")
    for group in found["groups"]:
        group["class"] = CLASSES[group.pop("label")]
    return {
        "name": model.name,
        "sha256": model.sha256,
        "provider": told["provider"],
        "precision": told["precision"],
        "domain": told["domain"],
        "sees": told["sees"],
        "looks": told["looks"],
        "scanned_at_false_positive_rate": told["false_positive_rate"],
        **found,
        "no_verdict_at_any_point": {"photographs": photographs, "fakes": fakes},
        "card_metrics": model.card.metrics,
        "errors": _errors(validated.material.judged[row_name(model)]),
        "flips": tested.flips and _flips(asdict(tested.flips)),
    }


def _errors(pictures: Sequence[Picture]) -> list[dict[str, Any]]:
    """Wrong verdicts at the first operating point: photographs, then fakes, the surest first."""
    wrong = [it for it in pictures if it.verdicts[0] == WRONG[it.label == FAKE]]
    wrong.sort(key=lambda it: (it.label, -abs((it.p_fake or 0) - 0.5), it.path, it.position))
    return [
        {
            "path": it.path,
            "position": it.position,
            "class": CLASSES[it.label],
            "group": it.group,
            "called": it.verdicts[0],
            "p_fake": it.p_fake,
            "sha256": it.sha256,
        }
        for it in wrong
    ]


def _flips(found: dict[str, Any]) -> dict[str, Any]:
    for each in (*found["treated"], *found["copies"]):
        each["class"] = CLASSES[each.pop("label")]
    return found
