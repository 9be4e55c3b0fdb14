"""Which of a manifest's statements are claims of the image, and how much those of its ancestors
weigh; what is nonsense in a manifest costs nothing else of it."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from scanner.provenance.c2pa import findings
from scanner.provenance.c2pa_statements import stages, statements
from scanner.provenance.finding import Claim, Finding, Tag
from scanner.provenance.metadata import read
from scanner.provenance.origin import contradictions, origin
from scanner.record import Origin

IPTC = "http://cv.iptc.org/newscodes/digitalsourcetype/"
AI, CAMERA = f"{IPTC}trainedAlgorithmicMedia", f"{IPTC}digitalCapture"


def actions(*each: dict[str, Any]) -> dict[str, Any]:
    return {"label": "c2pa.actions.v2", "data": {"actions": list(each)}}


def created(kind: str) -> dict[str, Any]:
    return actions({"action": "c2pa.created", "digitalSourceType": kind})


def opened(*then: dict[str, Any]) -> dict[str, Any]:
    return actions({"action": "c2pa.opened", "parameters": {"ingredientIds": ["part0"]}}, *then)


OPENED = opened()
DRAWN = created(f"{IPTC}digitalCreation")
PLACED = actions(
    *DRAWN["data"]["actions"],
    {"action": "c2pa.placed", "parameters": {"ingredientIds": ["part0"]}},
)


def told(data: bytes, *anchors: str) -> list[Finding]:
    return list(findings(data, read(data), "".join(anchors)))


def claims(*assertions: object) -> list[tuple[str, Claim | None]]:
    """What the one manifest of a store says, by name."""
    store = {"active_manifest": "a", "manifests": {"a": {"assertions": list(assertions)}}}
    return [(name, claim) for _, name, _, claim in statements(stages(store, False))]


@pytest.mark.parametrize(
    ("relationship", "kind", "name", "expected"),
    [
        ("parentOf", AI, "parent_digital_source_type", Origin.AI_VALIDATED),
        ("parentOf", CAMERA, "parent_digital_source_type", Origin.CAMERA_VALIDATED),
        ("componentOf", AI, "component_digital_source_type", Origin.EDITED_VALIDATED),
        ("componentOf", CAMERA, "component_digital_source_type", None),
        ("inputTo", AI, "input_digital_source_type", None),
        ("inputTo", CAMERA, "input_digital_source_type", None),
    ],
)
def test_what_a_part_says_by_how_it_came_in(
    relationship: str, kind: str, name: str, expected: Origin | None, encode: Any, signer: Any
) -> None:
    part, _ = signer.sign(encode("JPEG"), assertions=[created(kind)])
    action = {"parentOf": OPENED, "componentOf": PLACED, "inputTo": DRAWN}[relationship]
    whole, _ = signer.sign(encode("JPEG"), assertions=[action], parts=[(relationship, part)])
    found = told(whole, signer.anchor)
    assert found[0].value == "intact, signed by a trusted signer"
    assert [it.value for it in found if it.name == name] == [kind]
    assert origin(found) is expected
    declared = origin(told(whole))
    assert str(declared) == str(expected).replace("validated", "declared")


def test_an_edited_photograph_and_one_that_was_remade(encode: Any, signer: Any) -> None:
    photo, _ = signer.sign(encode("JPEG"), assertions=[created(CAMERA)])
    filled = {"action": "c2pa.edited", "digitalSourceType": AI}
    edited, _ = signer.sign(
        encode("JPEG"), assertions=[opened(filled)], parts=[("parentOf", photo)]
    )
    assert origin(told(edited)) is Origin.EDITED_DECLARED
    remade, _ = signer.sign(
        encode("JPEG"),
        assertions=[opened({"action": "c2pa.converted", "digitalSourceType": AI})],
        parts=[("parentOf", photo)],
    )
    found = told(remade)
    assert origin(found) is Origin.AI_DECLARED
    assert contradictions(found) == [], "it was a photograph once, and says so"


def test_a_grandparent_counts_and_a_parts_parent_is_a_part(encode: Any, signer: Any) -> None:
    made, _ = signer.sign(encode("JPEG"), assertions=[created(AI)])
    middle, _ = signer.sign(encode("JPEG"), assertions=[OPENED], parts=[("parentOf", made)])
    for relationship, action, expected in (
        ("parentOf", OPENED, Origin.AI_VALIDATED),
        ("componentOf", PLACED, Origin.EDITED_VALIDATED),
    ):
        parts = [(relationship, middle)]
        whole, _ = signer.sign(encode("JPEG"), assertions=[action], parts=parts)
        assert origin(told(whole, signer.anchor)) is expected


def test_a_parent_is_as_good_as_its_own_signer(encode: Any, signer: Any, make_signer: Any) -> None:
    """A trusted editor vouches for what it did, not for what it was given."""
    stranger = make_signer()
    made, _ = stranger.sign(encode("JPEG"), assertions=[created(AI)])
    broken = bytearray(made)
    broken[-20] ^= 1
    name = "parent_digital_source_type"
    for parent, anchors, tag in (
        (made, [signer.anchor], Tag.DECLARED),
        (made, [signer.anchor, stranger.anchor], Tag.VALIDATED),
        (made, [stranger.anchor], Tag.DECLARED),
        (bytes(broken), [signer.anchor, stranger.anchor], Tag.DECLARED),
    ):
        parts = [("parentOf", parent)]
        whole, _ = signer.sign(encode("JPEG"), assertions=[OPENED], parts=parts)
        assert [it.tag for it in told(whole, *anchors) if it.name == name] == [tag]


@pytest.mark.parametrize(
    "assertion",
    [
        {"label": "c2pa.actions", "data": created(AI)["data"]},
        {"label": "c2pa.actions.v2__1", "data": {"actions": [], "templates": [
            {"action": "c2pa.created", "digitalSourceType": AI}]}},
        actions({"action": "c2pa.created", "parameters": {"digitalSourceType": AI}}),
        {"label": "c2pa.metadata", "data": {"Iptc4xmpExt:DigitalSourceType": AI}},
        {"label": "cawg.metadata", "data": {"Iptc4xmpExt:DigitalSourceType": [{"@id": AI}]}},
        {"label": "stds.iptc", "data": {"Iptc4xmpExt:DigitalSourceType": {"@value": AI}}},
        {"label": "stds.schema-org.CreativeWork", "data": {
            "digitalSourceType": "https://schema.org/TrainedAlgorithmicMediaDigitalSource"}},
    ],
)  # fmt: skip
def test_a_source_type_is_found_wherever_it_may_stand(assertion: dict[str, Any]) -> None:
    assert claims(assertion) == [("digital_source_type", Claim.AI)]


def test_metadata_and_other_assertions_that_say_ai(encode: Any, signer: Any) -> None:
    """Through the library, which has a way of its own of giving each back."""
    metadata = {
        "@context": {"Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"},
        "Iptc4xmpExt:DigitalSourceType": AI,
    }
    for label, data, name in (
        ("cawg.metadata", metadata, "digital_source_type"),
        ("c2pa.metadata", metadata, "digital_source_type"),
        ("c2pa.ai_generated_content", {"model": "x"}, "ai_generated_content"),
    ):
        assertions = [DRAWN, {"label": label, "data": data}]
        found = told(signer.sign(encode("JPEG"), assertions=assertions)[0])
        assert (name, Claim.AI) in [(it.name, it.claim) for it in found]


def test_watermarks_that_are_named_are_told_as_unchecked(encode: Any, signer: Any) -> None:
    assertions = [
        actions(
            {"action": "c2pa.created", "digitalSourceType": AI},
            {"action": "c2pa.edited", "description": "Applied imperceptible SynthID watermark."},
            {"action": "c2pa.watermarked.unbound"},
        ),
        {"label": "c2pa.soft-binding", "data": {"alg": "com.digimarc.validate.1", "blocks": []}},
    ]
    found = told(signer.sign(encode("JPEG"), assertions=assertions)[0])
    unchecked = "an invisible watermark that was not checked"
    assert [it.value for it in found if it.name == "watermark"] == [
        f"Applied imperceptible SynthID watermark.: {unchecked}",
        f"c2pa.watermarked.unbound: {unchecked}",
    ]
    assert [it.value for it in found if it.name == "soft_binding"] == [
        "com.digimarc.validate.1: an invisible watermark, or a fingerprint, that was not checked"
    ]
    assert {it.claim for it in found if it.name in ("watermark", "soft_binding")} == {None}


def agents(*each: tuple[str, Any, str]) -> list[dict[str, Any]]:
    named = ("action", "softwareAgent", "description")
    return [dict(zip(named, it, strict=True)) for it in each]


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        (("c2pa.created", "Bing Image Creator", "AI Generated Image"), Claim.AI),
        (("c2pa.created", {"name": "DALL·E"}, ""), Claim.AI),
        (("c2pa.opened", "Adobe Firefly", "Edited with Google AI"), None),
        (("c2pa.converted", "ChatGPT", ""), None),
        (("c2pa.published", "Grok", ""), None),
        (("c2pa.created", "Acme", "Edited with Google AI"), Claim.EDITED),
        (("c2pa.edited", "Adobe Firefly", ""), Claim.EDITED),
        (("c2pa.created", "Adobe Photoshop 25.0", "Image created"), None),
        (("c2pa.created", ["Adobe Firefly"], ""), None),
    ],
)
@pytest.mark.parametrize("label", ["actions", "c2pa.actions", "c2pa.actions.v2"])
def test_a_generator_is_known_by_its_name_where_no_type_stands(
    label: str, action: tuple[str, Any, str], expected: Claim | None
) -> None:
    data: Any = agents(action)
    found = claims({"label": label, "data": data if label == "actions" else {"actions": data}})
    assert found == ([("software_agent", expected)] if expected else [])


def test_a_type_says_more_than_a_program_s_name() -> None:
    action = {"action": "c2pa.created", "digitalSourceType": CAMERA, "softwareAgent": "ChatGPT"}
    assert claims(actions(action)) == [("digital_source_type", Claim.CAMERA)]


def test_a_denial_claims_nothing() -> None:
    denied = {"label": "c2pa.ai_generated_content", "data": {"isAIGenerated": False}}
    assert claims(denied) == [("ai_generated_content", None)]


def test_a_part_in_an_empty_manifest_is_the_whole() -> None:
    """As OpenAI's programs deliver: the manifest in force says nothing but what it wraps."""
    inner = {"assertions": [created(AI)]}
    part = {"relationship": "componentOf", "active_manifest": "b"}
    for ingredients, assertions, expected in (
        ([part], [], Claim.AI),
        ([part], [DRAWN], Claim.EDITED),
        ([part, {"relationship": "inputTo"}], [], Claim.EDITED),
    ):
        manifests = {"a": {"assertions": assertions, "ingredients": ingredients}, "b": inner}
        store = {"active_manifest": "a", "manifests": manifests}
        found = [claim for *_, claim in statements(stages(store, False)) if claim]
        assert found == [expected]


