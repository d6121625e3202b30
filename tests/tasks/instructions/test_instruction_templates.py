"""Templates: every one names its output grammar and fills its places; labels go to text and back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vesalius.errors import ConfigError
from vesalius.tasks.grammar import GRAMMARS
from vesalius.tasks.instructions import OUTPUTS, Templates, format_labels, parse_labels, phrase, templates
from vesalius.tasks.instructions.families import FAMILIES, families

LANGUAGES = ("en", "zh", "ar", "hi-Latn")
NAMES = ("pleural effusion", "cardiomegaly", "rib fracture", "mass and nodule", "no, other")


def test_every_template_fills_its_places() -> None:
    seen = 0
    for task in templates().tasks:
        for language in templates().languages(task):
            template = templates().get(task, language)
            assert template.answer in OUTPUTS
            assert len(set(template.asks)) == len(template.asks)
            for seed in range(len(template.asks)):
                text = template.instruction(np.random.default_rng(seed), **dict.fromkeys(template.needs, "X7"))
                assert "{" not in text
                assert text.count("X7") == len(template.needs)
            seen += 1
    assert seen > 80


ENGLISH_ALONE = {name for name in FAMILIES if name.startswith("macular_")}
"""Families of one paper's curriculum."""


@pytest.mark.parametrize("language", ["en", "zh"])
def test_all_families_are_worded_in_english_and_chinese(language: str) -> None:
    names = tuple(name for name in FAMILIES if language == "en" or name not in ENGLISH_ALONE)
    assert [family.name for family in families(names, language=language)] == list(names)
    for name in set(FAMILIES) - set(names):
        with pytest.raises(ConfigError, match="worded in English alone"):
            families([name], language=language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_most_corpora_need_is_worded_in_every_language(language: str) -> None:
    names = ("vqa", "caption", "findings", "impression", "report", "presence", "classification", "text2region",
             "region2text", "pointing", "bounding", "counting", "cnt_and_point", "count_and_box")  # fmt: skip
    assert len(families(names, language=language)) == len(names)


def test_english_has_several_paraphrases() -> None:
    own = [templates().get(name, "en") for name in FAMILIES if name in templates().tasks]
    assert len(own) > 12
    assert min(len(template.asks) for template in own) >= 4


def test_unknown_names_offer_the_nearest() -> None:
    with pytest.raises(ConfigError, match="no instruction for the task 'counitng'; did you mean 'counting'"):
        templates().get("counitng", "en")
    with pytest.raises(ConfigError, match="task 'landmark' has no instruction in 'ar'; there are en, zh"):
        families(["landmark"], language="ar")
    with pytest.raises(ConfigError, match="unknown family of tasks 'presense'; did you mean 'presence'"):
        families(["presense"])
    with pytest.raises(ConfigError, match="no phrases in the language 'fr'"):
        phrase("yes", "fr")
    with pytest.raises(ConfigError, match="no phrase 'indicaton' in 'en'; did you mean 'indication'"):
        phrase("indicaton", "en")


def test_places_must_be_filled() -> None:
    template = templates().get("presence", "en")
    with pytest.raises(ConfigError, match="task 'presence' needs name; given nothing"):
        template.instruction(np.random.default_rng(0))
    with pytest.raises(ConfigError, match="needs name; given name, side"):
        template.instruction(np.random.default_rng(0), name="a", side="b")


def test_a_papers_own_pool(tmp_path: Path) -> None:
    path = tmp_path / "pool.yaml"
    path.write_text(
        'counting:\n  answer: counts\n  needs: [label]\n  en: {asks: ["How many {label}?", "Count {label}."]}\n'
    )
    pool = Templates.read(path)
    drawn = {pool.get("counting", "en").instruction(np.random.default_rng(seed), label="{x}") for seed in range(20)}
    assert drawn == {"How many {x}?", "Count {x}."}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: {answer: box, en: {asks: [x]}}", "unknown output grammar 'box'"),
        ("a: {answer: words, needs: [name], en: {asks: [x]}}", "wording 'x' fills nothing, expected name"),
        ("a: {answer: words, en: {asks: ['{name}']}}", "fills name, expected nothing"),
        ("a: {answer: words, en: {asks: []}}", "no wording"),
        ("a: {answer: words, en: {ask: [x]}}", "did you mean 'asks'"),
        ("a: [x]", "expected answer, needs and words by language"),
    ],
)
def test_faults_of_a_file_name_the_place(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "pool.yaml").write_text(text)
    with pytest.raises(ConfigError, match=told):
        Templates.read(tmp_path / "pool.yaml")


@pytest.mark.parametrize("language", LANGUAGES)
@given(chosen=st.sets(st.sampled_from(NAMES)))
def test_labels_are_read_as_they_are_written(language: str, chosen: set[str]) -> None:
    names = tuple(name for name in NAMES if name in chosen)
    assert parse_labels(format_labels(names, language), NAMES, language=language).value == names


@pytest.mark.parametrize(
    ("reply", "value"),
    [
        ("Cardiomegaly and rib fracture.", ("cardiomegaly", "rib fracture")),
        ("**cardiomegaly**\nrib fracture", ("cardiomegaly", "rib fracture")),
        ("Answer: Rib fracture", ("rib fracture",)),
        ("None of these.", ()),
        ("cardiomegaly, pneumonia", None),
        ("", None),
    ],
)
def test_labels_in_other_words(reply: str, value: tuple[str, ...] | None) -> None:
    assert parse_labels(reply, NAMES, language="en").value == value


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("convention", GRAMMARS)
def test_questions_with_coordinates_explain_the_convention(language: str, convention: str) -> None:
    found = families(["presence", "text2region", "counting", "landmark"], language=language, convention=convention)
    lines = [family.explained for family in found]  # type: ignore[attr-defined]
    assert lines == ["", phrase(convention, language), "", phrase(convention, language)]
    with pytest.raises(ConfigError, match="no grammar of regions 'medreg'"):
        families(["presence"], convention="medreg")
