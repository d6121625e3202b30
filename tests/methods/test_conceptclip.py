"""ConceptCLIP: identities of the card, both variants, numbers of the authors' code, odd texts, processes."""

from __future__ import annotations

import json
from math import log
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from vesalius.data.collator import Collator, Reading
from vesalius.data.loader import Sample
from vesalius.data.records import Finding, Study
from vesalius.data.transforms import ImageProcessor
from vesalius.errors import DataError
from vesalius.methods.base import Representations
from vesalius.methods.conceptclip import ConceptCLIP, ConceptCLIPConfig, _clamped_means, build
from vesalius.models.dual import DualEncoder
from vesalius.models.settings import DualEncoderConfig
from vesalius.models.text.tokenizer import train_tokenizer
from vesalius.objectives.contrastive import ContrastConfig, contrast
from vesalius.objectives.local import span_means

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "conceptclip.json").read_text(encoding="utf-8"))
TINY: dict[str, Any] = {
    "image_size": 32, "patch": 8, "width": 16, "depth": 1, "vocabulary": 300, "text_length": 24, "projection_dim": 8,
    "logit_bias": -2.0,
}  # fmt: skip
TEXTS = [
    "Large left pleural effusion.",
    "Cardiomegaly. No pneumothorax.",
    "Nodule in the right lung, and a nodule in the left lung.",
    "Nothing to tell.",
]


def evidence(claim: str) -> pytest.MarkDecorator:
    return pytest.mark.evidence("conceptclip", "L2", claim)


def method(model: dict[str, Any] | None = None, **settings: Any) -> ConceptCLIP:
    torch.manual_seed(0)
    return build(ConceptCLIPConfig(**settings), DualEncoder.build(DualEncoderConfig(**{**TINY, **(model or {})})))


def batch(of: ConceptCLIP, texts: list[str], findings: tuple[Finding, ...] = ()) -> dict[str, Tensor]:
    rng = np.random.default_rng(0)
    study = Study(id="a", patient="b", findings=findings)
    samples = [
        Sample(rng.random((1, 32, 32), dtype=np.float32), text, row, (), study) for row, text in enumerate(texts)
    ]
    tokenizer = train_tokenizer([*TEXTS, "There is a ring sign."], vocabulary=300)
    length = of.model.settings.text_length
    return Collator(tokenizer, length, ImageProcessor(size=32), of.annotate)(samples)


def unit(*shape: int, seed: int = 0) -> Tensor:
    drawn = torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return functional.normalize(drawn, dim=-1)


def representations(rows: int = 4, most: int = 3) -> Representations:
    exists = torch.arange(most) < torch.tensor([2, 2, 0, 2])[:rows, None]
    return {
        "image": unit(rows, 8),
        "text": unit(rows, 8, seed=1),
        "patch": unit(rows, 5, 8, seed=2),
        "concept": unit(rows, most, 8, seed=3) * exists[..., None],
        "concept_name": torch.where(exists, torch.arange(rows * most).view(rows, most), -1),
    }


def wave(*shape: int, a: float, b: float) -> Tensor:
    numbers = torch.arange(int(np.prod(shape)), dtype=torch.float64)
    return torch.sin(a * numbers + b).view(*shape)


@evidence("both losses, with either pooling of concepts, and all gradients are those of the authors' code")
@pytest.mark.parametrize("pooling", ["max", "mean_exp"])
def test_golden_numbers_of_the_authors_code(pooling: str) -> None:
    golden = GOLDEN["cases"][pooling]
    chosen = method({"logit_bias": -1.5}, pooling=pooling).double()
    with torch.no_grad():
        chosen.model.logit_scale.fill_(2.1)
        chosen.concept_scale.fill_(1.4)
        chosen.concept_bias.fill_(-0.7)
    given = {
        "image": wave(4, 5, a=1.7, b=1.0),
        "text": wave(4, 5, a=0.6, b=0.2),
        "patch": wave(4, 6, 5, a=0.9, b=0.3),
        "token": wave(4, 9, 5, a=1.3, b=0.5),
    }
    leaves = {name: value.requires_grad_() for name, value in given.items()}
    most = max(map(len, GOLDEN["spans"]))
    spans = torch.full((4, most, 2), -1)
    for row, of_text in enumerate(GOLDEN["spans"]):
        spans[row, : len(of_text)] = torch.tensor(of_text) + 1
    out = chosen.loss(
        {
            "image": functional.normalize(leaves["image"], dim=-1),
            "text": functional.normalize(leaves["text"], dim=-1),
            "patch": functional.normalize(leaves["patch"], dim=-1),
            "concept": functional.normalize(span_means(leaves["token"], spans), dim=-1),
            "concept_name": spans[..., 0],
        }
    )
    assert out["pairs"].item() == pytest.approx(golden["pairs"], rel=1e-12)
    assert out["concepts"].item() == pytest.approx(golden["concepts"], rel=1e-12)
    out["loss"].backward()
    found = {name: value.grad for name, value in leaves.items()} | {
        "scale": chosen.model.logit_scale.grad,
        "bias": chosen.model.logit_bias.grad,
        "concept_scale": chosen.concept_scale.grad,
        "concept_bias": chosen.concept_bias.grad,
    }
    for name, expected in golden["gradients"].items():
        torch.testing.assert_close(found[name], torch.tensor(expected, dtype=torch.float64), rtol=1e-10, atol=1e-12)


