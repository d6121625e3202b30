"""What an answer gives beside its mark, where a metric is made of all answers: counts, options, boxes, numbers.

A mark holds these, a row of the predictions keeps each as its detail, and `vesalius.tasks.questions` scores them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from vesalius.errors import DataError

__all__ = [
    "Box", "Boxes", "Choices", "Counts", "Evidence", "Number", "evidence_detail", "evidence_label", "evidence_of",
    "is_evidence",
]  # fmt: skip

Box = tuple[float, float, float, float]
"""x0, y0, x1, y1."""


@dataclass(frozen=True, kw_only=True)
class Counts:
    """What F1 is made of: found, said and wanted add up over answers."""

    kind: ClassVar[str] = "counts"
    metric: str
    """Name of the score, such as ``micro_f1``."""
    found: float
    said: float
    wanted: float

    def __post_init__(self) -> None:
        if not 0 <= self.found <= min(self.said, self.wanted):
            raise DataError(f"{self.metric}: {self.found} found of {self.said} said and {self.wanted} wanted")


@dataclass(frozen=True, kw_only=True)
class Choices:
    """How probable the model holds each option."""

    kind: ClassVar[str] = "choices"
    probability: Mapping[str, float]
    """Of each option, 0 to 1."""
    truth: str
    """The right option, one of them."""

    def __post_init__(self) -> None:
        if self.truth not in self.probability or not all(0 <= one <= 1 for one in self.probability.values()):
            raise DataError(f"options {dict(self.probability)} with the right one {self.truth!r}: expected shares")


@dataclass(frozen=True, kw_only=True)
class Boxes:
    """Boxes of one picture, said and true, in the same unit."""

    kind: ClassVar[str] = "boxes"
    said: tuple[Box, ...]
    truth: tuple[Box, ...]
    score: tuple[float, ...] = ()
    """How sure the model is of each said box; empty where it does not say, then the confidence of the whole answer
    stands for all."""

    def __post_init__(self) -> None:
        if self.score and len(self.score) != len(self.said):
            raise DataError(f"{len(self.score)} scores for {len(self.said)} boxes")


@dataclass(frozen=True, kw_only=True)
class Number:
    """A number that was asked for, in the unit of its truth."""

    kind: ClassVar[str] = "number"
    truth: float
    unit: str
    said: float | None = None
    """None where no number could be read."""

    def __post_init__(self) -> None:
        if not math.isfinite(self.truth):
            raise DataError(f"the truth {self.truth} is no number; leave the item out")


Evidence = Counts | Choices | Boxes | Number
_KINDS: Mapping[str, type[Counts | Choices | Boxes | Number]] = {
    one.kind: one for one in (Counts, Choices, Boxes, Number)
}  # fmt: skip
_LABEL = "evidence:"


def evidence_label(evidence: Evidence) -> str:
    """Return the label of a row that holds it; an answer has one row a label."""
    return f"{_LABEL}{evidence.kind}" + (f":{evidence.metric}" if isinstance(evidence, Counts) else "")


def is_evidence(label: str) -> bool:
    """Say whether rows of a label hold evidence."""
    return label.startswith(_LABEL)


def evidence_detail(evidence: Evidence) -> str:
    """Write the detail of a row."""
    return json.dumps({**asdict(evidence), "kind": evidence.kind}, sort_keys=True)


def evidence_of(document: Mapping[str, Any]) -> Evidence:
    """Read what `evidence_detail` wrote.

    Raises:
        DataError: of no known kind, or not whole.
    """
    values = {name: value for name, value in document.items() if name != "kind"}
    try:
        if document["kind"] == Boxes.kind:
            values = {name: tuple(tuple(box) for box in values[name]) for name in ("said", "truth")}
            values["score"] = tuple(document["score"])
        made: Evidence = _KINDS[document["kind"]](**values)
    except (KeyError, TypeError) as error:
        raise DataError(f"a row of predictions holds no evidence that this version knows ({error})") from None
    return made
