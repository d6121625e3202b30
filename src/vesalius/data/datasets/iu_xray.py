"""IU X-Ray (Open-i): 7 470 chest radiographs with 3 955 reports, in the three layouts that people have.

- `read_r2gen`: ``annotation.json`` with ``images/<id>/0.png`` and ``1.png``, the form that report papers use, with
  their split; the report is the findings section alone.
- `read_openi`: the original, ``ecgen-radiology/<n>.xml`` with ``NLMCXR_png/<id>.png`` (or ``NLMCXR_dcm``); no split.
  A file states no view; it is taken from ``indiana_projections.csv`` where that lies in the root.
- `read_kaggle`: ``indiana_reports.csv`` and ``indiana_projections.csv`` with ``images/images_normalized``; no split.

`read` takes the first of these that is there. De-identified spans are "XXXX". One report is one patient. The R2Gen
names drop the end of the picture's name, and some of its pairs are two frontal views: no view is stated there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, cast
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from vesalius.data.corpus import Corpus
from vesalius.data.datasets._dicom import image_of
from vesalius.data.datasets._pictures import Case, Gaps, cases, is_lateral, pixels_of, write_picture
from vesalius.data.datasets._tables import form, read_json, read_rows, write_json, write_rows
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files
from vesalius.data.records import Finding, Image, Laterality, Provenance, Study, Text, TextRole
from vesalius.errors import DataError

__all__ = ["ABOUT", "TWIN", "heading", "read", "read_kaggle", "read_openi", "read_r2gen", "write"]

ABOUT = About(
    title="IU X-Ray", slug="iu_xray", licence="CC BY-NC-ND 4.0",
    access="It is open: download the reports and the PNG images from Open-i, or the R2Gen form",
    home="https://openi.nlm.nih.gov/faq#collection",
)  # fmt: skip
TWIN = Twin(preset="chest-two-views", image_size=64)

_R2GEN, _XML, _REPORTS, _VIEWS = (
    "annotation.json", "ecgen-radiology", "indiana_reports.csv", "indiana_projections.csv"
)  # fmt: skip
_PNG, _DCM, _KAGGLE = "NLMCXR_png", "NLMCXR_dcm", "images/images_normalized"
_ROLES: tuple[TextRole, ...] = ("comparison", "indication", "findings", "impression")
_SIDES: tuple[Laterality, ...] = ("left", "right", "bilateral")
_SEVERITIES = ("mild", "moderate", "severe", "borderline")
_MAX_XML_BYTES = 2**20
"""A report has some kilobytes."""
_MESH, _AUTOMATIC = "MeSH indexer", "MTI (automatic)"


def read(root: Path) -> Iterator[Sample]:
    """Yield the studies of the first layout that is there: R2Gen's, Open-i's, Kaggle's."""
    readers: tuple[tuple[str, Callable[[Path], Iterator[Sample]]], ...] = (
        (_R2GEN, read_r2gen), (_XML, read_openi), (_REPORTS, read_kaggle)
    )  # fmt: skip
    reader = next((reader for name, reader in readers if (root / name).exists()), None)
    if reader is None:
        require_files(root, [f"{_R2GEN} (or {_XML}, or {_REPORTS})"], ABOUT)
        return
    yield from reader(root)


def read_r2gen(root: Path) -> Iterator[Sample]:
    """Yield the studies of ``annotation.json``; splits "train", "val" and "test"."""
    require_files(root, [_R2GEN], ABOUT)
    gaps, origin = Gaps(root, ABOUT.title), provenance(root, ABOUT)
    for split, entries in read_json(root / _R2GEN, dict).items():
        for place, entry in enumerate(entries):
            where = f"{root / _R2GEN}, {split}[{place}]"
            missing = [key for key in ("id", "report", "image_path") if key not in entry]
            if missing:
                raise DataError(f"{where}: no {missing[0]!r}, expected id, report and image_path")
            with form(where):
                images = [
                    image
                    for name in entry["image_path"]
                    for image in _opened(root / "images" / _inside(name, where), PurePosixPath(name).stem, "", gaps)
                ]
                texts = (Text(text=entry["report"], role="findings"),) if entry["report"].strip() else ()
                study = _study(entry["id"], entry["id"].partition("_")[0], images, texts, (), origin)
            yield Sample(study, split)
    gaps.tell()


