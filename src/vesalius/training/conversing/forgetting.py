"""What a run in stages has forgotten: the validation loss of every source before it and after each stage."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from vesalius.errors import CheckpointError

__all__ = ["Forgetting", "forgetting"]

_LOSS = "/loss"


@dataclass(frozen=True, kw_only=True)
class Forgetting:
    """A row for the beginning and for each stage, a column for each source."""

    sources: tuple[str, ...]
    rows: tuple[tuple[str, tuple[float, ...]], ...]
    """Name of the stage, "before" for the beginning, and the mean loss of an answer token of each source."""

    def lost(self) -> dict[str, float]:
        """Return by how much each source's last loss is above its lowest, 0 where it is the lowest."""
        columns = zip(*(losses for _, losses in self.rows), strict=True)
        return {name: losses[-1] - min(losses) for name, losses in zip(self.sources, columns, strict=True)}

    def text(self) -> str:
        """Return the table in Markdown."""
        lines = [f"| after | {' | '.join(self.sources)} |", f"|---|{'---|' * len(self.sources)}"]
        lines += [f"| {name} | {' | '.join(f'{loss:.3f}' for loss in losses)} |" for name, losses in self.rows]
        return "\n".join(lines) + "\n"


def forgetting(run: str | Path) -> Forgetting:
    """Read the table of a run with several validated sources.

    Raises:
        CheckpointError: the folder holds no stage that has ended, or none of its sources was validated by itself.
    """
    found = sorted(Path(run).glob("stages/*/stage.json"), key=lambda path: int(path.parent.name.split("-", 1)[0]))
    if not found:
        raise CheckpointError(f"{run} holds no stage that has ended: no stages/*/stage.json")
    proofs = [(path.parent.name.split("-", 1)[1], json.loads(path.read_text(encoding="utf-8"))) for path in found]
    losses = [proofs[0][1]["validation"]["before"], *(proof["validation"]["after"] for _, proof in proofs)]
    sources = tuple(sorted(name.removesuffix(_LOSS) for name in losses[0] if name.endswith(_LOSS)))
    if not sources:
        raise CheckpointError(f"{run}: no source was validated by itself; give data.validation, and several sources")
    names = ("before", *(name for name, _ in proofs))
    return Forgetting(
        sources=sources,
        rows=tuple(
            (name, tuple(float(one[source + _LOSS]) for source in sources))
            for name, one in zip(names, losses, strict=True)
        ),
    )