@evidence("spans that run out of the tokens have the mean that the authors' code gives them")
def test_golden_means_of_spans_beyond_the_tokens() -> None:
    token, golden = wave(4, 9, 5, a=1.3, b=0.5), GOLDEN["beyond"]
    for row, of_text in enumerate(golden["spans"]):
        spans = torch.tensor(of_text)[None] + 1
        expected = torch.tensor(golden["means"][row][: len(of_text)], dtype=torch.float64)
        torch.testing.assert_close(_clamped_means(token[row : row + 1], spans)[0], expected, rtol=1e-12, atol=1e-14)


@evidence("one patch an image and one concept a caption, the whole text: PC is the sigmoid contrast of these vectors")
def test_one_patch_and_one_concept_is_the_contrast_of_pairs() -> None:
    chosen = method().double()
    given = representations()
    given["patch"], given["concept"] = unit(4, 1, 8, seed=5), unit(4, 1, 8, seed=6)
    given["concept_name"] = torch.arange(4)[:, None]
    expected = contrast(
        given["patch"][:, 0],
        given["concept"][:, 0],
        logit_scale=chosen.concept_scale.exp().detach(),
        logit_bias=-10.0,
        settings=ContrastConfig(form="sigmoid"),
    )
    assert chosen.loss(given)["concepts"].item() == pytest.approx(expected.loss.item(), rel=1e-12)


@evidence("scores of zero cost B log 2 in either loss")
def test_scores_of_zero() -> None:
    chosen = method({"logit_bias": 0.0}, concept_bias=0.0).double()
    given = {name: value * 0 if value.is_floating_point() else value for name, value in representations().items()}
    out = chosen.loss(given)
    assert out["pairs"].item() == pytest.approx(4 * log(2), rel=1e-12)
    assert out["concepts"].item() == pytest.approx(4 * log(2), rel=1e-12)
    assert out["loss"].item() == pytest.approx(6 * log(2), rel=1e-12)


@evidence("the order of patches changes nothing; only the best patch gets a gradient from a concept")
def test_order_of_patches_and_the_best_one() -> None:
    chosen = method().double()
    given = representations()
    shuffled = {**given, "patch": given["patch"][:, [3, 0, 4, 1, 2]]}
    assert chosen.loss(given)["concepts"].item() == pytest.approx(chosen.loss(shuffled)["concepts"].item(), rel=1e-12)
    one = {**given, "concept_name": torch.full_like(given["concept_name"], -1)}
    one["concept_name"][0, 0] = 7
    patch = one["patch"].clone().requires_grad_()
    chosen._concept_loss({**one, "patch": patch}).backward()
    touched = patch.grad.abs().sum(dim=2) > 0
    assert touched.sum(dim=1).tolist() == [1, 1, 1, 1]
    assert torch.equal(touched.long().argmax(dim=1), (patch @ given["concept"][0, 0]).argmax(dim=1))


@evidence("the mean of two processes is the loss of one batch; weighed by own counts, as in the release, it is not")
def test_two_processes() -> None:
    given = representations()
    losses = {}
    for variant in ("paper", "release"):
        chosen = method(variant=variant).double()
        whole = chosen.loss(given)
        halves = []
        for first in (0, 2):
            mine = {name: value[first : first + 2] for name, value in given.items()}
            every = {f"all_{name}": given[name] for name in ("image", "text", "concept", "concept_name")}
            halves.append(chosen.loss({**mine, **every, "first_row": torch.tensor([first, 2])}))
        mean = {part: sum(half[part].item() for half in halves) / 2 for part in ("pairs", "concepts")}
        assert mean["pairs"] == pytest.approx(whole["pairs"].item(), rel=1e-12)
        losses[variant] = mean["concepts"] / whole["concepts"].item()
    assert losses["paper"] == pytest.approx(1, rel=1e-12)
    assert losses["release"] != pytest.approx(1, rel=1e-3)


