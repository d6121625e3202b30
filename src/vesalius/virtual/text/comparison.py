"""What has changed between two visits, by the thresholds that readers use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

from vesalius.virtual.findings.base import Disease

__all__ = ["Change", "compare", "pair"]

_STABLE, _CLEAR, _RESPONDED = 0.10, 0.20, -0.30
_CLEAR_MM = 5.0


@dataclass(frozen=True)
class Change:
    """How one disease stands against itself at the visit before."""

    kind: str
    """new, stable, increased, decreased, worsened, improved (the last four also with ``slightly_``)."""
    old_mm: float | None = None
    """Whole mm, where both visits have a size."""
    new_mm: float | None = None


def pair(now: Sequence[Disease], before: Sequence[Disease]) -> list[tuple[Disease | None, Disease | None]]:
    """Match the diseases of two visits: same finding, side and site, then the most equal fields.

    Returns:
        (now, before) for each disease of this visit in order, then for those that are gone.
    """
    free = list(before)
    pairs: list[tuple[Disease | None, Disease | None]] = []
    for disease in now:
        same = [old for old in free if _place(old) == _place(disease)]
        best = max(same, key=lambda old: _likeness(disease, old), default=None)
        if best is not None:
            free.remove(best)
        pairs.append((disease, best))
    return pairs + [(None, old) for old in free]


def _place(disease: Disease) -> tuple[str, str, str]:
    return disease.concept, disease.laterality, disease.anatomy


def _likeness(one: Disease, other: Disease) -> int:
    return sum(getattr(one, part.name) == getattr(other, part.name) for part in fields(one))


def compare(now: Disease, before: Disease | None) -> Change:
    """Say how a disease has changed.

    With a size: below 10 % stable, growth of 20 % and 5 mm or shrinkage of 30 % clear, slight in between. Without
    one the grade tells, and within a grade the visibility with the same shares.
    """
    if before is None:
        return Change("new")
    sizes = _size(now), _size(before)
    if sizes[0] and sizes[1]:
        return Change(_by_size(sizes[0], sizes[1]), sizes[1], sizes[0])
    share = now.visibility / max(before.visibility, 1e-6) - 1
    if now.severity != before.severity:
        return Change("worsened" if share >= 0 else "improved")
    if abs(share) < _STABLE:
        return Change("stable")
    return Change("slightly_worsened" if share > 0 else "slightly_improved")


def _size(disease: Disease) -> float | None:
    """Main size as it would be written."""
    size = next(iter(disease.sizes_mm.values()), None)
    return None if size is None else float(round(size))


def _by_size(new_mm: float, old_mm: float) -> str:
    share = new_mm / old_mm - 1
    if abs(share) < _STABLE:
        return "stable"
    if share > 0:
        return "increased" if share >= _CLEAR and new_mm - old_mm >= _CLEAR_MM else "slightly_increased"
    return "decreased" if share <= _RESPONDED else "slightly_decreased"
