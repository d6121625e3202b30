"""Measurements of one picture, collected as they are made."""

from __future__ import annotations

import numpy as np

from vesalius.data.records import Laterality, Measurement

__all__ = ["Book"]


class Book:
    """Collects the measurements of the picture named `image`; what is not finite is left out."""

    def __init__(self, image: str) -> None:
        self.image, self.found = image, list[Measurement]()

    def add(self, name: str, value: float, unit: str, anatomy: str = "", side: Laterality = "") -> None:
        """Add a value in a UCUM unit, rounded to three decimals."""
        if np.isfinite(value):
            self.found.append(
                Measurement(name=name, value=round(float(value), 3), unit=unit, image=self.image, anatomy=anatomy,
                            laterality=side, source="virtual geometry")
            )  # fmt: skip
