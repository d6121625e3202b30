"""Plants that curation makes: texts from findings, guesses and noise in training alone, what the gate leaves."""

from __future__ import annotations

from pathlib import Path

from vesalius.curation.gmai_vl import facts_of
from vesalius.data.corpus import Corpus
from vesalius.evaluation.curated import swapped_in
from vesalius.evaluation.plants import plant


def test_signs_are_told_by_caption_and_choice(corpus: Corpus, tmp_path: Path) -> None:
    planted = plant(corpus, tmp_path, name="annotated_signs")
    for study in planted:
        (sign,) = (one.concept for one in study.findings if one.status == "present")
        assert f"shows {sign.replace('_', ' ')}." in study.texts[0].text
        describe, choice = study.dialogues
        assert describe.answer == study.texts[0].text
        assert choice.answer == sign.replace("_", " ")
        assert len(set(choice.options)) == 4
        assert facts_of(choice)["label"] == sign


def test_guesses_are_of_training_alone(corpus: Corpus, tmp_path: Path) -> None:
    told = plant(corpus, tmp_path / "told", name="annotated_signs")
    guessed = plant(told, tmp_path / "guessed", name="guessed")
    for part in ("val", "test"):
        before, after = ({one.id: one.texts for one in side.split(part)} for side in (told, guessed))
        assert before == after
    texts = {one.id: one.texts for one in told}
    assert any(one.texts != texts[one.id] for one in guessed.split("train"))


def test_swapped_studies_are_told_of_each_other(corpus: Corpus, tmp_path: Path) -> None:
    planted = plant(corpus, tmp_path, name="mislabelled")
    donors = swapped_in(corpus, 0)
    assert len(donors) == round(0.3 * len(corpus.split("train").ids))
    assert set(donors) == set(donors.values())
    assert all(one != other for one, other in donors.items())
    for study in planted:
        source = corpus.study(donors.get(study.id, study.id))
        assert [text.text for text in study.texts] == [text.text for text in source.texts]
        assert study.findings == corpus.study(study.id).findings


def test_the_gate_takes_the_wrong_signs_away_and_chance_as_many(corpus: Corpus, tmp_path: Path) -> None:
    noisy = plant(corpus, tmp_path / "noisy", name="mislabelled_signs")
    signs = {one.id: one.findings for one in noisy}
    donors = {name: other for name, other in swapped_in(corpus, 0).items() if signs[name] != signs[other]}
    silent = {}
    for name in ("gated", "gated_at_random"):
        left = plant(noisy, tmp_path / name, name=name)
        silent[name] = {one.id for one in left if not one.texts and not one.dialogues}
        assert silent[name] <= set(corpus.split("train").ids)
    assert set(donors) <= silent["gated"], "each study that is told of another sign is dropped"
    assert len(silent["gated"]) == len(silent["gated_at_random"])