def _inside(name: str, where: str) -> str:
    if ".." in PurePosixPath(name).parts or name.startswith("/"):
        raise DataError(f"{where}: the path {name!r} leaves the release")
    return name


def _opened(path: Path, name: str, view: str, gaps: Gaps) -> list[Image]:
    found = gaps.head(path)
    return [_image(path, name, found.shape, view)] if found else []


def _image(path: Path, name: str, shape: tuple[int, int], view: str) -> Image:
    return Image(id=name, path=str(path), modality="DX", shape=shape, units="display", view=view, body_part="CHEST")


def _study(
    name: str, patient: str, images: Sequence[Image], texts: tuple[Text, ...], findings: tuple[Finding, ...],
    origin: Provenance,
) -> Study:  # fmt: skip
    return Study(id=name, patient=patient, images=tuple(images), texts=texts, findings=findings, provenance=origin)


def read_openi(root: Path) -> Iterator[Sample]:
    """Yield a study for each XML file, in the order of their numbers; a report may have no picture."""
    require_files(root, [_XML], ABOUT)
    views = _views(root)
    gaps, origin = Gaps(root, ABOUT.title), provenance(root, ABOUT)
    for path in sorted((root / _XML).glob("*.xml"), key=lambda path: (len(path.stem), path.stem)):
        tree = _parsed(path)
        uid = tree.find(".//uId")
        if uid is None or not uid.get("id"):
            raise DataError(f"{path}: no uId with an id, expected a report of Open-i")
        name = cast(str, uid.get("id"))
        images = [image for part in tree.iter("parentImage")
                  for image in _openi_image(root, _inside(part.get("id", ""), str(path)), views, gaps)]  # fmt: skip
        texts = tuple(_openi_texts(tree))
        yield Sample(_study(name, name, images, texts, tuple(_openi_findings(tree)), origin), "")
    gaps.tell()


def _parsed(path: Path) -> ElementTree.Element:
    """Parse a report; what a report never holds is refused: a large file, or entities of its own."""
    if path.stat().st_size > _MAX_XML_BYTES:
        raise DataError(f"{path} has {path.stat().st_size} bytes, more than a report has ({_MAX_XML_BYTES})")
    content = path.read_bytes()
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise DataError(f"{path} declares entities, which no report of the release does; it is refused")
    try:
        return ElementTree.fromstring(content)
    except ElementTree.ParseError as error:
        raise DataError(f"{path} is broken XML: {error}; download it again") from None


def _openi_image(root: Path, name: str, views: Mapping[str, str], gaps: Gaps) -> list[Image]:
    view = views.get(name.removeprefix("CXR"), "")
    places = [root / _PNG / f"{name}.png", root / "images" / f"{name}.png", root / f"{name}.png"]
    path = next((path for path in places if path.is_file()), None)
    if path is not None:
        return _opened(path, name, view, gaps)
    bare = name.removeprefix("CXR")
    opened = image_of(root / _DCM / bare.partition("_")[0] / f"{bare}.dcm", name, gaps)
    return [opened[0]] if opened else []


def _views(root: Path) -> dict[str, str]:
    """Return Frontal or Lateral by a picture's name without its beginning and its suffixes."""
    path = root / _VIEWS
    if not path.exists():
        return {}
    rows = read_rows(path, ("uid", "filename", "projection"))
    return {line.cells["filename"].partition(".")[0]: line.cells["projection"].upper() for line in rows}


def _openi_texts(tree: ElementTree.Element) -> Iterator[Text]:
    for part in tree.iter("AbstractText"):
        role = part.get("Label", "").lower()
        text = " ".join("".join(part.itertext()).split())
        if role in _ROLES and text:
            yield Text(text=text, role=role)


