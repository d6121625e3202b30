"""PTUnifier: identities of the card, numbers of the authors' code, studies with one side alone."""

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

from vesalius.config import validate
from vesalius.data.collator import Collator
from vesalius.data.loader import Sample
from vesalius.data.transforms import ImageProcessor
from vesalius.errors import CapabilityError, ConfigError
from vesalius.methods.ptunifier import PTUnifier, PTUnifierConfig, build
from vesalius.models.dual import DualEncoder
from vesalius.models.fusion.heads import PromptPool
from vesalius.models.settings import DualEncoderConfig
from vesalius.models.text.tokenizer import train_tokenizer

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "ptunifier.json").read_text(encoding="utf-8"))
SHAPE: dict[str, Any] = {
    "image_size": 32, "patch": 8, "width": 16, "depth": 1, "vocabulary": 64, "text_length": 24, "vision_pool": "cls",
    "text_pool": "cls",
}  # fmt: skip
SMALL: dict[str, Any] = {
    "layers": 2, "middle": 1, "decoder_depth": 1, "pool_size": 20, "image_prompts": 6, "text_prompts": 4,
}  # fmt: skip
ALL: dict[str, float] = {"pixel_weight": 1.0, "lone_word_weight": 1.0, "lone_pixel_weight": 1.0}
REPORTS = ("Large left effusion.", "The lungs are clear. No effusion.", "Small nodule in the right lung.", "Clear.")
TOKENIZER = train_tokenizer(REPORTS, vocabulary=64)


def method(*, seed: int = 0, model: dict[str, Any] | None = None, **settings: Any) -> PTUnifier:
    torch.manual_seed(seed)
    made = build(
        PTUnifierConfig(**{**SMALL, **settings}), DualEncoder.build(DualEncoderConfig(**{**SHAPE, **(model or {})}))
    )
    made.prepare(TOKENIZER)
    return made.eval()


def batch(of: PTUnifier, *, missing: str = "", reports: tuple[str, ...] = REPORTS) -> dict[str, Tensor]:
    """Make a batch; a letter a study: "i" has no image, "t" no text, anything else has both."""
    rng = np.random.default_rng(0)
    samples = []
    for row, said in enumerate(reports):
        lacks = missing[row : row + 1]
        image = rng.random((1, 32, 32), dtype=np.float32) * (lacks != "i")
        samples.append(
            Sample(image, "" if lacks == "t" else said, row, has_image=lacks != "i", has_text=lacks != "t")
        )
    return Collator(TOKENIZER, 24, ImageProcessor(size=32), of.annotate)(samples)


def wave(*shape: int, a: float, b: float) -> Tensor:
    return torch.sin(a * torch.arange(torch.Size(shape).numel(), dtype=torch.float64) + b).view(shape)


@pytest.mark.evidence("ptunifier", "L2", "prompts and the contrast are those of the authors' code, and its gradients")
def test_golden_numbers_of_the_authors_code() -> None:
    pool = PromptPool(9, 4).double()
    chosen = method(model={"width": 4}, width=4, heads=1, match_weight=0, word_weight=0).double()
    heads = [*chosen.image_head.parameters(), *chosen.text_head.parameters()]
    with torch.no_grad():
        pool.rows.copy_(wave(9, 4, a=1.7, b=0.3))
        for number, weight in enumerate(heads):
            weight.copy_(0.5 * wave(*weight.shape, a=0.7 + 0.1 * number, b=0.2 * number))
    rows = pool(wave(3, 4, a=0.6, b=0.8), 4)
    torch.testing.assert_close(rows, torch.tensor(GOLDEN["pool"]["rows"], dtype=torch.float64), rtol=0, atol=1e-12)
    image, text = wave(3, 8, a=0.9, b=0.1).requires_grad_(), wave(3, 8, a=1.1, b=0.4).requires_grad_()
    unit = functional.normalize
    made = {
        "image": unit(chosen.image_head(image), dim=-1), "text": unit(chosen.text_head(text), dim=-1),
        "pair": torch.ones(3, dtype=torch.bool), "index": torch.arange(3),
    }  # fmt: skip
    loss = chosen._contrast(made)
    loss.backward()
    assert loss.item() == pytest.approx(GOLDEN["itc"]["loss"], rel=1e-11)
    for name, given in (("image", image), ("text", text)):
        expected = torch.tensor(GOLDEN["itc"][name], dtype=torch.float64)
        torch.testing.assert_close(given.grad, expected, rtol=0, atol=1e-11)


