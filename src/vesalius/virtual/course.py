"""How diseases change with time: growth, healing, response to treatment, or no change.

The factor of a course multiplies a disease's linear size (diameter, depth, thickness) at the first examination.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["RESOLVED", "STABLE", "Course"]

RESOLVED = 0.2
"""Below this share of its first size a disease is gone."""
_PEAK = 1.5
"""Size at the peak against the first examination, of those that still rise."""


@dataclass(frozen=True, kw_only=True)
class Course:
    """Ranges of a disease's time scale; each patient has a pace of 0 to 1 within them, drawn once.

    Growth: diameter ∝ 2^(t / (3 Td)) with the volume's doubling time Td. Clearing: size ∝ e^(-t / τ).
    """

    doubling_days: tuple[float, float] | None = None
    """Volume doubling time of those that grow."""
    clearing_days: tuple[float, float] | None = None
    """Time constant of those that heal by themselves or under treatment."""
    response: float = 0.0
    """Share of patients who clear, where both are given."""
    peak_days: tuple[float, float] | None = None
    """Time from the first examination to the peak, of those that get worse before they clear."""
    lasting_days: tuple[float, float] | None = None
    """Time after which it is taken away, unchanged until then."""

    def factor(self, days: float, pace: float) -> float:
        """Return the linear size at `days` against that of day 0; 0 where it is gone.

        Args:
            days: since the first examination, not negative.
            pace: place of this patient within the ranges, 0 to 1.
        """
        if self.lasting_days is not None:
            return 1.0 if days < _between(self.lasting_days, pace) else 0.0
        clears = self.clearing_days is not None and (self.doubling_days is None or pace < self.response)
        if clears and self.clearing_days:
            part = pace / self.response if self.doubling_days else pace
            return self._clearing(days, part, self.clearing_days)
        if self.doubling_days is None:
            return 1.0
        part = (pace - self.response) / (1 - self.response)
        return float(2.0 ** (days / (3 * _between(self.doubling_days, part))))

    def _clearing(self, days: float, part: float, span: tuple[float, float]) -> float:
        peak = _between(self.peak_days, part) if self.peak_days else 0.0
        if days < peak:
            return 1 + (_PEAK - 1) * days / peak
        size = (_PEAK if peak else 1.0) * 2.718281828 ** (-(days - peak) / _between(span, part))
        return size if size >= RESOLVED else 0.0


STABLE = Course()
"""Does not change within years."""


def _between(span: tuple[float, float], share: float) -> float:
    low, high = span
    return float(low * (high / low) ** share)
