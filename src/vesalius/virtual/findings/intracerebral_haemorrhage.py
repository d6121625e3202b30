"""Intracerebral haemorrhage: a haematoma that ages, with oedema round it, and blood in the ventricles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from vesalius.virtual.anatomy.head import LOBES, lobe_of
from vesalius.virtual.anatomy.head_lesions import CEREBRUM, MASS, POSTERIOR_FOSSA, draw_place
from vesalius.virtual.anatomy.parts import Part
from vesalius.virtual.anatomy.solids import HalfSpace, Intersection, Lumpy, Point
from vesalius.virtual.brain import Lump, head, size_in
from vesalius.virtual.findings.base import Case, choose, lognormal

if TYPE_CHECKING:
    from vesalius.virtual.anatomy.parts import Anatomy

__all__ = ["BLOOD", "FINDING", "IntracerebralHaemorrhage", "blood_stage"]

_SITES = {"basal ganglia": 0.42, "lobe": 0.3, "thalamus": 0.15, "cerebellar hemisphere": 0.09, "pons": 0.04}
_MEDIAN_MM = {"basal ganglia": 34.0, "lobe": 38.0, "thalamus": 24.0, "cerebellar hemisphere": 30.0, "pons": 18.0}
_CENTRES: dict[str, Point] = {
    "basal ganglia": (27.0, 0.0, 4.0),
    "thalamus": (13.0, 17.0, 8.0),
    "cerebellar hemisphere": (24.0, 62.0, -32.0),
    "pons": (2.0, 24.0, -28.0),
}
BLOOD = {
    "acute": "blood_acute",
    "early subacute": "blood_early_subacute",
    "late subacute": "blood_late_subacute",
    "chronic": "blood_chronic",
}
"""Tissue of blood by its stage."""


def blood_stage(age_days: float) -> str:
    """Stage of blood by its age: 3, 8 and 30 days are the limits."""
    return tuple(BLOOD)[sum(age_days >= limit for limit in (3, 8, 30))]


@dataclass(frozen=True, kw_only=True)
class IntracerebralHaemorrhage(Lump):
    """One haematoma."""

    concept: ClassVar[str] = "intracerebral_haemorrhage"
    code: ClassVar[str] = "50960005"
    limits_mm: ClassVar[tuple[float, float]] = (30.0, 45.0)
    """About 10 and 30 ml."""
    contrast: ClassVar[float] = 6.0
    waves: ClassVar[tuple[float, float]] = (0.03, 0.13)

    age_days: float
    oedema_mm: float
    ventricular: bool
    """True where it broke into the ventricles."""

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        site, side = choose(rng, _SITES), choose(rng, {"left": 0.5, "right": 0.5})
        diameter = lognormal(rng, _MEDIAN_MM[site], 0.3, 12, 70)
        age = float(choose(rng, {"0": 0.3, "1": 0.25, "4": 0.15, "10": 0.15, "20": 0.1, "60": 0.05})) + rng.random()
        if site == "lobe":
            centre = draw_place(
                rng, [name for name in LOBES if name.startswith(side) and "insula" not in name], depth_mm=(8, 26)
            )
        else:
            x, y, z = np.asarray(_CENTRES[site]) + rng.normal(0, 1.5, 3)
            centre = (float(x) * (1 if side == "left" else -1), float(y), float(z))
        diameter = (
            min(diameter, 26.0)
            if site == "pons"
            else min(diameter, 42.0)
            if site.startswith("cerebell")
            else diameter
        )
        fields = cls.lump_fields(rng, centre, diameter)
        named = lobe_of(centre) if site == "lobe" else site if site == "pons" else f"{side} {site}"
        if site == "pons":
            fields["laterality"] = "midline"
        return (
            cls(
                **fields,
                anatomy=named,
                age_days=float(age),
                oedema_mm=float(rng.uniform(2, 8)) * min(1.0, 0.4 + float(age) / 6),
                ventricular=bool(rng.random() < (0.45 if site == "thalamus" else 0.25)),
            ),
        )

    @property
    def attributes(self) -> Mapping[str, str]:
        return {
            "stage": blood_stage(self.age_days),
            "margin": self.margin,
            "extension": "with intraventricular extension"
            if self.ventricular
            else "without intraventricular extension",
        }

    def at(self, days: float, pace: float) -> Self | None:
        """Blood shrinks and changes: by 1 % of its diameter a day from the first week on; gone within two months."""
        age = self.age_days + days
        size = 1 - (0.008 + 0.006 * pace) * max(0.0, age - 5) + (0.008 + 0.006 * pace) * max(0.0, self.age_days - 5)
        aged = replace(self, age_days=age, ventricular=self.ventricular and age < 20)
        return aged.scaled(size) if size > 0.35 else None

    def reshape(self, anatomy: Anatomy) -> Anatomy:
        return self.pushed(anatomy, 0.8 * self.ellipsoid_ml + 0.3 * self.oedema_mm)

    def parts(self, anatomy: Anatomy, rng: np.random.Generator) -> tuple[Part, ...]:
        shape = size_in(anatomy)
        low = "cerebell" in self.anatomy or self.anatomy == "pons"
        within = (*POSTERIOR_FOSSA, "fourth ventricle") if low else MASS
        halo = Lumpy(
            self.body(shape, share=1 + 2 * self.oedema_mm / self.diameter_mm),
            0.3 * self.oedema_mm,
            14.0,
            seed=self.seed + 7,
        )
        stage = blood_stage(self.age_days)
        found = [self.part(halo, "brain_oedema", "oedema", POSTERIOR_FOSSA if low else CEREBRUM[1:], soft=1.2)]
        if stage in ("late subacute", "chronic"):
            found.append(self.part(self.body(shape), "haemosiderin", "rim", within))
            inner = self.body(shape, share=1 - 3.0 / self.diameter_mm)
            found.append(self.part(inner, BLOOD[stage], "haematoma", within))
        else:
            found.append(self.part(self.body(shape), BLOOD[stage], "haematoma", within))
        return (*found, *self._in_ventricles(anatomy)) if self.ventricular else tuple(found)

    def _in_ventricles(self, anatomy: Anatomy) -> tuple[Part, ...]:
        """Blood layers in the back of the lateral ventricles of a patient who lies on the back."""
        names = ("left lateral ventricle", "right lateral ventricle")
        found = []
        for name in names:
            level = 30.0 if name.startswith(self.laterality) else 50.0
            pool = Intersection((head(anatomy).solid(name), HalfSpace((0, level, 0), (0, -1, 0))))
            found.append(
                Part(
                    structure=name,
                    solid=pool,
                    tissue=BLOOD[blood_stage(self.age_days)],
                    within=names,
                    component="ventricular blood",
                    concept=self.concept,
                )
            )
        return tuple(found)


FINDING = IntracerebralHaemorrhage
