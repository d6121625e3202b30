"""What stands between two steps: studies on disk, so that memory stays flat and a killed run goes on."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from vesalius.curation.base import Dropped, Stage, Tally, run_step
from vesalius.curation.recipe import NamedStep
from vesalius.data.disk import replacing
from vesalius.data.records import Study
from vesalius.data.schema import study_row, to_studies, to_table
from vesalius.data.shards import ROWS_PER_GROUP, Shard, ShardReader, ShardSink

__all__ = ["LEDGER", "StoredStage", "StoredStudies", "store_step"]

LEDGER = "dropped.jsonl"
_DONE = "done.json"


@dataclass(frozen=True)
class StoredStudies:
    """Studies in a folder of shards; goes through them as often as asked, one row group in memory."""

    folder: Path
    shards: tuple[Shard, ...]

    def __iter__(self) -> Iterator[Study]:
        for table in ShardReader(self.folder, self.shards).groups():
            yield from to_studies(table)

    def __len__(self) -> int:
        return sum(shard.rows for shard in self.shards)


@dataclass(frozen=True)
class StoredStage:
    """The studies after a step, and its counts."""

    studies: StoredStudies
    tally: Tally
    resumed: bool


def store_step(step: NamedStep, stage: Stage, folder: Path, *, advance: Callable[[int], None]) -> StoredStage:
    """Run a step and store what goes on below `folder`, or take what an earlier run stored there whole.

    Args:
        step: what to do.
        stage: the studies before it.
        folder: of this step with these settings after those steps.
        advance: counts studies.
    """
    done = folder / _DONE
    if done.exists():
        return _stored(folder, json.loads(done.read_text(encoding="utf-8")))
    for left in folder.glob("part-*.parquet"):
        left.unlink()
    folder.mkdir(parents=True, exist_ok=True)
    tally, shards = _write(step, stage, folder, advance)
    with replacing(done, scratch=folder.parent) as file:
        document = {"tally": tally.as_dict(), "shards": [list(shard) for shard in shards]}
        file.write(json.dumps(document).encode("utf-8"))
    return StoredStage(StoredStudies(folder, tuple(shards)), tally, resumed=False)


def _write(step: NamedStep, stage: Stage, folder: Path, advance: Callable[[int], None]) -> tuple[Tally, list[Shard]]:
    tally = Tally()
    rows: list[dict[str, Any]] = []
    sink = ShardSink(folder, names=(f"part-{number:05d}.parquet" for number in count()), metadata={})
    with (folder / LEDGER).open("w", encoding="utf-8") as ledger:
        for study, outcome in run_step(step.step, stage, name=step.label):
            tally.count(study, outcome)
            if isinstance(outcome, Dropped):
                entry = {"study": study.id, "step": step.name, "reason": outcome.reason, "detail": outcome.detail}
                ledger.write(json.dumps(entry, ensure_ascii=False) + "\n")
            else:
                rows.append(study_row(outcome))
            if len(rows) >= ROWS_PER_GROUP:
                sink.add(to_table(rows))
                rows = []
            advance(1)
    sink.add(to_table(rows))
    sink.flush()
    return tally, sink.written


def _stored(folder: Path, document: dict[str, Any]) -> StoredStage:
    values = document["tally"]
    tally = Tally(**values | {name: Counter(values[name]) for name in ("dropped", "before", "after")})
    shards = tuple(Shard(*shard) for shard in document["shards"])
    return StoredStage(StoredStudies(folder, shards), tally, resumed=True)
