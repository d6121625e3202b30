"""Chest ImaGenome: scene graphs of 243 310 frontal radiographs of MIMIC-CXR, and 1 000 that people corrected.

A study is one picture's scene graph. The box of each anatomical region is a `Region` with that anatomy, in pixels of
the original picture (never of the 224 × 224 frame, in which the files hold them, too), cut at the picture's border.
What is said of a region is a finding with that anatomy: "yes" is present, "no" absent, the category (such as
"anatomicalfinding") an attribute. A change against the study before is a finding with the attributes "comparison" and
"prior". The silver graphs are made by rules from reports. `attributes`, `relations`, `gold_boxes` and
`gold_rows` yield the records as they stand.

Pictures are files of MIMIC-CXR-JPG (or MIMIC-CXR): put or link ``files`` into the root; without its picture a study
has no regions. All pictures of the gold patients ("images_to_avoid.csv") are in the split "gold" whatever the lists
say, and must be in no training. The split is by patient and is not that of MIMIC-CXR.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from vesalius.data.corpus import Corpus
from vesalius.data.datasets import _mimic
from vesalius.data.datasets._dicom import image_of, sex_of
from vesalius.data.datasets._mimic import folder_of
from vesalius.data.datasets._pictures import Case, Gaps, cases, pixels_of, write_picture
from vesalius.data.datasets._tables import box_of, form, number, read_rows, write_rows
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files
from vesalius.data.records import Box, Finding, Image, Laterality, Provenance, Region, Status, Study, Text
from vesalius.errors import DataError

__all__ = [
    "ABOUT", "GOLD", "TWIN", "Attribute", "GoldBox", "Relation", "attributes", "gold_boxes", "gold_rows", "graphs",
    "read", "relations", "write",
]  # fmt: skip

ABOUT = About(
    title="Chest ImaGenome", slug="chest_imagenome", licence="PhysioNet Credentialed Health Data License 1.5.0",
    access="It is credentialed: finish the training, sign the data use agreement and download it from PhysioNet",
    home="https://physionet.org/content/chest-imagenome/",
)  # fmt: skip
TWIN = Twin(preset="chest", settings=("follow_up.share=0.25",), image_size=96)

GOLD = {
    "attributes": "gold_attributes_relations_500pts_500studies1st.txt",
    "comparisons": "gold_comparison_relations_500pts_500studies2nd.txt",
    "attributes_with_boxes": "gold_object_attribute_with_coordinates.txt",
    "comparisons_with_boxes": "gold_object_comparison_with_coordinates.txt",
}
"""Tab-separated tables of the corrected part."""
_SILVER, _GOLD = "silver_dataset", "gold_dataset"
_SPLITS = {"train": "train", "valid": "val", "test": "test"}
_AVOID, _BOXES = "images_to_avoid.csv", "gold_bbox_coordinate_annotations_1000images.csv"
_COLUMNS = ("subject_id", "study_id", "dicom_id", "path")
_MAX_GRAPH_BYTES = 2**24
"""A graph has some hundred kilobytes."""
_CORNERS = ("original_x1", "original_y1", "original_x2", "original_y2")
_SOURCE = "rules on the report"
_FRAME = 224


class Attribute(NamedTuple):
    """What one sentence says of one region."""

    region: str
    category: str
    """anatomicalfinding, disease, nlp, technicalassessment, tubesandlines, devices, texture, severity, …"""
    affirmed: bool
    """False where it is denied."""
    name: str
    phrase: str
    section: str


class Relation(NamedTuple):
    """How a region changed against the picture before."""

    region: str
    change: str
    """no change, improved or worsened."""
    names: tuple[str, ...]
    """Of what changed; empty where the sentence does not say."""
    prior: str
    """dicom_id of the picture before."""
    phrase: str


class GoldBox(NamedTuple):
    """A corrected box, in pixels of the original picture."""

    image: str
    region: str
    box: Box
    annotator: str


def attributes(graph: Mapping[str, Any]) -> Iterator[Attribute]:
    """Yield what a scene graph says of its regions, in the order of the file."""
    for entry in graph.get("attributes", ()):
        phrases, sections = entry.get("phrases", ()), entry.get("sections", ())
        for place, group in enumerate(entry["attributes"]):
            phrase = " ".join(phrases[place].split()) if place < len(phrases) else ""
            section = sections[place] if place < len(sections) else ""
            for triple in group:
                category, relation, name = _three(triple)
                yield Attribute(entry["bbox_name"], category, relation == "yes", name, phrase, section)


def relations(graph: Mapping[str, Any]) -> Iterator[Relation]:
    """Yield the changes that a scene graph states."""
    for entry in graph.get("relationships", ()):
        changes = [_three(triple)[2] for triple in entry.get("relationship_names", ())]
        names = tuple(dict.fromkeys(_three(triple)[2] for triple in _flat(entry.get("attributes", ()))))
        ends = [str(entry.get(key, "")).partition("_")[0] for key in ("subject_id", "object_id")]
        prior = next((end for end in ends if end != graph["image_id"]), "")
        for change in changes:
            yield Relation(entry["bbox_name"], change, names, prior, " ".join(entry.get("phrase", "").split()))


def _three(triple: str) -> tuple[str, str, str]:
    parts = triple.split("|")
    if len(parts) != 3:
        raise DataError(f"{triple!r}, expected category|yes or no|name")
    return parts[0], parts[1], parts[2]


def _flat(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    else:
        for part in value:
            yield from _flat(part)


def graphs(root: Path, names: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield the scene graphs of pictures by dicom_id; those that are not there are left out."""
    with _Graphs(root) as found:
        for name in names:
            graph = found.of(name)
            if graph is not None:
                yield graph