def test_a_concept_of_two_texts_may_belong_to_both() -> None:
    given = representations()
    given["concept_name"][3, 0] = given["concept_name"][0, 0]
    apart, shared = (
        method(shared_concepts_are_positives=on).double().loss(given)["concepts"].item() for on in (False, True)
    )
    assert shared != pytest.approx(apart, rel=1e-6)
    # Two scores change sides: image 0 with the concept of text 3, and image 3 with that of text 0.
    scale = 1 / 0.07
    scores = [(scale * (given["patch"][i] @ given["concept"][j, 0])).max().item() - 10 for i, j in ((0, 3), (3, 0))]
    change = sum(np.log1p(np.exp(-score)) - np.log1p(np.exp(score)) for score in scores) / 6
    assert shared - apart == pytest.approx(change, rel=1e-6)


@evidence("a caption without a concept counts for nothing, and a batch without any gives 0 and finite gradients")
def test_captions_without_concepts() -> None:
    chosen = method(only_present=True)
    some = batch(chosen, TEXTS)
    assert (some["concept_names"] >= 0).sum(dim=1).tolist() == [1, 1, 4, 0]
    none = batch(chosen, ["Nothing to tell.", "!"])
    out = chosen(**none)
    assert out["concepts"].item() == 0
    out["loss"].backward()
    for name in ("patch_head.0.weight", "concept_head.0.weight", "concept_scale", "concept_bias"):
        assert chosen.get_parameter(name).grad.abs().sum() == 0
    few = batch(chosen, ["Nothing.", "Nothing.", "Nothing.", "Cardiomegaly. Pleural effusion."])
    assert torch.isfinite(chosen(**few)["loss"]), "the authors' code raises here"


@pytest.mark.parametrize(
    "texts", [["Edema."], ["Edema.", "Edema."], ["Pleural effusion. " * 3000, "x"], [" ", "Cardiomegaly."]]
)
@pytest.mark.parametrize("variant", ["paper", "release"])
def test_odd_texts_are_finite(texts: list[str], variant: str) -> None:
    chosen = method(variant=variant)
    out = chosen(**batch(chosen, texts))
    out["loss"].backward()
    assert torch.isfinite(out["loss"])
    assert all(torch.isfinite(weight.grad).all() for weight in chosen.parameters() if weight.grad is not None)


def test_spans_are_the_tokens_of_the_words_and_what_was_cut_is_left_out() -> None:
    chosen = method(only_present=True)
    made = batch(chosen, ["Large left pleural effusion.", "Cardiomegaly. No pneumothorax."])
    tokenizer = train_tokenizer([*TEXTS, "There is a ring sign."], vocabulary=300)
    (first, last) = made["concept_spans"][0, 0].tolist()
    assert tokenizer.decode(made["input_ids"][0, first:last]).strip() == "pleural effusion"
    assert (made["concept_names"] >= 0).sum().item() == 2, "what is denied is left out"
    assert (batch(method(), ["Cardiomegaly. No pneumothorax."])["concept_names"] >= 0).sum().item() == 2
    cut = batch(chosen, ["Nothing to tell. " * 20 + "Pleural effusion."])
    assert (cut["concept_names"] >= 0).sum().item() == 0


def test_findings_of_the_study_are_concepts_too() -> None:
    chosen = method()
    said = ["There is a ring sign."]
    assert (batch(chosen, said)["concept_names"] >= 0).sum() == 0
    assert (batch(chosen, said, (Finding(concept="ring_sign"),))["concept_names"] >= 0).sum() == 1
    assert chosen.settings.kept_fields == {"findings"}


def test_shuffled_spans_are_as_long_lie_in_the_text_and_are_the_same_again() -> None:
    own, other = batch(method(), TEXTS), batch(method(spans="shuffled"), TEXTS)
    again = batch(method(spans="shuffled"), TEXTS)
    assert torch.equal(other["concept_spans"], again["concept_spans"])
    assert not torch.equal(own["concept_spans"], other["concept_spans"])
    real = own["concept_names"] >= 0
    lengths = [(spans["concept_spans"][..., 1] - spans["concept_spans"][..., 0])[real] for spans in (own, other)]
    assert torch.equal(*lengths)
    ends = own["attention_mask"].sum(dim=1, keepdim=True).expand(real.shape)[real]
    assert (other["concept_spans"][..., 0][real] >= 1).all()
    assert (other["concept_spans"][..., 1][real] <= ends - 1).all()


