"""Broken files of question and caption sets: an error of the data that names its place, never another one."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from test_release_fuzz import broken

from vesalius.data.datasets.base import VIRTUAL_NOTE, dataset
from vesalius.errors import DataError
from vesalius.virtual.twin import write_twin

QUICK = ("vqa_rad", "llava_med")
SLOW = (
    "biomedica", "healthbench", "medframeqa", "medicat", "medmcqa", "medqa", "medtrinity_25m", "medxpertqa",
    "mimic_cxr_vqa", "mmlu_med", "mmmu_med", "omnimedvqa", "ovqa", "path_vqa", "pmc_oa", "pmc_vqa", "pubmedqa",
    "pubmedvision", "rad_restruct", "roco", "rocov2", "slake", "vqa_med_2019", "webdataset_shards",
)  # fmt: skip
FILES = {".csv", ".json", ".jsonl", ".txt", ".pkl", ".parquet", ".tar", ".zst"}
ROUNDS = 16


@pytest.mark.parametrize("name", [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)])
def test_broken_files(name: str, tmp_path: Path) -> None:
    root = tmp_path / "twin"
    write_twin(name, root, patients=4, seed=1)
    rng = random.Random(name)
    files = [path for path in sorted(root.rglob("*")) if path.suffix in FILES and path.name != VIRTUAL_NOTE]
    files = [path for path in files if "unpacked" not in path.parts]
    refused = 0
    for path in rng.sample(files, min(len(files), 8)):
        good = path.read_bytes()
        for _ in range(ROUNDS if good else 0):
            path.write_bytes(broken(good, rng))
            try:
                list(dataset(name).read(root))
            except DataError as error:
                refused += 1
                assert "/" in str(error), f"the message names no place: {error}"  # noqa: PT017
        path.write_bytes(good)
    assert refused > 0 or name in ("medicat", "roco", "vqa_med_2019")
