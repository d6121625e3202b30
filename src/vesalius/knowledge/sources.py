"""Ontologies of others, read where the user has them: UMLS in RRF files, HPO and RadLex in OBO or OWL.

None of them comes with this package: UMLS and SNOMED CT want a licence of the user's own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import chain, groupby
from pathlib import Path
from typing import Any
from xml.sax import SAXException

import pyarrow as pa
import pyarrow.csv as pcsv

from vesalius.errors import DataError
from vesalius.knowledge.ontology import IS_A, Concept, Edge, Ontology
from vesalius.optional import require

__all__ = ["read_obo", "read_ontology", "read_owl", "read_rrf"]

_BLOCK_BYTES = 1 << 26
_CONSO = ("CUI", "LAT", "TS", "LUI", "STT", "SUI", "ISPREF", "AUI", "SAUI", "SCUI", "SDUI", "SAB", "TTY", "CODE",
          "STR", "SRL", "SUPPRESS", "CVF")  # fmt: skip
_REL = ("CUI1", "AUI1", "STYPE1", "REL", "CUI2", "AUI2", "STYPE2", "RELA", "RUI", "SRUI", "SAB", "SL", "RG", "DIR",
        "SUPPRESS", "CVF")  # fmt: skip
_STY = ("CUI", "TUI", "STN", "STY", "ATUI", "CVF")
_DEF = ("CUI", "AUI", "ATUI", "SATUI", "SAB", "DEF", "SUPPRESS", "CVF")
_CODED = ("SNOMEDCT_US", "RADLEX", "HPO", "MSH", "ICD10CM")
"""Sources whose codes are kept beside the concept."""
_RELATIONS = {"CHD": IS_A, "PAR": ""}
"""Relations that RRF leaves unnamed. It states both directions: the parent's side is left out."""
_GET = {
    "UMLS": "sign its licence at uts.nlm.nih.gov and point to the META folder of a release",
    "OBO": "hp.obo and others are at obofoundry.org",
}


def read_ontology(path: str | Path) -> Ontology:
    """Read an ontology by what is there: a folder of RRF files or of ours, an .obo, or an .owl, .rdf or .ttl file.

    Raises:
        DataError: nothing that can be read; says what is expected.
    """
    path = Path(path)
    if path.is_dir():
        return read_rrf(path) if (path / "MRCONSO.RRF").exists() else Ontology.open(path)
    if path.suffix.lower() == ".obo":
        return read_obo(path)
    if path.suffix.lower() in (".owl", ".rdf", ".ttl", ".xml"):
        return read_owl(path)
    raise DataError(f"{path}: expected a folder with MRCONSO.RRF, or an .obo, .owl, .rdf or .ttl file")


def read_rrf(
    folder: str | Path, *, languages: Collection[str] = ("ENG",), sources: Collection[str] = (),
    types: Collection[str] = (),
) -> Ontology:  # fmt: skip
    """Read MRCONSO, MRREL, MRSTY and MRDEF of a UMLS release.

    Args:
        folder: META folder; only MRCONSO.RRF must be there.
        languages: of the names, as UMLS writes them.
        sources: vocabularies (SAB) whose names are taken; all where none is named.
        types: semantic types that are kept, such as "Disease or Syndrome"; all where none is named.

    Raises:
        DataError: no MRCONSO.RRF, or rows of another form; names file and line.
    """
    folder = Path(folder)
    if not (folder / "MRCONSO.RRF").exists():
        raise DataError(f"{folder} has no MRCONSO.RRF: {_GET['UMLS']}")
    kinds = _grouped(folder / "MRSTY.RRF", _STY, "STY")
    definitions = _grouped(folder / "MRDEF.RRF", _DEF, "DEF")
    columns = ["CUI", "LAT", "TS", "STT", "ISPREF", "SAB", "CODE", "STR", "SUPPRESS"]
    rows = (row for row in _rows(folder / "MRCONSO.RRF", _CONSO, columns) if row["SUPPRESS"] in ("N", ""))
    concepts = []
    for cui, group in groupby(rows, key=lambda row: row["CUI"]):
        if types and not set(types) & set(kinds.get(cui, ())):
            continue
        named = [row for row in group if row["LAT"] in languages and (not sources or row["SAB"] in sources)]
        if named:
            concepts.append(_umls(cui, named, kinds.get(cui, ()), definitions.get(cui, ())))
    known = {one.id for one in concepts}
    return Ontology.of(concepts, dict.fromkeys(_umls_edges(folder / "MRREL.RRF", known)))