@pytest.mark.evidence("ptunifier", "L2", "exactly the rows of the k highest products are read, in their order")
def test_rows_are_the_highest_and_their_places_in_the_pool_are_nothing() -> None:
    pool = PromptPool(12, 5)
    query = torch.randn(3, 5, generator=torch.Generator().manual_seed(0))
    scores = query @ pool.rows.T
    for row, chosen in enumerate(pool.chosen(query, 4)):
        assert chosen.tolist() == scores[row].argsort(descending=True)[:4].tolist()
    before = pool(query, 4).detach()
    with torch.no_grad():
        pool.rows.copy_(pool.rows[torch.randperm(12)])
    assert torch.equal(pool(query, 4), before)


@pytest.mark.evidence("ptunifier", "L2", "chosen rows get a gradient and no others; none in the release")
@pytest.mark.parametrize("variant", ["paper", "release"])
def test_gradient_of_the_pools(variant: str) -> None:
    chosen = method(variant=variant, word_weight=0, match_weight=0)
    whole = batch(chosen)
    read = set(chosen.image_pool.chosen(_query(chosen, whole), 6).flatten().tolist())
    chosen(**whole)["loss"].backward()
    gradient = chosen.image_pool.rows.grad
    if variant == "release":
        assert gradient is None
        return
    assert gradient is not None
    assert {row for row in range(20) if gradient[row].any()} == read
    assert len(read) < 20


def _query(of: PTUnifier, whole: dict[str, Tensor]) -> Tensor:
    from vesalius.models.prompting import text_query

    return text_query(of.model, whole["input_ids"], whole["attention_mask"])


@pytest.mark.evidence("ptunifier", "L2", "frozen pools stay as they are after a step")
def test_frozen_pools_do_not_move() -> None:
    chosen = method(frozen_pools=True, **ALL).train()
    before = chosen.text_pool.rows.detach().clone()
    optimiser = torch.optim.AdamW(
        [weight for weight in chosen.parameters() if weight.requires_grad], weight_decay=0.5
    )
    chosen(**batch(chosen))["loss"].backward()
    optimiser.step()
    assert torch.equal(chosen.text_pool.rows, before)


@pytest.mark.evidence("ptunifier", "L2", "pair, image alone and text alone each give a vector of twice the width")
@pytest.mark.parametrize("prompts", ["pool", "static", "none"])
def test_one_model_takes_pairs_and_halves(prompts: str) -> None:
    chosen = method(prompts=prompts)
    whole = batch(chosen)
    ids, mask = whole["input_ids"], whole["attention_mask"]
    counts = (1, 1) if prompts == "none" else (7, 6)
    assert chosen._image_prompts(ids, mask).shape == (4, counts[0], 16)
    assert chosen._text_prompts(whole["pixel_values"]).shape == (4, counts[1], 16)
    assert chosen.image_alone(whole["pixel_values"]).shape == chosen.text_alone(ids, mask).shape == (4, 32)
    seen, read = chosen.encode_image(whole["pixel_values"], local=False), chosen.encode_text(ids, mask)
    assert seen.pooled.shape == (4, 32)
    made = chosen.encode(whole)
    torch.testing.assert_close(made["image"], seen.joint)
    torch.testing.assert_close(made["text"], read.joint)
    with pytest.raises(CapabilityError, match="no map of its patches"):
        chosen.encode_image(whole["pixel_values"])


