"""Alignment of parts: tables by hand, identities of the cards of MGCA and ConceptCLIP, gradients."""

from __future__ import annotations

import json
from math import exp, log
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from vesalius.objectives.contrastive import ContrastConfig, contrast
from vesalius.objectives.local import (
    attend,
    concept_alignment,
    local_contrast,
    local_similarity,
    part_contrast,
    span_means,
    sum_words,
    trimmed_weights,
)


def unit(*shape: int, seed: int = 0) -> Tensor:
    drawn = torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return functional.normalize(drawn, dim=-1)


def test_attention_by_hand_and_masked() -> None:
    # Logits 1 and 0: weights e/(e+1) = 0.731059 and 0.268941.
    keys = torch.eye(2)
    torch.testing.assert_close(
        attend(torch.tensor([[1.0, 0.0]]), keys, temperature=1.0), torch.tensor([[0.731059, 0.268941]])
    )
    masked = attend(torch.tensor([[1.0, 0.0]]), keys, temperature=1.0, mask=torch.tensor([False, True]))
    torch.testing.assert_close(masked, torch.tensor([[0.0, 1.0]]))
    nothing = attend(torch.tensor([[1.0, 0.0]]), keys, temperature=1.0, mask=torch.tensor([False, False]))
    assert nothing.tolist() == [[0.0, 0.0]]


def test_one_weighted_part_is_the_contrast_of_that_part() -> None:
    part, context = unit(2, 5, 4), unit(2, 5, 4, seed=1)
    weight = torch.zeros(2, 5, dtype=torch.float64)
    weight[:, 3] = 1
    logits = part @ context.transpose(1, 2) / 0.1
    rows = -logits.log_softmax(dim=2)[:, 3, 3]
    columns = -logits.log_softmax(dim=1)[:, 3, 3]
    torch.testing.assert_close(part_contrast(part, context, weight=weight), ((rows + columns) / 2).mean())
    torch.testing.assert_close(
        part_contrast(part, context, weight=3 * weight), 3 * part_contrast(part, context, weight=weight)
    )


def test_equal_words_cost_the_logarithm_of_their_number() -> None:
    word = unit(1, 1, 4).expand(2, 6, 4)
    patch = unit(2, 9, 4, seed=1)
    context = functional.normalize(attend(word, patch, temperature=0.1), dim=-1)
    weight = torch.full((2, 6), 1 / 6, dtype=torch.float64)
    assert float(part_contrast(word, context, weight=weight)) == pytest.approx(log(6))


def test_weights_are_clipped_to_quantiles_and_sum_to_one() -> None:
    attention = torch.tensor([[0.0, 1.0, 2.0, 3.0, 100.0, 7.0], [4.0, 0, 0, 0, 0, 0], [0.0] * 6, [0.0] * 6])
    mask = torch.tensor([[True] * 5 + [False], [True] + [False] * 5, [False] * 6, [True] * 2 + [False] * 4])
    weight = trimmed_weights(attention, mask)
    # Of 0, 1, 2, 3, 100 the tenth quantile is 0.4 and the ninetieth 61.2: 0.4 + 1 + 2 + 3 + 61.2 = 67.6.
    expected = torch.tensor([0.4, 1, 2, 3, 61.2, 0]) / 67.6
    torch.testing.assert_close(weight[0], expected, rtol=1e-5, atol=1e-6)
    assert weight[1].tolist() == [1, 0, 0, 0, 0, 0]
    assert weight[2].tolist() == [0] * 6
    assert weight[3].tolist() == [0.5, 0.5, 0, 0, 0, 0]


def whole(patch: Tensor, word: Tensor, mask: Tensor) -> Tensor:
    """GLoRIA's equations one pair at a time."""
    rows = []
    for image in patch:
        row = []
        for words, exists in zip(word, mask, strict=True):
            kept = words[exists]
            gathered = (4 * kept @ image.T).softmax(dim=1) @ image
            row.append(torch.logsumexp(5 * functional.cosine_similarity(kept, gathered, dim=1), dim=0) / 5)
        rows.append(torch.stack(row))
    return torch.stack(rows)