def _umls(cui: str, rows: Sequence[Mapping[str, str]], types: Sequence[str], definitions: Sequence[str]) -> Concept:
    # Preferred: the preferred term (TS P) in its preferred form (STT PF) of the atom that stands first (ISPREF Y).
    order = sorted(rows, key=lambda row: (row["TS"] != "P", row["STT"] != "PF", row["ISPREF"] != "Y"))
    names = list(dict.fromkeys(row["STR"] for row in order))
    codes = {row["SAB"]: row["CODE"] for row in reversed(order) if row["SAB"] in _CODED}
    return Concept(
        id=cui, name=names[0], synonyms=tuple(names[1:]), types=tuple(types), codes=codes,
        definition=definitions[0] if definitions else "",
    )  # fmt: skip


def _umls_edges(path: Path, known: Collection[str]) -> Iterator[Edge]:
    """Relations between known concepts; MRREL says that CUI2 has the relation to CUI1."""
    if not path.exists():
        return
    for row in _rows(path, _REL, ["CUI1", "REL", "CUI2", "RELA", "SUPPRESS"]):
        relation = row["RELA"] or _RELATIONS.get(row["REL"], row["REL"])
        if relation == "isa":
            relation = IS_A
        if relation in ("", "inverse_isa") or row["CUI1"] == row["CUI2"] or row["SUPPRESS"] not in ("N", ""):
            continue
        if row["CUI1"] in known and row["CUI2"] in known:
            yield Edge(row["CUI2"], relation, row["CUI1"])


def _grouped(path: Path, names: Sequence[str], column: str) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for row in _rows(path, names, ["CUI", column]) if path.exists() else ():
        found[row["CUI"]] = (*found.get(row["CUI"], ()), row[column])
    return found


def _rows(path: Path, names: Sequence[str], columns: Sequence[str]) -> Iterator[dict[str, str]]:
    """Yield rows of an RRF file, which ends every row with a bar, a block of the file in memory at a time."""
    options = pcsv.ReadOptions(column_names=[*names, "end"], block_size=_BLOCK_BYTES)
    parse = pcsv.ParseOptions(delimiter="|", quote_char=False, escape_char=False)
    convert = pcsv.ConvertOptions(
        include_columns=list(columns), column_types=dict.fromkeys(columns, pa.string()), strings_can_be_null=False
    )
    try:
        with pcsv.open_csv(path, options, parse, convert) as reader:
            for batch in reader:
                yield from batch.to_pylist()
    except pa.ArrowException as error:
        raise DataError(f"{path} is no RRF file with the columns {', '.join(names)}: {error}") from None


