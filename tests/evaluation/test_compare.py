"""Comparison in pairs: the right direction, identical systems, refusal, Holm, misaligned answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from vesalius.data.corpus import Corpus
from vesalius.errors import ConfigError, DataError
from vesalius.evaluation.compare import COMPARISON_FILE, compare
from vesalius.evaluation.paired import Pair, align, compare_scores, permutation_p
from vesalius.evaluation.run import evaluate
from vesalius.evaluation.summary import comparison_text, detectable_words
from vesalius.metrics.classification import auroc
from vesalius.metrics.significance import swap_test
from vesalius.tasks.base import Score, detail, make_task, predictions

QUICK = {"resamples": 200, "report": False, "controls": False, "tasks": ["zero_shot", "retrieval"]}


@pytest.fixture(scope="module")
def folders(corpus: Corpus, band_model: type, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("compare")
    for name, noise in (("sharp", 0.2), ("twin", 0.2), ("blurred", 4.0)):
        evaluate(band_model(name=name, noise=noise), on=corpus, out=root / name, **QUICK)
    evaluate(band_model(name="elsewhere", noise=0.2), on=corpus, split="val", out=root / "elsewhere", **QUICK)
    return {name: root / name for name in ("sharp", "twin", "blurred", "elsewhere")}


def row(found: Any, metric: str, label: str) -> dict[str, Any]:
    (one,) = [one for one in found.pairs if (one["metric"], one["label"]) == (metric, label)]
    return one


def test_the_better_model_wins_and_the_order_turns_the_sign(folders: dict[str, Path], tmp_path: Path) -> None:
    there = row(compare([folders["sharp"], folders["blurred"]], out=tmp_path), "auroc", "macro")
    back = row(compare([folders["blurred"], folders["sharp"]]), "auroc", "macro")
    assert there["verdict"] == "win"
    assert back["verdict"] == "loss"
    assert there["difference"] == pytest.approx(-back["difference"])
    assert there["p_permutation"] < 0.01
    assert there["n_patients"] == 24
    stored = json.loads((tmp_path / COMPARISON_FILE).read_text(encoding="utf-8"))
    assert stored["tally"][0]["win"] >= 1
    assert (tmp_path / "comparison.html").stat().st_size < 3_000_000


def test_a_smaller_error_is_a_win(folders: dict[str, Path]) -> None:
    brier = row(compare([folders["sharp"], folders["blurred"]]), "brier", "macro")
    assert brier["difference"] < 0
    assert brier["verdict"] in ("win", "undecided")


def test_equal_systems_tie_and_have_p_one(folders: dict[str, Path]) -> None:
    found = compare([folders["sharp"], folders["twin"]])
    assert {one["difference"] for one in found.pairs} == {0.0}
    assert {one["verdict"] for one in found.pairs} == {"tie"}
    assert row(found, "auroc", "macro")["p_permutation"] == 1.0
    assert row(found, "auroc", "macro")["p_bootstrap"] == 1.0


def test_holm_is_over_the_pairs_of_systems(folders: dict[str, Path]) -> None:
    found = compare([folders["sharp"], folders["twin"], folders["blurred"]])
    rows = [one for one in found.pairs if (one["metric"], one["label"]) == ("auroc", "macro")]
    assert len(rows) == 3
    p = sorted(one["p"] for one in rows)
    expected = np.maximum.accumulate(np.minimum(1, np.array(p) * [3, 2, 1]))
    np.testing.assert_allclose(sorted(one["p_holm"] for one in rows), expected)


def test_other_items_are_refused_and_named(folders: dict[str, Path]) -> None:
    with pytest.raises(DataError, match=r"dataset\.split: other items were scored"):
        compare([folders["sharp"], folders["elsewhere"]])
    with pytest.raises(DataError, match="share no item"):
        compare([folders["sharp"], folders["elsewhere"]], allow_different=True)


def test_what_is_shared_is_compared_when_allowed(
    corpus: Corpus, band_model: type, folders: dict[str, Path], tmp_path: Path
) -> None:
    evaluate(band_model(name="whole", noise=0.2), on=corpus, split="all", out=tmp_path, **QUICK)
    with pytest.raises(DataError, match="--allow-different"):
        compare([folders["sharp"], tmp_path])
    found = compare([folders["sharp"], tmp_path], allow_different=True)
    one = row(found, "auroc", "macro")
    assert (one["n"], one["n_patients"], one["difference"]) == (34, 24, 0.0)
    assert one["left_out"] > 0
    assert {told["field"] for told in found.document["differences"]} >= {"dataset.split", "dataset.items.ids"}


def test_other_corpora_are_refused(
    make_bands: Callable[..., Corpus], band_model: type, folders: dict[str, Path], tmp_path: Path
) -> None:
    other = make_bands(tmp_path / "c", seed=1)
    evaluate(band_model(noise=0.2), on=other, out=tmp_path / "e", **QUICK)
    with pytest.raises(DataError, match=r"dataset\.revision: the corpora hold other records"):
        compare([folders["sharp"], tmp_path / "e"])
    with pytest.raises(DataError, match="another truth"):
        compare([folders["sharp"], tmp_path / "e"], allow_different=True)


def test_one_evaluation_cannot_be_compared(folders: dict[str, Path]) -> None:
    with pytest.raises(ConfigError, match="two or more"):
        compare([folders["sharp"]])


def test_a_run_with_several_evaluations_asks_which(
    corpus: Corpus, band_model: type, folders: dict[str, Path], tmp_path: Path
) -> None:
    for name in ("bands-test", "bands-val"):
        target = tmp_path / "run" / "evaluations" / name
        target.mkdir(parents=True)
        for file in folders["sharp"].glob("*.*"):
            (target / file.name).write_bytes(file.read_bytes())
    with pytest.raises(DataError, match="bands-test, bands-val; name one"):
        compare([tmp_path / "run", folders["twin"]])
    assert compare([tmp_path / "run", folders["twin"]], name="bands-test").pairs


def two_tables(n: int = 60, seed: int = 0) -> tuple[pa.Table, pa.Table]:
    """Zero-shot answers of two systems to two labels, patients with two items each."""
    rng = np.random.default_rng(seed)
    target = rng.integers(0, 2, (2, n)).astype(float)
    tables = []
    for strength in (1.0, 0.6):
        score = target * strength + rng.normal(0, 1, (2, n))
        columns = {
            "item": [f"s{item}" for item in range(n)] * 2,
            "patient": [f"p{item // 2}" for item in range(n)] * 2,
            "label": ["a"] * n + ["b"] * n,
            "target": target.reshape(-1),
            "score": score.reshape(-1),
            "detail": [detail(template="ensemble")] * (2 * n),
        }
        tables.append(predictions("zero_shot", columns))
    return tables[0], tables[1]


def test_rows_are_aligned_whatever_their_order() -> None:
    first, second = two_tables()
    order = np.random.default_rng(1).permutation(len(second))
    pair = align(first, second.take(pa.array(order)))
    assert pair.left_out == 0
    for name in ("item", "label", "patient"):
        assert pair.first[name].to_pylist() == pair.second[name].to_pylist()
    part = align(first, second.slice(0, 60))
    assert (len(part.first), part.left_out) == (60, 60)


def test_an_item_answered_twice_is_refused() -> None:
    first, second = two_tables()
    with pytest.raises(DataError, match="answers one item twice"):
        align(first, pa.concat_tables([second, second.slice(0, 1)]))


def test_the_swap_test_of_a_mean_over_labels_is_that_of_its_definition() -> None:
    first, second = two_tables(n=14)  # 7 patients: all 128 swaps are tried
    pair = align(first, second)
    score = Score(task="zero_shot", metric="auroc", label="macro", value=0, low=0, high=0, n=14, n_patients=7)
    arrays = {name: pair.first[name].to_numpy(zero_copy_only=False) for name in ("target", "label", "patient")}
    scores = [table["score"].to_numpy() for table in (pair.first, pair.second)]
    ranked = [np.empty_like(values) for values in scores]
    for label in ("a", "b"):
        rows = arrays["label"] == label
        for values, ranks in zip(scores, ranked, strict=True):
            ranks[rows] = np.argsort(np.argsort(values[rows]))

    def gap(swapped: np.ndarray) -> float:
        one = np.where(swapped, ranked[1], ranked[0])
        other = np.where(swapped, ranked[0], ranked[1])
        gaps = [
            auroc(arrays["target"][rows], one[rows]) - auroc(arrays["target"][rows], other[rows])
            for rows in (arrays["label"] == "a", arrays["label"] == "b")
        ]
        return float(np.mean(gaps))

    expected = swap_test(gap, arrays["patient"])
    assert permutation_p(score, pair, seed=0) == pytest.approx(expected)


def test_a_paired_interval_is_narrower_than_an_unpaired_one() -> None:
    rng = np.random.default_rng(3)
    first, _ = two_tables(n=200)
    near = first.set_column(
        first.schema.get_field_index("score"),
        first.schema.field("score"),
        pa.array(first["score"].to_numpy() + rng.normal(0, 0.2, len(first))),
    )
    pair = Pair(first, near, 0)
    task = make_task("zero_shot")
    scores = [
        next(one for one in task.score(table, resamples=500, seed=0) if (one.metric, one.label) == ("auroc", "a"))
        for table in (first, near)
    ]
    found = compare_scores((scores[0], scores[1]), pair, margin=0.01, seed=0, tested=False)
    assert found is not None
    unpaired = np.hypot(*(one.high - one.low for one in scores))
    assert found.high - found.low < 0.5 * unpaired
    assert np.isnan(found.p_permutation)
    assert found.p == found.p_bootstrap


@pytest.mark.slow
def test_equal_models_rarely_win() -> None:
    """Null: the two systems differ by noise alone; wins and losses together stay near the level of .05."""
    task, decided, runs = make_task("zero_shot"), 0, 200
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        first, _ = two_tables(n=80, seed=seed)
        tables = []
        for _ in range(2):
            noisy = first["score"].to_numpy() + rng.normal(0, 1, len(first))
            tables.append(first.set_column(first.schema.get_field_index("score"), "score", pa.array(noisy)))
        scores = [
            next(
                one
                for one in task.score(table, resamples=300, seed=0)
                if (one.metric, one.label) == ("auroc", "macro")
            )
            for table in tables
        ]
        found = compare_scores(
            (scores[0], scores[1]), Pair(tables[0], tables[1], 0), margin=0.01, seed=0, tested=True
        )
        assert found is not None
        decided += found.verdict in ("win", "loss") and found.p < 0.05
    # Binomial(200, .05): 99.9 % of the time at most 21.
    assert decided <= 21


def test_an_undecided_comparison_says_what_it_could_have_shown(folders: dict[str, Path], tmp_path: Path) -> None:
    found = compare([folders["sharp"], folders["blurred"]], out=tmp_path)
    macro = row(found, "auroc", "macro")
    # patients needed grow with the square of the difference that would show
    assert macro["patients_needed"] == pytest.approx(macro["n_patients"] * (macro["detectable"] / 0.02) ** 2)
    assert row(found, "median_rank", "image_to_text")["patients_needed"] is None
    brier = row(found, "brier", "macro")
    assert brier["design_effect"] > 0
    assert macro["design_effect"] is None

    open_row = {**macro, "verdict": "undecided", "detectable": 0.0713, "n_patients": 24, "patients_needed": 304.6}
    words = "with 24 patients a difference of 0.071 would show, for one of 0.020 it takes 305 patients"
    assert detectable_words(open_row) == words
    assert detectable_words({**open_row, "patients_needed": None}) == words.split(",")[0]
    assert detectable_words({**open_row, "verdict": "tie"}) == ""
    text = comparison_text({**found.document, "pairs": [open_row]}, folder="out")
    assert f"undecided ({words})" in text
