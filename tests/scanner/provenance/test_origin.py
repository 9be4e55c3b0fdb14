"""Protects: the origin is that of the strongest finding, and findings that do not fit say so."""

from __future__ import annotations

import itertools

import pytest

from scanner.provenance import gather, source_type
from scanner.provenance.finding import Claim, Finding, Tag
from scanner.provenance.origin import contradictions, origin
from scanner.record import Origin
from tests.scanner.provenance import writing as write

CLAIMS = {
    Origin.AI_VALIDATED: (Claim.AI, Tag.VALIDATED),
    Origin.EDITED_VALIDATED: (Claim.EDITED, Tag.VALIDATED),
    Origin.CAMERA_VALIDATED: (Claim.CAMERA, Tag.VALIDATED),
    Origin.AI_DECLARED: (Claim.AI, Tag.DECLARED),
    Origin.EDITED_DECLARED: (Claim.EDITED, Tag.DECLARED),
    Origin.CAMERA_DECLARED: (Claim.CAMERA, Tag.DECLARED),
}


def finding(claim: Claim | None, tag: Tag) -> Finding:
    return Finding(f"from {claim}", tag, f"{tag}", "x", claim)


def test_the_strongest_finding_decides_in_any_order() -> None:
    assert list(CLAIMS) == list(Origin)
    for size in (1, 2, 3):
        for chosen in itertools.permutations(CLAIMS, size):
            found = [finding(None, Tag.VALIDATED), *(finding(*CLAIMS[it]) for it in chosen)]
            assert origin(found) is min(chosen, key=list(Origin).index)


def test_without_a_claim_there_is_no_origin() -> None:
    assert origin([]) is None
    assert origin([finding(None, Tag.VALIDATED)]) is None


def test_what_was_inferred_counts_as_declared() -> None:
    assert origin([finding(Claim.AI, Tag.INFERRED)]) is Origin.AI_DECLARED


def test_contradictions_name_both_sides() -> None:
    ai, camera = finding(Claim.AI, Tag.DECLARED), finding(Claim.CAMERA, Tag.VALIDATED)
    (found,) = contradictions([camera, ai])
    assert found.tag is Tag.INFERRED
    assert "from ai declared" in found.value
    assert "from camera validated" in found.value
    assert contradictions([camera, finding(Claim.EDITED, Tag.DECLARED)]) == []
    assert contradictions([ai]) == []


def test_a_file_that_contradicts_itself_says_so() -> None:
    made = write.exif({write.MAKE: "Acme", write.IMAGE: "a gull --v 6 Job ID: 7f"})
    found = gather(made)
    assert found.origin is Origin.AI_DECLARED
    assert "contradiction" in (found.evidence or "")
    assert "exif camera_make" in (found.evidence or "")


@pytest.mark.parametrize(
    "spelling",
    [
        "http://cv.iptc.org/newscodes/digitalsourcetype/{}", "{}", "digsrctype:{}", " {} ",
        "https://cv.iptc.org/newscodes/digitalsourcetype/{}/", "https://schema.org/{}DigitalSource",
        "http://c2pa.org/digitalsourcetype/{}",
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    ("code", "claim"),
    [
        ("trainedAlgorithmicMedia", Claim.AI),
        ("compositeWithTrainedAlgorithmicMedia", Claim.EDITED),
        ("compositeSynthetic", Claim.EDITED),
        ("digitalCapture", Claim.CAMERA),
        ("computationalCapture", Claim.CAMERA),
        ("algorithmicMedia", None),
        ("screenCapture", None),
        ("digitalCreation", None),
    ],
)
def test_source_types_however_spelled(spelling: str, code: str, claim: Claim | None) -> None:
    for cased in (code, code.lower(), code[0].upper() + code[1:]):
        assert source_type.claim(spelling.format(cased)) is claim