class _Graphs:
    """Scene graphs in a folder, or in the archive as it was downloaded."""

    def __init__(self, root: Path) -> None:
        base = root / _SILVER
        self._folders = [base / "scene_graph", base / "scene_graph" / "scene_graph"]
        packed = base / "scene_graph.zip"
        self._path = packed
        try:
            self._zip = zipfile.ZipFile(packed) if packed.exists() else None
        except (zipfile.BadZipFile, OSError) as error:
            raise DataError(f"{packed} is no ZIP archive: {error}; download it again") from None

    def __enter__(self) -> _Graphs:
        return self

    def __exit__(self, *_: object) -> None:
        if self._zip:
            self._zip.close()

    def of(self, name: str) -> dict[str, Any] | None:
        """Return the graph of a picture, or None."""
        file = f"{name}_SceneGraph.json"
        if "/" in file or "\\" in file:
            raise DataError(f"a picture is called {name!r}, which leaves the folder of scene graphs")
        for folder in self._folders:
            if (folder / file).is_file():
                return _parsed(folder / file, (folder / file).read_bytes())
        for member in (f"scene_graph/{file}", file):
            if self._zip and member in self._zip.NameToInfo:
                if self._zip.getinfo(member).file_size > _MAX_GRAPH_BYTES:
                    raise DataError(f"{self._path}: {member} is larger than a graph ({_MAX_GRAPH_BYTES} bytes)")
                try:
                    return _parsed(self._path / member, self._zip.read(member))
                except (zipfile.BadZipFile, EOFError, OSError) as error:
                    raise DataError(f"{self._path}: {member} is broken: {error}; download it again") from None
        return None


def _parsed(path: Path, content: bytes) -> dict[str, Any]:
    """Read a graph; the files begin with a byte order mark."""
    if len(content) > _MAX_GRAPH_BYTES:
        raise DataError(f"{path} has {len(content)} bytes, more than a graph has ({_MAX_GRAPH_BYTES})")
    try:
        graph = json.loads(content.decode("utf-8-sig"))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise DataError(f"{path} is not JSON: {error}; download it again") from None
    if not isinstance(graph, dict) or "image_id" not in graph or "objects" not in graph:
        raise DataError(f"{path}: no image_id and objects, expected a scene graph")
    return graph


def gold_boxes(root: Path) -> Iterator[GoldBox]:
    """Yield the corrected boxes; the names of the pictures end in ".dcm" there, which is dropped."""
    path = root / _GOLD / _BOXES
    require_files(root, [f"{_GOLD}/{_BOXES}"], ABOUT)
    for line in read_rows(path, ("image_id", "bbox_name", *_CORNERS)):
        where = f"{path}, line {line.number}"
        box = box_of((number(line.cells, corner, where) for corner in _CORNERS), where)
        name = line.cells["image_id"].removesuffix(".dcm")
        yield GoldBox(name, line.cells["bbox_name"], box, line.cells.get("annotator", ""))


def gold_rows(root: Path, kind: str) -> Iterator[dict[str, str]]:
    """Yield the rows of a table of the corrected part as they stand, by column; `kind` is a key of `GOLD`."""
    if kind not in GOLD:
        raise DataError(f"no gold table {kind!r}; known: {', '.join(GOLD)}")
    require_files(root, [f"{_GOLD}/{GOLD[kind]}"], ABOUT)
    for line in read_rows(root / _GOLD / GOLD[kind], (), delimiter="\t"):
        yield line.cells


