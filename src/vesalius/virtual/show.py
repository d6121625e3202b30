"""One patient to look at."""

from __future__ import annotations

from pathlib import Path
from typing import TypedDict

from vesalius.virtual.patient import draw_patient
from vesalius.virtual.study import make_study

__all__ = ["Shown", "show_patient"]


class Shown(TypedDict):
    """What was rendered."""

    image: str
    patient: str
    present: list[str]
    findings: str
    impression: str


def show_patient(
    out: str | Path, *, seed: int = 0, index: int = 0, preset: str = "chest", image_size: int | None = None
) -> Shown:
    """Write the radiograph of one patient to `out` and return what is known of it."""
    study, media = make_study(draw_patient(seed, index, preset=preset), image_size)
    out = Path(out)
    out.write_bytes(media[study.images[0].path])
    present = [
        " ".join(word for word in (part.severity, part.laterality, part.concept, part.anatomy) if word)
        for part in study.findings
        if part.status == "present"
    ]
    return Shown(
        image=str(out), patient=study.patient, present=present, findings=study.text("findings"),
        impression=study.text("impression"),
    )  # fmt: skip
