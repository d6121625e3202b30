"""Draw a sample, stratified where asked: each stratum gives its share, to within one study."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from vesalius.curation.base import Decision, Dropped, Outcome, Stage, Step, chance
from vesalius.curation.steps.balance import By, strata
from vesalius.data.records import Study

__all__ = ["STEP", "Sample", "largest_remainders"]


def largest_remainders(sizes: list[int], total: int) -> list[int]:
    """Share `total` out in proportion to `sizes` in whole numbers (Hamilton's method); the earlier wins a tie."""
    whole = sum(sizes)
    if not whole:
        return [0] * len(sizes)
    total = min(total, whole)
    quotas = [size * total for size in sizes]
    shares = [quota // whole for quota in quotas]
    order = sorted(range(len(sizes)), key=lambda place: (-(quotas[place] % whole), place))
    for place in order[: total - sum(shares)]:
        shares[place] += 1
    return shares


@dataclass(frozen=True, kw_only=True)
class Sample(Step):
    """Keep `number` studies, or the share `share`, drawn from the seed."""

    number: int | None = None
    share: float | None = None
    by: tuple[By, ...] = ()
    """Strata: every combination of values gives its share. None for a plain sample."""
    equal: bool = False
    """Each stratum gives the same number instead of its share, as far as it has them."""

    def __post_init__(self) -> None:
        if (self.number is None) == (self.share is None):
            raise ValueError("give either number or share")
        if self.share is not None and not 0 < self.share <= 1:
            raise ValueError("share is above 0 and at most 1")

    def prepare(self, stage: Stage) -> Decision:
        """Sort the studies into strata and draw from each."""
        groups: dict[tuple[tuple[str, ...], ...], list[str]] = defaultdict(list)
        for study in stage.studies:
            groups[tuple(strata(study, by) for by in self.by)].append(study.id)
        keys = sorted(groups)
        sizes = [len(groups[key]) for key in keys]
        total = self.number if self.number is not None else round(float(self.share or 0) * sum(sizes))
        shares = _equally(sizes, total) if self.equal else largest_remainders(sizes, total)
        kept: set[str] = set()
        for key, share in zip(keys, shares, strict=True):
            drawn = sorted(groups[key], key=lambda name: (float(chance(stage.seed, name, "sample").random()), name))
            kept.update(drawn[:share])

        def decide(study: Study) -> Outcome:
            return study if study.id in kept else Dropped("not drawn")

        return decide


def _equally(sizes: list[int], total: int) -> list[int]:
    """Share out one study after the other to the strata that have any left, the earlier first."""
    shares = [0] * len(sizes)
    left = min(total, sum(sizes))
    while left:
        for place, size in enumerate(sizes):
            if left and shares[place] < size:
                shares[place] += 1
                left -= 1
    return shares


STEP = Sample
