"""Quality, balance, samples and scores, by worked examples."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from curation_studies import Folder, absent, present, run, study, texture

from vesalius.curation.columns import read_column, read_embeddings
from vesalius.curation.quality import AXES, gate, rule_scores
from vesalius.curation.recipe import step_kind
from vesalius.curation.scores import el2n, entropy, gradient_influence, margin
from vesalius.curation.steps.sample import largest_remainders
from vesalius.errors import ConfigError, DataError


@pytest.mark.evidence("infimed-foundation", "L2", "the gate keeps {4,5,3,4,5} and drops {4,5,2,4,5} for consistency")
def test_the_cards_gate() -> None:
    least = dict.fromkeys(AXES, 3.0)
    assert gate(dict(zip(AXES, (4, 5, 3, 4, 5), strict=True)), least=least) == ""
    assert gate(dict(zip(AXES, (4, 5, 2, 4, 5), strict=True)), least=least) == "consistency"
    assert gate(dict(zip(AXES, (4, 5, 3, 4, 5), strict=True)), least=least, mean=4.5) == "mean"


def good() -> object:
    return study(
        "good", path="p.png", shape=(96, 96),
        text="Chest radiograph. There is a small left pleural effusion. No pulmonary edema.",
        findings=(present("pleural_effusion", "left"), absent("edema")), sex="F",
    )  # fmt: skip


@pytest.mark.evidence("infimed-foundation", "L2", "rules score each axis")
@pytest.mark.parametrize(
    ("axis", "value", "change"),
    [
        ("accuracy", 1.0, {"findings": (absent("pleural_effusion"), present("edema"))}),
        ("consistency", 3.0, {"findings": (present("pleural_effusion", "right"),)}),
        ("completeness", 1 + 4 * 5 / 6, {"findings": ()}),
    ],
)
def test_one_fault_lowers_one_axis(axis: str, value: float, change: dict) -> None:
    whole = rule_scores(good())
    assert whole == (5.0, 5.0, 5.0, 5.0, 5.0)
    assert getattr(rule_scores(replace(good(), **change)), axis) == pytest.approx(value)


def test_texts_that_contradict_the_picture() -> None:
    foreign = study("f", path="p.png", text="Axial MRI of the brain shows a tumour of the prostate.", sex="F")
    scores = rule_scores(foreign)
    assert scores.consistency == 1.0, "another modality and another sex"
    assert scores.relevance == 1.0
    assert rule_scores(study("s", path="p.png", text="@@ ## $$ %% ^^ && **")).readability == 1.0


@pytest.mark.evidence("infimed-foundation", "L2", "the gate finds planted noise that rules can see")
def test_the_gate_finds_planted_noise() -> None:
    """Of 200 sentences about one finding, 60 get the label of another study: sides and denials betray them."""
    rng = np.random.default_rng(0)
    concepts = ("pleural_effusion", "pneumothorax", "edema", "cardiomegaly")
    studies, noisy = [], set()
    for number in range(200):
        right, wrong = rng.permutation(concepts)[:2]
        text = f"Chest radiograph with {right.replace('_', ' ')}. No {wrong.replace('_', ' ')}."
        labels = (present(right), absent(wrong))
        if number < 60:
            noisy.add(f"s{number}")
            labels = (absent(right), present(wrong))
        studies.append(study(f"s{number}", path="p.png", shape=(9, 9), text=text, findings=labels))
    _, dropped = run(step_kind("quality")(), studies)
    assert set(dropped) == noisy, "precision and recall are 1 on faults that rules can see"
    assert set(dropped.values()) == {"accuracy"}


def test_scores_from_a_table(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    path.write_text("study_id," + ",".join(AXES) + "\na,4,5,3,4,5\nb,4,5,2,4,5\n")
    kept, dropped = run(step_kind("quality")(scores=str(path)), [study("a"), study("b")])
    assert (kept[0].id, dropped) == ("a", {"b": "consistency"})
    with pytest.raises(DataError, match="no scores of study 'c'"):
        run(step_kind("quality")(scores=str(path)), [study("c")])


def test_balance_keeps_the_rare() -> None:
    studies = [study(f"c{n}", findings=(present("edema"),)) for n in range(40)]
    studies += [study(f"r{n}", findings=(present("edema"), present("pneumothorax"))) for n in range(5)]
    kept, dropped = run(step_kind("balance")(ratio=2), studies)
    counts = Counter(finding.concept for one in kept for finding in one.findings)
    assert counts == {"pneumothorax": 5, "edema": 10}
    assert set(dropped.values()) == {"enough of this finding"}
    assert run(step_kind("balance")(ratio=2), list(reversed(studies)))[0] != []
    assert {one.id for one in run(step_kind("balance")(ratio=2), studies[::-1])[0]} == {one.id for one in kept}
    other, _ = run(step_kind("balance")(ratio=2), studies, seed=1)
    assert {one.id for one in other} != {one.id for one in kept}


def test_largest_remainders_by_hand() -> None:
    # 10 of (5, 3, 2) × 3/10: 1.5, 0.9, 0.6 → 1, 0, 0 and the two largest remainders, 0.9 and 0.6
    assert largest_remainders([5, 3, 2], 3) == [1, 1, 1]
    assert largest_remainders([0, 0], 3) == [0, 0]
    for total in range(12):
        shares = largest_remainders([6, 3, 2], total)
        assert sum(shares) == min(total, 11)
        assert all(share <= size for share, size in zip(shares, [6, 3, 2], strict=True))


def test_strata_give_their_share() -> None:
    studies = [study(f"s{n}", sex="F" if n % 4 else "M") for n in range(80)]
    kept, _ = run(step_kind("sample")(share=0.25, by=("sex",)), studies)
    assert Counter(one.sex for one in kept) == {"F": 15, "M": 5}
    equal, _ = run(step_kind("sample")(number=20, by=("sex",), equal=True), studies)
    assert Counter(one.sex for one in equal) == {"F": 10, "M": 10}


def test_formulas_by_hand() -> None:
    # p - y = (0.2 - 1, 0.8): √(0.64 + 0.64)
    assert el2n(np.array([[0.2, 0.8]]), np.array([0])) == pytest.approx([np.sqrt(1.28)])
    assert margin(np.array([[2.0, 5.0, 1.0]]), np.array([0])) == pytest.approx([-3.0])
    assert entropy(np.array([[0.5, 0.5], [1.0, 0.0]])) == pytest.approx([np.log(2), 0.0])
    assert gradient_influence(np.array([[1.0, 2.0]]), np.array([[1.0, 0], [3.0, 2]])) == pytest.approx([4.0])
    with pytest.raises(DataError, match="targets 0 to 3"):
        margin(np.zeros((2, 3)), np.array([0, 3]))


def test_choice_by_a_column(tmp_path: Path) -> None:
    path = tmp_path / "loss.csv"
    path.write_text("study_id,loss\na,0.1\nb,0.5\nc,0.9\nd,0.9\n")
    studies = [study(name) for name in "abcde"]
    kept, dropped = run(step_kind("by_score")(file=str(path), column="loss", least=0.3, highest=0.67), studies)
    assert [one.id for one in kept] == ["c", "d"]
    assert dropped == {"a": "loss not chosen", "b": "loss not chosen", "e": "no loss"}
    with pytest.raises(DataError, match="no column 'los'; did you mean 'loss'"):
        read_column(path, "los")
    with pytest.raises(ConfigError, match="is it of this corpus"):
        run(step_kind("by_score")(file=str(path), column="loss", least=0), [study("z")])
    path.write_text("study_id,loss\na,high\n")
    with pytest.raises(DataError, match="expected a number"):
        read_column(path, "loss")


def test_embeddings_handed_in(tmp_path: Path) -> None:
    vectors = np.eye(4)[[0, 1, 0]] + 0.01
    np.savez(tmp_path / "v.npz", ids=np.array(["a", "b", "c"]), vectors=vectors)
    step = step_kind("near_duplicate_embeddings")(vectors=str(tmp_path / "v.npz"))
    kept, dropped = run(step, [study("c", text="more is known"), study("a"), study("b")])
    assert ([one.id for one in kept], dropped) == (["c", "b"], {"a": "near-duplicate embedding"})
    with pytest.raises(DataError, match="no vector of study 'z'"):
        run(step, [study("z")])
    (tmp_path / "bad.npz").write_bytes(b"PK nothing")
    with pytest.raises(DataError, match=r"expected a \.npz"):
        read_embeddings(tmp_path / "bad.npz")


def test_near_reports_are_one_and_short_ones_are_nobodys() -> None:
    text = " ".join(f"word{n}" for n in range(40))
    studies = [
        study("a", text=text),
        study("b", text=text + " end"),
        study("c", text="Normal."),
        study("d", text="Normal."),
    ]
    kept, dropped = run(step_kind("near_duplicate_reports")(), studies)
    assert (len(kept), set(dropped.values())) == (3, {"near-duplicate text"})


def test_copies_of_images_are_one(folder: Folder) -> None:
    folder.put("a.png", texture(1))
    folder.put("b.jpg", texture(1), quality=70)
    folder.put("c.png", texture(2))
    studies = [study(name[0], path=name, shape=(96, 96)) for name in ("a.png", "b.jpg", "c.png")]
    kept, dropped = run(step_kind("near_duplicate_images")(), studies, folder)
    assert ([one.id for one in kept], dropped) == (["a", "c"], {"b": "near-duplicate images"})
    assert len(run(step_kind("exact_duplicates")(), studies, folder)[0]) == 3
