"""Log-probabilities of answers: by hand, beside the whole softmax in value and gradient, packed; what is refused."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from vesalius.errors import DataError
from vesalius.objectives import log_probs
from vesalius.objectives.log_probs import IGNORED, packed_log_probs, sequence_log_probs, token_log_probs


def batch(
    rows: int, length: int, vocabulary: int, *, seed: int, dtype: torch.dtype = torch.float64
) -> tuple[Tensor, Tensor]:
    """Random logits, and labels of which about half count; the last place of each row always does."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(rows, length, vocabulary, generator=generator, dtype=torch.float64).to(dtype)
    labels = torch.randint(vocabulary, (rows, length), generator=generator)
    labels[torch.rand(rows, length, generator=generator) < 0.5] = IGNORED
    labels[:, -1] = 0
    return logits.requires_grad_(), labels


def whole(logits: Tensor, labels: Tensor) -> Tensor:
    """The definition, with the softmax of everything: log-probability of each token, (B, L)."""
    spoken = logits.log_softmax(dim=2)[:, :-1]
    target = labels[:, 1:]
    taken = spoken.gather(2, target.clamp(min=0)[..., None])[..., 0]
    return torch.nn.functional.pad(torch.where(target == IGNORED, 0.0, taken), (1, 0))


def test_two_tokens_by_hand() -> None:
    # Place 0 speaks of the token at 1: logits (0, ln 3), label 1: p = 3/4. Place 1 speaks of the token at 2: logits
    # (ln 2, 0), label 0: p = 2/3. Together 1/2: log -0.693147; the mean of two tokens is -0.346574.
    logits = torch.tensor([[[0.0, math.log(3)], [math.log(2), 0.0], [9.0, -9.0]]])
    found = sequence_log_probs(logits, torch.tensor([[IGNORED, 1, 0]]))
    assert found.total.tolist() == pytest.approx([math.log(0.5)])
    assert found.tokens.tolist() == [2]
    assert found.mean.tolist() == pytest.approx([math.log(0.5) / 2])
    each = token_log_probs(logits, torch.tensor([[IGNORED, 1, 0]]))
    assert each[0].tolist() == pytest.approx([0.0, math.log(0.75), math.log(2 / 3)])


