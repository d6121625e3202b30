"""Entities and relations of a report by rules, in the records of RadGraph (Jain et al. 2021, arXiv 2106.14463).

Observations are names of findings, anatomy is named by structures, regions and sides; both come from dictionaries.
Adjectives before an observation modify it, anatomy of the same clause is where it lies, and words such as "suggests"
between two observations make one suggestive of the other. It reads plain reports of findings that it has names for;
it is no stand-in for a trained model on free text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple

from vesalius.data.datasets.radgraph import Entity, Graph
from vesalius.data.records import Status
from vesalius.knowledge.context import Token, judge, tokens
from vesalius.knowledge.entities import Linker
from vesalius.knowledge.vocabulary import anatomy_linker, finding_linker

__all__ = ["pretokenised", "report_graph"]

_LABELS: dict[Status, str] = {"present": "OBS-DP", "uncertain": "OBS-U", "absent": "OBS-DA"}
_MODIFIERS = (
    "acute", "apical", "basal", "basilar", "blunted", "calcified", "chronic", "dense", "diffuse", "enlarged",
    "extensive", "faint", "focal", "hazy", "ill-defined", "interval", "large", "layering", "linear", "loculated",
    "lobar", "lobulated", "massive", "mild", "minimal", "moderate", "multifocal", "multiple", "new", "nodular",
    "old", "patchy", "peripheral", "persistent", "prominent", "rounded", "scattered", "segmental", "severe",
    "simple", "small", "smooth", "spiculated", "stable", "subsegmental", "subtle", "tension", "tiny", "trace",
    "unchanged", "worsening", "improved", "improving", "increased", "decreased",
)  # fmt: skip
_PLACES = (
    "left", "right", "bilateral", "base", "bases", "apex", "apices", "hilum", "hila", "upper lobe", "middle lobe",
    "lower lobe", "upper zone", "mid zone", "lower zone", "left base", "right base", "left apex", "right apex",
    "left hemithorax", "right hemithorax", "hemithorax", "retrocardiac", "perihilar", "costophrenic angle",
    "costophrenic angles", "mediastinum", "lung bases", "both lungs", "lung fields", "heart", "cardiac silhouette",
)  # fmt: skip
_SIGNS = (
    "opacity",
    "density",
    "lucency",
    "infiltrate",
    "lesion",
    "abnormality",
    "disease",
    "air bronchogram",
    "line",
)
"""Observations that are no finding by themselves."""
_SUGGESTS = frozenset((
    "suggest", "suggests", "suggesting", "suggestive", "represent", "represents", "representing", "reflect",
    "reflects", "reflecting", "consistent", "compatible", "indicating", "concerning", "suspicious",
))  # fmt: skip
_ENDS = frozenset(".;:!?")
_REACH = 6
"""Words between an observation and what modifies it."""


class _Span(NamedTuple):
    kind: str
    """observation, modifier or place."""
    first: int
    last: int
    """Token after the last one."""


def pretokenised(text: str) -> str:
    """Return a text with one space between its words and marks, as RadGraph's files have it."""
    return " ".join(text[token.start : token.end].strip() for token in tokens(text) if token.word.strip())


def report_graph(report: str, text: str) -> Graph:
    """Read the entities and relations of a report.

    Args:
        report: its name.
        text: the report.
    """
    written = pretokenised(text)
    words = tokens(written)
    spans = sorted(_spans(written, words), key=lambda span: span.first)
    observed = [span for span in spans if span.kind == "observation"]
    judged = dict(zip(observed, judge(words, [(span.first, span.last) for span in observed]), strict=True))
    keys = {span: str(number) for number, span in enumerate(spans, start=1)}
    found = []
    for span in spans:
        owner = span if span in judged else _nearest(span, observed, words)
        if span.kind == "modifier" and owner is None:
            continue
        label = "ANAT-DP" if span.kind == "place" else _LABELS[judged[owner or span].status]
        relations = tuple((kind, keys[other]) for kind, other in _relations(span, owner, observed, spans, words))
        start, end = (written[: words[place].start].count(" ") for place in (span.first, span.last - 1))
        spoken = " ".join(written[words[place].start : words[place].end] for place in range(span.first, span.last))
        found.append(Entity(keys[span], spoken, label, start, end, relations))
    return Graph(report, written, tuple(_connected(found)), "", "rules")


def _connected(found: Sequence[Entity]) -> Iterator[Entity]:
    """Leave out relations to spans that became no entity."""
    known = {entity.key for entity in found}
    for entity in found:
        yield entity._replace(relations=tuple(pair for pair in entity.relations if pair[1] in known))


def _spans(written: str, words: Sequence[Token]) -> Iterator[_Span]:
    """Yield observations, then the places and modifiers outside them; where two overlap the earlier kind stays."""
    taken: set[int] = set()
    linkers = (
        ("observation", finding_linker()), ("observation", _signs()), ("place", _places()),
        ("modifier", _modifiers()),
    )  # fmt: skip
    for kind, linker in linkers:
        for start, end in linker.places(written):
            inside = [place for place, token in enumerate(words) if start <= token.start < end]
            if not taken & set(inside):
                taken.update(inside)
                yield _Span(kind, inside[0], inside[-1] + 1)


@cache
def _places() -> Linker:
    structures = anatomy_linker().names
    return Linker({name: (name,) for name in (*structures, *_PLACES)})


@cache
def _signs() -> Linker:
    return Linker({word: (word,) for word in _SIGNS})


@cache
def _modifiers() -> Linker:
    return Linker({word: (word,) for word in _MODIFIERS})


def _same_clause(words: Sequence[Token], one: _Span, other: _Span) -> bool:
    first, second = sorted((one, other), key=lambda span: span.first)
    return not any(words[place].word in _ENDS for place in range(first.last, second.first))


def _nearest(span: _Span, observed: Sequence[_Span], words: Sequence[Token]) -> _Span | None:
    """Return the observation that an adjective or a place belongs to: the next one, else the one before."""
    after = [other for other in observed if other.first >= span.last and _same_clause(words, span, other)]
    before = [other for other in observed if other.last <= span.first and _same_clause(words, span, other)]
    if after and (span.kind == "modifier" or not before) and after[0].first - span.last <= _REACH:
        return after[0]
    if before and span.first - before[-1].last <= 2 * _REACH:
        return before[-1]
    return after[0] if after and span.kind == "place" else None


def _relations(
    span: _Span, owner: _Span | None, observed: Sequence[_Span], spans: Sequence[_Span], words: Sequence[Token]
) -> Iterator[tuple[str, _Span]]:
    if span.kind == "modifier" and owner:
        yield "modify", owner
    if span.kind == "observation":
        for place in spans:
            if place.kind == "place" and _nearest(place, observed, words) == span:
                yield "located_at", place
        later = next((other for other in observed if other.first >= span.last), None)
        if later and _same_clause(words, span, later):
            between = {words[place].word for place in range(span.last, later.first)}
            if between & _SUGGESTS:
                yield "suggestive_of", later
