"""What is rated, and one case as a rater sees it."""

from __future__ import annotations

from dataclasses import dataclass

from vesalius.config import Config
from vesalius.errors import ConfigError

__all__ = ["KEY_FILE", "Case", "RatingSettings"]

KEY_FILE = "key.json"
"""What tells which code is whose; not for raters."""


@dataclass(frozen=True, kw_only=True)
class RatingSettings(Config):
    """What is rated, by whom, on which scale."""

    raters: tuple[str, ...] = ("rater-1", "rater-2")
    criteria: tuple[str, ...] = ("overall",)
    scale: tuple[int, ...] = (1, 2, 3, 4, 5)
    """Grades in their order, the worst first."""
    items: int = 50
    """Items that are drawn; each with the answers of all systems."""
    part: str = ""
    """Of the benchmark; empty for all parts."""
    seed: int = 0
    """Of the draw, the orders and the codes."""

    def __post_init__(self) -> None:
        for name in ("raters", "criteria"):
            names = getattr(self, name)
            plain = all(one and one.replace("-", "").replace("_", "").isalnum() for one in names)
            if not names or len(set(names)) < len(names) or not plain:
                raise ConfigError(f"{name}: {names} must be different names of letters, digits, - and _")
        if len(self.scale) < 2 or list(self.scale) != sorted(set(self.scale)):
            raise ConfigError(
                f"scale: {self.scale} must be two grades or more, each once, from the worst to the best"
            )
        if self.items < 1:
            raise ConfigError(f"items is {self.items}; a sheet needs 1 or more")
        if "code" in self.criteria:
            raise ConfigError("criteria: 'code' is the name of another column; take another word")


@dataclass(frozen=True, kw_only=True)
class Case:
    """An item as a rater sees it."""

    number: int
    question: str
    reference: str
    pictures: tuple[str, ...]
    answers: tuple[tuple[str, str], ...]
    """Code and words."""
