"""Where the words and spans of a text went among its tokens: word numbers, and spans of characters as tokens.

Works with any fast tokenizer of transformers, which remembers where its tokens came from.
"""

# B batch, L tokens, S spans of the text that has most of them

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vesalius.errors import ConfigError

__all__ = ["span_tokens", "spans_elsewhere", "word_numbers"]


def word_numbers(tokens: Any) -> NDArray[np.int64]:
    """Number the words of every text from 0 and say to which each token belongs, (B, L); −1 for special and padding.

    A word is what the tokenizer's first step makes of a text: letters or digits in a row, and each punctuation mark.

    Args:
        tokens: what a fast tokenizer returned for B texts, padded to one length.

    Raises:
        ConfigError: the tokenizer does not remember words.
    """
    _require_fast(tokens)
    rows = [
        [-1 if word is None else word for word in tokens.word_ids(row)] for row in range(len(tokens["input_ids"]))
    ]
    return np.array(rows, dtype=np.int64)


def span_tokens(tokens: Any, spans: Sequence[Sequence[tuple[int, int]]]) -> NDArray[np.int64]:
    """Turn spans of characters into spans of tokens, (B, S, 2); the end is exclusive.

    Padding is (−1, −1), and so is a span that the tokens do not hold whole: a text that was cut loses its end.

    Args:
        tokens: what a fast tokenizer returned for B texts.
        spans: of each text, first character and the one after the last.

    Raises:
        ConfigError: the tokenizer does not remember places.
    """
    _require_fast(tokens)
    found = np.full((len(spans), max(map(len, spans), default=0), 2), -1, dtype=np.int64)
    for row, of_text in enumerate(spans):
        for number, (start, end) in enumerate(of_text):
            if end <= start:
                continue
            first, last = tokens.char_to_token(row, start), tokens.char_to_token(row, end - 1)
            if first is not None and last is not None:
                found[row, number] = first, last + 1
    return found


def spans_elsewhere(
    spans: NDArray[np.int64], lengths: NDArray[np.int64], *, texts: Sequence[str]
) -> NDArray[np.int64]:
    """Move spans of tokens to other places of their text, the control of what the right places are worth.

    No place that is drawn touches a span of the text, unless the text has no room beside them.

    Args:
        spans: as of `span_tokens`, (B, S, 2); padding stays.
        lengths: tokens of each text with its first and last, which are special, (B,).
        texts: what they are spans of; the same text always gives the same places.
    """
    moved = spans.copy()
    for row, text in enumerate(texts):
        rng = np.random.default_rng(zlib.crc32(text.encode()))
        own = spans[row][spans[row, :, 0] >= 0]
        for number in np.flatnonzero(spans[row, :, 0] >= 0):
            length = int(spans[row, number, 1] - spans[row, number, 0])
            starts = np.arange(1, max(2, int(lengths[row]) - length))
            touched = (starts[:, None] < own[:, 1]) & (starts[:, None] + length > own[:, 0])
            free = starts[~touched.any(axis=1)]
            start = int(rng.choice(free if len(free) else starts))
            moved[row, number] = start, start + length
    return moved


def _require_fast(tokens: Any) -> None:
    if not getattr(tokens, "is_fast", False):
        raise ConfigError(
            "the tokenizer does not remember which words its tokens come from: take a fast one of transformers"
        )
