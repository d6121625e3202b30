"""A corpus of a million rows: opened, filtered, split and read at random, beside Hugging Face datasets.

Every measurement is a fresh process.
Peak memory is VmHWM, the high-water mark of resident memory, mapped file pages counted.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any

from measure import save

FINDING = "pneumothorax"
CONCEPTS = [
    "cardiomegaly",
    "pleural_effusion",
    "pneumothorax",
    "consolidation",
    "atelectasis",
    "edema",
    "fibrosis",
    "lung_nodule",
    "lung_mass",
    "rib_fracture",
    "emphysema",
    "hiatal_hernia",
    "no_finding",
]


def build(root: Path, rows: int) -> None:
    """Write `rows` studies with distinct ids, texts and hashes, from templates with varied findings."""
    import numpy as np

    from vesalius.data.corpus import Corpus
    from vesalius.data.manifest import Manifest, summarise
    from vesalius.data.schema import SCHEMA_VERSION, study_row, to_table
    from vesalius.data.shards import ROWS_PER_SHARD, ShardReader, ShardSink

    templates = to_table([study_row(study) for study in _templates(512)])
    rng = np.random.default_rng(0)
    names = (f"part-{number:05d}.parquet" for number in count())
    sink = ShardSink(root / "studies", names=names, metadata={})
    for start in range(0, rows, ROWS_PER_SHARD):
        sink.add(_numbered(templates, range(start, min(start + ROWS_PER_SHARD, rows)), rng=rng))
    sink.flush()
    counts, content_hash = summarise(ShardReader(root / "studies", sink.written))
    Manifest(
        schema_version=SCHEMA_VERSION,
        name="million",
        content_hash=content_hash,
        counts=counts,
        virtual=True,
        shards=tuple(sink.written),
    ).write(root)
    Corpus.open(root).make_split(seed=0)


def _templates(number: int) -> list[Any]:
    import numpy as np

    from vesalius.data.records import Box, Finding, Image, Provenance, Region, Study, Text

    rng = np.random.default_rng(1)
    studies = []
    for place in range(number):
        status = rng.choice(
            ["present", "absent", "uncertain", "unsaid"], size=len(CONCEPTS), p=[0.1, 0.5, 0.05, 0.35]
        )
        stated = [(name, value) for name, value in zip(CONCEPTS, status, strict=True) if value != "unsaid"]
        image = Image(id="cxr", path="media/cxr.png", modality=str(rng.choice(["DX", "CR"])), sha256=f"{place:064x}")
        boxes = [name for name, value in stated if value == "present"]
        studies.append(
            Study(
                id=f"t{place}",
                patient="p",
                images=(image,),
                texts=(Text(text="lungs ", role="findings"), Text(text="impression ", role="impression")),
                findings=tuple(Finding(concept=name, status=value) for name, value in stated),
                regions=tuple(Region(image="cxr", kind="box", concept=name, box=Box(1, 2, 3, 4)) for name in boxes),
                sex="F" if place % 2 else "M",
                site=f"site{place % 5}",
                provenance=Provenance(source="perf", virtual=True),
            )
        )
    return studies


def _numbered(templates: Any, numbers: range, *, rng: Any) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    from vesalius.data.fingerprint import study_key

    table = templates.take(pa.array(rng.integers(0, len(templates), len(numbers)))).combine_chunks()
    ids = [f"study-{number:09d}" for number in numbers]
    texts = table["texts"].combine_chunks()
    flat = pc.list_flatten(texts)
    words = pa.array([rng.bytes(100).hex() for _ in range(len(flat))])
    fields = {field.name: pc.struct_field(flat, field.name) for field in flat.type}
    fields["text"] = pc.binary_join_element_wise(fields["text"], words, "")
    texts = pa.ListArray.from_arrays(texts.offsets, pa.StructArray.from_arrays(list(fields.values()), list(fields)))
    digests = pa.array([rng.bytes(32) for _ in ids], pa.binary())
    new = {
        "study_id": pa.array(ids),
        "patient": pa.array([f"patient-{number // 10:09d}" for number in numbers]),
        "texts": texts.cast(templates.schema.field("texts").type),
        "study_key": pa.array([study_key(name) for name in ids]),
        "digest": digests,
    }
    for name, column in new.items():
        table = table.set_column(table.schema.get_field_index(name), name, column)
    return table


def measure_open_filter(root: Path) -> dict[str, float]:
    """Import, open and filter by a finding."""
    start = time.perf_counter()
    from vesalius.data.corpus import Corpus

    imported = time.perf_counter()
    view = Corpus.open(root).filter(FINDING)
    return {"rows": len(view), "import_s": imported - start, "open_filter_s": time.perf_counter() - imported}


def measure_random_access(root: Path) -> dict[str, float]:
    """Read 200 studies at random rows, then 2000 in a row."""
    import numpy as np

    from vesalius.data.corpus import Corpus

    corpus = Corpus.open(root)
    start = time.perf_counter()
    for row in np.random.default_rng(0).integers(0, len(corpus), 200):
        corpus[int(row)]
    random = time.perf_counter()
    for row in range(2000):
        corpus[row]
    return {
        "random_ms": (random - start) / 200 * 1e3,
        "in_a_row_ms": (time.perf_counter() - random) / 2000 * 1e3,
    }


def measure_labels_split(root: Path) -> dict[str, float]:
    """Labels of six concepts for every study; a stratified split of all patients, drawn and stored."""
    from vesalius.data.corpus import Corpus

    concepts = ["cardiomegaly", "pleural_effusion", FINDING, "consolidation", "atelectasis", "edema"]
    corpus = Corpus.open(root)
    start = time.perf_counter()
    labels = corpus.labels(concepts)
    done = time.perf_counter()
    corpus.make_split(seed=0, stratify=concepts, scheme="perf")
    return {"rows": len(labels), "labels_s": done - start, "split_s": time.perf_counter() - done}


def measure_write(root: Path) -> dict[str, float]:
    """Write 5000 studies without files, one at a time, and finish."""
    from vesalius.data.corpus import from_studies

    studies = _templates(5000)
    with tempfile.TemporaryDirectory(dir=root.parent) as folder:
        start = time.perf_counter()
        from_studies(studies, folder, name="written")
        return {"studies_per_s": len(studies) / (time.perf_counter() - start)}


def measure_datasets_first(root: Path) -> dict[str, float]:
    """Hugging Face datasets, first time: converts to its cache, then filters the one column."""
    with tempfile.TemporaryDirectory(dir=root.parent) as cache:
        return _datasets(root, Path(cache))


def measure_datasets_again(root: Path) -> dict[str, float]:
    """Hugging Face datasets with its cache ready (made by the first call)."""
    return _datasets(root, root.parent / "datasets-cache")


def _datasets(root: Path, cache: Path) -> dict[str, float]:
    start = time.perf_counter()
    import datasets

    datasets.disable_progress_bars()
    imported = time.perf_counter()
    files = sorted(str(path) for path in (root / "studies").glob("*.parquet"))
    whole = datasets.load_dataset("parquet", data_files=files, split="train", cache_dir=str(cache))
    view = whole.filter(
        lambda present: [FINDING in names for names in present],
        input_columns="findings_present",
        batched=True,
        load_from_cache_file=False,
    )
    return {"rows": len(view), "import_s": imported - start, "open_filter_s": time.perf_counter() - imported}


def measure_datasets_random(root: Path) -> dict[str, float]:
    """Hugging Face datasets, cache ready: 200 rows at random, then 2000 in a row, as Python values."""
    import datasets
    import numpy as np

    datasets.disable_progress_bars()
    files = sorted(str(path) for path in (root / "studies").glob("*.parquet"))
    cache = str(root.parent / "datasets-cache")
    whole = datasets.load_dataset("parquet", data_files=files, split="train", cache_dir=cache)
    start = time.perf_counter()
    for row in np.random.default_rng(0).integers(0, len(whole), 200):
        whole[int(row)]
    random = time.perf_counter()
    for row in range(2000):
        whole[row]
    return {
        "random_ms": (random - start) / 200 * 1e3,
        "in_a_row_ms": (time.perf_counter() - random) / 2000 * 1e3,
    }


def peak_mb() -> float:
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


MEASUREMENTS = {
    "open_filter": measure_open_filter,
    "random_access": measure_random_access,
    "labels_split": measure_labels_split,
    "write": measure_write,
    "datasets_first": measure_datasets_first,
    "datasets_again": measure_datasets_again,
    "datasets_random": measure_datasets_random,
}


def repeat(name: str, root: Path, repeats: int) -> dict[str, Any]:
    """Run a measurement in fresh processes; median and interquartile range of every figure."""
    runs = []
    for _ in range(repeats):
        line = [sys.executable, __file__, "--measure", name, "--root", str(root)]
        done = subprocess.run(
            line, capture_output=True, text=True, check=True, env={**os.environ, "HF_HUB_OFFLINE": "1"}
        )
        runs.append(json.loads(done.stdout.splitlines()[-1]))
    figures = {}
    for key in runs[0]:
        values = [run[key] for run in runs]
        low, _, high = statistics.quantiles(values, n=4) if len(values) > 1 else (values[0],) * 3
        figures[key] = {"median": statistics.median(values), "iqr": high - low}
    return {"repeats": repeats, **figures}


def run(*, rows: int, repeats: int) -> None:
    """Build the corpus, measure everything, and write the results."""
    peer = find_spec("datasets") is not None
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "corpus"
        start = time.perf_counter()
        build(root, rows)
        built = time.perf_counter() - start
        results = {name: repeat(name, root, repeats) for name in MEASUREMENTS if not name.startswith("datasets")}
        size = sum(path.stat().st_size for path in (root / "studies").iterdir())
        if peer:
            results["datasets_first"] = repeat("datasets_first", root, 1)
            repeat("datasets_again", root, 1)
            for name in ("datasets_again", "datasets_random"):
                results[name] = repeat(name, root, repeats)
    figures = {
        "rows": rows,
        "parquet_mb": size / 2**20,
        "build_s": built,
        "results": results,
        "targets": {"open_filter_s": 2.0, "peak_mb": 500.0},
        "ratios": _ratios(results) if peer else "peer not installed",
    }
    save("corpus", figures)
    print(json.dumps(figures["results"], indent=1), json.dumps(figures["ratios"], indent=1))


def _ratios(results: dict[str, Any]) -> dict[str, float]:
    ours = results["open_filter"]
    figures = {}
    for name in ("datasets_first", "datasets_again"):
        for key in ("open_filter_s", "peak_mb"):
            figures[f"{name} over ours, {key}"] = results[name][key]["median"] / ours[key]["median"]
    for key in ("random_ms", "in_a_row_ms"):
        figures[f"datasets over ours, {key}"] = (
            results["datasets_random"][key]["median"] / results["random_access"][key]["median"]
        )
    return figures


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--measure", choices=MEASUREMENTS)
    parser.add_argument("--root", type=Path)
    arguments = parser.parse_known_args()[0]
    if arguments.measure:
        print(json.dumps(MEASUREMENTS[arguments.measure](arguments.root) | {"peak_mb": peak_mb()}))
    else:
        run(rows=arguments.rows, repeats=arguments.repeats)
