"""Tasks that match images with texts, through evaluation: controls, stored logits, and no report in a passport."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from vesalius.data.corpus import Corpus
from vesalius.errors import CapabilityError
from vesalius.evaluation.run import evaluate

QUICK = {"resamples": 100, "report": False}
TASKS = ("matching", "zero_shot_matching")


def test_controls_know_nothing_and_passports_hold_no_report(corpus: Corpus, band_model: type, tmp_path: Path) -> None:
    done = evaluate(band_model(noise=0.1), on=corpus, out=tmp_path, tasks=TASKS, **QUICK)
    model = done.score("matching", "mrr", "image_to_text")
    auroc = done.score("zero_shot_matching", "auroc", "macro")
    assert model["value"] > 0.8
    assert auroc["value"] > 0.9
    for control in ("majority", "shuffled", "untrained"):
        assert done.score("matching", "mrr", "image_to_text", control=control)["high"] < model["low"]
        assert done.score("zero_shot_matching", "auroc", "macro", control=control)["value"] < auroc["low"]
    assert done.score("zero_shot_matching", "auroc", "macro", control="majority")["value"] == 0.5
    prompts = {row["task"]: done.document["passports"][row["passport"]]["task"]["prompts"] for row in done.scores}
    assert prompts["matching"]["texts"] == []
    assert prompts["zero_shot_matching"]["count"] > 6


def test_logits_are_stored_and_found_again(corpus: Corpus, band_model: type, tmp_path: Path) -> None:
    first, second = band_model(), band_model()
    evaluate(first, on=corpus, out=tmp_path, tasks=TASKS, **QUICK)
    evaluate(second, on=corpus, out=tmp_path, tasks=TASKS, **QUICK)
    assert first.calls
    assert second.calls == []


def test_a_model_that_only_embeds_is_refused_where_asked_and_passed_over_where_not(
    band_model: Callable[..., object], corpus: Corpus, tmp_path: Path
) -> None:
    plain = band_model(capabilities=frozenset({"embed_image", "embed_text"}))
    with pytest.raises(CapabilityError, match=r"task matching: .* cannot match .*m3ae"):
        evaluate(plain, on=corpus, out=tmp_path, tasks=["matching"], **QUICK)