NONSENSE: tuple[Any, ...] = (
    None,
    True,
    7,
    "text",
    [],
    [[]],
    {},
    {"actions": 3},
    [{"action": [1]}],
    {"a": {"b": []}},
)


def test_nonsense_anywhere_costs_nothing_else() -> None:
    good = created(AI)
    for wrong in NONSENSE:
        for label in (
            "c2pa.actions",
            "cawg.metadata",
            "c2pa.soft-binding",
            "c2pa.ai-disclosure",
            7,
        ):
            found = claims(wrong, {"label": label, "data": wrong}, {"label": label}, good)
            assert ("digital_source_type", Claim.AI) in found
    for one, other in itertools.product(NONSENSE, repeat=2):
        manifest: dict[str, Any] = {
            "assertions": [good],
            "ingredients": [one, {"relationship": other}],
        }
        linked = {"relationship": "parentOf", "active_manifest": one, "validation_results": other}
        manifest["ingredients"] += [linked, {**linked, "active_manifest": "b"}]
        store = {
            "active_manifest": "a",
            "manifests": {"a": manifest, "b": one},
            "validation_results": {"ingredientDeltas": [one, {"validationDeltas": other}]},
        }
        assert [claim for *_, claim in statements(stages(store, True))] == [Claim.AI]
        for broken in (store | {"active_manifest": one}, store | {"manifests": other}):
            list(statements(stages(broken, True)))


def test_manifests_in_a_circle_end() -> None:
    parent = {"relationship": "parentOf", "active_manifest": "a"}
    manifest = {"assertions": [created(AI)], "ingredients": [parent]}
    store = {"active_manifest": "a", "manifests": {"a": manifest}}
    assert len(list(statements(stages(store, False)))) == 1