@pytest.mark.parametrize("block", [1, 2, 8])
def test_local_similarity_is_that_of_every_pair(block: int) -> None:
    patch, word = unit(3, 6, 4), unit(3, 5, 4, seed=1)
    mask = torch.arange(5)[None] < torch.tensor([5, 1, 3])[:, None]
    ours = local_similarity(patch, word, mask, block=block)
    torch.testing.assert_close(ours, whole(patch, word, mask), rtol=0, atol=1e-12)
    # Words that do not exist change nothing.
    moved = torch.where(mask[..., None], word, unit(3, 5, 4, seed=7))
    torch.testing.assert_close(local_similarity(patch, moved, mask, block=block), ours, rtol=0, atol=1e-12)


def test_a_text_without_words_resembles_nothing_and_has_no_gradient() -> None:
    patch, word = unit(2, 3, 4).requires_grad_(), unit(2, 2, 4, seed=1).requires_grad_()
    mask = torch.tensor([[True, True], [False, False]])
    scores = local_similarity(patch, word, mask)
    assert (scores[:, 1] == 0).all()
    gradient = torch.autograd.grad(scores.sum(), word)[0]
    assert gradient.isfinite().all()
    assert (gradient[1] == 0).all()
    assert torch.autograd.gradcheck(lambda one, two: local_similarity(one, two, mask), (patch, word))


def wave(*shape: int, a: float, b: float) -> Tensor:
    numbers = torch.arange(int(np.prod(shape)), dtype=torch.float64)
    return torch.sin(a * numbers + b).view(*shape).requires_grad_()


def test_golden_numbers_of_gloria() -> None:
    golden = json.loads((Path(__file__).parents[1] / "golden" / "local.json").read_text(encoding="utf-8"))
    given = {
        "image": wave(3, 4, a=1.7, b=1.0),
        "text": wave(3, 4, a=0.6, b=0.2),
        "patch": wave(3, 6, 4, a=0.9, b=0.3),
        "word": wave(3, 5, 4, a=1.3, b=0.5),
    }
    mask = torch.arange(5) < torch.tensor(golden["lengths"])[:, None]
    parts = local_contrast(local_similarity(given["patch"], given["word"], mask, words_first=True), temperature=0.02)
    sides = (functional.normalize(given[side], dim=-1) for side in ("image", "text"))
    pairs = contrast(*sides, logit_scale=10.0, settings=ContrastConfig(image_weight=1.0, text_weight=1.0)).loss
    assert parts.item() == pytest.approx(sum(golden["local"]), rel=1e-12)
    assert pairs.item() == pytest.approx(sum(golden["global"]), rel=1e-12)
    (parts + pairs).backward()
    for name, expected in golden["gradients"].items():
        wanted = torch.tensor(expected, dtype=torch.float64)
        torch.testing.assert_close(given[name].grad, wanted, rtol=1e-10, atol=1e-12)


def test_local_contrast_by_hand() -> None:
    # Rows (2, 0) and (1, 1): log (1 + e^(−2)) and log 2. Columns (2, 1) and (0, 1): log (1 + e^(−1)) twice.
    similarity = torch.tensor([[2.0, 0.0], [1.0, 1.0]], dtype=torch.float64)
    rows = (log(1 + exp(-2)) + log(2)) / 2
    columns = (log(1 + exp(-1)) + log(1 + exp(-1))) / 2
    assert local_contrast(similarity, temperature=1.0).item() == pytest.approx(rows + columns, rel=1e-12)
    assert local_contrast(torch.zeros(4, 4), temperature=0.1).item() == pytest.approx(2 * log(4))


def test_a_patch_that_shares_its_attention_among_words_first() -> None:
    # One word: its share is 1 for every patch, so that all patches weigh the same.
    patch, word = unit(1, 3, 4), unit(1, 1, 4, seed=1)
    mask = torch.ones(1, 1, dtype=torch.bool)
    expected = functional.cosine_similarity(word[0, 0], patch[0].mean(dim=0), dim=0)
    found = local_similarity(patch, word, mask, words_first=True)
    assert found.item() == pytest.approx(expected.item(), rel=1e-12)


