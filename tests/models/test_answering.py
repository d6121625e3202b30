"""Attention over words and pictures, questions word by word, branches of answers: by hand and at the edges."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from vesalius.errors import DataError
from vesalius.models.answering import CLOSED, OPEN, AnsweringConfig, RoutedAnswers
from vesalius.models.attention_bilinear import BilinearAttention, BilinearNetwork, BilinearPooling, StackedAttention
from vesalius.models.text.recurrent import GatedSum, RecurrentText, neighbour_shares, read_vectors, word_numbers
from vesalius.models.vision.autoencoder import ConvolutionalAutoencoder, grey_square

SMALL = AnsweringConfig(words=5, word_width=3, width=4, glimpses=2)


def seeded(seed: int = 0) -> None:
    torch.manual_seed(seed)


def test_glimpses_share_out_all_pairs() -> None:
    seeded()
    share = BilinearAttention(3, 4, width=5, glimpses=2)(torch.randn(2, 6, 3), torch.randn(2, 7, 4))
    assert share.shape == (2, 2, 6, 7)
    torch.testing.assert_close(share.sum(dim=(2, 3)), torch.ones(2, 2))


def test_pooling_is_a_sum_over_pairs() -> None:
    seeded()
    pool = BilinearPooling(3, 4, width=5).eval()
    image, text, share = torch.randn(2, 6, 3), torch.randn(2, 7, 4), torch.rand(2, 6, 7)
    seen, asked = pool.image(image), pool.text(text)
    slow = torch.zeros(2, 5)
    for place in range(6):
        for word in range(7):
            slow += share[:, place, word, None] * seen[:, place] * asked[:, word]
    torch.testing.assert_close(pool(image, text, share), slow)


def test_order_of_visual_vectors_does_not_count() -> None:
    seeded()
    image, text, order = torch.randn(2, 6, 3), torch.randn(2, 7, 4), torch.randperm(6)
    network = BilinearNetwork(3, 4, glimpses=2).eval()
    stacked = StackedAttention(3, 4, width=4, stacks=3, dropout=0.5).eval()
    torch.testing.assert_close(network(image[:, order], text), network(image, text))
    torch.testing.assert_close(stacked(image[:, order], text[:, 0]), stacked(image, text[:, 0]))


def test_gated_sum_of_equal_states_is_that_state() -> None:
    seeded()
    state = torch.randn(1, 1, 4).expand(1, 6, 4)
    torch.testing.assert_close(GatedSum(3, 4)(torch.randn(1, 6, 3), state), state[:, 0])


def test_gradients_in_float64() -> None:
    seeded()
    network = BilinearNetwork(3, 4, glimpses=2).double().eval()
    image = torch.randn(2, 3, 3, dtype=torch.float64, requires_grad=True)
    text = torch.randn(2, 2, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(network, (image, text))


@pytest.mark.parametrize("branch", [CLOSED, OPEN])
def test_an_empty_branch_is_empty_and_finite(branch: int) -> None:
    seeded()
    head = RoutedAnswers(6, closed=2, open=3, config=SMALL)
    found = head(torch.randn(4, 1, 6), torch.randint(5, (4, 6)), torch.full((4,), branch))
    assert (len(found.closed), len(found.open)) == ((4, 0) if branch == CLOSED else (0, 4))
    assert found[branch].isfinite().all()


def test_no_question_goes_to_a_branch_without_answers() -> None:
    seeded()
    head = RoutedAnswers(6, closed=2, open=0, config=SMALL)
    assert head.route(torch.randint(5, (9, 6))).argmax(dim=1).eq(CLOSED).all()


def test_a_batch_of_one_and_an_empty_question() -> None:
    seeded()
    head = RoutedAnswers(6, closed=2, open=3, config=SMALL)
    nothing = torch.from_numpy(word_numbers(" ? ", {"a": 0}, length=6))[None] * 5
    assert nothing.tolist() == [[5] * 6]
    assert head(torch.randn(1, 1, 6), nothing, torch.tensor([OPEN])).open.isfinite().all()


def test_words_by_hand() -> None:
    places = {"is": 0, "x-ray": 1, "patient's": 2}
    assert word_numbers("Is the X-ray the patient's?", places, length=6).tolist() == [0, 3, 1, 3, 2, 3]
    assert word_numbers("is is is", places, length=2).tolist() == [0, 0]


def test_neighbours_by_hand() -> None:
    """Questions 0 1 and 0 2 and 0: word 0 is asked 3 times, 1 and 2 once; 0 sees both alike, they see 0 alone."""
    shares = neighbour_shares([[0, 1], [0, 2], [0], [7]], 4)
    assert shares.tolist() == [[0, 0.5, 0.5, 0], [1, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]


def test_word_vectors_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "vectors.txt"
    file.write_text("2 3\nlung 1 2 3\nother 1\nHeart 0.5 0 -1\n", encoding="utf-8")
    found = read_vectors(file, {"lung": 0, "heart": 1}, width=3)
    assert {place: vector.tolist() for place, vector in found.items()} == {0: [1, 2, 3], 1: [0.5, 0, -1]}
    text = RecurrentText(2, word_width=3, width=4, twice=True)
    text.begin(found, torch.tensor([[0.0, 1.0], [1.0, 0.0]]))
    assert text.embedded(torch.tensor([[0, 2]]))[0].tolist() == [[1, 2, 3, 0.5, 0, -1], [0] * 6]
    with pytest.raises(DataError, match=r"vectors\.txt, line 2: 3 numbers, expected 4"):
        read_vectors(file, {"lung": 0}, width=4)
    file.write_text("lung 1 two 3\n", encoding="utf-8")
    with pytest.raises(DataError, match="line 1: not numbers"):
        read_vectors(file, {"lung": 0}, width=3)
    with pytest.raises(DataError, match=r"none\.txt cannot be read"):
        read_vectors(tmp_path / "none.txt", {}, width=3)


def test_autoencoder_shapes() -> None:
    seeded()
    autoencoder = ConvolutionalAutoencoder()
    grey = grey_square(torch.rand(1, 3, 40, 60))
    code, hidden = autoencoder(grey)
    assert (grey.shape, code.shape, hidden.shape) == ((1, 1, 128, 128), (1, 64), (1, 16, 32, 32))
    rebuilt = autoencoder.rebuilt(hidden)
    assert rebuilt.shape == grey.shape
    assert ((rebuilt > 0) & (rebuilt < 1)).all()
    flat = grey_square(torch.full((1, 2, 9, 9), 0.25))
    np.testing.assert_allclose(flat.numpy(), 0.25, rtol=1e-6)
