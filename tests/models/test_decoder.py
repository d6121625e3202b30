"""The text decoder: it never looks ahead, what it keeps changes nothing, and beams find what greed misses."""

from __future__ import annotations

import itertools

import pytest
import torch

from vesalius.errors import DataError
from vesalius.models.text.decoder import TextDecoder

START, END = 1, 2


def decoder(*, vocabulary: int = 7, length: int = 8, seed: int = 0) -> TextDecoder:
    torch.manual_seed(seed)
    made = TextDecoder(vocabulary, width=16, depth=2, heads=2, length=length, source_width=6).eval()
    with torch.no_grad():
        made.embedding.weight.mul_(30)  # so that the next token hangs on what stands
    return made


@torch.no_grad()
def log_probability(made: TextDecoder, text: list[int], source: torch.Tensor) -> float:
    """Sum over a text and its end, in one pass without anything kept."""
    ids = torch.tensor([[START, *text]])
    scores = made(ids[:, :-1], source).log_softmax(dim=-1)[0]
    return float(scores[torch.arange(len(text)), torch.tensor(text)].sum())


def test_what_comes_later_changes_nothing_before() -> None:
    made, source = decoder(), torch.randn(1, 3, 6)
    ids = torch.tensor([[START, 3, 4, 5]])
    other = torch.tensor([[START, 3, 6, 0]])
    torch.testing.assert_close(made(ids, source)[:, :2], made(other, source)[:, :2])
    assert not torch.allclose(made(ids, source)[:, 2:], made(other, source)[:, 2:])


def test_the_source_is_read_within_its_mask() -> None:
    made, source = decoder(), torch.randn(1, 3, 6)
    ids = torch.tensor([[START, 3]])
    keep = torch.tensor([[True, True, False]])
    moved = source.clone()
    moved[:, 2] += 9
    torch.testing.assert_close(made(ids, moved, keep), made(ids, source[:, :2]), rtol=1e-5, atol=1e-5)  # float32
    assert not torch.allclose(made(ids, moved), made(ids, source))


@pytest.mark.parametrize("seed", range(3))
def test_greedy_with_kept_keys_is_greedy_from_scratch(seed: int) -> None:
    made, source = decoder(seed=seed), torch.randn(3, 4, 6)
    written = made.greedy(source, start=START, end=END, longest=6)
    for row in range(3):
        text: list[int] = []
        for _ in range(written.tokens.shape[1]):
            if END in text:
                text.append(END)
                continue
            text.append(int(made(torch.tensor([[START, *text]]), source[row : row + 1])[0, -1].argmax()))
        assert written.tokens[row].tolist() == text
        said = text[: text.index(END) + 1] if END in text else text
        assert written.score[row].item() == pytest.approx(
            log_probability(made, said, source[row : row + 1]), abs=1e-4
        )  # float32


@pytest.mark.parametrize("power", [0.0, 1.0])
def test_one_beam_is_greedy(power: float) -> None:
    made, source = decoder(), torch.randn(3, 4, 6)
    options = {"start": START, "end": END, "longest": 6}
    greedy = made.greedy(source, **options)
    beam = made.beam(source, **options, beams=1, length_power=power)
    torch.testing.assert_close(beam.tokens, greedy.tokens)


@pytest.mark.parametrize("seed", range(3))
def test_as_many_beams_as_texts_find_the_best_of_all(seed: int) -> None:
    """Vocabulary 4, at most 3 tokens: with 64 beams the search is whole, without a reward for length."""
    made, source = decoder(vocabulary=4, length=4, seed=seed), torch.randn(1, 2, 6)
    found = made.beam(source, start=START, end=END, longest=3, beams=64, length_power=0.0)
    texts = set()
    for text in itertools.product(range(4), repeat=3):
        cut = text.index(END) + 1 if END in text else 3
        texts.add(text[:cut])
    best = max(texts, key=lambda text: log_probability(made, list(text), source))
    said = tuple(found.tokens[0].tolist())
    assert said[: len(best)] == best
    assert set(said[len(best) :]) <= {END}
    assert found.score.item() == pytest.approx(log_probability(made, list(best), source), abs=1e-4)  # float32


def test_it_learns_to_tell_two_sources_apart() -> None:
    torch.manual_seed(0)
    made = TextDecoder(7, width=16, depth=1, heads=2, length=5, source_width=6)
    source = torch.randn(2, 3, 6)
    ids = torch.tensor([[START, 3, 4, END], [START, 5, 6, END]])
    optimiser = torch.optim.AdamW(made.parameters(), lr=1e-2)
    for _ in range(60):
        logits = made(ids[:, :-1], source)
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    for way in (made.eval().greedy, made.beam):
        found = way(source, start=START, end=END, longest=4).tokens
        assert found[:, :3].tolist() == ids[:, 1:].tolist()
        assert (found[:, 3:] == END).all()


def test_a_text_that_is_too_long_is_refused_and_writing_stops_in_time() -> None:
    made, source = decoder(length=4), torch.randn(1, 2, 6)
    with pytest.raises(DataError, match="5 tokens, but the decoder writes 4"):
        made(torch.ones(1, 5, dtype=torch.long), source)
    assert made.greedy(source, start=START, end=END, longest=99).tokens.shape[1] <= 3