def test_shuffled_spans_do_not_tell_which_concepts_two_texts_share() -> None:
    # Both name one concept, between words of their own: by its number their images would still be each other's.
    said = ["Large left cardiomegaly in the right lung.", "Nothing to cardiomegaly tell and no nodule there."]
    own = batch(method(only_present=True), said)["concept_names"]
    assert own[0, 0] == own[1, 0]
    made = batch(method(only_present=True, spans="shuffled"), said)
    names, spans = made["concept_names"], made["concept_spans"]
    assert torch.equal(names >= 0, own >= 0)
    words = [made["input_ids"][row, slice(*spans[row, 0].tolist())].tolist() for row in range(2)]
    assert words[0] != words[1]
    assert names[0, 0] != names[1, 0]
    same = batch(method(only_present=True, spans="shuffled"), [said[0]] * 2)["concept_names"]
    assert same[0, 0] == same[1, 0], "equal words are one concept"


def test_what_a_causal_text_says_before_the_sign_is_the_same_for_all_signs() -> None:
    """The positive control of spans: only the span of the sign tells it, neither other spans nor the whole text."""
    chosen = method({"causal": True, "text_pool": "cls"}, spans="shuffled").eval()
    said = [f"Large left nodule to tell. There is a {sign} sign." for sign in ("ring", "lung")]
    made = batch(chosen, said)
    with torch.no_grad():
        text = chosen.model.encode_text(made["input_ids"], made["attention_mask"], local=True, project=False)
    assert text.tokens is not None
    first = int((made["input_ids"][0] != made["input_ids"][1]).nonzero()[0, 0])
    assert first > 8
    assert torch.equal(text.tokens[0, :first], text.tokens[1, :first])
    assert not torch.allclose(text.tokens[0, first], text.tokens[1, first])
    assert torch.equal(text.joint[0], text.joint[1])


def test_the_release_takes_characters_for_tokens() -> None:
    spans = batch(method(variant="release"), ["Large left pleural effusion."])["concept_spans"]
    assert spans.tolist() == [[[11 + 2, 27 + 2]]]


def test_without_the_weight_nothing_of_concepts_is_made() -> None:
    bare = method(concept_weight=0)
    assert set(batch(bare, TEXTS)) == {"pixel_values", "input_ids", "attention_mask", "index"}
    assert set(bare(**batch(bare, TEXTS))) == {"loss", "pairs"}
    assert {name.split(".")[0] for name, _ in bare.named_parameters()} == {"model"}
    assert bare.settings.kept_fields == frozenset()
    lacking = method()
    with pytest.raises(DataError, match="give its `annotate` to the collator"):
        lacking(**batch(bare, TEXTS))


def test_probability_of_a_concept() -> None:
    chosen = method().eval()
    tokenizer = train_tokenizer(TEXTS, vocabulary=300)
    tokens = tokenizer(["A nodule.", "A lung of nothing to tell."], return_tensors="pt", padding=True)
    given = (torch.rand(3, 1, 32, 32), tokens["input_ids"], tokens["attention_mask"])
    whole, local, both = (chosen.concept_probability(*given, share=share) for share in (1.0, 0.0, 0.5))
    torch.testing.assert_close(both, (whole + local) / 2)
    assert ((both > 0) & (both < 1)).all()
    padded = [functional.pad(part, (0, 4)) for part in given[1:]]
    torch.testing.assert_close(chosen.concept_probability(given[0], *padded), both)
    released = method(variant="release").eval()
    one, other = (released.concept_probability(given[0], *rest, share=0.0) for rest in (given[1:], padded))
    assert not torch.allclose(one, other), "the authors' code reads the last place, padding or not"


def test_wrong_settings_name_themselves() -> None:
    for wrong, name in (
        ({"concept_weight": -1}, "concept_weight"),
        ({"concept_temperature": 0}, "concept_temperature"),
        ({"pooling": "mean_exp", "shared_concepts_are_positives": True}, "shared_concepts_are_positives"),
    ):
        with pytest.raises(ValueError, match=name):
            ConceptCLIPConfig(**wrong)


def test_annotate_without_a_fast_tokenizer_is_refused() -> None:
    slow = {"input_ids": torch.zeros(1, 3), "attention_mask": torch.ones(1, 2)}
    with pytest.raises(Exception, match="fast"):
        method().annotate(Reading((Sample(np.zeros((1, 2, 2)), "x", 0),), slow, None, 8))
