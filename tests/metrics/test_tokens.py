"""Tokenisers by their definitions, on texts with the working beside them."""

from __future__ import annotations

import pytest

from vesalius.metrics.tokens import (
    TOKENISERS,
    characters,
    cleaned_iu,
    cleaned_mimic,
    dot_split,
    international,
    mteval,
    plain_words,
    rouge_words,
    stemmed_rouge_words,
    wordpunct,
)


def test_r2gen_cleaning() -> None:
    """3.5 becomes 35, for the point goes; hyphens stay."""
    assert " ".join(cleaned_mimic("1. Low-lung volumes (ET tube: 3.5 cm).\n2. No effusion, ___ x-ray.")) == (
        "low-lung volumes et tube 35 cm . no effusion x-ray ."
    )
    assert " ".join(cleaned_mimic("Heart size is normal.  No focal consolidation; 50% PTX.. Stable.")) == (
        "heart size is normal . no focal consolidation 50 ptx . stable ."
    )
    assert " ".join(cleaned_iu("1. Heart size is normal. a__b <c> {d}")) == "heart size is normal . ab c d ."
    assert cleaned_mimic("a. . b") == ["a", ".", ".", "b", "."], "an empty sentence is kept"


def test_marks() -> None:
    assert dot_split("No effusion.  3.5 cm") == ["no", "effusion", ".", "3", ".5", "cm"]
    assert " ".join(mteval("Tip 3.5 cm (x-ray), 1,000 ml; 2-3 &lt;5.")) == (
        "Tip 3.5 cm ( x-ray ) , 1,000 ml ; 2 - 3 < 5 ."
    )
    assert mteval("a-\nb") == ["ab"]
    assert rouge_words("Isn't X-ray's 3.5 Größe") == ["isn", "t", "x", "ray", "s", "3", "5", "gr", "e"]
    assert stemmed_rouge_words("Effusions are seen") == ["effus", "are", "seen"], "words of three letters stay"
    assert wordpunct("3.5cm, (T1)") == ["3", ".", "5cm", ",", "(", "T1", ")"]
    assert plain_words("The left-sided lung, a nodule.") == ["leftsided", "lung", "nodule"]


def test_other_scripts() -> None:
    assert characters("左肺 CT 正常。") == ["左", "肺", "ct", "正", "常", "。"]
    assert international("Große Läsion, 3.5 cm; 左肺") == ["grosse", "läsion", "3.5", "cm", "左", "肺"]
    assert international("لا يوجد انصباب") == ["لا", "يوجد", "انصباب"]
    assert rouge_words("左肺") == []


@pytest.mark.parametrize("name", TOKENISERS)
def test_every_tokeniser_takes_anything(name: str) -> None:
    for text in ("", " \n\t", "\x00", "..." * 1000, "<html><b>x</b></html>", "\u202e\ufeffé", "a" * 20_000):
        assert all(word for word in TOKENISERS[name](text))
