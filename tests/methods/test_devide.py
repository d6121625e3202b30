"""DeViDe: identities of the card, an independent computation of all parts, odd reports, planted lesions."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from vesalius.config import validate
from vesalius.data.collator import Reading
from vesalius.data.loader import Sample
from vesalius.errors import ConfigError, DataError
from vesalius.knowledge.descriptions import descriptions
from vesalius.methods import devide
from vesalius.methods.base import Representations
from vesalius.methods.devide import DeViDe, DeViDeConfig, build, knowledge_table
from vesalius.models.dual import DualEncoder, ImageFeatures
from vesalius.models.settings import DualEncoderConfig
from vesalius.models.text.tokenizer import train_tokenizer
from vesalius.objectives.multilabel import multi_positive_contrast

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "devide.json").read_text(encoding="utf-8"))
TINY: dict[str, Any] = {
    "image_size": 32, "patch": 8, "width": 16, "depth": 1, "vocabulary": 64, "text_length": 16, "projection_dim": 8,
}  # fmt: skip
SMALL: dict[str, Any] = {"width": 8, "decoder_depth": 1, "decoder_heads": 2, "decoder_hidden": 8}
REPORTS = ["Left pleural effusion. No pneumothorax.", "Possible edema.", "Clear."]
CONCEPTS = DeViDeConfig().concepts
PARTS = ("report", "description", "knowledge", "presence", "patch")


def method(*, seed: int = 0, prepared: bool = True, **settings: Any) -> DeViDe:
    torch.manual_seed(seed)
    made = build(DeViDeConfig(**{**SMALL, **settings}), DualEncoder.build(DualEncoderConfig(**TINY)))
    if prepared:
        made.prepare(train_tokenizer(REPORTS, vocabulary=64))
    return made


def wave(*shape: int, a: float, b: float) -> Tensor:
    numbers = torch.arange(int(np.prod(shape)), dtype=torch.float64)
    return torch.sin(a * numbers + b).view(*shape)


def golden_case() -> tuple[DeViDe, Representations]:
    """Four pairs, five descriptions of three diseases; the inputs of the golden numbers."""
    made = method().double().eval()
    made.table_owner = torch.tensor(GOLDEN["owner"], dtype=torch.bool)
    unit = functional.normalize
    image, text = unit(wave(4, 6, a=1.7, b=1.0), dim=1), unit(wave(4, 6, a=1.3, b=0.5), dim=1)
    patch, word = unit(wave(4, 5, 6, a=0.9, b=0.3), dim=2), unit(wave(4, 3, 6, a=1.1, b=0.1), dim=2)
    description = unit(wave(5, 6, a=2.1, b=0.4), dim=1)
    exists = torch.tensor([[1, 1, 1], [1, 1, 0], [1, 0, 0], [1, 1, 1]], dtype=torch.bool)
    seen = ImageFeatures(image, patch, (1, 5), image, patch)
    given = {
        "image": image.requires_grad_(), "text": text, "patch": patch, "word": word * exists[..., None],
        "word_exists": exists, "described": made.projected(seen, description), "named": text @ description.T,
        "presence": wave(4, 3, a=0.7, b=0.2), "labels": torch.tensor(GOLDEN["labels"], dtype=torch.int8),
    }  # fmt: skip
    return made, given


@pytest.mark.evidence("devide", "L2", "all five parts are those of an independent computation from the formulas")
def test_golden_numbers_of_an_independent_computation() -> None:
    made, given = golden_case()
    np.testing.assert_allclose(given["described"].detach(), GOLDEN["described"], atol=1e-12)
    out = made.loss(given)
    assert set(out) == {"loss", *PARTS}
    for name in PARTS:
        # The temperature is kept as a float32 logarithm.
        assert out[name].item() == pytest.approx(GOLDEN["parts"][name], rel=1e-6), name
    assert out["loss"].item() == pytest.approx(sum(GOLDEN["parts"].values()), rel=1e-6)


@pytest.mark.evidence("devide", "L2", "each part and each facet can be switched off and is then not computed")
def test_parts_and_facets_are_switched() -> None:
    made, given = golden_case()
    whole = made.loss(given)
    for off in PARTS:
        fewer = method(**{f"{off}_weight": 0}).double()
        fewer.table_owner = made.table_owner
        out = fewer.loss(given)
        assert set(out) == set(whole) - {off}
        assert out["loss"].item() == pytest.approx((whole["loss"] - whole[off]).item(), rel=1e-9)
    bare = method(facets=("report",), patch_weight=0)
    assert {name.split(".")[0] for name, _ in bare.named_parameters()} == {"model"}
    assert set(bare.loss(given)) == {"loss", "report"}
    described = method(facets=("definition",)).double()
    described.table_owner = made.table_owner
    assert set(described.loss(given)) == {"loss", "description", "knowledge", "presence"}


@pytest.mark.evidence("devide", "L2", "an unrelated description leaves the other rows' right ones as they are")
def test_an_unrelated_description_changes_no_target() -> None:
    logits = wave(4, 3, a=1.3, b=0.2)
    positive = torch.tensor([[1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 1]], dtype=torch.bool)
    wider = torch.cat([logits, torch.full((4, 1), -1e9, dtype=torch.float64)], dim=1)
    none = torch.zeros(4, 1, dtype=torch.bool)
    found = multi_positive_contrast(wider, torch.cat([positive, none], dim=1))
    assert found.item() == pytest.approx(multi_positive_contrast(logits, positive).item(), rel=1e-12)


@pytest.mark.evidence("devide", "L2", "rows and batches that name nothing, or only doubt, add nothing and are finite")
@pytest.mark.parametrize("label", [-1, -2])
def test_nothing_named_is_zero(label: int) -> None:
    made, given = golden_case()
    given["labels"] = torch.full_like(given["labels"], label)
    out = made.loss(given)
    for name in ("description", "knowledge", "presence"):
        assert out[name].item() == 0
    out["loss"].backward()
    assert torch.isfinite(given["image"].grad).all()


def test_descriptions_of_uncertain_diseases_are_neither_right_nor_wrong() -> None:
    made, given = golden_case()
    # Row 0 has the first disease and is unsure of the second; description 1 is of both, description 2 of the second.
    given["labels"][0] = torch.tensor([1, -2, -1])
    before = made.loss(given)["description"].item()
    changes = []
    for description in (1, 2, 3):
        moved = given["described"].detach().clone()
        moved[0, description] = 0.9
        changes.append(made.loss({**given, "described": moved})["description"].item() != before)
    assert changes == [True, False, True]


@pytest.mark.evidence("devide", "L2", "the order of a disease's descriptions and a second copy of one change nothing")
def test_order_and_copies_of_descriptions(monkeypatch: pytest.MonkeyPatch) -> None:
    known = dict(descriptions())
    texts, owner = knowledge_table(CONCEPTS, ("definition", "looks"))
    assert len(texts) == len(set(texts))
    first = CONCEPTS[0]
    looks = known[first].looks
    changed = replace(known[first], looks=[*reversed(looks), looks[0]])
    monkeypatch.setattr(devide, "descriptions", lambda: {**known, first: changed})
    again, owner_again = knowledge_table(CONCEPTS, ("definition", "looks"))
    pooled = {text: wave(8, a=0.3, b=float(number)) for number, text in enumerate(texts)}
    means = []
    for some, owned in ((texts, owner), (again, owner_again)):
        made = method(prepared=False)
        made.table_owner = torch.from_numpy(owned)
        means.append(made._queries(torch.stack([pooled[text] for text in some])))
    torch.testing.assert_close(means[0], means[1])


def test_a_text_of_two_diseases_belongs_to_both(monkeypatch: pytest.MonkeyPatch) -> None:
    known = dict(descriptions())
    same = replace(known["edema"], looks=["Increased density."])
    monkeypatch.setattr(devide, "descriptions", lambda: dict.fromkeys(known, same))
    texts, owner = knowledge_table(("edema", "atelectasis"), ("looks",))
    assert texts == ["Increased density."]
    assert owner.tolist() == [[True, True]]


@pytest.mark.evidence(
    "devide", "L2", "two descriptions find two lesions of one image; one vector for all cannot score both as high"
)
def test_conditional_projection_finds_several_lesions() -> None:
    # Patches: one shows lesion a, one lesion b, six the background; all at right angles.
    patch = functional.one_hot(torch.tensor([0, 1, 2, 2, 2, 2, 2, 2]), 4).double()[None]
    joint = functional.normalize(patch.mean(dim=1), dim=-1)
    image = ImageFeatures(joint, patch, (2, 4), joint, patch)
    description = torch.eye(4, dtype=torch.float64)[[0, 1, 3]]
    found = method(conditional=True).projected(image, description)[0]
    single = method(conditional=False).projected(image, description)[0]
    # Weight e^10 against seven e^0: 0.9997 of the patch that fits; the mean's cosine is 1 / √38 = 0.162.
    assert found[:2].min() > 0.999
    assert found[2] == 0
    torch.testing.assert_close(single, torch.tensor([38**-0.5, 38**-0.5, 0], dtype=torch.float64))


def test_labels_are_read_from_the_report() -> None:
    samples = [Sample(np.zeros((1, 4, 4), np.float32), said, 0, (), None) for said in REPORTS]
    labels = method().annotate(Reading(samples, None, None, 16))["labels"]
    found = [{CONCEPTS[n]: int(row[n]) for n in np.flatnonzero(row != -1)} for row in labels]
    assert found == [{"pleural_effusion": 1, "pneumothorax": 0}, {"edema": -2}, {}]


def test_shuffled_descriptions_are_another_diseases() -> None:
    own, other = method(), method(knowledge="shuffled")
    assert torch.equal(own.table_ids, other.table_ids)
    assert not (own.table_owner & other.table_owner).any()
    assert torch.equal(own.table_owner.sum(dim=0).sort().values, other.table_owner.sum(dim=0).sort().values)


def test_without_its_texts_it_says_what_is_missing() -> None:
    tokens = torch.ones(1, 3, dtype=torch.int64)
    batch = {"pixel_values": torch.zeros(1, 1, 32, 32), "input_ids": tokens, "attention_mask": tokens}
    with pytest.raises(DataError, match="give its `annotate` to the collator"):
        method()(**batch)
    labels = torch.zeros(1, len(CONCEPTS), dtype=torch.int8)
    with pytest.raises(DataError, match="give the tokenizer to its `prepare`"):
        method(prepared=False)(**batch, labels=labels)


@pytest.mark.parametrize("settings", [{}, {"among": True}, {"presence_weight": 0}])
def test_matching_is_row_by_row(settings: dict[str, Any]) -> None:
    made = method(**settings).eval()
    with torch.no_grad():
        image = made.model.encode_image(torch.randn(3, 1, 32, 32))
        ids = torch.randint(5, 60, (3, 6))
        mask = torch.ones_like(ids)
        found = made.match(image, made.model.encode_text(ids, mask), mask)
        assert found.shape == (3,)
        second = made.model.encode_image(torch.randn(3, 1, 32, 32))
        moved = type(image)(*(torch.cat([one[:2], two[2:]]) if isinstance(one, Tensor) else one
                              for one, two in zip(image, second, strict=True)))  # fmt: skip
        torch.testing.assert_close(made.match(moved, made.model.encode_text(ids, mask), mask)[:2], found[:2])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"patch_weight": -1}, "patch_weight must be at least 0"),
        ({"facets": ["report"], "report_weight": 0}, "nothing would train the joint space"),
        ({"facets": []}, "nothing would train the joint space"),
        ({"facets": ["rumours"]}, "facets"),
        ({"temperature": 0}, "temperature must be above 0"),
        ({"width": 10}, "cannot be shared by 4 decoder_heads"),
        ({"region": "knee"}, "no finding of region 'knee'"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        validate(DeViDeConfig, settings, where="recipe")
