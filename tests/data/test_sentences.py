"""Sentences of reports."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vesalius.data.sentences import sentences


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The heart is normal. No effusion.", ["The heart is normal.", "No effusion."]),
        ("Nodule of 1.5 cm in the left lobe. Stable.", ["Nodule of 1.5 cm in the left lobe.", "Stable."]),
        ("Measures 3.2 x 4.1 cm. T2 is bright.", ["Measures 3.2 x 4.1 cm.", "T2 is bright."]),
        ("Seen by Dr. Smith and J. Doe. Is it new? Yes!", ["Seen by Dr. Smith and J. Doe.", "Is it new?", "Yes!"]),
        ("Opacity, e.g. Pneumonia, vs. Atelectasis.", ["Opacity, e.g. Pneumonia, vs. Atelectasis."]),
        ("1. No pneumothorax. 2. Small effusion.", ["No pneumothorax.", "Small effusion."]),
        ("Findings:\n\n- Heart large\n- Lungs clear", ["Findings:", "Heart large", "Lungs clear"]),
        ("One sentence\nover two lines.", ["One sentence over two lines."]),
        ("Heart size is normal.No effusion.", ["Heart size is normal.", "No effusion."]),
        ("Tip at T4. no change.", ["Tip at T4. no change."]),
        ("心影正常。无积液。", ["心影正常。", "无积液。"]),
        ("Herz z.B. Vergrößert. Kein Erguss.", ["Herz z.B. Vergrößert.", "Kein Erguss."]),
        ("No full stop", ["No full stop"]),
        (" . -- ", []),
        ("", []),
    ],
)
def test_worked_examples(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


@given(st.text(max_size=200))
def test_no_letter_or_digit_is_lost_but_list_numbers(text: str) -> None:
    letters = [character for character in text if character.isalpha()]
    kept = [character for sentence in sentences(text) for character in sentence if character.isalpha()]
    assert kept == letters


@given(st.lists(st.sampled_from(["The heart is normal.", "No effusion.", "Is it new?"]), max_size=6))
def test_joined_sentences_come_apart_again(parts: list[str]) -> None:
    assert sentences(" ".join(parts)) == parts
