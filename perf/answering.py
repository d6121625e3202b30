"""The harness of benchmarks without a model's time: asking, marking, scoring 10 000 and 50 000 items, and a kill.

Each figure is of a process of its own. `score` marks stored replies again and computes every score with 1000
resamples of 3-item clusters, over two parts and two fields; `page` writes the page of all items too. `kill` ends the
process by SIGKILL half way and starts it again: `repeated` is how many requests were made twice, of a model that has
16 under way.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from measure import save

WORKER = Path(__file__).parent / "_answering_worker.py"
SIZES = (10_000, 50_000)


def main() -> None:
    """Measure, print and store."""
    figures: dict[str, Any] = {}
    for count in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            rows = {what: worker(Path(folder), count, what) for what in ("ask", "score", "page")}
        figures[str(count)] = rows
        for what, row in rows.items():
            print(f"{count:6d} items, {what:5}  {row['seconds']:6.1f} s, peak {row['peak_mib']:5.0f} MiB", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        figures["kill"] = killed(Path(folder), SIZES[0])
    print(f"killed half way: {figures['kill']}")
    small, large = (figures[str(count)]["score"]["peak_mib"] for count in SIZES)
    figures["memory_of_five_times_the_items"] = large / small
    print(f"peak of five times the items: x {large / small:.2f}")
    print(save("answering", figures))


def worker(folder: Path, count: int, what: str) -> dict[str, float]:
    """Run one evaluation in a process of its own."""
    done = subprocess.run(
        [sys.executable, WORKER, folder, str(count), what], capture_output=True, text=True, check=True
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def killed(folder: Path, count: int) -> dict[str, float]:
    """Kill an evaluation half way, go on, and count what was asked twice."""
    ended = subprocess.run([sys.executable, WORKER, folder, str(count), "kill"], capture_output=True, check=False)
    stored = len((folder / f"out-{count}" / "replies.jsonl").read_text(encoding="utf-8").splitlines())
    rest = worker(folder, count, "ask")["requests"]
    return {"code": ended.returncode, "stored": stored, "asked_again": rest, "repeated": count // 2 + 1 - stored}


if __name__ == "__main__":
    main()
