"""RadGraph: reports with entities and the relations between them, by radiologists (and by a model, see below).

A study is a report: the text, and one finding an observation: "definitely absent", "uncertain" and "definitely
present" are its status, what it is located at its anatomy, and what modifies it its attributes "modifier". An
observation that modifies another one is its modifier and no finding of its own. That is what a `Study` can hold; the
entities and relations as they stand in the files, with the place of each among the words, come of `graphs`.

Reports of the test part have two annotators: the findings of each stand under its source. Of the model's output
(``MIMIC-CXR_graphs.json``, ``CheXpert_graphs.json``) `graphs` alone yields the graphs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from vesalius.data.corpus import Corpus
from vesalius.data.datasets._pictures import Case, cases
from vesalius.data.datasets._tables import form, read_json, write_json
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files
from vesalius.data.records import Finding, Laterality, Provenance, Status, Study, Text
from vesalius.errors import DataError, did_you_mean

__all__ = ["ABOUT", "FILES", "LABELS", "TWIN", "Entity", "Graph", "graphs", "read", "write"]

ABOUT = About(
    title="RadGraph", slug="radgraph", licence="PhysioNet Credentialed Health Data License 1.5.0",
    access="It is credentialed: finish the training, sign the data use agreement and download it from PhysioNet",
    home="https://physionet.org/content/radgraph/",
)  # fmt: skip
TWIN = Twin(preset="chest", image_size=64)

FILES = {
    "train": "train.json", "val": "dev.json", "test": "test.json", "mimic_cxr": "MIMIC-CXR_graphs.json",
    "chexpert": "CheXpert_graphs.json",
}  # fmt: skip
"""Parts and their files; the last two are the output of a model."""
LABELS: dict[str, Status | None] = {"ANAT-DP": None, "OBS-DP": "present", "OBS-U": "uncertain", "OBS-DA": "absent"}
"""Kinds of entities: anatomy, and observations that are definitely present, uncertain, definitely absent."""
_RELATIONS = ("suggestive_of", "located_at", "modify")
_ANNOTATORS = ("labeler_1", "labeler_2")
_SIDES: Mapping[str, Laterality] = {"left": "left", "right": "right", "bilateral": "bilateral", "both": "bilateral"}


class Entity(NamedTuple):
    """Words of a report that name an observation or an anatomy."""

    key: str
    """Its name in the graph, such as "1"."""
    tokens: str
    label: str
    """ANAT-DP, OBS-DP, OBS-U or OBS-DA."""
    start: int
    """Place of its first word among the words of the text, which are parted by spaces, from 0."""
    end: int
    """Place of its last word, included."""
    relations: tuple[tuple[str, str], ...]
    """suggestive_of, located_at or modify, and the key of the other entity."""


class Graph(NamedTuple):
    """What one annotator found in one report; a model's graph may be empty."""

    report: str
    text: str
    entities: tuple[Entity, ...]
    annotator: str
    """labeler_1 or labeler_2 in the test part, else ""."""
    source: str
    """Data set of the report."""


def graphs(root: Path, part: str = "train") -> Iterator[Graph]:
    """Yield the graphs of a part of `FILES` as they stand.

    Raises:
        DataError: the file is missing, or an entity has another label or form.
    """
    if part not in FILES:
        raise DataError(f"RadGraph has no part {part!r}{did_you_mean(part, FILES)}")
    require_files(root, [FILES[part]], ABOUT)
    for name, entry in read_json(root / FILES[part], dict).items():
        where = f"{root / FILES[part]}, {name}"
        if not isinstance(entry, dict) or not isinstance(entry.get("text"), str):
            raise DataError(f"{where}: no text, expected text and entities")
        for annotator in ("", *_ANNOTATORS):
            graph = entry.get(annotator) if annotator else entry
            if isinstance(graph, dict) and "entities" in graph:
                with form(where):
                    entities = tuple(_entity(key, value, where) for key, value in graph["entities"].items())
                yield Graph(name, entry["text"], entities, annotator, str(entry.get("data_source") or ""))


def _entity(key: str, value: Mapping[str, Any], where: str) -> Entity:
    label = value.get("label", "")
    relations = tuple((kind, str(other)) for kind, other in value.get("relations", ()))
    if label not in LABELS or any(kind not in _RELATIONS for kind, _ in relations):
        raise DataError(
            f"{where}: entity {key} has label {label!r} and relations {relations}; expected {', '.join(LABELS)} "
            f"and {', '.join(_RELATIONS)}"
        )
    return Entity(key, str(value["tokens"]), label, int(value["start_ix"]), int(value["end_ix"]), relations)


def read(root: Path) -> Iterator[Sample]:
    """Yield the reports that radiologists annotated; splits "train", "val" (their dev) and "test"."""
    parts = [part for part in FILES if part in ("train", "val", "test")]
    require_files(root, [FILES[part] for part in parts], ABOUT)
    origin = provenance(root, ABOUT)
    for part in parts:
        for _, together in groupby(graphs(root, part), lambda graph: graph.report):
            yield Sample(_study(list(together), origin), part)


