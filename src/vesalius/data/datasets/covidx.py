"""COVIDx: chest radiographs of many sources with classes, in any of its versions.

Lists have no header; a line is patient, file name, class and source, parted by spaces, and a file name may hold
spaces. Versions with two classes say "positive" and "negative" of COVID-19, those with three "COVID-19", "pneumonia"
and "normal". Each class comes from other hospitals than the next, so that the source tells the class: `Study.site` is
the source. A patient's number counts within its source only, so that the two together are the patient.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from vesalius.data.corpus import Corpus
from vesalius.data.datasets._pictures import Gaps, Head, cases, pixels_of, write_picture
from vesalius.data.datasets._tables import find, read_lines, write_lines
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files
from vesalius.data.records import Finding, Image, Provenance, Status, Study
from vesalius.errors import DataError, did_you_mean

__all__ = ["ABOUT", "CLASSES", "TWIN", "read", "write"]

ABOUT = About(
    title="COVIDx", slug="covidx", licence="mixed, by source",
    access="It needs an account: download COVIDx CXR from Kaggle, lists and pictures of one version",
    home="https://www.kaggle.com/datasets/andyczhao/covidx-cxr2",
)  # fmt: skip
TWIN = Twin(preset="chest", settings=("prevalence.consolidation=0.5", "normal=0.3"), image_size=96)

CLASSES: dict[str, dict[str, Status]] = {
    "positive": {"covid_19": "present"},
    "negative": {"covid_19": "absent"},
    "COVID-19": {"covid_19": "present", "pneumonia": "present", "no_finding": "absent"},
    "pneumonia": {"covid_19": "absent", "pneumonia": "present", "no_finding": "absent"},
    "normal": {"covid_19": "absent", "pneumonia": "absent", "no_finding": "present"},
}
"""Classes of the versions with two and with three, and what each states."""
_LISTS = {
    "train": ("train.txt", "train_COVIDx*.txt", "train_split.txt"), "val": ("val.txt", "val_COVIDx*.txt"),
    "test": ("test.txt", "test_COVIDx*.txt", "test_split.txt"),
}  # fmt: skip
_SUFFIXES = (".png", ".jpg", ".jpeg")


class _Line(NamedTuple):
    patient: str
    file: str
    label: str
    source: str


def read(root: Path) -> Iterator[Sample]:
    """Yield one study a line of the lists; splits "train", "val" (newer versions) and "test"."""
    require_files(
        root, [names[0] for part, names in _LISTS.items() if part != "val" and not find(root, *names)], ABOUT
    )
    gaps, origin = Gaps(root, ABOUT.title), provenance(root, ABOUT)
    seen: set[str] = set()
    for part, names in _LISTS.items():
        table = find(root, *names)
        for number, text in read_lines(table) if table else ():
            line = _parsed(text, f"{table}, line {number}")
            path = root / part / line.file
            name = f"{part}/{line.file}"
            if name in seen:
                gaps.note(path, "listed twice")
                continue
            seen.add(name)
            yield Sample(_study(name, line, path, gaps.head(path), origin), part)
    gaps.tell()


def _parsed(text: str, where: str) -> _Line:
    """Part a line from both ends, since the name in its middle may hold spaces."""
    patient, _, rest = text.partition(" ")
    words = rest.rsplit(" ", 2)
    if len(words) == 3 and words[0].lower().endswith(_SUFFIXES):
        file, label, source = words
    else:
        file, _, label = rest.rpartition(" ")
        source = ""
    if label not in CLASSES:
        raise DataError(
            f"{where}: class {label!r}{did_you_mean(label, CLASSES)}; expected: patient file class source"
        )
    if ".." in PurePosixPath(file).parts or file.startswith("/"):
        raise DataError(f"{where}: the path {file!r} leaves the release")
    return _Line(patient, file, label, source)


def _study(name: str, line: _Line, path: Path, found: Head | None, origin: Provenance) -> Study:
    images: tuple[Image, ...] = ()
    if found:
        colour = "rgb" if found.channels == 3 else "display"
        images = (Image(id="cxr", path=str(path), modality="DX", shape=found.shape, channels=found.channels,
                        units=colour, body_part="CHEST"),)  # fmt: skip
    findings = tuple(
        Finding(concept=concept, status=status, source="label file")
        for concept, status in CLASSES[line.label].items()
    )
    patient = f"{line.source}/{line.patient}" if line.source else line.patient
    return Study(
        id=name, patient=patient, images=images, findings=findings, site=line.source, provenance=origin
    )  # fmt: skip


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write pictures of several formats and the lists: of three classes, one name with a space, one in colour."""
    lines: dict[str, list[str]] = {part: [] for part in _LISTS}
    made: dict[str, list[Sample]] = {part: [] for part in _LISTS}
    for case in cases(corpus):
        label = "COVID-19" if case.has("consolidation") else "normal" if case.has("no_finding") else "pneumonia"
        source = {"COVID-19": "cohen", "pneumonia": "rsna", "normal": "actmed"}[label]
        file = (
            f"virtual {case.number:05d}.png"
            if case.number == 1
            else f"virtual_{case.number:05d}.{_suffix(case.number)}"
        )
        line = _Line(f"v{case.patient}", file, label, source)
        pixels = pixels_of(corpus, case.study.images[0].path)
        colour = case.number % 4 == 3
        path = root / case.split / file
        write_picture(path, pixels, mode="RGB" if colour else "L")
        lines[case.split].append(" ".join(line))
        found = Head((pixels.shape[0], pixels.shape[1]), 3 if colour else 1)
        origin = Provenance(source=ABOUT.title, licence=ABOUT.licence, virtual=True)
        made[case.split].append(Sample(_study(f"{case.split}/{file}", line, path, found, origin), case.split))
    for part, names in _LISTS.items():
        write_lines(root / names[0], lines[part])
    return [sample for samples in made.values() for sample in samples]


def _suffix(index: int) -> str:
    return ("png", "jpg", "jpeg")[index % 3]