def read(root: Path) -> Iterator[Sample]:
    """Yield one study a scene graph in the order of the lists; splits "train", "val", "test" and "gold"."""
    lists = {part: f"{_SILVER}/splits/{name}.csv" for name, part in _SPLITS.items()}
    require_files(root, list(lists.values()), ABOUT)
    avoid = root / _SILVER / "splits" / _AVOID
    gold = {line.cells["dicom_id"] for line in read_rows(avoid, ("dicom_id",))} if avoid.exists() else set[str]()
    gaps, origin = Gaps(root, ABOUT.title), provenance(root, ABOUT)
    with _Graphs(root) as found:
        for part, name in lists.items():
            for line in read_rows(root / name, _COLUMNS):
                dicom = line.cells["dicom_id"]
                graph = found.of(dicom)
                if graph is None:
                    gaps.note(root / _SILVER / f"{dicom}_SceneGraph.json", "no scene graph")
                    continue
                image = _image(root, line.cells["path"], dicom, str(graph.get("viewpoint", "")), gaps)
                with form(f"{root / _SILVER}, scene graph of {dicom}"):
                    study = _study(dicom, f"p{line.cells['subject_id']}", graph, image, origin)
                yield Sample(study, "gold" if dicom in gold else part)
    gaps.tell()


def _image(root: Path, name: str, dicom: str, view: str, gaps: Gaps) -> Image | None:
    if ".." in PurePosixPath(name).parts or name.startswith("/"):
        raise DataError(f"{root / _SILVER}: the path {name!r} leaves the release")
    path = (root / name).with_suffix(".dcm")
    if path.is_file():
        opened = image_of(path, dicom, gaps)
        return opened[0] if opened else None
    found = gaps.head(path.with_suffix(".jpg"))
    return _record(path.with_suffix(".jpg"), found.shape, view) if found else None


def _record(path: Path, shape: tuple[int, int], view: str) -> Image:
    return Image(
        id=path.stem, path=str(path), modality="DX", shape=shape, units="display", view=view, body_part="CHEST"
    )


def _study(dicom: str, patient: str, graph: Mapping[str, Any], image: Image | None, origin: Provenance) -> Study:
    findings = [
        Finding(concept=_concept(part.name), status=_status(part.affirmed), anatomy=part.region,
                laterality=_side(part.region), attributes=(("category", part.category),), source=_SOURCE)
        for part in attributes(graph)
    ]  # fmt: skip
    for change in relations(graph):
        about = tuple(sorted((("comparison", change.change), ("prior", change.prior))))
        findings += [
            Finding(concept=_concept(name), anatomy=change.region, laterality=_side(change.region), attributes=about,
                    source=_SOURCE)
            for name in change.names or ("change",)
        ]  # fmt: skip
    reason = " ".join(str(graph.get("reason_for_exam") or "").split())
    said = " ".join(dict.fromkeys(part.phrase for part in attributes(graph) if part.phrase))
    texts = [Text(text=reason, role="indication")] if reason else []
    texts += [Text(text=said, role="report")] if said else []
    return Study(
        id=dicom, patient=patient, images=(image,) if image else (), texts=tuple(texts),
        findings=tuple(dict.fromkeys(findings)), regions=tuple(_regions(graph, image)) if image else (),
        sex=sex_of(str(graph.get("gender") or "")), provenance=origin,
    )  # fmt: skip


def _regions(graph: Mapping[str, Any], image: Image) -> Iterator[Region]:
    """Yield the boxes of the regions, cut at the border; a region whose box lies outside has none."""
    height, width = image.shape
    for entry in graph["objects"]:
        left, top, right, bottom = (float(entry[corner]) for corner in _CORNERS)
        box = Box(max(left, 0.0), max(top, 0.0), min(right, float(width)), min(bottom, float(height)))
        if box.x_min < box.x_max and box.y_min < box.y_max:
            yield Region(image=image.id, kind="box", anatomy=entry["bbox_name"], box=box)


def _concept(name: str) -> str:
    return "_".join(name.casefold().replace("/", " ").split())


def _status(affirmed: bool) -> Status:
    return "present" if affirmed else "absent"


