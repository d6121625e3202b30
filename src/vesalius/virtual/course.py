"""How diseases change with time: growth, healing, response to treatment, or no change.

The factor of a course multiplies a disease's linear size (diameter, depth, thickness) at the first examination.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["RESOLVED", "STABLE", "Course"]

RESOLVED = 0.2
"""Below this share of its first size a disease is gone."""


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

    def factor(self, days: float, pace: float) -> float:
        """Return the linear size at `days` against that of day 0; 0 where it is gone.

        Args:
            days: since the first examination, not negative.
            pace: place of this patient within the ranges, 0 to 1.
        """
        clears = self.clearing_days is not None and (self.doubling_days is None or pace < self.response)
        if clears and self.clearing_days:
            part = pace / self.response if self.doubling_days else pace
            size = 2.718281828 ** (-days / _between(self.clearing_days, part))
            return size if size >= RESOLVED else 0.0
        if self.doubling_days is None:
            return 1.0
        part = (pace - self.response) / (1 - self.response)
        return float(2.0 ** (days / (3 * _between(self.doubling_days, part))))


STABLE = Course()
"""Does not change within years."""


def _between(span: tuple[float, float], share: float) -> float:
    low, high = span
    return float(low * (high / low) ** share)
