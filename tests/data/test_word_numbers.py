"""Words and spans among tokens: by hand, cut, padded, and with a tokenizer that forgets."""

from __future__ import annotations

from typing import Any

import pytest

from vesalius.data.words import span_tokens, word_numbers
from vesalius.errors import ConfigError
from vesalius.models.text.tokenizer import train_tokenizer

TEXTS = ["No pleural effusion.", "Effusion"]


def tokens(*, length: int = 40) -> Any:
    tokenizer = train_tokenizer(["no effusion.", "p l e u r a l"], vocabulary=30)
    return tokenizer(TEXTS, padding=True, truncation=True, max_length=length, return_tensors="pt")


def spoken(of: Any, row: int) -> list[str]:
    return [token.replace("Ġ", "") for token in of.tokens(row)]


def test_tokens_of_a_word_have_its_number() -> None:
    found = tokens()
    numbers = word_numbers(found)
    assert numbers.shape == tuple(found["input_ids"].shape)
    words = ["".join(t for t, n in zip(spoken(found, 0), numbers[0], strict=True) if n == word) for word in range(4)]
    assert words == ["no", "pleural", "effusion", "."]
    assert numbers.max() == 3
    assert numbers[1].max() == 0
    special = [token in ("[CLS]", "[SEP]", "[PAD]") for token in found.tokens(1)]
    assert [number == -1 for number in numbers[1]] == special


def test_spans_of_characters_become_spans_of_tokens() -> None:
    found = tokens()
    # "pleural effusion" stands at 3 to 19 of the first text; the second names nothing.
    spans = span_tokens(found, [[(3, 19), (4, 4)], []])
    assert spans.shape == (2, 2, 2)
    first, last = spans[0, 0]
    assert "".join(spoken(found, 0)[first:last]) == "pleuraleffusion"
    assert spans[0, 1].tolist() == [-1, -1]  # nothing between 4 and 4
    assert (spans[1] == -1).all()
    assert span_tokens(found, [[], []]).shape == (2, 0, 2)


def test_a_text_that_was_cut_loses_the_spans_of_its_end() -> None:
    assert (span_tokens(tokens(length=4), [[(11, 19)], []]) == -1).all()


def test_a_tokenizer_that_remembers_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="does not remember which words"):
        word_numbers({"input_ids": [[1, 2]]})
