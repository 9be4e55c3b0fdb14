"""CASE/UCO 1.x JSON-LD, for tools that exchange digital evidence (caseontology.org).

Three nodes a record: the File with what was observed of it (one for all its pages), the
InvestigativeAction that examined it, and the AnalyticResult of that, which also has every column of
the record as `imgscan:NAME`.
What would be an endless list in one node (the parts of the whole scan, the contents of its
ProvenanceRecord) is stated by each part through `@reverse`, so that memory stays flat.

Identifiers are version 5 UUIDs of the scan's facts and the record, so that the same scan gives
the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO
from uuid import NAMESPACE_URL, UUID, uuid5

from scanner.record import UNEXAMINED, Record, Status, Verdict, split_path
from scanner.reports.statement import statement

Node = dict[str, Any]

UCO = "https://ontology.unifiedcyberontology.org/uco/"
CONTEXT = {
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    "case-investigation": "https://ontology.caseontology.org/case/investigation/",
    "uco-action": f"{UCO}action/",
    "uco-analysis": f"{UCO}analysis/",
    "uco-configuration": f"{UCO}configuration/",
    "uco-core": f"{UCO}core/",
    "uco-observable": f"{UCO}observable/",
    "uco-tool": f"{UCO}tool/",
    "uco-types": f"{UCO}types/",
    "imgscan": "urn:imgscan:",
}
NAMESPACE = uuid5(NAMESPACE_URL, CONTEXT["imgscan"])
# Facts that are results, of the scan and of each of its models; the others are configuration.
COUNTS = ("statuses", "verdicts", "origins")


def write(stream: BinaryIO, records: Iterable[Record], scan: dict[str, Any]) -> None:
    stream.write(f'{{"@context": {_json(CONTEXT)},\n"@graph": ['.encode())
    separator = "\n"
    for node in _graph(records, scan):
        stream.write((separator + _json(node)).encode())
        separator = ",\n"
    stream.write(b"\n]}\n")


def _graph(records: Iterable[Record], scan: dict[str, Any]) -> Iterator[Node]:
    key = uuid5(NAMESPACE, json.dumps(scan, sort_keys=True))
    tool = _tool(key, scan)
    provenance = _node(
        key,
        "case-investigation:ProvenanceRecord",
        **{"uco-core:description": "The files met by the scan and what was found of each."},
    )
    counts = {name: scan[name] for name in COUNTS if name in scan}
    whole = _node(
        key,
        "case-investigation:InvestigativeAction",
        **{
            "uco-core:name": "imgscan scan",
            "uco-core:description": f"Files by status, verdict and origin: {json.dumps(counts)}",
            "uco-action:actionStatus": "Complete/Finish",
            "uco-action:instrument": _reference(tool),
            "uco-action:result": _reference(provenance),
        },
    )
    yield from (tool, provenance, whole)
    contained = {"uco-core:object": _reference(provenance)}
    last: Node = {}
    for record in records:
        whose = uuid5(key, f"{record.position} {record.sha256} {record.path}")
        own = uuid5(whose, f"{record.page}")
        file, action = _file(whose, record), _action(own, record, tool)
        result = _result(own, record, action)
        if file["@id"] != last.get("@id"):  # the pages of a file follow each other
            yield file | {"@reverse": contained}
        last = file
        yield result | {"@reverse": contained}
        yield action | {
            "uco-action:object": _reference(file),
            "uco-action:result": _reference(result),
            "@reverse": {"uco-action:subaction": _reference(whole)},
        }


def _tool(key: UUID, scan: dict[str, Any]) -> Node:
    entries = [
        _node(
            uuid5(key, name),
            "uco-configuration:ConfigurationEntry",
            **{
                "uco-configuration:itemName": name,
                "uco-configuration:itemValue": value if isinstance(value, str) else _json(value),
            },
        )
        for name, value in _configuration(scan).items()
    ]
    configuration = _node(
        key,
        "uco-configuration:Configuration",
        **{"uco-configuration:configurationEntry": entries},
    )
    tool = _node(
        key,
        "uco-tool:ConfiguredTool",
        **{
            "uco-core:name": "imgscan",
            "uco-tool:toolType": "Detector of AI-generated images",
            "uco-configuration:usesConfiguration": configuration,
        },
    )
    if "imgscan" in scan:
        tool["uco-tool:version"] = scan["imgscan"]
    return tool | {"@type": ["uco-tool:AnalyticTool", "uco-tool:ConfiguredTool"]}


def _configuration(scan: dict[str, Any]) -> dict[str, Any]:
    facts = {name: value for name, value in scan.items() if name not in COUNTS}
    if "models" in facts:
        facts["models"] = [_configuration(model) for model in facts["models"]]
    return facts


def _file(own: UUID, record: Record) -> Node:
    name = split_path(record.path)[1]
    file = {
        "uco-observable:fileName": name,
        "uco-observable:filePath": record.path,
        "uco-observable:isDirectory": False,
        "uco-observable:sizeInBytes": record.bytes,
    }
    content: Node = {
        "uco-observable:sizeInBytes": record.bytes,
        "uco-observable:isEncrypted": True if record.status is Status.ENCRYPTED else None,
    }
    content["uco-observable:hash"] = [
        _hash(own, method, digest)
        for method, digest in (
            ("SHA256", record.sha256),
            ("SHA1", record.sha1),
            ("MD5", record.md5),
        )
        if digest is not None
    ] or None
    picture = {
        "uco-observable:pictureType": record.format,
        "uco-observable:pictureWidth": record.width,
        "uco-observable:pictureHeight": record.height,
    }
    facets = [
        _node(own, "uco-observable:FileFacet", **file),
        _node(own, "uco-observable:ContentDataFacet", **content),
    ]
    if record.format is not None:
        facets.append(_node(own, "uco-observable:RasterPictureFacet", **picture))
    return _node(own, "uco-observable:File", **{"uco-core:hasFacet": facets})


def _hash(own: UUID, method: str, digest: str) -> Node:
    value = {"@type": "xsd:hexBinary", "@value": digest}
    return _node(
        uuid5(own, method),
        "uco-types:Hash",
        **{"uco-types:hashMethod": method, "uco-types:hashValue": value},
    )


def _action(own: UUID, record: Record, tool: Node) -> Node:
    action = _node(
        own,
        "case-investigation:InvestigativeAction",
        **{
            "uco-action:actionStatus": "Fail" if record.status in UNEXAMINED else "Success",
            "uco-action:instrument": _reference(tool),
        },
    )
    return action | {"@type": ["case-investigation:InvestigativeAction", "uco-analysis:Analysis"]}


def _result(own: UUID, record: Record, action: Node) -> Node:
    result = _node(
        own,
        "uco-analysis:AnalyticResult",
        **{
            "uco-core:statement": statement(record),
            "uco-analysis:originatingAnalysis": _reference(action),
            **{f"imgscan:{name}": value for name, value in vars(record).items()},
        },
    )
    if record.verdict is not None:
        result["uco-core:hasFacet"] = _classification(own, record.verdict, record.confidence)
    return result


def _classification(own: UUID, verdict: Verdict, confidence: float | None) -> Node:
    # The confidence is that of the likelier class, so it says nothing of an inconclusive verdict.
    value = None
    if verdict is not Verdict.INCONCLUSIVE and confidence is not None:
        value = {"@type": "xsd:decimal", "@value": f"{confidence:.6f}"}
    classification = _node(
        own,
        "uco-analysis:ArtifactClassification",
        **{"uco-analysis:class": verdict, "uco-analysis:classificationConfidence": value},
    )
    return _node(
        own,
        "uco-analysis:ArtifactClassificationResultFacet",
        **{"uco-analysis:classification": classification},
    )


def _node(key: UUID, kind: str, **properties: Any) -> Node:
    """A node whose identifier follows from `key` and its kind; None stands for no property."""
    known = {name: value for name, value in properties.items() if value is not None}
    return {"@id": f"urn:uuid:{uuid5(key, kind)}", "@type": kind, **known}


def _reference(node: Node) -> Node:
    return {"@id": node["@id"]}


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