@given(
    rows=st.integers(1, 4), length=st.integers(2, 9), vocabulary=st.integers(1, 30), seed=st.integers(0, 99),
    block=st.sampled_from([1, 17, 64, 1 << 22]),
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_blocks_equal_the_whole_softmax(rows: int, length: int, vocabulary: int, seed: int, block: int) -> None:
    logits, labels = batch(rows, length, vocabulary, seed=seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log_probs, "BLOCK_ELEMENTS", block)
        ours, theirs = sequence_log_probs(logits, labels), whole(logits, labels)
        outer = torch.linspace(-1, 2, rows, dtype=torch.float64)
        torch.testing.assert_close(ours.total, theirs.sum(dim=1), rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(token_log_probs(logits, labels), theirs, rtol=1e-12, atol=1e-12)
        one = torch.autograd.grad((ours.total * outer).sum(), logits)[0]
    other = torch.autograd.grad((theirs.sum(dim=1) * outer).sum(), logits)[0]
    # Sums of at most 30 terms of size 1 in float64: rounding stays below 1e-14.
    torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


def test_bfloat16_logits_are_summed_in_float32() -> None:
    logits, labels = batch(3, 40, 500, seed=1, dtype=torch.bfloat16)
    found = sequence_log_probs(logits, labels)
    exact = whole(logits.detach().double(), labels).sum(dim=1)
    assert found.total.dtype == torch.float32
    # 20 terms of size 7 in float32: 1e-6 of each.
    torch.testing.assert_close(found.total.double(), exact, rtol=2e-6, atol=0)
    gradient = torch.autograd.grad(found.total.sum(), logits)[0]
    assert gradient.dtype == torch.bfloat16


def test_second_token_of_equal_logits_and_gradient_by_hand() -> None:
    # Two equal logits: p = 1/2; the gradient by them is (1 - 1/2, -1/2). Places without a label get none.
    logits = torch.zeros(1, 3, 2, requires_grad=True)
    sequence_log_probs(logits, torch.tensor([[IGNORED, 0, IGNORED]])).total.sum().backward()
    assert logits.grad is not None
    assert logits.grad.tolist() == [[[0.5, -0.5], [0.0, 0.0], [0.0, 0.0]]]


def test_packed_samples_equal_samples_alone() -> None:
    logits, labels = batch(2, 12, 11, seed=3)
    # Row 0: two samples of 5 and 6 tokens and one of padding; row 1: one of 4, one of 8; numbers begin anew.
    segments = torch.tensor([[1] * 5 + [2] * 6 + [0], [1] * 4 + [2] * 8])
    labels[0, [2, 7]], labels[1, [3, 9]] = 1, 2
    found = packed_log_probs(logits, labels, segments=segments)
    pieces = [(0, 0, 5), (0, 5, 11), (1, 0, 4), (1, 4, 12)]
    alone = [sequence_log_probs(logits[row : row + 1, a:b], labels[row : row + 1, a:b]) for row, a, b in pieces]
    torch.testing.assert_close(found.total, torch.cat([one.total for one in alone]), rtol=1e-12, atol=0)
    assert found.tokens.tolist() == [int(one.tokens) for one in alone]


def test_the_first_token_of_a_packed_sample_is_not_counted() -> None:
    # Its label is there, but what stands before it is another sample.
    logits = torch.zeros(1, 4, 3)
    found = packed_log_probs(logits, torch.tensor([[0, 0, 0, 0]]), segments=torch.tensor([[1, 1, 2, 2]]))
    assert found.tokens.tolist() == [1, 1]
    assert found.total.tolist() == pytest.approx([-math.log(3)] * 2)


def test_halves_are_chosen_and_rejected() -> None:
    logits, labels = batch(4, 6, 5, seed=2)
    both = sequence_log_probs(logits, labels)
    chosen, rejected = both.halves()
    assert torch.equal(torch.cat([chosen.total, rejected.total]), both.total)
    assert torch.equal(torch.cat([chosen.tokens, rejected.tokens]), both.tokens)
    with pytest.raises(DataError, match="3 sequences are no pairs"):
        sequence_log_probs(logits[:3], labels[:3]).halves()


def test_what_is_refused() -> None:
    logits, labels = batch(2, 5, 7, seed=0)
    with pytest.raises(DataError, match=r"logits \(2, 5, 7\) beside labels \(2, 4\).*image tokens"):
        sequence_log_probs(logits, labels[:, 1:])
    with pytest.raises(DataError, match="label 7 is beyond a vocabulary of 7"):
        sequence_log_probs(logits, labels.masked_fill(labels == 0, 7))
    labels[1] = IGNORED
    labels[1, 0] = 3
    with pytest.raises(DataError, match="row 1 of 2 has no token with a label after its first"):
        sequence_log_probs(logits, labels)
    with pytest.raises(DataError, match=r"segments \(2, 4\) beside labels"):
        packed_log_probs(logits, labels, segments=torch.zeros(2, 4, dtype=torch.long))
    with pytest.raises(DataError, match="sample 2 of 3 has no token"):
        packed_log_probs(logits[:1], torch.tensor([[0, 1, 0, 1, 1]]), segments=torch.tensor([[1, 1, 2, 2, 3]]))


@pytest.mark.slow
def test_memory_stays_near_the_logits_themselves() -> None:
    """The float32 softmax of all would be twice the bfloat16 logits, each way; ours is their gradient and a block."""
    import resource

    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(1, 1024, 64_000, generator=generator, dtype=torch.float32).bfloat16().requires_grad_()
    labels = torch.randint(64_000, (1, 1024), generator=generator)
    sequence_log_probs(logits[:, :8], labels[:, :8]).total.sum().backward()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    logits.grad = None
    sequence_log_probs(logits, labels).total.sum().backward()
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    # The gradient has the size of the logits, 131 MB; the whole softmax in float32 would add twice 262 MB.
    assert grown < 131e6 + 131e6