def _openi_findings(tree: ElementTree.Element) -> Iterator[Finding]:
    for source, name in ((_MESH, "major"), (_AUTOMATIC, "automatic")):
        for part in tree.iter(name):
            if part.text and part.text.strip():
                yield heading(part.text.strip(), source=source)


def heading(text: str, *, source: str = _MESH) -> Finding:
    """Read a heading such as "Calcified Granuloma/lung/upper lobe/right": a concept and its qualifiers.

    "normal" is the concept ``no_finding``. The side and the severity are told apart; the first other qualifier is the
    anatomy and the whole heading stands in the attribute "heading".
    """
    first, *qualifiers = [part.strip() for part in text.split("/")]
    concept = "no_finding" if first.casefold() == "normal" else "_".join(first.casefold().replace(",", " ").split())
    side: Laterality = next((side for side in _SIDES if side in qualifiers), "")
    severity = next((word for word in qualifiers if word in _SEVERITIES), "")
    others = [word for word in qualifiers if word not in _SIDES and word not in _SEVERITIES]
    return Finding(
        concept=concept, anatomy=others[0] if others else "", laterality=side, severity=severity,
        attributes=(("heading", text),), source=source,
    )  # fmt: skip


def read_kaggle(root: Path) -> Iterator[Sample]:
    """Yield a study for each row of ``indiana_reports.csv``."""
    require_files(root, [_REPORTS, _VIEWS], ABOUT)
    files: dict[str, list[tuple[str, str]]] = {}
    for line in read_rows(root / _VIEWS, ("uid", "filename", "projection")):
        files.setdefault(line.cells["uid"], []).append((line.cells["filename"], line.cells["projection"].upper()))
    gaps, origin = Gaps(root, ABOUT.title), provenance(root, ABOUT)
    for line in read_rows(root / _REPORTS, ("uid", "MeSH", "Problems", *_ROLES)):
        cells = line.cells
        images = [
            image
            for name, view in files.get(cells["uid"], [])
            for image in _opened(
                root / _KAGGLE / _inside(name, str(root / _VIEWS)), name.partition(".")[0], view, gaps
            )
        ]
        texts = tuple(Text(text=" ".join(cells[role].split()), role=role) for role in _ROLES if cells[role])
        found = [heading(text, source=_MESH) for text in cells["MeSH"].split(";") if text]
        found += [heading(text, source=_AUTOMATIC) for text in cells["Problems"].split(";") if text]
        name = f"CXR{cells['uid']}"
        yield Sample(_study(name, name, images, texts, tuple(found), origin), "")
    gaps.tell()


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write all three layouts; what comes back is R2Gen's: studies with two pictures and findings.

    The XML files have reports with 0 to 3 pictures, empty findings and both sections empty.
    """
    r2gen: dict[str, list[dict[str, Any]]] = {"train": [], "val": [], "test": []}
    made: dict[str, list[Sample]] = {split: [] for split in r2gen}
    reports: list[tuple[str, ...]] = []
    projections: list[tuple[str, ...]] = []
    for case in cases(corpus):
        number = 90001 + case.number
        names = _write_originals(corpus, case, root, number)
        parts = _sections(case)
        mesh = _mesh(case)
        _write_xml(root / _XML / f"{number}.xml", number, names, parts, mesh)
        for place, name in enumerate(names):
            bare = name.removeprefix("CXR")
            write_picture(root / _KAGGLE / f"{bare}.dcm.png", _view_pixels(corpus, case, place))
            projections.append((str(number), f"{bare}.dcm.png", _projection(case, place)))
        problems = ";".join(dict.fromkeys(text.partition("/")[0] for text in mesh))
        reports.append((str(number), ";".join(mesh), problems, "Xray Chest PA and Lateral", *parts.values()))
        if len(names) == 2 and parts["findings"]:
            sample, entry = _write_pair(corpus, case, root, number, parts["findings"])
            made[case.split].append(sample)
            r2gen[case.split].append(entry)
    write_json(root / _R2GEN, r2gen)
    write_rows(root / _REPORTS, ("uid", "MeSH", "Problems", "image", *_KAGGLE_ROLES), reports)
    write_rows(root / _VIEWS, ("uid", "filename", "projection"), projections)
    return [sample for samples in made.values() for sample in samples]


_KAGGLE_ROLES: tuple[TextRole, ...] = ("indication", "comparison", "findings", "impression")


def _sections(case: Case) -> dict[str, str]:
    """Return the sections in the order of the Kaggle table: each fifth has no findings, each tenth nothing."""
    findings = " ".join(case.study.text("findings").split())
    impression = " ".join(case.study.text("impression").split())
    empty = case.number % 5 == 4
    return {
        "indication": "XXXX-year-old with chest pain", "comparison": "" if case.number % 2 else "XXXX",
        "findings": "" if empty else findings, "impression": "" if case.number % 10 == 9 else impression,
    }  # fmt: skip


def _mesh(case: Case) -> list[str]:
    found = [
        "/".join(
            [part.concept.replace("_", " ").capitalize(), "lung", *([part.laterality] if part.laterality else [])]
        )
        for part in case.study.findings
        if part.status == "present" and part.concept != "no_finding"
    ]
    return found or ["normal"]


def _view_pixels(corpus: Corpus, case: Case, place: int) -> Any:
    images = case.study.images
    return pixels_of(corpus, images[place % len(images)].path)


def _projection(case: Case, place: int) -> str:
    images = case.study.images
    return "Lateral" if is_lateral(images[place % len(images)]) else "Frontal"


def _write_originals(corpus: Corpus, case: Case, root: Path, number: int) -> list[str]:
    """Write the flat PNG files and return their names: mostly two, at times none, one or three."""
    count = {6: 0, 7: 1, 8: 3}.get(case.number, 2)
    names = [f"CXR{number}_IM-{case.number:04d}-{1001 + 1000 * place}" for place in range(count)]
    for place, name in enumerate(names):
        write_picture(root / _PNG / f"{name}.png", _view_pixels(corpus, case, place))
    return names


def _write_xml(path: Path, number: int, names: Sequence[str], parts: Mapping[str, str], mesh: Sequence[str]) -> None:
    abstract = "".join(
        f'<AbstractText Label="{role.upper()}">{escape(parts[role])}</AbstractText>' for role in _ROLES
    )
    majors = "".join(f"<major>{escape(text)}</major>" for text in mesh)
    concepts = dict.fromkeys(text.partition("/")[0].lower() for text in mesh)
    automatic = "".join(f"<automatic>{escape(concept)}</automatic>" for concept in concepts)
    images = "".join(
        f'<parentImage id="{name}"><figureId>F{place}</figureId><caption>Xray Chest PA and Lateral</caption>'
        f"<panel><url>/hadoop/{name}.jpg</url></panel></parentImage>"
        for place, name in enumerate(names, start=1)
    )
    text = (
        f'<?xml version="1.0" encoding="utf-8"?>\n<eCitation><uId id="CXR{number}"/><IUXRId id="{number}"/>'
        f"<MedlineCitation><Article><Abstract>{abstract}</Abstract></Article></MedlineCitation>"
        f"<MeSH>{majors}{automatic}</MeSH>{images}</eCitation>\n"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _write_pair(corpus: Corpus, case: Case, root: Path, number: int, report: str) -> tuple[Sample, dict[str, Any]]:
    name = f"CXR{number}_IM-{case.number:04d}"
    images = []
    for place in range(2):
        path = root / "images" / name / f"{place}.png"
        pixels = _view_pixels(corpus, case, place)
        write_picture(path, pixels)
        images.append(_image(path, str(place), pixels.shape, ""))
    entry = {"id": name, "report": report, "image_path": [f"{name}/0.png", f"{name}/1.png"], "split": case.split}
    origin = Provenance(source=ABOUT.title, licence=ABOUT.licence, virtual=True)
    texts = (Text(text=report, role="findings"),)
    return Sample(_study(name, name.partition("_")[0], images, texts, (), origin), case.split), entry
