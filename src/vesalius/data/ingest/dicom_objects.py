"""DICOM segmentations, structure sets and reports of a tree, put to the study whose images they refer to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from vesalius.data.ingest.plan import ObjectPlan, Plan, StudyPlan
from vesalius.data.ingest.report import Problem
from vesalius.data.readers.dicom_classes import not_an_image
from vesalius.data.readers.dicom_tags import text
from vesalius.data.readers.objects.kinds import kind_of_class
from vesalius.errors import DataError

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["object_in", "with_objects"]

_DEEPEST = 64
"""Sequences inside each other; the standard's own trees have fewer than twenty."""
_TAKEN = "DICOM segmentations, structure sets and reports were put to the studies of their images"
_WORDS = "structured reports give their words as they stand, with all names in them"


def object_in(path: Path, item: str, dataset: Dataset, uid: str, study: str) -> ObjectPlan | None:
    """Describe an object that speaks of images by what it refers to; None for an image.

    Args:
        path: of the file.
        item: its name for messages.
        dataset: without pixels.
        uid: its SOP class.
        study: id that a study of the same patient and UID would have.

    Raises:
        DataError: it is neither an image nor an object that becomes records.
    """
    kind = kind_of_class(uid)
    what = not_an_image(uid)
    if kind in ("segmentation", "structures", "report"):
        found = list(_references(dataset, _DEEPEST))
        named = {name: tuple(dict.fromkeys(uid for key, uid in found if key == name)) for name, _ in _KEYWORDS}
        return ObjectPlan(
            path=path, item=item, kind=kind, sop=text(dataset, "SOPInstanceUID"), study=study,
            what=what.partition(";")[0], instances=named["instance"], series=named["series"],
        )  # fmt: skip
    if what:
        raise DataError(f"{path}: not an image: {what}")
    return None


_KEYWORDS = (("instance", "ReferencedSOPInstanceUID"), ("series", "SeriesInstanceUID"))


def _references(dataset: Dataset, depth: int) -> Iterator[tuple[str, str]]:
    """Yield all UIDs of instances and series in the sequences of a dataset."""
    from pydicom.datadict import dictionary_has_tag, dictionary_VR

    if depth == 0:
        raise DataError(f"sequences more than {_DEEPEST} deep in each other; this is no object of the standard")
    for tag in sorted(dataset.keys()):
        if tag.is_private or not dictionary_has_tag(tag) or dictionary_VR(tag) != "SQ":
            continue
        for inner in dataset[tag].value or ():
            yield from ((name, uid) for name, keyword in _KEYWORDS if (uid := text(inner, keyword)))
            yield from _references(inner, depth - 1)


def with_objects(studies: Sequence[StudyPlan], objects: Sequence[ObjectPlan], plan: Plan) -> list[StudyPlan]:
    """Return the studies with the objects that refer to their images; note and list what became of each."""
    by_instance = {uid: study.study.id for study in studies for uid in _instances(study)}
    by_series = {image.series_uid: study.study.id for study in studies for image in study.images}
    known = {study.study.id for study in studies}
    owned: dict[str, list[ObjectPlan]] = {}
    first: dict[str, str] = {}
    for one in sorted(objects, key=lambda one: one.item):
        owner = _owner(one, by_instance, by_series, known)
        copied = first.setdefault(one.sop or one.item, one.item)
        if not owner:
            reason = f"not an image: {one.what}; no image that it refers to is in the source"
            plan.problems.append(Problem(one.item, reason))
        elif copied != one.item:
            plan.problems.append(Problem(one.item, f"the same SOP instance as {copied} (0008,0018)"))
        else:
            owned.setdefault(owner, []).append(one)
            plan.notes[_TAKEN] += 1
            plan.notes[_WORDS] += one.kind == "report"
    plan.notes += Counter()  # drops zeros
    return [replace(study, objects=tuple(owned.get(study.study.id, ()))) for study in studies]


def _instances(study: StudyPlan) -> Iterator[str]:
    for image in study.images:
        yield from image.instances


def _owner(one: ObjectPlan, by_instance: Mapping[str, str], by_series: Mapping[str, str], known: set[str]) -> str:
    """Return the study that most references are of, its own before others; a report may go by its study alone."""
    found = Counter(by_instance[uid] for uid in one.instances if uid in by_instance)
    found = found or Counter(by_series[uid] for uid in one.series if uid in by_series)
    if found:
        return min(found, key=lambda name: (-found[name], name != one.study, name))
    return one.study if one.kind == "report" and one.study in known else ""
