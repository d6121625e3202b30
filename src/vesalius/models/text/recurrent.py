"""Questions word by word: vectors of words through a GRU or an LSTM, and a gated sum of what comes out.

Sources: the question encoder of MEVF (Nguyen et al. 2019, arXiv 1909.11867) and of QCR (Zhan et al. 2020, "Medical
Visual Question Answering via Conditional Reasoning"), by their code. As there, padding stands after the words and is
read along; so is a word that is not in the list, as a vector of zeros.

Legend: B batch, L words, N words of the list, W width of a word's vector, H width of the recurrent state.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vesalius.errors import DataError

__all__ = ["GatedSum", "RecurrentText", "neighbour_shares", "read_vectors", "split_words", "word_numbers"]

_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_LONGEST_LINE = 1 << 20


def split_words(text: str) -> list[str]:
    """Return the words of a text in lower case; hyphens and apostrophes inside a word belong to it."""
    return _WORD.findall(text.lower())


def word_numbers(text: str, places: Mapping[str, int], *, length: int) -> NDArray[np.int64]:
    """Number the first words of a text, (L,); N for what is not in the list and for padding."""
    found = [places.get(word, len(places)) for word in split_words(text)[:length]]
    return np.array(found + [len(places)] * (length - len(found)), dtype=np.int64)


class RecurrentText(nn.Module):
    """Word vectors and a recurrent layer."""

    def __init__(
        self, words: int, *, word_width: int, width: int, kind: Literal["gru", "lstm"] = "gru", twice: bool = False
    ):
        """Build it.

        Args:
            words: N.
            word_width: W.
            width: H.
            kind: of the recurrent layer.
            twice: a second table of vectors stands beside the first, for `begin`'s means over neighbours.
        """
        super().__init__()
        self.words = nn.Embedding(words + 1, word_width, padding_idx=words)
        self.neighbours = nn.Embedding(words + 1, word_width, padding_idx=words) if twice else None
        layer = {"gru": nn.GRU, "lstm": nn.LSTM}[kind]
        self.recurrent = layer(word_width * (2 if twice else 1), width, batch_first=True)

    @torch.no_grad()
    def begin(self, vectors: Mapping[int, NDArray[np.float32]], shares: Tensor) -> None:
        """Start from vectors of some words, by number, and the second table from means by `neighbour_shares`."""
        for number, vector in vectors.items():
            self.words.weight[number] = torch.from_numpy(vector)
        if self.neighbours is not None:
            self.neighbours.weight[:-1] = shares.to(self.words.weight) @ self.words.weight[:-1]

    def embedded(self, numbers: Tensor) -> Tensor:
        """Word numbers (B, L) to vectors, (B, L, W) or twice as wide."""
        vectors: Tensor = self.words(numbers)
        return vectors if self.neighbours is None else torch.cat([vectors, self.neighbours(numbers)], dim=2)

    def forward(self, numbers: Tensor) -> Tensor:
        """Word numbers (B, L) to the state after each word, (B, L, H)."""
        states: Tensor = self.recurrent(self.embedded(numbers))[0]
        return states


class GatedSum(nn.Module):
    """States summed by attention that looks at each word's vector and state through two gates."""

    def __init__(self, word_width: int, width: int):
        super().__init__()
        self.tanh_gate = nn.Linear(word_width + width, width)
        self.sigmoid_gate = nn.Linear(word_width + width, width)
        self.attention = nn.Linear(width, 1)
        for layer in (self.tanh_gate, self.sigmoid_gate, self.attention):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, vectors: Tensor, states: Tensor) -> Tensor:
        """(B, L, W) and (B, L, H) to (B, H)."""
        both = torch.cat([vectors, states], dim=2)
        gated = torch.tanh(self.tanh_gate(both)) * torch.sigmoid(self.sigmoid_gate(both))
        share: Tensor = self.attention(gated).softmax(dim=1)
        return (share * states).sum(dim=1)


def neighbour_shares(questions: Sequence[Sequence[int]], words: int) -> Tensor:
    """Return how much each word's neighbours count in its mean, rows that sum to 1 or are 0, (N, N).

    Every two words of a question are neighbours; one that is asked often counts less, by one over its frequency. (The
    authors' code means the same, but divides the wrong entries: the index of the word instead of that of the pair.)

    Args:
        questions: word numbers of each question; numbers from N on are left out.
        words: N.
    """
    known = [[number for number in question if number < words] for question in questions]
    frequency = Counter(number for question in known for number in question)
    shares = torch.zeros(words, words, dtype=torch.float64)
    for question in known:
        for one, other in combinations(question, 2):
            shares[one, other] += 1 / frequency[other]
            shares[other, one] += 1 / frequency[one]
    total = shares.sum(dim=1, keepdim=True)
    return torch.where(total > 0, shares / total.clamp(min=torch.finfo(torch.float64).tiny), 0.0)


def read_vectors(path: Path, places: Mapping[str, int], *, width: int) -> dict[int, NDArray[np.float32]]:
    """Read vectors of words from a text file: on each line a word and its numbers, as GloVe is published.

    Lines of other words are skipped, and so is a first line of two numbers (word2vec's).

    Raises:
        DataError: the file is missing or a line of a known word does not hold so many finite numbers.
    """
    found: dict[int, NDArray[np.float32]] = {}
    try:
        with path.open("rb") as file:
            for number, line in enumerate(iter(lambda: file.readline(_LONGEST_LINE), b""), start=1):
                name, _, rest = line.rstrip().partition(b" ")
                word = name.decode("utf-8", errors="replace").lower()
                if word not in places or (number == 1 and len(rest.split()) == 1):
                    continue
                found[places[word]] = _vector(rest, width, where=f"{path.name}, line {number}")
    except OSError as error:
        raise DataError(f"word vectors {path.name} cannot be read: {error.strerror}") from None
    return found


def _vector(text: bytes, width: int, *, where: str) -> NDArray[np.float32]:
    try:
        vector = np.array([float(part) for part in text.split()], dtype=np.float32)
    except ValueError:
        raise DataError(f"{where}: not numbers after the word") from None
    if vector.shape != (width,) or not np.isfinite(vector).all():
        raise DataError(f"{where}: {len(vector)} numbers, expected {width} finite ones; set word_width to the file's")
    return vector
