"""Masked modelling: shares, order, what is scored; the identities of the cards of M3AE, ARL and MMCLIP."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vesalius.objectives.masked import (
    IGNORED,
    cell_scores,
    hide_highest,
    mask_units,
    patchify,
    pixel_loss,
    random_scores,
    restored,
    row_chances,
    span_places,
    token_loss,
    touched,
    units_of_spans,
    unpatchify,
    visible,
)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@given(patches=st.integers(1, 40), share=st.floats(0, 1), seed=st.integers(0, 9))
def test_exactly_the_share_is_hidden_and_order_comes_back(patches: int, share: float, seed: int) -> None:
    masking = hide_highest(random_scores(3, patches, generator=generator(seed)), share)
    assert masking.hidden.sum(dim=1).tolist() == [patches - int(patches * (1 - share))] * 3
    tokens = torch.arange(3 * patches, dtype=torch.float32).reshape(3, patches, 1)
    back = restored(visible(tokens, masking), masking, torch.tensor([-1.0]))
    assert torch.equal(back, torch.where(masking.hidden[..., None], torch.tensor(-1.0), tokens))


def test_the_highest_are_hidden_and_ties_fall_anywhere() -> None:
    masking = hide_highest(torch.tensor([[0.1, 0.9, 0.5, 0.3]]), 0.5)
    assert masking.hidden.tolist() == [[False, True, True, False]]
    # 400 draws, chance 1/4 each: standard error 0.022; four of them.
    ties = torch.stack([hide_highest(torch.zeros(1, 8), 0.25, generator=generator(n)).hidden[0] for n in range(400)])
    torch.testing.assert_close(ties.double().mean(dim=0), torch.full((8,), 0.25).double(), rtol=0, atol=0.09)


def test_scores_carry_no_gradient() -> None:
    scores = torch.rand(2, 6, requires_grad=True)
    assert not any(part.requires_grad for part in hide_highest(scores, 0.5))


def test_whole_cells_are_hidden() -> None:
    scores = cell_scores(2, (4, 4, 6), cell=(2, 2, 3), generator=generator())
    hidden = hide_highest(scores, 0.5).hidden.reshape(2, 2, 2, 2, 2, 2, 3)
    cells = hidden.permute(0, 1, 3, 5, 2, 4, 6).reshape(2, 8, 12)
    assert torch.equal(cells.any(dim=2), cells.all(dim=2))
    with pytest.raises(ValueError, match="do not divide a grid"):
        cell_scores(1, (4, 5), cell=(2, 2))


def test_patches_by_hand_and_back() -> None:
    # Two channels of 2 × 4: patches of 2 × 2 hold places in row-major order, channels last.
    pixels = torch.arange(16.0).reshape(1, 2, 2, 4)
    patches = patchify(pixels, (2, 2))
    assert patches[0, 0].tolist() == [0, 8, 1, 9, 4, 12, 5, 13]
    assert patches[0, 1].tolist() == [2, 10, 3, 11, 6, 14, 7, 15]
    assert torch.equal(unpatchify(patches, (2, 2), grid=(1, 2)), pixels)
    volume = torch.rand(2, 3, 4, 6, 8)
    assert torch.equal(unpatchify(patchify(volume, (2, 3, 4)), (2, 3, 4), grid=(2, 2, 2)), volume)
    with pytest.raises(ValueError, match="do not divide pictures"):
        patchify(pixels, (2, 3))


def test_only_hidden_patches_count() -> None:
    target = torch.rand(1, 3, 4, dtype=torch.float64)
    hidden = torch.tensor([[True, False, True]])
    predicted = torch.rand(1, 3, 4, dtype=torch.float64, requires_grad=True)
    loss = pixel_loss(predicted, target, hidden, normalise=False)
    by_hand = ((predicted - target) ** 2)[0, [0, 2]].mean()
    torch.testing.assert_close(loss, by_hand)
    loss.backward()
    assert (predicted.grad[0, 1] == 0).all()
    assert torch.autograd.gradcheck(lambda given: pixel_loss(given, target, hidden), (predicted,))
    assert pixel_loss(predicted, target, torch.zeros_like(hidden)).item() == 0


def test_targets_are_normalised_patch_by_patch() -> None:
    # (1, 3): mean 2, unbiased variance 2, so ∓1 / √2; a constant patch becomes 0.
    target = torch.tensor([[[1.0, 3.0], [5.0, 5.0]]])
    right = torch.tensor([[[-(0.5**0.5), 0.5**0.5], [0.0, 0.0]]])
    # The floor of the variance moves the target by 2e-7.
    assert float(pixel_loss(right, target, torch.ones(1, 2, dtype=torch.bool))) == pytest.approx(0, abs=1e-12)


def test_units_are_hidden_whole_and_nothing_else() -> None:
    ids = torch.arange(10, 20).repeat(200, 1)
    units = torch.tensor([-1, 0, 0, 0, 1, 2, 2, 3, -1, -1]).repeat(200, 1)
    shown, labels = mask_units(ids, units, share=0.3, mask_id=1, vocabulary=8, generator=generator())
    chosen = labels != IGNORED
    for unit in range(4):
        inside = chosen[units == unit].reshape(200, -1)
        assert torch.equal(inside.any(dim=1), inside.all(dim=1))
    assert not chosen[units < 0].any()
    assert torch.equal(labels[chosen], ids[chosen])
    assert torch.equal(shown[~chosen], ids[~chosen])
    # A budget of 0.3 · 7 = 2.1 tokens: units are taken until it is reached, so 3 to 5 tokens.
    assert set(chosen.sum(dim=1).tolist()) == {3, 4, 5}
    hidden, stays = shown[chosen] == 1, shown[chosen] == ids[chosen]
    # About 500 units: standard errors 0.018 and 0.013.
    assert float(hidden.double().mean()) == pytest.approx(0.8, abs=0.08)
    assert float(stays.double().mean()) == pytest.approx(0.1, abs=0.06)
    assert (shown[chosen & (shown != 1) & (shown != ids)] < 8).all()


def test_texts_of_one_word_and_of_none() -> None:
    ids, units = torch.tensor([[5, 6], [7, 8]]), torch.tensor([[0, -1], [-1, -1]])
    _, labels = mask_units(ids, units, share=0.15, mask_id=1, vocabulary=9, generator=generator())
    assert labels.tolist() == [[5, IGNORED], [IGNORED, IGNORED]]
    logits = torch.randn(2, 2, 9, dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(token_loss(logits, labels), -logits[0, 0].log_softmax(dim=0)[5])
    nothing = token_loss(logits, torch.full_like(labels, IGNORED))
    assert nothing.item() == 0
    nothing.backward()
    assert (logits.grad == 0).all()


def test_spans_as_places_units_and_what_a_mask_touches() -> None:
    spans = torch.tensor([[[1, 3], [4, 5], [-1, -1]]])
    places = span_places(spans, 6)
    assert places.int().tolist() == [[[0, 1, 1, 0, 0, 0], [0, 0, 0, 0, 1, 0], [0, 0, 0, 0, 0, 0]]]
    # [CLS], three words of which the first two are one entity, a word that is one, [SEP].
    words = torch.tensor([[-1, 0, 1, 2, 3, -1]])
    assert units_of_spans(words, places).tolist() == [[-1, 4, 4, 2, 5, -1]]
    labels = torch.tensor([[IGNORED, IGNORED, 7, IGNORED, IGNORED, IGNORED]])
    assert touched(places, labels).tolist() == [[True, False, False]]
    none = span_places(torch.zeros(1, 0, 2, dtype=torch.long), 6)
    assert none.shape == (1, 0, 6)
    assert torch.equal(units_of_spans(words, none), words)
    assert touched(none, labels).shape == (1, 0)


@given(seed=st.integers(0, 30))
def test_half_an_entity_is_never_hidden(seed: int) -> None:
    places = span_places(torch.tensor([[[1, 4], [5, 7]], [[2, 3], [-1, -1]]]), 10)
    words = torch.tensor([[-1, 0, 1, 2, 3, 4, 5, 6, 7, -1], [-1, 0, 1, 2, 3, -1, -1, -1, -1, -1]])
    ids = torch.arange(20).view(2, 10)
    _, labels = mask_units(
        ids, units_of_spans(words, places), share=0.4, mask_id=1, vocabulary=9, generator=generator(seed)
    )
    hit = (places & (labels != IGNORED)[:, None]).sum(dim=2)
    assert all(count in (0, size) for count, size in zip(hit.flatten(), places.sum(dim=2).flatten(), strict=True))


def test_each_text_may_have_a_share_of_its_own() -> None:
    units = torch.arange(10).expand(2, 10)
    _, labels = mask_units(
        units + 20,
        units,
        share=torch.tensor([0.2, 1.0], dtype=torch.float64),
        mask_id=1,
        vocabulary=9,
        generator=generator(),
    )
    assert (labels != IGNORED).sum(dim=1).tolist() == [2, 10]


def test_a_row_draws_the_same_at_a_step_in_whatever_piece_it_comes() -> None:
    def drawn(rows: list[int], step: int) -> list[float]:
        return [float(torch.rand(1, generator=chance)) for chance in row_chances(torch.tensor(rows), step=step)]

    assert drawn([4, 9, 2], 7) == drawn([4], 7) + drawn([9, 2], 7)
    assert len({*drawn([4, 9, 2], 7), *drawn([4, 9, 2], 8)}) == 6
