"""MedMKG: a knowledge graph with images in it, pruned to those that tell the most.

Paper: Wang et al., 2025, arXiv 2505.17214. Code: XiaochenWang-PSU/MedMKG, no licence file.
New: images of reports linked to concepts as positive, negative or uncertain; neighbour-aware filtering (NaF) keeps
the images whose links are rare until every concept is covered.
Differs here: concepts and their status come from a dictionary linker with context rules where the paper asks MetaMap
and a language model; names have numbers of their own (the release hashes them, so that thousands share one).
Not here: images cannot be passed on, and UMLS has terms of its own: a graph is built from the user's corpus.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import log
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vesalius.data.records import Status, Study
from vesalius.errors import DataError
from vesalius.knowledge.entities import Linker
from vesalius.knowledge.ontology import Edge, Ontology
from vesalius.paper import Paper

__all__ = [
    "ABSTRACT_TYPES",
    "CROSS_MODAL",
    "PAPER",
    "MultimodalGraph",
    "Numbered",
    "build",
    "greedy_cover",
    "image_scores",
    "inverse_free",
    "naf",
    "read_release",
    "split_edges",
    "write_release",
]  # fmt: skip

PAPER = Paper(
    slug="medmkg", title="MEDMKG: Benchmarking Medical Knowledge Exploitation with Multimodal Knowledge Graph",
    year=2025, arxiv="2505.17214", code="XiaochenWang-PSU/MedMKG, no licence file",
)  # fmt: skip

CROSS_MODAL: Mapping[Status, str] = {"present": "POSITIVE", "absent": "NEGATIVE", "uncertain": "UNCERTAIN"}
"""Relation of an image and a concept by what its report says."""
ABSTRACT_TYPES = frozenset((
    "Temporal Concept", "Qualitative Concept", "Quantitative Concept", "Functional Concept", "Conceptual Entity",
    "Idea or Concept", "Intellectual Product", "Spatial Concept", "Body System", "Age Group", "Population Group",
    "Family Group", "Group", "Group Attribute", "Patient or Disabled Group", "Professional or Occupational Group",
    "Organization", "Health Care Related Organization", "Professional Society", "Self-help or Relief Organization",
    "Language", "Geographic Area", "Classification", "Regulation or Law", "Occupation or Discipline",
))  # fmt: skip
"""Semantic types that are no finding; the paper names 25, of which the card gives these kinds."""
_FILES = ("MedMKG.csv", "image_mapping.csv")
_HEADER = ["Head", "Relation", "Tail", "Head_Name", "Tail_Name"]
_MAPPING = ["IID", "Image_Path"]
_INVERSE = ("inverse_",)


@dataclass(frozen=True, kw_only=True)
class MultimodalGraph:
    """Images and concepts with the edges between them."""

    images: Mapping[str, str]
    """Path of every image by its name."""
    names: Mapping[str, str]
    """Name of every concept by its id."""
    edges: tuple[Edge, ...]
    """Of images and concepts (POSITIVE, NEGATIVE, UNCERTAIN) and of concepts among themselves."""

    @property
    def cross_modal(self) -> tuple[Edge, ...]:
        """Edges of images."""
        return tuple(edge for edge in self.edges if edge.head in self.images)

    def images_of(self, concept: str, relation: str = "POSITIVE") -> list[str]:
        """Images that have an edge to a concept; those that show it where no relation is named."""
        return [edge.head for edge in self.cross_modal if edge.tail == concept and edge.relation == relation]

    def only(self, images: Collection[str]) -> MultimodalGraph:
        """Return the graph with these images and all concepts that they or other concepts touch."""
        kept = {name: path for name, path in self.images.items() if name in set(images)}
        edges = tuple(edge for edge in self.edges if edge.head not in self.images or edge.head in kept)
        touched = {end for edge in edges for end in (edge.head, edge.tail)}
        names = {concept: name for concept, name in self.names.items() if concept in touched}
        return MultimodalGraph(images=kept, names=names, edges=edges)


def build(
    studies: Iterable[Study], linker: Linker, *, ontology: Ontology | None = None, views: Collection[str] = ("AP",),
    excluded: Collection[str] = ABSTRACT_TYPES,
) -> MultimodalGraph:  # fmt: skip
    """Link the images of studies to what their findings and impressions say.

    Args:
        studies: with reports and images.
        linker: names of concepts; ids of the ontology where one is given.
        ontology: brings names, semantic types and the edges between concepts that are met.
        views: of the images that are taken (paper: AP); all where none is named.
        excluded: semantic types that are left out.
    """
    images: dict[str, str] = {}
    edges: dict[Edge, None] = {}
    for study in studies:
        taken = [image for image in study.images if not views or image.view in views]
        said = linker.findings(study.text("findings", "impression") or study.text("report"))
        for image in taken:
            name = f"{study.id}/{image.id}"
            images[name] = image.path
            for finding in said:
                if not _abstract(finding.concept, ontology, excluded):
                    edges[Edge(name, CROSS_MODAL[finding.status], finding.concept)] = None
    met = {edge.tail for edge in edges}
    if ontology is not None:
        inside = ontology.only(met)
        edges |= dict.fromkeys(Edge(**row) for row in inside.edges.to_pylist())
    names = {concept: _name(concept, ontology) for concept in sorted(met)}
    return MultimodalGraph(images=images, names=names, edges=tuple(edges))


def _abstract(concept: str, ontology: Ontology | None, excluded: Collection[str]) -> bool:
    if ontology is None or concept not in ontology:
        return False
    types = ontology[concept].types
    return bool(types) and set(types) <= set(excluded)


def _name(concept: str, ontology: Ontology | None) -> str:
    return ontology[concept].name if ontology is not None and concept in ontology else concept.replace("_", " ")


def image_scores(edges: Iterable[Edge]) -> dict[str, float]:
    """Score images by how rare their links are: Σ over links (r, c) of log(|M| / |N(r, c)|).

    M are all images, N(r, c) those with the same link. An edge that all images share adds nothing.

    Args:
        edges: of images (heads) and concepts (tails).
    """
    links: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for head, relation, tail in edges:
        links[head].add((relation, tail))
    counts: dict[tuple[str, str], int] = defaultdict(int)
    for found in links.values():
        for link in found:
            counts[link] += 1
    total = len(links)
    return {image: sum(log(total / counts[link]) for link in sorted(found)) for image, found in links.items()}


def naf(edges: Sequence[Edge]) -> list[str]:
    """Neighbour-aware filtering: take images by falling score until every concept is covered.

    Equal scores go by name. Images that add no concept on the way are taken too, as in the paper; `greedy_cover`
    leaves them out.
    """
    scores = image_scores(edges)
    left = {edge.tail for edge in edges}
    of_image = _concepts(edges)
    taken = []
    for image in sorted(scores, key=lambda name: (-scores[name], name)):
        if not left:
            break
        taken.append(image)
        left -= of_image[image]
    return taken


def greedy_cover(edges: Sequence[Edge]) -> list[str]:
    """Take the image that covers the most concepts that are still open, until none is: the baseline beside NaF."""
    of_image = _concepts(edges)
    left = {edge.tail for edge in edges}
    taken = []
    while left:
        best = min(of_image, key=lambda name: (-len(of_image[name] & left), name))
        taken.append(best)
        left -= of_image[best]
    return taken


def _concepts(edges: Iterable[Edge]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for edge in edges:
        found[edge.head].add(edge.tail)
    return found


class Numbered(NamedTuple):
    """A graph in numbers: a vocabulary, never a hash."""

    entities: tuple[str, ...]
    relations: tuple[str, ...]
    triples: NDArray[np.int64]
    """Head, relation, tail, (T, 3)."""

    @classmethod
    def of(cls, edges: Sequence[Edge]) -> Numbered:
        """Number the names of edges in their order of name."""
        entities = tuple(sorted({end for edge in edges for end in (edge.head, edge.tail)}))
        relations = tuple(sorted({edge.relation for edge in edges}))
        entity, relation = ({name: place for place, name in enumerate(part)} for part in (entities, relations))
        rows = [(entity[edge.head], relation[edge.relation], entity[edge.tail]) for edge in edges]
        return cls(entities, relations, np.array(rows, np.int64).reshape(-1, 3))


def split_edges(
    count: int, *, fractions: Sequence[float] = (0.8, 0.1, 0.1), seed: int = 0
) -> tuple[NDArray[np.int64], ...]:
    """Draw rows of edges for training, validation and test (paper: 8 : 1 : 1)."""
    order = np.random.default_rng(seed).permutation(count)
    ends = np.round(np.cumsum(fractions) * count).astype(int)
    return tuple(np.sort(part) for part in np.split(order, ends[:-1]))


def inverse_free(edges: Sequence[Edge]) -> list[Edge]:
    """Leave out edges that say the same as another one backwards.

    Those are relations called "inverse_…", and edges whose ends another one before joins the other way round: with a
    random split they tell the test's answers.
    """
    kept: list[Edge] = []
    seen: set[tuple[str, str]] = set()
    for edge in edges:
        if not edge.relation.startswith(_INVERSE) and (edge.tail, edge.head) not in seen:
            seen.add((edge.head, edge.tail))
            kept.append(edge)
    return kept


def read_release(root: str | Path) -> MultimodalGraph:
    """Read MedMKG.csv and image_mapping.csv as they are released.

    Raises:
        DataError: a file is missing or has other columns; names it.
    """
    root = Path(root)
    images = {row["IID"]: row["Image_Path"] for row in _rows(root / _FILES[1], _MAPPING)}
    names: dict[str, str] = {}
    edges: dict[Edge, None] = {}
    for row in _rows(root / _FILES[0], _HEADER):
        edges[Edge(row["Head"], row["Relation"], row["Tail"])] = None
        for side in ("Head", "Tail"):
            if row[side] not in images:
                names[row[side]] = row[f"{side}_Name"]
    return MultimodalGraph(images=images, names=names, edges=tuple(edges))


def _rows(path: Path, columns: Sequence[str]) -> Iterator[dict[str, str]]:
    try:
        file = path.open(encoding="utf-8", newline="")
    except OSError as error:
        raise DataError(
            f"{path} cannot be opened: {error.strerror}; MedMKG's files are in its repository, {PAPER.code}"
        ) from None
    with file:
        reader = csv.DictReader(file)
        if not set(columns) <= set(reader.fieldnames or ()):
            raise DataError(f"{path}: columns {reader.fieldnames}, expected {', '.join(columns)}")
        yield from reader


def write_release(graph: MultimodalGraph, root: str | Path) -> None:
    """Write a graph in the form of the release."""
    root = Path(root)
    root.mkdir(parents=True, exist_ok=True)
    with (root / _FILES[0]).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_HEADER)
        named = {**{image: image for image in graph.images}, **graph.names}
        writer.writerows(
            (*edge, named.get(edge.head, edge.head), named.get(edge.tail, edge.tail)) for edge in graph.edges
        )
    with (root / _FILES[1]).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_MAPPING)
        writer.writerows(graph.images.items())
