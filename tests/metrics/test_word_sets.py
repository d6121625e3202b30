"""Answers as sets of words: the release's cleaning, recall that verbose answers pass, nearest class."""

from __future__ import annotations

import pytest

from vesalius.errors import DataError
from vesalius.metrics.word_sets import bleu_1, cleaned_words, closest_class, is_recalled, set_overlap


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        # cleanStr of xmed-lab/MedRegA, eval/vqa/postprocess_utils.py, on the same texts.
        ("Left Lung, head and both kidneys.", "left lung, brain and bilateral kidneys,"),
        ("PA view", "posterior anterior view"),
        ("X-ray: tumour", "x ray, tumor"),
        ("___ change. Clear", " clear"),
        ("T2-weighted", "t2 weighted"),
        ("head, brain", "brain, brain"),
    ],
)
def test_texts_are_cleaned_as_the_release_does(text: str, cleaned: str) -> None:
    assert cleaned_words(text) == cleaned


def test_words_count_once_each() -> None:
    # said {left, lung, lower}, true {left, lower, lobe}: 2 shared of 3 and 3.
    found = set_overlap("left lower lung left", "left lower lobe")
    assert found == pytest.approx((2 / 3, 2 / 3, 2 / 3, 0.0))
    assert set_overlap("", "heart") == (0.0, 0.0, 0.0, 0.0)
    assert set_overlap("<ref>this</ref><box>[[1, 2, 3, 4]]</box>heart", "heart").recall == 0.0  # "thisheart"
    assert set_overlap("[[1, 2, 3, 4]] heart", "heart").exact == 1.0


def test_recall_limits_and_the_reward_of_long_answers() -> None:
    assert is_recalled("yes", "Yes")
    assert not is_recalled("no", "yes")
    assert is_recalled("a b c x", "a b c d")  # 3 of 4 is 0.75, which passes
    assert not is_recalled("a b x", "a b c")
    assert is_recalled("it is the left lung or the heart or the liver", "heart")
    assert set_overlap("it is the left lung or the heart or the liver", "heart").precision < 0.2


def test_chinese_is_compared_by_its_signs() -> None:
    assert set_overlap("右肺", "左肺").recall == 0.5
    assert is_recalled("是", "是")
    assert not is_recalled("否", "是")


def test_the_class_of_most_words_wins() -> None:
    classes = ("normal", "diabetic macular edema", "age-related macular degeneration")
    assert closest_class("Macular edema", classes) == "diabetic macular edema"
    assert closest_class("something else", classes) == "normal"
    # 2 of 2 words, three in the truth: exp(1 − 3/2)
    assert bleu_1(["macular", "edema"], classes[1].split()) == pytest.approx(0.60653066)
    assert bleu_1([], ["a"]) == 0.0
    with pytest.raises(DataError, match="no class"):
        closest_class("x", ())