def test_concepts_of_other_texts_and_of_other_processes() -> None:
    patch, concept, owner = unit(4, 3, 5), unit(6, 5, seed=1), torch.tensor([0, 0, 1, 2, 3, 3])
    names = torch.tensor([7, 8, 7, 9, 8, 1])
    given = {"logit_scale": 3.0, "logit_bias": -1.0}
    scores = torch.einsum("bpd,cd->bcp", patch, concept).amax(dim=2) * 3 - 1
    mine = {0: {7, 8}, 1: {7}, 2: {9}, 3: {8, 1}}
    sign = torch.tensor([[1.0 if int(name) in mine[row] else -1.0 for name in names] for row in range(4)])
    shared = concept_alignment(patch, concept, owner, names=names, **given)
    torch.testing.assert_close(shared, -functional.logsigmoid(sign * scores).sum() / 6)
    halves = [concept_alignment(patch[at : at + 2], concept, owner, first=at, **given) for at in (0, 2)]
    torch.testing.assert_close(sum(halves), concept_alignment(patch, concept, owner, **given))


def test_one_patch_and_one_concept_each_is_the_sigmoid_contrast() -> None:
    image, text = unit(4, 6), unit(4, 6, seed=1)
    ours = concept_alignment(image[:, None], text, torch.arange(4), logit_scale=5.0, logit_bias=-2.0)
    theirs = contrast(image, text, logit_scale=5.0, logit_bias=-2.0, settings=ContrastConfig(form="sigmoid")).loss
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)


def test_scores_of_zero_cost_batch_times_log_two() -> None:
    patch, concept = torch.zeros(5, 3, 2), torch.zeros(7, 2)
    owner = torch.tensor([0, 0, 1, 2, 3, 3, 4])
    for pooling in ("max", "mean_exp"):
        loss = concept_alignment(patch, concept, owner, logit_scale=1.0, logit_bias=0.0, pooling=pooling)
        assert float(loss) == pytest.approx(5 * log(2))


def test_only_the_best_patch_gets_gradient_and_order_does_not_matter() -> None:
    patch, concept = unit(2, 4, 3).requires_grad_(), unit(2, 3, seed=1)
    loss = concept_alignment(patch, concept[:1], torch.tensor([0]), logit_scale=3.0, logit_bias=0.0)
    touched = torch.autograd.grad(loss, patch)[0].abs().sum(dim=2) > 0
    assert torch.equal(touched.sum(dim=1), torch.tensor([1, 1]))
    assert torch.equal(touched.long().argmax(dim=1), (patch @ concept[0]).argmax(dim=1))
    shuffled = patch[:, [2, 0, 3, 1]]
    again = concept_alignment(shuffled, concept[:1], torch.tensor([0]), logit_scale=3.0, logit_bias=0.0)
    torch.testing.assert_close(again, loss)


def test_concepts_of_a_caption_pooled_by_log_mean_exp() -> None:
    # One image, scores 0 and log 3: log((1 + 3) / 2) = log 2; its own caption: log(1 + e^(−log 2)) = log 1.5.
    concept = torch.tensor([[0.0], [log(3.0)]])
    loss = concept_alignment(
        torch.ones(1, 1, 1), concept, torch.tensor([0, 0]), logit_scale=1.0, logit_bias=0.0, pooling="mean_exp"
    )
    assert float(loss) == pytest.approx(log(1.5), abs=1e-6)


def test_no_concept_costs_nothing() -> None:
    patch = unit(2, 3, 4).requires_grad_()
    loss = concept_alignment(
        patch,
        torch.zeros(0, 4, dtype=torch.float64),
        torch.zeros(0, dtype=torch.long),
        logit_scale=1.0,
        logit_bias=0.0,
    )
    assert loss.item() == 0
    assert torch.autograd.grad(loss, patch)[0].abs().sum() == 0


def test_tokens_are_added_up_to_words() -> None:
    tokens = torch.tensor([[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]]])
    owner = torch.tensor([[-1, 0, 0, 2]])
    # Word 0 is tokens 1 and 2, word 1 has none, word 2 is token 3; with two words wanted, word 2 is left out.
    assert sum_words(tokens, owner, count=3).tolist() == [[[8, 10], [0, 0], [7, 8]]]
    assert sum_words(tokens[..., 0], owner, count=2).tolist() == [[8, 0]]


def test_tokens_are_averaged_over_spans() -> None:
    tokens = torch.tensor([[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]]])
    spans = torch.tensor([[[1, 3], [0, 4], [-1, -1], [2, 2]]])
    assert span_means(tokens, spans).tolist() == [[[4, 5], [4, 5], [0, 0], [0, 0]]]
    assert span_means(tokens, spans[:, :0]).shape == (1, 0, 2)
