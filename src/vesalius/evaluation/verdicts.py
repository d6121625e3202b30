"""What a measured effect says of a claim: rules that stand before any run.

The effect is the score with the paper's idea minus the score without it. Its 95 % interval is for new seeds and
new patients (seeds × patients). The rules, in this order:

1. An arm could not be trained or scored: "failed". Fewer than three seeds: "too few seeds", for the variance
   between seeds is not known.
2. "higher": the interval lies above 0: "reproduced"; below 0: "contradicted". "lower": the other way round.
   "equal": the interval lies within the claim's margin on both sides: "reproduced"; wholly outside of it:
   "contradicted".
3. Otherwise the claim is open. Where the positive control was found: "not at this scale". Where the mechanism did
   not find even the effect that was planted for it, or nothing was planted, it may be broken: "not shown".

A positive control is found where its own interval lies on its side of 0.
"""

from __future__ import annotations

from math import isfinite
from typing import Literal

from vesalius.metrics.variance import SEEDS_NEEDED
from vesalius.paper import Direction

__all__ = ["RULES", "Verdict", "control_found", "judge"]

Verdict = Literal["reproduced", "not at this scale", "contradicted", "not shown", "too few seeds", "failed"]

RULES: dict[Verdict, str] = {
    "reproduced": "the interval lies on the claim's side of 0 (a claim of equality: within its margin)",
    "contradicted": "the interval lies on the other side of 0 (a claim of equality: wholly outside its margin), and "
    "the mechanism found the effect that was planted for it",
    "not at this scale": "the interval holds 0, and the mechanism found the effect that was planted for it",
    "not shown": "the interval is not on the claim's side, and no planted effect was found by the mechanism, so it "
    "may be broken",
    "too few seeds": f"fewer than {SEEDS_NEEDED} seeds",
    "failed": "an arm could not be trained or scored",
}
"""Each verdict and when it is given."""


def judge(
    bounds: tuple[float, float],
    *,
    direction: Direction,
    seeds: int,
    margin: float = 0.0,
    found: bool | None = None,
) -> Verdict:
    """Return the verdict on a claim.

    Args:
        bounds: low and high end of the effect's interval; NaN where it is not defined.
        direction: what the claim says of the effect.
        seeds: number of seeds an arm.
        margin: largest difference that does not matter, for a claim of equality.
        found: whether the positive control was found; None where there is none.
    """
    low, high = bounds
    if not (isfinite(low) and isfinite(high)):
        return "failed"
    if seeds < SEEDS_NEEDED:
        return "too few seeds"
    if direction == "equal":
        holds, opposes = -margin < low and high < margin, low > margin or high < -margin
    else:
        above, below = low > 0, high < 0
        holds, opposes = (above, below) if direction == "higher" else (below, above)
    if holds:
        return "reproduced"
    if not found:
        return "not shown"
    return "contradicted" if opposes else "not at this scale"


def control_found(bounds: tuple[float, float], *, direction: Direction) -> bool:
    """Say whether the mechanism found the planted effect: the interval lies on its side of 0."""
    low, high = bounds
    return high < 0 if direction == "lower" else low > 0
