"""Studies of a corpus as standard objects in a folder: what `vesalius export` does.

An image that is no DICOM is written as DICOM first, because the objects refer to instances. A study that cannot be
written is listed with the reason and the others go on.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vesalius.data.corpus import Corpus
from vesalius.data.records import Study
from vesalius.data.writers.coco import write_coco
from vesalius.data.writers.finish import VIRTUAL
from vesalius.data.writers.material import Material, Opened
from vesalius.data.writers.nifti import write_nifti
from vesalius.errors import ConfigError, DataError, did_you_mean

if TYPE_CHECKING:
    from vesalius.data.writers.segmentation import SegmentMask

__all__ = ["TARGETS", "ExportReport", "export"]

TARGETS = ("dicom-seg", "dicom-sr", "capture", "gsps", "nifti", "coco")
Progress = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(kw_only=True)
class ExportReport:
    """What an export wrote, and what it could not."""

    target: str
    studies: int = 0
    files: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    """Things without a place in the target, by reason."""
    problems: list[tuple[str, str]] = field(default_factory=list)
    """Study and reason."""

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "target": self.target, "studies": self.studies, "files": self.files, "left_out": dict(self.left_out),
            "problems": [{"study": study, "reason": reason} for study, reason in self.problems],
        }  # fmt: skip

    def text(self) -> str:
        """Return the report for people."""
        lines = [f"{self.files} files of {self.studies} studies as {self.target}"]
        lines += [f"  left out {count:5d}  {reason}" for reason, count in self.left_out.most_common()]
        lines += [f"  {study}: {reason}" for study, reason in self.problems]
        return "\n".join(lines)


def export(
    corpus: Corpus, target: str, out: str | Path, *, labelmap: bool = False, progress: Progress | None = None
) -> ExportReport:
    """Write the studies of a corpus, or of a view of it, as objects of one kind.

    Args:
        corpus: or a view, such as ``corpus.filter(ids=["study-1"])``.
        target: one of `TARGETS`.
        out: folder; each study has a folder of its own in it, COCO is one file.
        labelmap: write segmentations as label maps, as many as overlap demands.
        progress: shows how far it is.

    Raises:
        ConfigError: no such target.
        DataError: nothing at all could be written.
    """
    if target not in TARGETS:
        raise ConfigError(f"no export target {target!r}{did_you_mean(target, TARGETS)}")
    report = ExportReport(target=target)
    out = Path(out)
    with (progress or _silent)(f"export {target}", len(corpus)) as advance:
        if target == "coco":
            counts = write_coco(corpus, out / "annotations.json", find=corpus.path, advance=advance)
            report.studies, report.files, report.left_out = len(corpus), 1, counts.left_out
            return report
        for study in corpus:
            _one(study, corpus, target, out, report, labelmap=labelmap)
            advance(1)
    if not report.files:
        reasons = "; ".join(dict.fromkeys(reason for _, reason in report.problems[:3]))
        raise DataError(f"nothing was written as {target}: {reasons or 'the studies hold nothing of the kind'}")
    return report


def _silent(title: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
    return nullcontext(lambda count: None)


def _one(study: Study, corpus: Corpus, target: str, out: Path, report: ExportReport, *, labelmap: bool) -> None:
    folder = out / _safe(study.id)
    material = Material(study, corpus.path, folder)
    writers: dict[str, Callable[..., Iterator[Path]]] = {
        "dicom-seg": partial(_segmentations, labelmap=labelmap), "dicom-sr": _report, "capture": _captures,
        "gsps": _presentations, "nifti": _volumes,
    }  # fmt: skip
    written = 0
    try:
        for _ in writers[target](material, folder, report):
            written += 1
    except DataError as error:
        report.problems.append((study.id, str(error)))
    report.files += written
    report.studies += bool(written)


def _segmentations(material: Material, folder: Path, report: ExportReport, *, labelmap: bool) -> Iterator[Path]:
    from vesalius.data.writers.segmentation import write_segmentation

    for opened in material.images(with_masks=True):
        masks, stem = opened.segment_masks(), _safe(opened.image.id)
        if not opened.source.placed and len(opened.source.datasets) > 1:
            yield from _one_by_one(opened, masks, folder / stem)
            continue
        if not labelmap:
            yield write_segmentation(masks, opened.source, folder / f"{stem}-seg.dcm")
            continue
        for number, group in enumerate(_apart(masks)):
            ending = f"-{number}" if number else ""
            yield write_segmentation(group, opened.source, folder / f"{stem}-seg{ending}.dcm", kind="labelmap")


def _one_by_one(opened: Opened, masks: Sequence[SegmentMask], stem: Path) -> Iterator[Path]:
    """Segment frames without a common place in a patient one at a time; together they have no segmentation."""
    from vesalius.data.writers.segmentation import write_segmentation

    for number in range(opened.source.grid.shape[0]):
        flat = [replace(mask, mask=mask.mask[number : number + 1]) for mask in masks if mask.mask[number].any()]
        if flat:
            path = stem.with_name(f"{stem.name}-{number:04d}-seg.dcm")
            yield write_segmentation(flat, opened.source.at(number), path)


def _apart(masks: Sequence[SegmentMask]) -> list[list[SegmentMask]]:
    """Put masks into as few groups as come out in order, within which none overlap: a label map each."""
    groups: list[list[SegmentMask]] = []
    taken: list[NDArray[np.bool_]] = []
    for mask in masks:
        free = (number for number, used in enumerate(taken) if not (used & mask.mask).any())
        number = next(free, len(groups))
        if number == len(groups):
            groups.append([])
            taken.append(np.zeros_like(mask.mask))
        groups[number].append(mask)
        taken[number] |= mask.mask
    return groups


def _report(material: Material, folder: Path, report: ExportReport) -> Iterator[Path]:
    from vesalius.data.writers.report import write_report

    study = material.study
    if not study.measurements and not study.findings:
        report.left_out["study without measurements and findings"] += 1
        return
    sources = {opened.image.id: opened.source for opened in material.images()}
    yield write_report(study, sources, folder / "report.dcm")


def _captures(material: Material, folder: Path, report: ExportReport) -> Iterator[Path]:
    from vesalius.data.writers.capture import write_capture

    for opened in material.images():
        for slice_number in opened.slices_to_show():
            marks = opened.drawn(slice_number, masks=True)
            path = folder / f"{_safe(opened.image.id)}-{slice_number:04d}-capture.dcm"
            yield write_capture(
                opened.picture(slice_number), marks, opened.source, path,
                slice_number=opened.source_slice(slice_number),
            )  # fmt: skip


def _presentations(material: Material, folder: Path, report: ExportReport) -> Iterator[Path]:
    from vesalius.data.writers.presentation import write_presentation

    for opened in material.images():
        marks = {
            opened.source_slice(number): drawn
            for number in opened.marked_slices()
            if (drawn := opened.drawn(number, masks=False))
        }
        if not marks:
            report.left_out["image without a box, point or outline"] += 1
            continue
        yield write_presentation(marks, opened.source, folder / f"{_safe(opened.image.id)}-gsps.dcm")


def _volumes(material: Material, folder: Path, report: ExportReport) -> Iterator[Path]:
    """Write images and their label maps, with the names of the labels beside them."""
    note = VIRTUAL if material.study.provenance.virtual else ""
    for opened in material.images():
        geometry, pixels = opened.pixels.geometry, opened.pixels
        if geometry is None or len(geometry.spacing_mm) != pixels.array.ndim:
            report.left_out[f"{opened.image.kind} without a grid in the patient or in colour"] += 1
            continue
        stem = _safe(opened.image.id)
        yield write_nifti(pixels.array, geometry, folder / f"{stem}.nii.gz", note=note)
        yield from _label_maps(opened, folder / stem, note)


def _label_maps(opened: Opened, stem: Path, note: str) -> Iterator[Path]:
    names = opened.label_names()
    for number, (file, labels) in enumerate(sorted(names.items())):
        mask = opened.mask_pixels(file)
        path = stem.with_name(f"{stem.name}-labels-{number}.nii.gz")
        geometry = opened.pixels.geometry
        if geometry is None or mask.array.shape != opened.pixels.array.shape:
            continue
        yield write_nifti(mask.array, geometry, path, note=note)
        named = stem.with_name(f"{stem.name}-labels-{number}.json")
        named.write_text(json.dumps({str(value): name for value, name in sorted(labels.items())}, indent=2) + "\n")
        yield named


def _safe(name: str) -> str:
    """Return a file name; where it had to be changed, a hash keeps different names apart."""
    plain = _UNSAFE.sub("_", name).strip("._") or "item"
    return plain[:100] if plain == name else f"{plain[:90]}-{sha256(name.encode()).hexdigest()[:6]}"
