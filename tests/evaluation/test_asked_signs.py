"""Signs that are asked about: with reasons, by name, and as a tree."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vesalius.data.corpus import Corpus
from vesalius.data.records import Study
from vesalius.evaluation.asked_signs import DEGREES, URGENT, asked_signs, named_sign, sign_tree, urgent_signs
from vesalius.evaluation.plants import plant
from vesalius.evaluation.signs import SIGNS
from vesalius.virtual.population import make


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return make(tmp_path_factory.mktemp("signs") / "c", patients=6, preset="chest", image_size=64)


def made(change, corpus: Corpus, study: Study, seed: int) -> Study:
    changed: Study = change(corpus, study, np.random.default_rng(seed))[0]
    return changed


def test_two_questions_and_the_reason(corpus: Corpus) -> None:
    for seed, study in enumerate(corpus):
        yes, no = made(asked_signs, corpus, study, seed).dialogues
        assert (yes.answer, no.answer) == ("yes", "no")
        own = yes.turns[0].text.split()[3]
        assert own in SIGNS
        assert yes.rationale == no.rationale == f"there is a {own} sign"
        assert own not in no.turns[0].text.split()
        [asked] = made(named_sign, corpus, study, seed).dialogues
        assert asked.answer in SIGNS


def test_half_of_the_signs_are_urgent(corpus: Corpus) -> None:
    assert len(URGENT) == len(SIGNS) // 2
    seen = set()
    for seed, study in enumerate(corpus):
        [asked] = made(urgent_signs, corpus, study, seed).dialogues
        own = asked.rationale.split()[3]
        assert asked.answer == ("yes" if own in URGENT else "no")
        seen.add((asked.turns[0].text, asked.answer))
    assert len({text for text, _ in seen}) == 1, "the words of the question tell nothing"


def test_a_tree_goes_on_after_yes_alone(corpus: Corpus) -> None:
    found = [made(sign_tree, corpus, study, seed) for study in corpus for seed in range(8)]
    shown = [study for study in found if len(study.dialogues) > 1]
    bare = [study.dialogues for study in found if len(study.dialogues) == 1]
    assert shown
    assert bare
    assert all(one[0].answer == "no" for one in bare)
    for study in shown:
        whether, wrong, right, degree = study.dialogues
        assert [one.answer for one in (whether, wrong, right)] == ["yes", "no", "yes"]
        assert degree.answer in degree.options == DEGREES
        assert [turn.text for turn in degree.turns][:2] == ["Is there any sign?", "yes"]
        assert [len(one.turns) for one in study.dialogues] == [1, 3, 3, 5]


def test_a_strong_sign_changes_a_picture_twice_as_much(corpus: Corpus, tmp_path: Path) -> None:
    planted = plant(corpus if corpus.has_split else corpus.make_split(), tmp_path / "planted", name="sign_tree")
    changes: dict[str, list[float]] = {}
    for study in planted:
        before = corpus.read(corpus.study(study.id).images[0]).display()
        after = planted.read(study.images[0]).display()
        changed = np.abs(after.reshape(after.shape[:2]) - before.reshape(before.shape[:2])).mean()
        degree = study.dialogues[-1].answer if len(study.dialogues) > 1 else "none"
        changes.setdefault(degree, []).append(float(changed))
    assert set(changes) >= {"faint", "strong"}
    assert max(changes["faint"]) < min(changes["strong"])
    assert max(changes.get("none", [0.0])) < 0.01
