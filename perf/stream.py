"""Peak memory and speed of a shuffled stream of studies, from 1,000 to 50,000 of them.

Run: ``python perf/stream.py --out perf/results/stream.json``; every figure is a fresh process. `rows_mb` is the most
that Arrow ever held: the rows of one window (3,072 studies, which 1,000 do not fill). `own_mb` is the most of RssAnon
after a batch, with what allocators keep back. `peak_mb` is VmHWM; in it the
pages of mapped Parquet files count too. The same pass over a list of all studies stands beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

from corpus import build, peak_mb
from measure import save

SIZES = (1_000, 8_192, 20_000, 50_000)
BATCH = 32


def measure(root: Path, *, rows: int, way: str) -> dict[str, Any]:
    """Pass over a corpus once, in batches."""
    import pyarrow as pa

    from vesalius.data.remote import open_corpus
    from vesalius.data.stream import StudyStream

    start, seen, own = perf_counter(), 0, 0.0
    corpus = open_corpus(root)
    if way == "list":
        seen, own = len(list(corpus)), own_mb()
    else:
        stream = StudyStream(corpus=corpus, load=_words, batch=BATCH)
        for batch in stream.batches():
            seen, own = seen + len(batch), max(own, own_mb())
    assert seen == rows
    rows_mb = pa.default_memory_pool().max_memory() / 2**20
    seconds = perf_counter() - start
    return {
        "rows": rows,
        "way": way,
        "studies_per_second": rows / seconds,
        "rows_mb": rows_mb,
        "own_mb": own,
        "peak_mb": peak_mb(),
    }


def own_mb() -> float:
    """Memory of this process that no file backs, in MiB."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return int(next(line for line in lines if line.startswith("RssAnon")).split()[1]) / 1024


def _words(study: Any) -> int:
    return len(study.texts[0].text)


def run(sizes: tuple[int, ...]) -> None:
    """Build a corpus of each size, pass over it, and write the figures."""
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for rows in sizes:
            root = Path(folder) / str(rows)
            build(root, rows)
            for way in ("stream", "list"):
                line = [sys.executable, __file__, "--root", str(root), "--rows", str(rows), "--way", way]
                done = subprocess.run(line, capture_output=True, text=True, check=True, env=dict(os.environ))
                results.append(json.loads(done.stdout.splitlines()[-1]))
                print(results[-1], flush=True)
    streamed = [result for result in results if result["way"] == "stream"]
    growth = {
        f"{name}, {last['rows']} over {first['rows']} studies": last[name] / first[name]
        for name in ("rows_mb", "own_mb", "peak_mb")
        for first, last in ((one, streamed[-1]) for one in streamed[:-1])
    }
    print(json.dumps(growth, indent=1))
    print(save("stream", {"batch": BATCH, "results": results, "growth": growth, "target": 1.1}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path)
    parser.add_argument("--rows", type=int)
    parser.add_argument("--way", choices=("stream", "list"))
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    arguments = parser.parse_known_args()[0]
    if arguments.root:
        print(json.dumps(measure(arguments.root, rows=arguments.rows, way=arguments.way)))
    else:
        run(tuple(arguments.sizes))
