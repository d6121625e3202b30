"""How one person's tissues differ from the mean: the same in every region, modality and visit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from vesalius.virtual.anatomy.tissues import tissues
from vesalius.virtual.body import draw_clipped
from vesalius.virtual.seeds import stream

if TYPE_CHECKING:
    from vesalius.virtual.patient import Patient

__all__ = ["tissue_scores"]

_TOGETHER = {
    "artery": "blood", "vein": "blood", "left_blood": "blood", "right_blood": "blood", "pulmonary_artery": "blood",
    "portal_vein": "blood", "stomach_wall": "bowel_wall",
}  # fmt: skip
"""Tissues that differ together: what they have in common."""


def tissue_scores(patient: Patient) -> Mapping[str, float]:
    """Return by tissue the standard deviations from the mean of a person, from -2 to 2 but for bone.

    Spongy bone follows age: 175 HU at 40 years and 2 HU less each year after (table: 160 ± 35 HU).
    """
    found = {}
    for name in tissues():
        rng = stream(patient.seed, patient.id, "tissue", _TOGETHER.get(name, name))
        found[name] = draw_clipped(rng, 0.0, 1.0, 2.0)
    expected = 175 - 2 * (patient.body.age_years - 40)
    found["spongy_bone"] = max(-2.5, (expected - 160) / 35 + 0.7 * found["spongy_bone"])
    return found
