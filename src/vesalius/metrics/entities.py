"""F1 of entities and relations of reports: RadGraph's three levels and the one of RadCliQ, over any graphs.

Papers: Jain et al. 2021 (arXiv 2106.14463); Delbrouck et al. 2022 (arXiv 2210.12186) for the levels; Yu et al. 2023
for RadCliQ's. Papers that say "RadGraph F1" mostly mean "partial"; a score names its level and who made the graphs:
RadGraph's own models (`given_graphs`, from its JSON) or our rules (`rules_graph`), which are no stand-in by name.

Letters: n reports.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vesalius.data.datasets.radgraph import Entity, Graph
from vesalius.data.sentences import sentences
from vesalius.errors import ConfigError, DataError, did_you_mean
from vesalius.knowledge.graph import report_graph

__all__ = ["LEVELS", "SetScore", "entity_f1", "entity_scores", "given_graphs", "radcliq_f1", "rules_graph"]

Floats = NDArray[np.float64]
Level = Literal["simple", "partial", "complete"]

LEVELS = ("simple", "partial", "complete", "radcliq")
"""Columns of `entity_scores`."""
_LABELS = {
    "observation::definitely present": "OBS-DP", "observation::uncertain": "OBS-U",
    "observation::definitely absent": "OBS-DA", "anatomy::definitely present": "ANAT-DP",
    "anatomy::uncertain": "ANAT-U", "anatomy::definitely absent": "ANAT-DA",
}  # fmt: skip
"""Labels of RadGraph-XL in the short form of RadGraph."""
_SHORT = frozenset(_LABELS.values())
_TEXTS_KEPT = 1 << 15
_MOST_WORDS = 120
"""Words of a sentence that are read at once: the time to read it grows with their square and more."""


class SetScore(NamedTuple):
    """How two sets agree."""

    f1: float
    precision: float
    recall: float


def entity_f1(written: Graph, reference: Graph, *, level: Level) -> SetScore:
    """Return how the entities of two reports agree; 0 where a side has none or no text.

    Args:
        written: graph of the report that is scored.
        reference: graph of the true one.
        level: "simple": words and label; "partial": also whether the entity has a relation; "complete": also which
            relations to which words, without the label of what it points at.
    """
    if level not in LEVELS[:-1]:
        raise ConfigError(f"unknown level {level!r}{did_you_mean(level, LEVELS[:-1])}")
    if not (written.entities and reference.entities and written.text.strip() and reference.text.strip()):
        return SetScore(0.0, 0.0, 0.0)
    return _agreement(set(_items(written, level)), set(_items(reference, level)))


def radcliq_f1(written: Graph, reference: Graph) -> float:
    """Return the mean of F1 of the sets of entities and F1 of the sets of relations, as RadCliQ takes them.

    As in the authors' code F1 of two empty sets is 0, so that a report without relations has .5 against itself.
    """
    parts = []
    for items in (_labelled, _related):
        ours, theirs = set(items(written)), set(items(reference))
        parts.append(_agreement(ours, theirs).f1)
    return sum(parts) / len(parts)


def entity_scores(written: Sequence[Graph], references: Sequence[Graph]) -> Floats:
    """Return F1 of each pair of reports at the three levels and RadCliQ's, (n, 4), in the order of `LEVELS`.

    A corpus has the mean over its reports.

    Raises:
        DataError: not one reference a report.
    """
    if len(written) != len(references):
        raise DataError(f"{len(written)} graphs and {len(references)} references; each report needs one")
    rows = [
        [*(entity_f1(ours, theirs, level=level).f1 for level in ("simple", "partial", "complete")),
         radcliq_f1(ours, theirs)]
        for ours, theirs in zip(written, references, strict=True)
    ]  # fmt: skip
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(LEVELS))


def rules_graph(text: str) -> Graph:
    """Return the entities and relations that our rules find in a report, in lower case, sentence by sentence."""
    written: list[str] = []
    entities: list[Entity] = []
    start = 0
    for piece in _pieces(text.lower()):
        graph = _sentence_graph(piece)
        shift = len(entities)
        entities += [
            Entity(str(int(one.key) + shift), one.tokens, one.label, one.start + start, one.end + start,
                   tuple((kind, str(int(other) + shift)) for kind, other in one.relations))
            for one in graph.entities
        ]  # fmt: skip
        written.append(graph.text)
        start += len(graph.text.split())
    return Graph("", " ".join(written), tuple(entities), "", "rules")


def given_graphs(document: Mapping[str, Any]) -> tuple[Graph, ...]:
    """Return the graphs of RadGraph's output, in the order of its keys "0", "1", …; labels of RadGraph-XL are mapped.

    Raises:
        DataError: a report has another form; the message names it.
    """
    return tuple(_given(name, document[name]) for name in sorted(document, key=lambda key: (len(key), key)))


def _given(name: str, entry: Any) -> Graph:
    where = f"RadGraph's output, report {name!r}"
    if not isinstance(entry, Mapping) or not isinstance(entry.get("entities"), Mapping):
        raise DataError(f"{where}: expected text and entities, found {type(entry).__name__} without them")
    try:
        entities = tuple(_entity(str(key), value) for key, value in entry["entities"].items())
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(
            f"{where}: an entity has another form ({error}); expected tokens, label, start_ix, end_ix, relations"
        ) from None
    keys = {entity.key for entity in entities}
    lost = [other for entity in entities for _, other in entity.relations if other not in keys]
    if lost:
        raise DataError(f"{where}: a relation points at entity {lost[0]!r}, which is not there")
    return Graph(name, str(entry.get("text") or ""), entities, "", str(entry.get("data_source") or ""))


def _entity(key: str, value: Mapping[str, Any]) -> Entity:
    label = _LABELS.get(str(value["label"]).lower(), str(value["label"]))
    if label not in _SHORT:
        raise ValueError(f"label {label!r}")
    relations = tuple((str(kind), str(other)) for kind, other in value["relations"])
    return Entity(key, str(value["tokens"]), label, int(value["start_ix"]), int(value["end_ix"]), relations)


def _items(graph: Graph, level: Level) -> Iterator[tuple[str | bool, ...]]:
    words = {entity.key: entity.tokens for entity in graph.entities}
    for entity in graph.entities:
        if level == "simple" or not entity.relations:
            yield entity.tokens, entity.label
        elif level == "partial":
            yield entity.tokens, entity.label, True
        else:
            for kind, other in entity.relations:
                yield entity.tokens.lower(), entity.label, kind, words[other].lower()


def _labelled(graph: Graph) -> Iterator[tuple[str, str]]:
    for entity in graph.entities:
        yield entity.tokens, entity.label


def _related(graph: Graph) -> Iterator[tuple[str, str, str, str, str]]:
    ends = {entity.key: (entity.tokens, entity.label) for entity in graph.entities}
    for entity in graph.entities:
        for kind, other in entity.relations:
            yield *ends[entity.key], *ends[other], kind


def _agreement(ours: set[Any], theirs: set[Any]) -> SetScore:
    hits = len(ours & theirs)
    precision, recall = hits / len(ours) if ours else 0.0, hits / len(theirs) if theirs else 0.0
    return SetScore(2 * precision * recall / (precision + recall) if hits else 0.0, precision, recall)


def _pieces(text: str) -> Iterator[str]:
    for sentence in sentences(text):
        words = sentence.split()
        for first in range(0, len(words), _MOST_WORDS):
            yield " ".join(words[first : first + _MOST_WORDS])


@lru_cache(maxsize=_TEXTS_KEPT)
def _sentence_graph(text: str) -> Graph:
    """Return the graph of a sentence with its entities numbered from 1 without gaps."""
    graph = report_graph("", text)
    keys = {entity.key: str(number) for number, entity in enumerate(graph.entities, start=1)}
    entities = tuple(
        entity._replace(
            key=keys[entity.key], relations=tuple((kind, keys[other]) for kind, other in entity.relations)
        )
        for entity in graph.entities
    )
    return graph._replace(entities=entities)
