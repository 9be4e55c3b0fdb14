"""Protects: the CASE report is what CASE's own validator accepts, and says what the scan found."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from case_utils.case_validate import validate
from case_utils.namespace import NS_CASE_INVESTIGATION, NS_UCO_ACTION, NS_UCO_CORE
from rdflib import RDF, Graph, URIRef
from rdflib.query import ResultRow

from scanner.record import UNEXAMINED, Record, Status, Verdict
from scanner.reports import write_report

FOUND = """
    PREFIX action: <https://ontology.unifiedcyberontology.org/uco/action/>
    PREFIX analysis: <https://ontology.unifiedcyberontology.org/uco/analysis/>
    PREFIX core: <https://ontology.unifiedcyberontology.org/uco/core/>
    PREFIX observable: <https://ontology.unifiedcyberontology.org/uco/observable/>
    PREFIX types: <https://ontology.unifiedcyberontology.org/uco/types/>
    SELECT ?path ?sha256 ?class ?confidence WHERE {
        ?examination action:object ?file ; action:result ?result .
        ?file core:hasFacet ?facet .
        ?facet observable:filePath ?path .
        ?file core:hasFacet / observable:hash ?hash .
        ?hash types:hashMethod ?method ; types:hashValue ?sha256 .
        FILTER(str(?method) = "SHA256")
        ?result core:hasFacet / analysis:classification ?classification .
        ?classification analysis:class ?class .
        OPTIONAL { ?classification analysis:classificationConfidence ?confidence }
    }
"""


@pytest.fixture
def report(tmp_path: Path, records: list[Record], facts: dict[str, Any]) -> Path:
    path = tmp_path / "report.jsonld"
    write_report(path, records, facts)
    return path


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.mark.usefixtures("offline")
def test_its_own_validator_accepts_it(
    tmp_path: Path, records: list[Record], facts: dict[str, Any]
) -> None:
    # One of each kind, since the validator takes half a second a record.
    kinds = {(record.status, record.verdict, record.sha256): record for record in records}
    report = tmp_path / "kinds.jsonld"
    write_report(report, kinds.values(), facts)
    result = validate(str(report))
    assert result.conforms, result.text
    assert not result.undefined_concepts


@pytest.mark.usefixtures("offline")
def test_the_validator_would_object(tmp_path: Path, record: Callable[..., Record]) -> None:
    report = tmp_path / "report.jsonld"
    write_report(report, [record()], {})
    document = report.read_text("utf-8")
    report.write_text(document.replace('"uco-types:hashMethod": "SHA256", ', ""))
    result = validate(str(report))
    assert not result.conforms
    assert "hashMethod" in result.text


def test_says_what_was_found(report: Path, records: list[Record]) -> None:
    graph = Graph().parse(report)
    rows = [
        tuple(None if term is None else str(term) for term in row)
        for row in graph.query(FOUND)
        if isinstance(row, ResultRow)
    ]
    judged = [record for record in records if record.verdict]
    expected = [
        (
            record.path,
            record.sha256,
            record.verdict,
            None if record.verdict is Verdict.INCONCLUSIVE else f"{record.confidence:.6f}",
        )
        for record in judged
    ]
    assert sorted(rows, key=str) == sorted(expected, key=str)


def test_provenance_reaches_every_file(report: Path, records: list[Record]) -> None:
    graph = Graph().parse(report)
    (record,) = graph.subjects(RDF.type, NS_CASE_INVESTIGATION.ProvenanceRecord)
    (whole,) = graph.subjects(NS_UCO_ACTION.result, record)
    examinations = set(graph.objects(whole, NS_UCO_ACTION.subaction))
    files = {graph.value(action, NS_UCO_ACTION.object) for action in examinations}
    results = {graph.value(action, NS_UCO_ACTION.result) for action in examinations}
    assert len(examinations) == len(files) == len(results) == len(records)
    assert set(graph.objects(record, NS_UCO_CORE.object)) == files | results
    tools = {graph.value(action, NS_UCO_ACTION.instrument) for action in (*examinations, whole)}
    (tool,) = tools
    assert str(graph.value(tool, NS_UCO_CORE.name)) == "imgscan"


def test_nothing_unexamined_looks_clean(report: Path, records: list[Record]) -> None:
    graph = json.loads(report.read_text("utf-8"))["@graph"]
    results = {
        (node["imgscan:path"], node["imgscan:position"]): node
        for node in graph
        if node["@type"] == "uco-analysis:AnalyticResult"
    }
    for record in records:
        result = results[record.path, record.position]
        columns = {name: value for name, value in vars(record).items() if value is not None}
        assert {name: result[f"imgscan:{name}"] for name in columns} == columns
        unexamined = record.status in UNEXAMINED
        assert result["uco-core:statement"].startswith("Not examined (") == unexamined
        assert ("uco-core:hasFacet" in result) == (record.status is Status.SCORED)


def test_every_node_has_its_own_identifier(report: Path) -> None:
    named: list[str] = []

    def collect(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        node = dict(pairs)
        if "@id" in node and "@type" in node:
            named.append(node["@id"])
        return node

    json.loads(report.read_text("utf-8"), object_pairs_hook=collect)
    assert len(set(named)) == len(named)
    assert all(URIRef(name).startswith("urn:uuid:") for name in named)


def test_other_facts_give_other_identifiers(
    tmp_path: Path, report: Path, records: list[Record], facts: dict[str, Any]
) -> None:
    other = tmp_path / "other.jsonld"
    write_report(other, records, facts | {"models": [{"name": "resnet152", "sha256": "ef" * 32}]})
    both = [
        {node["@id"] for node in json.loads(path.read_text("utf-8"))["@graph"]}
        for path in (report, other)
    ]
    assert both[0].isdisjoint(both[1])


def test_results_are_no_configuration(report: Path) -> None:
    (tool, *_) = json.loads(report.read_text("utf-8"))["@graph"]
    configuration = tool["uco-configuration:usesConfiguration"]
    entries = {
        entry["uco-configuration:itemName"]: entry["uco-configuration:itemValue"]
        for entry in configuration["uco-configuration:configurationEntry"]
    }
    assert entries.keys() == {"imgscan", "models"}
    (model,) = json.loads(entries["models"])
    assert model["name"] == "resnet18"
    assert "verdicts" not in model
