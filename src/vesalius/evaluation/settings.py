"""How an evaluation is made, beside model, data, split and tasks."""

from __future__ import annotations

from dataclasses import dataclass

from vesalius.config import Config
from vesalius.errors import ConfigError

__all__ = ["EvaluationSettings"]


@dataclass(frozen=True, kw_only=True)
class EvaluationSettings(Config):
    """Settings of `evaluate`; an unknown one is an error."""

    resamples: int = 1000
    """Bootstrap resamples of patients behind every interval; 0 gives no intervals."""
    seed: int = 0
    """Seed of resampling, of draws inside tasks, of the shuffle and of the untrained control's weights."""
    controls: bool = True
    """Also evaluate the controls."""
    resume: bool = True
    """Go on from the embeddings that an earlier, perhaps killed, evaluation stored in the same folder."""
    report: bool = True
    """Write report.html."""
    text_roles: tuple[str, ...] = ()
    """Roles that make the text of a study; empty for those that the model learnt from, else all."""
    device: str = "auto"
    contamination: str = ""
    """Marks that `vesalius audit --mark` wrote for this corpus; the report says how many studies are touched."""
    command: str = ""
    """Command line that is kept in the passports; empty for a call from Python."""

    def __post_init__(self) -> None:
        if self.resamples < 0:
            raise ConfigError(f"resamples is {self.resamples}; expected 0 or more")
