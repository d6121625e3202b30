"""Structured reports: measurements, qualitative evaluations and texts with their headings.

Templates with measurement groups (TID 1500 and its kin) are read with the context of the group; any other tree
is read by the same rules: a number is a measurement, a code an evaluation, words are a text under the nearest
heading. Context of observer and subject is skipped, so that no person's name comes along.
Standard: PS3.3 A.35, PS3.16 TID 1410, 1411, 1500, 1501, 2000.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from vesalius.data.readers.dicom import guarded, open_dataset
from vesalius.data.readers.dicom_tags import items, text
from vesalius.data.readers.objects.codes import Code, laterality_of
from vesalius.data.readers.objects.content import Item, Reference, content_tree
from vesalius.data.readers.objects.kinds import require_kind
from vesalius.data.readers.quiet import quiet
from vesalius.data.records import Laterality
from vesalius.errors import DataError

__all__ = ["FINDING", "Context", "Evaluation", "Measured", "Passage", "Reference", "Report", "read_report"]

FINDING = Code("121071", "DCM", "Finding")
_TRACKING_ID = (("112039", "DCM"),)
_TRACKING_UID = (("112040", "DCM"),)
_FINDING = ((FINDING.value, FINDING.scheme),)
_CATEGORY = (("276214006", "SCT"),)
_SITE = (("363698007", "SCT"), ("G-C0E3", "SRT"), ("G-C0E3", "SNM3"))
_SIDE = (("272741003", "SCT"), ("G-C171", "SRT"), ("G-C171", "SNM3"))
_METHOD = (("370129005", "SCT"), ("G-C306", "SRT"))
_DERIVATION = (("121401", "DCM"),)
_GROUP = (("125007", "DCM"),)
_OF_CONTEXT = (*_TRACKING_ID, *_TRACKING_UID, *_CATEGORY, *_SITE, *_SIDE, *_METHOD, *_DERIVATION)
_LIBRARY = (("111028", "DCM"),)
_SKIPPED = ("HAS OBS CONTEXT", "HAS ACQ CONTEXT", "HAS CONCEPT MOD", "HAS PROPERTIES")
_LANGUAGE = (("121049", "DCM"),)


@dataclass(frozen=True, kw_only=True)
class Context:
    """What a measurement or an evaluation is of."""

    finding: Code | None = None
    category: Code | None = None
    site: Code | None = None
    """Anatomic site."""
    laterality: Laterality = ""
    tracking_id: str = ""
    tracking_uid: str = ""
    references: tuple[Reference, ...] = ()
    """Images and segments that were measured."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One number of a report."""

    concept: Code
    value: float
    unit: Code
    """UCUM."""
    method: Code | None = None
    derivation: Code | None = None
    """Such as mean or maximum."""
    context: Context


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """One coded statement of a report: a concept and its value."""

    concept: Code
    value: Code
    context: Context


