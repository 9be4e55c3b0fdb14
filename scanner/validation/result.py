"""What came of a validation, for its reports to say and for the command to print."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from scanner.model.file import ModelFile
from scanner.scan import Outcome
from scanner.validation.figures import Figures
from scanner.validation.flips import Flips
from scanner.validation.pictures import Material
from scanner.validation.words import results


@dataclass(frozen=True)
class Tested:
    """One model with its figures, and its flips if they were asked for."""

    model: ModelFile
    figures: Figures
    flips: Flips | None


@dataclass(frozen=True)
class Validated:
    """What came of it. tested: the models that judged something."""

    scan: Outcome
    material: Material
    tested: tuple[Tested, ...]

    @property
    def unexamined(self) -> int:
        """How many files and further pages were not examined, labelled or not."""
        return self.material.not_examined

    def summary(self) -> str:
        """The closing lines for a person."""
        lines = []
        for tested in self.tested:
            lines.append(tested.model.name)
            at = asdict(tested.figures.points[0])
            lines += [f"  {sentence}" for sentence in results(at)]
        outside = sum(self.material.outside.values())
        lines.append(f"  NOT JUDGED    {outside:,} in no domain, {self.unexamined:,} not examined")
        return "\n".join(lines)
