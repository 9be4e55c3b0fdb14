"""What the manifests in a C2PA store say: of the image itself, and of what it was made from.

The store is a file's own and may hold anything anywhere; what makes no sense is passed over.
"""

from __future__ import annotations

import json
from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Any

from scanner.provenance import source_type
from scanner.provenance.finding import Claim
from scanner.provenance.marks import credits, makers

# How a manifest that another names came into the image, nearest first: as what it was before, as a
# part of it, or as what something was computed from. Whatever comes by a farther way stays there.
RELATIONS = {"parentOf": "parent", "componentOf": "component", "inputTo": "input"}
RANKS = list(RELATIONS)
PARENT, COMPONENT, _ = RANKS
# Assertions that may hold a digital source type of the whole image or of an action upon it.
ACTION_LABELS = ("c2pa.actions", "actions")  # the second in manifests of Microsoft
SOURCE_TYPE_LABELS = (
    *ACTION_LABELS, "c2pa.metadata", "cawg.metadata", "stds.iptc", "stds.schema-org.CreativeWork",
)  # fmt: skip
# What these actions state is of the whole image, and what others do of the part they changed.
CREATED = "c2pa.created"
WHOLE_ACTIONS = frozenset(
    {
        "", CREATED, "c2pa.opened", "c2pa.converted", "c2pa.transcoded", "c2pa.repackaged",
        "c2pa.published",
    }
)  # fmt: skip
WATERMARKED = "c2pa.watermarked"
UNCHECKED = "an invisible watermark that was not checked"
TRUSTED, UNTRUSTED = "signingCredential.trusted", "signingCredential.untrusted"


@dataclass(frozen=True)
class Stage:
    """A manifest in an image's history.

    relation: `parent`, `component`, `input`, `ingredient` where no way leads to it, or empty for
    the manifest in force. trusted: whether it is intact and its signer trusted.
    """

    manifest: dict[str, Any]
    relation: str
    trusted: bool


def stages(store: dict[str, Any], trusted: bool) -> list[Stage]:
    """The manifest in force, then those it was made from, nearest first, then any others.

    trusted: whether the one in force is. Of what an untrusted one was made from, none is.
    """
    manifests, results = mapping(store.get("manifests")), _Results(store)
    met: dict[str, Stage] = {}
    waiting: list[tuple[int, int, Any, bool]] = [(0, 0, store.get("active_manifest"), trusted)]
    pushed = 0
    while waiting:
        rank, _, label, trusted = heappop(waiting)
        if not isinstance(label, str) or label in met or label not in manifests:
            continue
        manifest = mapping(manifests[label])
        met[label] = Stage(manifest, RELATIONS[RANKS[rank]] if met else "", trusted)
        ingredients = [mapping(it) for it in sequence(manifest.get("ingredients"))]
        # Some put the manifest of what they deliver into an empty one, as a part of that.
        is_wrapper = len(ingredients) == 1 and not _has_actions(manifest)
        for ingredient in ingredients:
            relationship = ingredient.get("relationship")
            if relationship in RANKS:
                if is_wrapper and relationship == COMPONENT:
                    relationship = PARENT
                pushed += 1
                named = ingredient.get("active_manifest")
                vouched = trusted and results.vouches(named, ingredient)
                way = max(rank, RANKS.index(relationship))
                heappush(waiting, (way, pushed, named, vouched))
    if not met:
        met[""] = Stage({}, "", False)
    others = [manifest for label, manifest in manifests.items() if label not in met]
    return [*met.values(), *(Stage(mapping(it), "ingredient", False) for it in others)]


def _has_actions(manifest: dict[str, Any]) -> bool:
    labels = (mapping(it).get("label") for it in sequence(manifest.get("assertions")))
    return any(str(label).startswith(ACTION_LABELS) for label in labels)


class _Results:
    """What the library found of each manifest that is not the one in force."""

    def __init__(self, store: dict[str, Any]) -> None:
        self._good: defaultdict[str, set[str]] = defaultdict(set)
        self._bad: defaultdict[str, set[str]] = defaultdict(set)
        results = mapping(store.get("validation_results"))
        for delta in map(mapping, sequence(results.get("ingredientDeltas"))):
            found = mapping(delta.get("validationDeltas"))
            for kind, met in (("success", self._good), ("failure", self._bad)):
                for code, url in codes(found.get(kind)):
                    for part in url.split("/"):
                        met[part].add(code)

    def vouches(self, label: Any, ingredient: dict[str, Any]) -> bool:
        """Whether the manifest that an ingredient brought is intact and of a trusted signer.

        By what was noted as it was taken in, with what the library finds different now: it repeats
        nothing else.
        """
        good, bad = self._good.get(str(label), set()), self._bad.get(str(label), set())
        noted = mapping(mapping(ingredient.get("validation_results")).get("activeManifest"))
        failed = {code for code, _ in codes(noted.get("failure"))}
        failed |= {code for code, _ in codes(ingredient.get("validation_status"))}
        if TRUSTED in good:
            failed.discard(UNTRUSTED)
        noted_good = {code for code, _ in codes(noted.get("success"))}
        return TRUSTED in good | noted_good and not failed and not bad