@pytest.mark.evidence("ptunifier", "L2", "equal texts ask for equal rows, and padding does not change what is asked")
def test_queries_depend_on_their_own_text_alone() -> None:
    chosen = method()
    whole = batch(chosen, reports=(REPORTS[0], REPORTS[0], REPORTS[3]))
    query = _query(chosen, whole)
    assert torch.equal(query[0], query[1])
    assert not torch.equal(query[0], query[2])
    longer = {name: functional.pad(whole[name], (0, 4)) for name in ("input_ids", "attention_mask")}
    torch.testing.assert_close(_query(chosen, longer), query)
    vectors = chosen.text_alone(longer["input_ids"], longer["attention_mask"])
    torch.testing.assert_close(vectors, chosen.text_alone(whole["input_ids"], whole["attention_mask"]))


@pytest.mark.evidence("ptunifier", "L2", "the contrast of B identical pairs is log B")
def test_identical_pairs_cannot_be_told_apart() -> None:
    chosen = method()
    one = functional.normalize(torch.ones(5, 16), dim=-1)
    made = {"image": one, "text": one, "pair": torch.ones(5, dtype=torch.bool), "index": torch.arange(5)}
    assert chosen._contrast(made).item() == pytest.approx(log(5), rel=1e-6)


@pytest.mark.evidence("ptunifier", "L2", "studies with one side alone train the tasks of that side and no other")
@pytest.mark.parametrize("missing", ["tttt", "iiii", "it  ", "   i"])
def test_unpaired_studies(missing: str) -> None:
    chosen = method(**ALL)
    assert PTUnifierConfig(**ALL).takes_unpaired
    assert not PTUnifierConfig().takes_unpaired
    out = chosen(**batch(chosen, missing=missing))
    out["loss"].backward()
    assert torch.isfinite(out["loss"])
    assert all(torch.isfinite(weight.grad).all() for weight in chosen.parameters() if weight.grad is not None)
    no_pair = " " not in missing
    for task in ("word", "pixel", "match", "contrast"):
        assert (out[task] == 0) == no_pair, task
    assert (out["lone_word"] == 0) == (missing == "tttt")
    assert (out["lone_pixel"] == 0) == (missing == "iiii")


def test_what_is_missing_does_not_count() -> None:
    chosen = method(**ALL)
    mixed = batch(chosen, missing="  it")
    pairs = {name: value[:2] for name, value in mixed.items()}
    for task in ("word", "pixel", "contrast"):
        assert chosen(**mixed)[task].item() == pytest.approx(chosen(**pairs)[task].item(), rel=1e-5)
    other = {**mixed, "pixel_values": mixed["pixel_values"].clone()}
    other["pixel_values"][2] = 7.0
    assert chosen(**other)["loss"].item() == pytest.approx(chosen(**mixed)["loss"].item(), rel=1e-6)


def test_tasks_are_switched_by_their_weights() -> None:
    chosen = method(match_weight=0, contrast_weight=0)
    out = chosen(**batch(chosen))
    assert set(out) == {"loss", "word"}
    assert chosen.capabilities == {"embed_image"}
    assert not chosen.image_pool.rows.requires_grad
    assert method().capabilities == {"embed_image", "embed_text", "score", "match"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"contrast_weight": -1.0}, "none below 0"),
        ({"word_weight": 0, "match_weight": 0, "contrast_weight": 0}, "one above"),
        ({"pool_size": 8}, "a pool of 8 rows cannot give 49 and 32 prompts"),
        ({"temperature": 0}, "temperature must be above 0"),
        ({"word_share": 1.0}, "word_share must be between 0 and 1"),
        ({"middle": 7}, "middle 7 is no layer from 1 to 6"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        validate(PTUnifierConfig, settings, where="recipe")


def test_encoders_that_cannot_read_prompts_are_refused() -> None:
    with pytest.raises(ConfigError, match="reads no prompts in the place of patches"):
        method(model={"vision": "resnet", "vision_pool": "mean", "width": 32})
    with pytest.raises(ConfigError, match=r"set model\.vision_pool to cls"):
        method(prompts="none", model={"vision_pool": "mean"})