@dataclass(frozen=True, kw_only=True)
class Passage:
    """Words of a report under their heading."""

    text: str
    heading: Code | None = None


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a structured report says."""

    title: Code | None
    measurements: tuple[Measured, ...] = ()
    evaluations: tuple[Evaluation, ...] = ()
    passages: tuple[Passage, ...] = ()
    language: str = ""
    """RFC 5646 tag where the file states one."""
    complete: bool = False
    verified: bool = False
    evidence: tuple[Reference, ...] = ()
    """Objects that the report rests on."""
    empty_measurements: int = 0
    """Measurements without a value, which are left out."""
    source: str = ""
    """Name of the file, for messages."""


def read_report(path: str | Path) -> Report:
    """Read a DICOM structured report.

    Raises:
        DataError: no structured report, or a broken tree; names the file.
    """
    path = Path(path)
    with quiet(), guarded(str(path)):
        dataset = open_dataset(path)
        require_kind(path, dataset, "report")
        root = content_tree(dataset)
        gathered = _Gathered()
        gathered.below(root, Context(), None)
        language = root.child(*_LANGUAGE)
        return Report(
            title=root.name,
            measurements=tuple(gathered.measurements),
            evaluations=tuple(gathered.evaluations),
            passages=tuple(gathered.passages),
            language=language.code.value if language is not None and language.code is not None else "",
            complete=text(dataset, "CompletionFlag") == "COMPLETE",
            verified=text(dataset, "VerificationFlag") == "VERIFIED",
            evidence=tuple(
                Reference(text(entry, "ReferencedSOPInstanceUID"), text(entry, "ReferencedSOPClassUID"))
                for keyword in ("CurrentRequestedProcedureEvidenceSequence", "PertinentOtherEvidenceSequence")
                for study in items(dataset, keyword)
                for series in items(study, "ReferencedSeriesSequence")
                for entry in items(series, "ReferencedSOPSequence")
            ),
            empty_measurements=gathered.empty,
            source=str(path),
        )


class _Gathered:
    """What a walk through the tree finds."""

    def __init__(self) -> None:
        self.measurements: list[Measured] = []
        self.evaluations: list[Evaluation] = []
        self.passages: list[Passage] = []
        self.empty = 0

    def below(self, item: Item, context: Context, heading: Code | None) -> None:
        """Take all that an item holds; the heading is the name of the section, none below the root."""
        group = item.named(*_GROUP)
        for child in item.children:
            if child.relation in _SKIPPED or child.named(*_OF_CONTEXT, *_LIBRARY):
                continue
            if child.kind == "CONTAINER":
                self.below(child, _context(child, context), child.name)
            elif child.named(*_FINDING) and group and child.code is not None:
                self.evaluations.append(Evaluation(concept=FINDING, value=child.code, context=context))
            else:
                self._take(child, context, heading)

    def _take(self, item: Item, context: Context, heading: Code | None) -> None:
        inner = _context(item, context)
        if item.kind == "NUM":
            self._number(item, inner)
        elif item.kind == "CODE" and item.name is not None and item.code is not None:
            self.evaluations.append(Evaluation(concept=item.name, value=item.code, context=inner))
        elif item.kind == "TEXT" and item.text:
            self.passages.append(Passage(text=item.text, heading=heading or item.name))
        self.below(item, inner, heading)

    def _number(self, item: Item, context: Context) -> None:
        if item.name is None or item.unit is None:
            if item.name is None or item.value is not None:
                raise DataError("a measurement (NUM) without concept name (0040,A043) or unit (0040,08EA)")
            self.empty += 1
            return
        if item.value is None:
            self.empty += 1
            return
        method, derivation = item.child(*_METHOD), item.child(*_DERIVATION)
        self.measurements.append(
            Measured(
                concept=item.name,
                value=item.value,
                unit=item.unit,
                method=method.code if method else None,
                derivation=derivation.code if derivation else None,
                context=context,
            )
        )


def _context(item: Item, outer: Context) -> Context:
    """Return the context below an item: what its children state, else what holds around it."""
    site, category = item.child(*_SITE), item.child(*_CATEGORY)
    finding = item.child(*_FINDING) if item.named(*_GROUP) else None
    tracking, uid = item.child(*_TRACKING_ID), item.child(*_TRACKING_UID)
    side = (site.child(*_SIDE) if site else None) or item.child(*_SIDE)
    references = tuple(
        found.reference
        for child in item.children
        if child.kind in ("IMAGE", "COMPOSITE", "SCOORD") and not child.named(*_LIBRARY)
        for found in child.walk()
        if found.reference is not None
    )
    inner = replace(outer, references=references or outer.references)
    if site is not None or side is not None:
        inner = replace(
            inner, site=site.code if site else outer.site, laterality=laterality_of(side.code if side else None)
        )
    return replace(
        inner,
        finding=finding.code if finding else outer.finding,
        category=category.code if category else outer.category,
        tracking_id=tracking.text if tracking else outer.tracking_id,
        tracking_uid=uid.text if uid else outer.tracking_uid,
    )