def statements(history: list[Stage]) -> Iterator[tuple[Stage, str, str, Claim | None]]:
    """(stage, name, value, claim) of all that the stages say of where the image comes from."""
    generated = False  # by a later stage, before which a camera does not count
    for stage in history:
        claims = set()
        prefix = f"{stage.relation}_" if stage.relation else ""
        for name, value, claim in _statements(stage.manifest):
            claim = _counted(claim, stage.relation)
            claims.add(claim)
            if claim is Claim.CAMERA and generated:
                claim = None
            yield stage, f"{prefix}{name}", value, claim
        generated = generated or Claim.AI in claims


def _counted(claim: Claim | None, relation: str) -> Claim | None:
    """What a statement about what an image was made from claims of the image."""
    if relation in ("", "parent"):
        return claim
    is_made = claim in (Claim.AI, Claim.EDITED)
    return Claim.EDITED if relation == "component" and is_made else None


def _statements(manifest: dict[str, Any]) -> Iterator[tuple[str, str, Claim | None]]:
    for assertion in map(mapping, sequence(manifest.get("assertions"))):
        label, data = str(assertion.get("label", "")), assertion.get("data")
        if label.startswith(SOURCE_TYPE_LABELS):
            for action, value in dict.fromkeys(_source_types(data)):
                yield "digital_source_type", value, _claim(action, value)
        if label.startswith(ACTION_LABELS):
            for agent, claim in dict.fromkeys(_generators(data)):
                yield "software_agent", agent, claim
            for told in dict.fromkeys(_watermarks(data)):
                yield "watermark", f"{told}: {UNCHECKED}", None
        elif label.startswith("c2pa.soft-binding"):
            algorithm = str(mapping(data).get("alg", "unnamed"))
            value = f"{algorithm}: an invisible watermark, or a fingerprint, that was not checked"
            yield "soft_binding", value, None
        elif label.startswith("c2pa.ai_generated_content"):
            said = None if mapping(data).get("isAIGenerated") is False else Claim.AI
            yield "ai_generated_content", json.dumps(data, ensure_ascii=False), said
        elif label.startswith("c2pa.ai-disclosure"):
            # It says that a model had a part in it, and not which.
            yield "ai_disclosure", json.dumps(data, ensure_ascii=False), None


def _claim(action: str, value: str) -> Claim | None:
    claim = source_type.claim(value)
    if action in WHOLE_ACTIONS or claim is None:
        return claim
    return None if claim is Claim.CAMERA else Claim.EDITED


def _source_types(data: Any) -> Iterator[tuple[str, str]]:
    """(action, or empty; digital source type), wherever it stands in an assertion."""
    waiting = deque([("", False, data)])
    while waiting:
        action, is_type, it = waiting.popleft()
        if isinstance(it, str) and is_type:
            yield action, it
        elif isinstance(it, list):
            waiting.extend((action, is_type, each) for each in it)
        elif isinstance(it, dict):
            action = it["action"] if isinstance(it.get("action"), str) else action
            for key, each in it.items():
                # In JSON-LD it may be a reference.
                inside = is_type and key in ("@id", "@value")
                named = source_type.last_part(key).lower() == "digitalsourcetype"
                waiting.append((action, inside or named, each))


def _actions(data: Any) -> Iterator[dict[str, Any]]:
    listed = data if isinstance(data, list) else mapping(data).get("actions")
    return map(mapping, sequence(listed))


def _generators(data: Any) -> Iterator[tuple[str, Claim]]:
    """Generators that created an image or changed a part, where they do not say of what type it is.

    Opening, converting or publishing one is nothing of the kind.
    """
    for action in _actions(data):
        if _has_type(action) or str(action.get("action")) in WHOLE_ACTIONS - {CREATED}:
            continue
        agent, description = action.get("softwareAgent"), str(action.get("description") or "")
        name = agent if isinstance(agent, str) else str(mapping(agent).get("name") or "")
        said = credits.claim(description) or (Claim.AI if makers.is_generator(name) else None)
        if said:
            claim = said if action.get("action") == CREATED else Claim.EDITED
            yield ": ".join(filter(None, (name, description))), claim


def _has_type(action: dict[str, Any]) -> bool:
    return next(_source_types(action), None) is not None


def _watermarks(data: Any) -> Iterator[str]:
    """What the actions tell of watermarks: their description, or their name."""
    for action in _actions(data):
        name, description = (str(action.get(key) or "") for key in ("action", "description"))
        if name.startswith(WATERMARKED) or "watermark" in description.lower():
            yield description or name


def codes(items: Any) -> list[tuple[str, str]]:
    """Codes of the library's results, each with the address of what it is about."""
    return [
        (str(item.get("code")), f"{item.get('url')}/") for item in map(mapping, sequence(items))
    ]


def mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def sequence(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
