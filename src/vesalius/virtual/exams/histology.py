"""Tissue section, haematoxylin and eosin: one field of 128 µm, at 256 pixels 0.5 µm each."""

from __future__ import annotations

import numpy as np

from vesalius.data.records import Measurement
from vesalius.virtual.cells.section import Compartment
from vesalius.virtual.cells.tissue import Field, TissueDisease, look
from vesalius.virtual.exams.base import sized
from vesalius.virtual.patient import Patient
from vesalius.virtual.picture import Mark, Picture

__all__ = ["REGION", "SIZE", "measure_field", "render"]

REGION = "tissue"
SIZE = 256
_NAME = "field"
_COUNTED = ("mitosis", "lymphocyte", "plasma cell", "neutrophil", "tumour cell")


def render(patient: Patient, size: int = SIZE) -> tuple[Picture, ...]:
    """Render the field of a patient, `size` × `size` pixels; 64 to 1024."""
    field = look(patient, sized(size, 64, 1024))
    step = field.um_per_pixel / 1000
    return (
        Picture(
            name=_NAME, modality="SM", pixels=field.pixels, axes="YXC", units="rgb", spacing_mm=(step, step),
            body_part=field.organ.upper(), sequence="H&E", marks=_marks(patient, field),
            measurements=measure_field(field),
        ),
    )  # fmt: skip


def _marks(patient: Patient, field: Field) -> tuple[Mark, ...]:
    """Findings; glands and mitoses one by one; nuclei by kind as one mask and as points."""
    found = [
        Mark(concept=disease.concept, anatomy=field.organ, mask=disease.extent(field), instance=number)
        for number, disease in enumerate(patient.diseases) if isinstance(disease, TissueDisease)
    ]  # fmt: skip
    glands = [Mark(anatomy="gland", mask=mask, instance=number) for number, mask in enumerate(field.glands)]
    return (*found, *glands, *_nuclei_marks(field))


def _nuclei_marks(field: Field) -> list[Mark]:
    kinds = np.array(["", *field.nuclei.kinds])
    seen = np.unique(field.nuclei.labels)
    seen = seen[seen > 0]
    marks = []
    for kind in sorted(set(kinds[seen].tolist())):
        chosen = seen[kinds[seen] == kind]
        points = tuple((float(x), float(y)) for x, y in field.nuclei.places[chosen - 1])
        marks.append(Mark(anatomy=kind, mask=np.isin(field.nuclei.labels, chosen)))
        marks.append(Mark(anatomy=kind, points=points))
        if kind == "mitosis":
            marks += [Mark(anatomy=kind, mask=field.nuclei.labels == number, instance=order)
                      for order, number in enumerate(chosen)]  # fmt: skip
    return marks


def measure_field(field: Field) -> tuple[Measurement, ...]:
    """Counts, shares and nuclear size, all taken from the masks.

    A nucleus counts where its centre is on the field, so that of those on the edge one half is in. Area and its CV
    are of tumour cells, else of the epithelium's commonest kind, over nuclei that the edge does not cut.
    """
    found = [_made("tissue share", 1 - sum(field.share(k) for k in (Compartment.LUMEN, Compartment.FAT)), "1", field)]
    inside = _counted(field)
    for kind in _COUNTED:
        if kind == "mitosis" or kind in inside:
            found.append(_made(f"{kind} count", float(inside.get(kind, 0)), "1", field))
    if field.glands:
        gland = np.any(field.glands, axis=0)
        found.append(_made("gland area share", float(gland.mean()), "1", field))
    if field.tumour.any():
        found.append(_made("tumour share", float(field.tumour.mean()), "1", field))
        found.append(_made("gland share", field.gland_share, "1", field))
    kind = next((name for name in (*_COUNTED[-1:], *_by_number(inside)) if name in inside), "")
    areas = _whole_areas(field, kind)
    if len(areas) >= 5:
        found.append(_made("nuclear area", float(areas.mean()), "um2", field, kind))
        found.append(_made("nuclear area CV", float(areas.std() / areas.mean()), "1", field, kind))
    return tuple(found)


def _made(name: str, value: float, unit: str, field: Field, anatomy: str = "") -> Measurement:
    return Measurement(
        name=name, value=value, unit=unit, image=_NAME, anatomy=anatomy or field.organ, source="virtual"
    )


def _counted(field: Field) -> dict[str, int]:
    """Nuclei by kind whose centre is on the field and that are not wholly covered."""
    size = len(field.tumour)
    seen = np.bincount(field.nuclei.labels.ravel(), minlength=len(field.nuclei.kinds) + 1)[1:] > 0
    on = seen & ((field.nuclei.places >= 0) & (field.nuclei.places < size)).all(axis=1)
    counts: dict[str, int] = {}
    for kind, good in zip(field.nuclei.kinds, on, strict=True):
        counts[kind] = counts.get(kind, 0) + int(good)
    return {kind: count for kind, count in counts.items() if count}


def _by_number(counts: dict[str, int]) -> list[str]:
    named = ("epithelium", "dysplastic cell", "secretory cell", "hepatocyte", "squamous cell", "lymphocyte")
    return sorted((kind for kind in counts if kind in named), key=lambda kind: -counts[kind])


def _whole_areas(field: Field, kind: str) -> np.ndarray:
    """Areas in µm² of the nuclei of a kind that the edge of the field does not cut."""
    labels = field.nuclei.labels
    edge = set(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]).tolist())
    count = np.bincount(labels.ravel(), minlength=len(field.nuclei.kinds) + 1)
    chosen = [number for number, name in enumerate(field.nuclei.kinds, start=1)
              if name == kind and count[number] and number not in edge]  # fmt: skip
    return np.asarray(count[chosen] * field.um_per_pixel**2, np.float64)
