"""From rows of ranks to hit rates, reciprocal and median rank: shared by the tasks that search a gallery."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vesalius.metrics import resampled, retrieval
from vesalius.metrics.bootstrap import PatientWeights, percentile
from vesalius.tasks._labels import Rows
from vesalius.tasks.base import Score

__all__ = ["RankScores"]


@dataclass(frozen=True, kw_only=True)
class RankScores:
    """How ranks of one direction and one kind of gallery are scored."""

    task: str
    label: str
    """Direction of the search."""
    ks: tuple[int, ...]
    suffix: str = ""
    """Behind the name of each metric."""
    pools: tuple[int, ...] = ()
    """Sizes of pools of candidates; those that the gallery is too small for are left out."""

    def of(self, rows: Rows, chosen: NDArray[np.intp], seen: PatientWeights) -> list[Score]:
        """R@k, R@1 in pools, MRR, median rank of the chosen rows; their details tell gallery, relevant, matching."""
        ranks = rows.rank[chosen]
        details = [rows.variants[number] for number in rows.variant[chosen]]
        gallery = int(details[0]["gallery"])
        relevant = np.array([one["relevant"] for one in details])
        beside = {
            "gallery": gallery,
            "duplicates": float(np.mean(relevant > 1)),
            "without_text": details[0]["without_text"],
        }
        measured = {f"r_at_{k}": (retrieval.recall_at(ranks, k), resampled.mean(ranks <= k, seen)) for k in self.ks}
        pools = {f"r_at_1_of_{pool}": pool for pool in self.pools if pool <= gallery - relevant.max(initial=0) + 1}
        for metric, pool in pools.items():
            first = retrieval.first_in_pool(ranks, relevant, gallery=gallery, pool=pool)
            measured[metric] = (float(np.mean(first)), resampled.mean(first, seen))
        measured["mrr"] = (retrieval.mrr(ranks), resampled.mean(1 / ranks, seen))
        measured["median_rank"] = (float(np.median(ranks)), resampled.median(ranks, seen))
        scores = []
        for metric, (value, draws) in measured.items():
            extra: dict[str, Any] = {"matching": details[0]["matching"], "ties": "mean", **beside}
            if metric in pools:
                extra["chance"] = 1 / pools[metric]
            elif metric.startswith("r_at_"):
                extra["chance"] = retrieval.chance_recall_at(relevant, gallery, int(metric.removeprefix("r_at_")))
            interval = percentile(value, draws, weights=seen)
            scores.append(
                Score.of(
                    interval,
                    task=self.task,
                    metric=metric + self.suffix,
                    label=self.label,
                    extra=extra,
                    draws=draws,
                    rows=chosen,
                )
            )
        return scores