def read_obo(path: str | Path) -> Ontology:
    """Read an OBO file, such as HPO: names, synonyms, definitions, is_a and other relations; obsolete terms stay out.

    Raises:
        DataError: no such file, or none in that form.
    """
    obonet = require("obonet", purpose=f"{path}: reading OBO")
    path = _existing(path, "OBO")
    try:
        graph = obonet.read_obo(str(path))
    except (ValueError, KeyError, AttributeError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is no OBO file: {type(error).__name__} {error}") from None
    concepts = [_obo(name, data) for name, data in graph.nodes(data=True) if data.get("name")]
    known = {one.id for one in concepts}
    if not concepts:
        raise DataError(f"{path} holds no term with a name; {_GET['OBO']}")
    edges = (Edge(head, relation, tail) for head, tail, relation in graph.edges(keys=True))
    return Ontology.of(concepts, dict.fromkeys(edge for edge in edges if {edge.head, edge.tail} <= known))


def _obo(name: str, data: Mapping[str, Any]) -> Concept:
    synonyms = (text.split('"')[1] for text in data.get("synonym", ()) if text.count('"') >= 2)
    definition = data.get("def", "")
    codes = dict(entry.split(":", 1) for entry in reversed(data.get("xref", ())) if ":" in entry)
    return Concept(
        id=name, name=data["name"], synonyms=tuple(dict.fromkeys(synonyms)), types=(data["namespace"],) if "namespace"
        in data else (), definition=definition.split('"')[1] if definition.count('"') >= 2 else definition,
        codes=codes,
    )  # fmt: skip


_SYNONYMS = ("altLabel", "hasExactSynonym", "hasRelatedSynonym", "Synonym", "synonym")
_DEFINITIONS = ("definition", "IAO_0000115", "Definition")
_LABELS = ("prefLabel", "label", "Preferred_name")


def read_owl(path: str | Path) -> Ontology:
    """Read an OWL or RDF file, such as RadLex: classes with their labels, synonyms, definitions and superclasses.

    Of restrictions on properties (``someValuesFrom``) the relation is the property's name.

    Raises:
        DataError: no such file, or none in that form.
    """
    rdflib = require("rdflib", purpose=f"{path}: reading OWL")
    path = _existing(path, "OBO")
    graph = rdflib.Graph()
    try:
        graph.parse(str(path), format="turtle" if path.suffix.lower() == ".ttl" else "xml")
    except (SAXException, SyntaxError, ValueError, rdflib.exceptions.Error) as error:
        raise DataError(f"{path} is no RDF that can be read: {type(error).__name__} {error}") from None
    classes = set(graph.subjects(rdflib.RDF.type, rdflib.OWL.Class))
    named = sorted(node for node in classes if isinstance(node, rdflib.URIRef))
    concepts = [made for node in named if (made := _owl(graph, node))]
    if not concepts:
        raise DataError(f"{path} holds no class with a label")
    known = {one.id for one in concepts}
    edges = chain.from_iterable(_owl_edges(rdflib, graph, node) for node in named)
    return Ontology.of(concepts, dict.fromkeys(edge for edge in edges if {edge.head, edge.tail} <= known))


def _owl(graph: Any, node: Any) -> Concept | None:
    said: dict[str, list[str]] = {}
    for _, predicate, value in graph.triples((node, None, None)):
        said.setdefault(_local(predicate), []).append(str(value))
    labels = [text for name in _LABELS for text in said.get(name, ())]
    if not labels:
        return None
    synonyms = dict.fromkeys(text for name in _SYNONYMS for text in sorted(said.get(name, ())))
    definition = next((text for name in _DEFINITIONS for text in said.get(name, ())), "")
    return Concept(
        id=_local(node), name=labels[0], synonyms=tuple(text for text in synonyms if text != labels[0]),
        definition=definition,
    )  # fmt: skip


def _owl_edges(rdflib: Any, graph: Any, node: Any) -> Iterator[Edge]:
    for parent in graph.objects(node, rdflib.RDFS.subClassOf):
        if isinstance(parent, rdflib.URIRef):
            yield Edge(_local(node), IS_A, _local(parent))
            continue
        relation, other = graph.value(parent, rdflib.OWL.onProperty), graph.value(parent, rdflib.OWL.someValuesFrom)
        if isinstance(relation, rdflib.URIRef) and isinstance(other, rdflib.URIRef):
            yield Edge(_local(node), _local(relation), _local(other))


def _local(node: Any) -> str:
    """Return the last part of an address: "RID34" of "http://radlex.org/RID/RID34"."""
    return str(node).rsplit("/", 1)[-1].rsplit("#", 1)[-1]


def _existing(path: str | Path, kind: str) -> Path:
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path}: no such file; {_GET[kind]}")
    return path