def _side(region: str) -> Laterality:
    words = region.split()
    return "left" if "left" in words else "right" if "right" in words else ""


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write pictures, scene graphs and lists: a missing region, a box beyond the border, a change, gold boxes."""
    rows: dict[str, list[tuple[str, ...]]] = {name: [] for name in _SPLITS}
    made: dict[str, list[Sample]] = {name: [] for name in _SPLITS}
    words = {ours: theirs for theirs, ours in _SPLITS.items()}
    previous: tuple[int, str] = (0, "")
    for case in cases(corpus):
        subject, study = _mimic.virtual_subject(case.patient), _mimic.virtual_study(case.number)
        dicom, source = _mimic.virtual_dicom(study, 0), case.study.images[0]
        folder = folder_of(subject, study)
        path = root / folder / f"{dicom}.jpg"
        write_picture(path, pixels_of(corpus, source.path))
        graph = _graph(case, dicom, study, previous[1] if previous[0] == case.patient else "")
        file = root / _SILVER / "scene_graph" / f"{dicom}_SceneGraph.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(graph), encoding="utf-8-sig")
        part = words[case.split]
        rows[part].append((str(len(rows[part])), subject, study, dicom, f"{folder}/{dicom}.dcm", source.view))
        image = _record(path, (source.shape[0], source.shape[1]), source.view)
        origin = Provenance(source=ABOUT.title, licence=ABOUT.licence, virtual=True)
        split = "gold" if case.patient == _GOLD_PATIENT else case.split
        made[part].append(Sample(_study(dicom, f"p{subject}", graph, image, origin), split))
        previous = (case.patient, dicom)
    _write_lists(root, rows, [sample for samples in made.values() for sample in samples])
    return [sample for samples in made.values() for sample in samples]


_GOLD_PATIENT = 4


def _write_lists(root: Path, rows: Mapping[str, Sequence[tuple[str, ...]]], made: Sequence[Sample]) -> None:
    header = ("", *_COLUMNS, "ViewPosition")
    for name, lines in rows.items():
        write_rows(root / _SILVER / "splits" / f"{name}.csv", header, lines)
    gold = [sample.study for sample in made if sample.split == "gold"]
    avoided = [line for lines in rows.values() for line in lines if line[3] in {study.id for study in gold}]
    write_rows(root / _SILVER / "splits" / _AVOID, header, avoided)
    boxes = [
        (f"{study.id}.dcm", region.anatomy, *(region.box or ()), "annotator 1")
        for study in gold[:1]
        for region in study.regions
    ]
    write_rows(root / _GOLD / _BOXES, ("image_id", "bbox_name", *_CORNERS, "annotator"), boxes)


def _graph(case: Case, dicom: str, study: str, prior: str) -> dict[str, Any]:
    """Return a scene graph in the form of the release; the first picture lacks a region."""
    height, width = case.study.images[0].shape
    places = {"right lung": (0.05, 0.1, 0.48, 0.8), "left lung": (0.52, 0.1, 0.95, 0.8),
              "cardiac silhouette": (0.35, 0.4, 0.7, 0.85)}  # fmt: skip
    if case.number == 0:
        del places["cardiac silhouette"]
    if case.number == 1:
        places["left lung"] = (0.52, 0.1, 1.1, 0.8)
    objects = [_object(dicom, name, corners, (height, width)) for name, corners in places.items()]
    stated = [part for part in case.study.findings if part.status == "present" and part.concept != "no_finding"]
    said = [f"anatomicalfinding|yes|{part.concept.replace('_', ' ')}" for part in stated[:2]]
    entry = {
        "right lung": True, "bbox_name": "right lung", "name": "Right lung", "object_id": f"{dicom}_right lung",
        "attributes": [[*said, "nlp|yes|abnormal"], ["anatomicalfinding|no|pneumothorax"]] if said
        else [["nlp|yes|normal"], ["anatomicalfinding|no|pneumothorax"]],
        "phrases": ["The right lung is\n described.", "No pneumothorax."], "sections": ["finalreport", "finalreport"],
        "phrase_IDs": [f"{study}|1", f"{study}|2"],
    }  # fmt: skip
    relation = {
        "relationship_id": f"{study}|3", "predicate": "['No status change']", "bbox_name": "right lung",
        "relationship_names": ["comparison|yes|no change"], "relationship_contexts": [1.0], "phrase": "Unchanged.",
        "attributes": said, "subject_id": f"{dicom}_right lung", "object_id": f"{prior}_right lung",
    }  # fmt: skip
    return {
        "image_id": dicom, "viewpoint": case.study.images[0].view, "patient_id": case.patient, "study_id": study,
        "gender": case.study.sex, "age_decile": "50-60", "reason_for_exam": "___ with cough",
        "StudyOrder": case.visit,
        "objects": objects, "attributes": [entry], "relationships": [relation] if prior else [],
    }  # fmt: skip


def _object(
    dicom: str, name: str, corners: tuple[float, float, float, float], shape: tuple[int, int]
) -> dict[str, Any]:
    """Return a region in both frames; the smaller one is the square of 224 into which the picture is fitted."""
    height, width = shape
    original = [round(value * size) for value, size in zip(corners, (width, height, width, height), strict=True)]
    ratio = _FRAME / max(height, width)
    return {
        "object_id": f"{dicom}_{name}", "bbox_name": name, "name": name.capitalize(), "synsets": ["C0000000"],
        **dict(zip(("x1", "y1", "x2", "y2"), (round(value * ratio) for value in original), strict=True)),
        **dict(zip(_CORNERS, original, strict=True)),
    }  # fmt: skip