def _study(found: Sequence[Graph], origin: Provenance) -> Study:
    report, text = found[0].report, found[0].text
    findings = tuple(finding for graph in found for finding in _findings(graph))
    return Study(
        id=report, patient=_patient(report), site=found[0].source, findings=findings,
        texts=(Text(text=text, role="report"),) if text.strip() else (), provenance=origin,
    )  # fmt: skip


def _patient(report: str) -> str:
    """Return the patient of "p18/p18004941/s588….txt" or "patient00001/study1…": the folder of the study's file."""
    parts = PurePosixPath(report).parts
    return parts[-2] if len(parts) > 1 else parts[-1]


def _findings(graph: Graph) -> Iterator[Finding]:
    by_key = {entity.key: entity for entity in graph.entities}
    modifiers: dict[str, list[Entity]] = {key: [] for key in by_key}
    for entity in graph.entities:
        for kind, other in entity.relations:
            if kind == "modify" and other in modifiers:
                modifiers[other].append(entity)
    for entity in graph.entities:
        status = LABELS[entity.label]
        modifies = any(kind == "modify" and other in by_key and LABELS[by_key[other].label]
                       for kind, other in entity.relations)  # fmt: skip
        if status is None or modifies:
            continue
        places = [by_key[other] for kind, other in entity.relations if kind == "located_at" and other in by_key]
        words = [place for anatomy in places for place in sorted([anatomy, *modifiers[anatomy.key]], key=_start)]
        own = [modifier.tokens.lower() for modifier in sorted(modifiers[entity.key], key=_start)]
        anatomy = " ".join(dict.fromkeys(word.tokens.lower() for word in words))
        side: Laterality = next((_SIDES[word] for word in (*anatomy.split(), *own) if word in _SIDES), "")
        yield Finding(
            concept="_".join(entity.tokens.lower().split()), status=status, anatomy=anatomy, laterality=side,
            attributes=tuple(sorted(("modifier", word) for word in own)),
            source=graph.annotator or "radiologist",
        )  # fmt: skip


def _start(entity: Entity) -> int:
    return entity.start


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write reports about the findings of the virtual patients: all labels, one empty graph, two annotators."""
    contents: dict[str, dict[str, Any]] = {part: {} for part in ("train", "val", "test")}
    for case in cases(corpus):
        subject = f"p{90_000_000 + case.patient}"
        name = f"p90/{subject}/s{95_000_000 + case.number}.txt"
        text, entities = ("FINAL REPORT", {}) if case.number == 3 else _report(case)
        entry: dict[str, Any] = {"text": text, "data_source": "MIMIC-CXR", "data_split": case.split}
        if case.split == "test":
            entry |= {annotator: {"entities": entities} for annotator in _ANNOTATORS}
        else:
            entry["entities"] = entities
        contents[case.split][name] = entry
    made = []
    origin = Provenance(source=ABOUT.title, licence=ABOUT.licence, virtual=True)
    for part, content in contents.items():
        write_json(root / FILES[part], content)
        for name, entry in content.items():
            found = [
                Graph(name, entry["text"], tuple(_entity(key, value, name) for key, value in stated.items()),
                      annotator, entry["data_source"])
                for annotator, stated in _stated(entry)
            ]  # fmt: skip
            made.append(Sample(_study(found, origin), part))
    return made


def _stated(entry: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    if "entities" in entry:
        return [("", entry["entities"])]
    return [(annotator, entry[annotator]["entities"]) for annotator in _ANNOTATORS]


def _report(case: Case) -> tuple[str, dict[str, Any]]:
    """Return a text and its entities: each finding with size and place, what is absent, and a doubt at the end."""
    words: list[str] = []
    entities: dict[str, Any] = {}

    def add(tokens: str, label: str, *relations: list[str]) -> str:
        key = str(len(entities) + 1)
        start = len(words)
        words.extend(tokens.split())
        entities[key] = {"tokens": tokens, "label": label, "start_ix": start, "end_ix": len(words) - 1,
                         "relations": list(relations)}  # fmt: skip
        return key

    present = [part for part in case.study.findings if part.status == "present" and part.concept != "no_finding"]
    for part in present[:3]:
        following = str(len(entities) + 2)
        add(part.severity or "visible", "OBS-DP", ["modify", following])
        add(part.concept.replace("_", " "), "OBS-DP", ["located_at", str(len(entities) + 3)])
        words.extend(["in", "the"])
        add(part.laterality or "lower", "ANAT-DP", ["modify", str(len(entities) + 2)])
        add("lung", "ANAT-DP")
        words.append(".")
    absent = next(part for part in case.study.findings if part.status == "absent" and part.concept != "no_finding")
    words.append("No")
    add(absent.concept.replace("_", " "), "OBS-DA")
    words.extend([".", "Possible"])
    add("scar", "OBS-U")
    words.append(".")
    return " ".join(words), entities
