"""Questions: balanced, true, worded, reproducible; and blind models learn nothing from them."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

import pytest

from vesalius.data.corpus import Corpus
from vesalius.data.readers import read
from vesalius.data.records import Study
from vesalius.errors import ConfigError
from vesalius.virtual.population import make
from vesalius.virtual.questions.ask import FAMILIES, ask, write_questions
from vesalius.virtual.questions.audit import audit_questions
from vesalius.virtual.questions.languages import families_in, wordings_in
from vesalius.virtual.text.wellformed import faults


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    root = tmp_path_factory.mktemp("questions") / "corpus"
    settings = ["follow_up.share=0.3", "follow_up.arising=0.5"]
    return make(root, patients=200, image_size=48, seed=8, workers=1, settings=settings)


@pytest.fixture(scope="module")
def asked(corpus: Corpus) -> list[tuple[Study, tuple]]:
    return list(ask(corpus, per_study=10))


def test_there_are_families_enough_and_each_is_worded() -> None:
    assert len(FAMILIES) >= 30
    assert all(len(set(words)) >= 8 for words in wordings_in("en").values())


def test_every_answer_to_one_question_is_as_frequent(corpus: Corpus, asked: list) -> None:
    split = {name: part for part in ("train", "val", "test") for name in corpus.split(part).ids}
    counts: dict[tuple, Counter] = defaultdict(Counter)
    for study, dialogues in asked:
        for dialogue in dialogues:
            if dialogue.answer_type == "closed":
                counts[split[study.id], dialogue.source][dialogue.answer] += 1
    assert len(counts) > 10
    for key, answers in counts.items():
        assert set(answers) == {"yes", "no"}, key
        assert answers["yes"] == answers["no"], key


def test_answers_are_true(corpus: Corpus, asked: list) -> None:
    seen: Counter[str] = Counter()
    for study, dialogues in asked:
        for dialogue in dialogues:
            family = dialogue.source.removeprefix("virtual/")
            text = dialogue.turns[-1].text.lower()
            concepts = [f.concept for f in study.findings if f.concept.replace("_", " ") in text]
            if family == "presence":
                seen[family] += 1
                status = {study.status(concept) for concept in concepts}
                assert ("present" in status) == (dialogue.answer == "yes")
            elif family == "severity":
                seen[family] += 1
                grades = {f.severity for f in study.findings if f.concept in concepts and f.status == "present"}
                assert dialogue.answer in grades
            elif family == "box":
                seen[family] += 1
                box = study.regions[dialogue.evidence[0]].box
                assert dialogue.answer == f"[{', '.join(f'{value:g}' for value in box)}]"
            if dialogue.options and dialogue.answer_type == "choice":
                assert dialogue.options.count(dialogue.answer) == 1
            assert all(0 <= index < len(study.regions) for index in dialogue.evidence)
            assert "{" not in text
    assert all(seen[family] > 20 for family in ("presence", "severity", "box"))


def test_number_is_about_what_was_asked_for(corpus: Corpus, asked: list) -> None:
    total = sum(len(dialogues) for _, dialogues in asked)
    assert total / len(corpus) == pytest.approx(10, abs=1.5)
    assert len({dialogue.source for _, dialogues in asked for dialogue in dialogues}) >= 20


def test_the_same_seed_asks_the_same_and_another_does_not(corpus: Corpus, asked: list) -> None:
    assert list(ask(corpus, per_study=10)) == asked
    assert list(ask(corpus, per_study=10, seed=1)) != asked


def test_some_wordings_are_kept_for_test_patients(corpus: Corpus) -> None:
    kept = [words.split("{")[0].lower() for words in wordings_in("en")["presence"][-2:]]
    tests = set(corpus.split("test").ids)
    found = Counter(
        study.id in tests
        for study, dialogues in ask(corpus, per_study=20, families=["presence"])
        for dialogue in dialogues
        if any(dialogue.turns[-1].text.lower().startswith(words) for words in kept)
    )
    assert found[True] > 0
    assert found[False] == 0


def test_a_corpus_with_questions_is_whole(corpus: Corpus, tmp_path: Path) -> None:
    written = write_questions(corpus, tmp_path / "asked", per_study=4, families=["presence", "side"])
    assert written.ids == corpus.ids
    assert set(written.split("test").ids) == set(corpus.split("test").ids)
    study = next(study for study in written if study.dialogues)
    assert {dialogue.source for dialogue in study.dialogues} <= {"virtual/presence", "virtual/side"}
    assert read(written.path(study.images[0].path)).array.shape == (48, 48)
    again = write_questions(corpus, tmp_path / "asked", per_study=4, families=["presence", "side"])
    assert again.content_hash == written.content_hash


def test_blind_models_do_not_beat_the_majority(corpus: Corpus, tmp_path: Path) -> None:
    written = write_questions(corpus, tmp_path / "asked", per_study=12)
    results = audit_questions(written)
    assert len(results) >= 12
    for blind in results:
        # Within 3 points of the majority answer, and three standard errors of the small sample.
        assert blind.accuracy <= blind.majority + 0.03 + 3 * blind.standard_error, blind


def test_an_unknown_family_is_named() -> None:
    with pytest.raises(ConfigError, match="did you mean 'presence'"):
        next(ask(None, families=["presense"]))  # type: ignore[arg-type]


@pytest.mark.parametrize("language", ["zh", "ar", "hi-Latn"])
def test_other_languages_are_well_formed_and_balanced(corpus: Corpus, language: str) -> None:
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for _, dialogues in ask(corpus, per_study=6, language=language):
        for dialogue in dialogues:
            assert dialogue.language == language
            assert not faults(dialogue.turns[-1].text, language), dialogue.turns[-1].text
            if dialogue.options:
                assert dialogue.answer in dialogue.options
            if dialogue.answer_type == "closed":
                found[dialogue.source][dialogue.answer] += 1
    assert len(found) >= 3
    assert all(len(answers) == 2 for answers in found.values())


def test_a_family_without_words_in_a_language_is_named(corpus: Corpus) -> None:
    assert "presence" in families_in("zh")
    with pytest.raises(ConfigError, match="family 'value' has no words in 'zh'"):
        next(ask(corpus, families=["value"], language="zh"))
    with pytest.raises(ConfigError, match="no questions in the language 'fr'"):
        next(ask(corpus, language="fr"))
