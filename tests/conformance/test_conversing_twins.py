"""Every method that learns from conversations is asked what people ask of such models, beside what sees no picture.

Its tiny recipe shows that all of this runs; what a method learns is measured by `vesalius reproduce`.
"""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from method_batches import talking

from vesalius.data.corpus import Corpus
from vesalius.evaluation.answering.run import answer_benchmark
from vesalius.evaluation.corpus_questions import CorpusQuestions
from vesalius.evaluation.results import Evaluation
from vesalius.training.run import Run
from vesalius.training.trainer import train

TWINS = ("vqa_rad", "slake_en", "path_vqa", "iu_xray")
PLACED = ("text2region", "region2text", "counting")
CONTROLS = ("question-only", "blank")
L1 = "asked on twins of VQA-RAD, SLAKE, PathVQA, IU X-Ray, of regions and counts, beside no and blank pictures"


@pytest.fixture(scope="session")
def twins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("twins") / "medevalkit"


def require_scores(found: Evaluation, parts: tuple[str, ...], *, run: Run) -> None:
    """Require figures of each part with their number and interval, of the model and of both controls."""
    for part in parts:
        own = [row for row in found.document["scores"] if row["task"].endswith(f".{part}") and row["label"] == "all"]
        assert own, f"{run.folder}: {part} has no score"
        assert all(row["n"] > 0 and math.isfinite(row["value"]) for row in own if row["value"] is not None)
        beside = {row["control"] for row in found.document["controls"] if row["task"].endswith(f".{part}")}
        assert set(CONTROLS) <= beside, f"{part} lacks {set(CONTROLS) - beside}"


@pytest.mark.slow
@pytest.mark.parametrize("name", talking(L1))
def test_a_tiny_run_is_asked_beside_controls(name: str, asked: Corpus, twins: Path, tmp_path: Path) -> None:
    run = train(f"{name}/tiny", overrides=[f"data={asked.root}", "run.report_to=[]"], out=tmp_path / "run")
    settings = {"control_names": CONTROLS, "safety_items": 0, "report": False, "resamples": 200, "limit": 24}
    found = answer_benchmark(
        run.folder,
        on="medevalkit",
        data=twins,
        twin=True,
        patients=12,
        parts=TWINS,
        out=tmp_path / "twins",
        **settings,
    )
    require_scores(found, TWINS, run=run)
    placed = CorpusQuestions(asked, asked={part: (part, "en") for part in PLACED})
    found = answer_benchmark(run.folder, on=placed, data=asked.root, out=tmp_path / "placed", **settings)
    require_scores(found, PLACED, run=run)
