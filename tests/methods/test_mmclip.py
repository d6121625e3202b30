"""MMCLIP: identities of the card, both maskings, labels as sentences, odd batches, processes."""

from __future__ import annotations

import json
from math import floor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from vesalius.data.collator import Collator
from vesalius.data.loader import Sample
from vesalius.data.records import Finding, Study
from vesalius.data.transforms import ImageProcessor
from vesalius.errors import ConfigError, DataError
from vesalius.methods import mmclip
from vesalius.methods.base import Progress, Representations
from vesalius.methods.mmclip import MMCLIP, MMCLIPConfig, build
from vesalius.models.dual import DualEncoder, ImageFeatures, TextFeatures
from vesalius.models.settings import DualEncoderConfig
from vesalius.models.text.tokenizer import train_tokenizer
from vesalius.objectives.contrastive import contrast
from vesalius.objectives.masked import IGNORED, patchify

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "mmclip.json").read_text(encoding="utf-8"))
TINY: dict[str, Any] = {
    "image_size": 32, "patch": 8, "width": 16, "depth": 1, "vocabulary": 300, "text_length": 32, "projection_dim": 8,
}  # fmt: skip
TEXTS = [
    "Large left pleural effusion.",
    "Cardiomegaly and some pneumothorax on the right.",
    "Nodule in the right lung, and a nodule in the left lung.",
    "Nothing to tell of here.",
]
TOKENIZER = train_tokenizer([*TEXTS, "Radiograph showing edema and pneumonia, no abnormal finding."], vocabulary=300)


def evidence(claim: str) -> pytest.MarkDecorator:
    return pytest.mark.evidence("mmclip", "L2", claim)


def method(model: dict[str, Any] | None = None, **settings: Any) -> MMCLIP:
    torch.manual_seed(0)
    chosen = MMCLIPConfig(**{"width": 16, "depth": 1, **settings})
    made = build(chosen, DualEncoder.build(DualEncoderConfig(**{**TINY, **(model or {})})))
    made.prepare(TOKENIZER)
    return made


def sample(text: str, row: int, *concepts: str, image: bool = True, absent: tuple[str, ...] = ()) -> Sample:
    findings = [Finding(concept=one) for one in concepts]
    findings += [Finding(concept=one, status="absent") for one in absent]
    study = Study(id=f"s{row}", patient="p", findings=tuple(findings))
    pixels = np.random.default_rng(row).random((1, 32, 32), dtype=np.float32)
    return Sample(pixels, text, row, (), study, False, image, bool(text))


def collate(of: MMCLIP, samples: list[Sample]) -> dict[str, Tensor]:
    return Collator(TOKENIZER, of.model.settings.text_length, ImageProcessor(size=32), of.annotate)(samples)


def batch(of: MMCLIP, texts: list[str] = TEXTS) -> dict[str, Tensor]:
    return collate(of, [sample(text, row) for row, text in enumerate(texts)])


def unit(*shape: int, seed: int = 0) -> Tensor:
    drawn = torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return functional.normalize(drawn, dim=-1)


def features(patch: Tensor, word: Tensor) -> tuple[ImageFeatures, TextFeatures]:
    image = ImageFeatures(patch[:, 0], patch, (4, 4), patch[:, 0], patch, patch.new_full(patch.shape[:2], 1 / 16))
    return image, TextFeatures(word[:, 0], word, word[:, 0], word)


def hidden(chosen: MMCLIP, given: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch) -> Tensor:
    """Which patches a step hides, (B, P)."""
    seen: list[Tensor] = []
    kept = mmclip.hide_highest

    def watch(*arguments: Any, **options: Any) -> Any:
        masking = kept(*arguments, **options)
        seen.append(masking.hidden)
        return masking

    with monkeypatch.context() as patch:
        patch.setattr(mmclip, "hide_highest", watch)
        chosen.encode(given)
    return seen[0]


@evidence("equal words make all patches answer equally: which are masked falls at random, not always in one corner")
def test_equal_words_are_a_tie(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = method(warmup=0.0)
    image, text = features(unit(3, 16, 8), unit(1, 1, 8, seed=1).expand(3, 5, 8))
    scores = chosen.responses(image, text, torch.ones(3, 5))
    torch.testing.assert_close(scores, torch.full_like(scores, 1 / 5))
    monkeypatch.setattr(chosen, "responses", lambda *_: torch.full((4, 16), 0.2))
    steps = []
    for step in range(30):
        chosen.progress = Progress(step, 0.0, 0.5)
        steps.append(hidden(chosen, batch(chosen), monkeypatch))
    often = torch.stack(steps).double().mean(dim=(0, 1))
    # 120 draws of 6 of 16: the share has a standard error of 0.044 around 0.375.
    assert often.min() > 0.2
    assert often.max() < 0.55


@evidence("floor(P · share) patches are masked, those that answer most, and no gradient flows through the answer")
@pytest.mark.parametrize("share", [0.1, 0.3, 0.4, 0.75, 1.0])
def test_share_of_masked_patches(share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = method(patch_share=share, warmup=0.0)
    answers = torch.rand(4, 16, generator=torch.Generator().manual_seed(1))
    monkeypatch.setattr(chosen, "responses", lambda *_: answers)
    found = hidden(chosen, batch(chosen), monkeypatch)
    count = floor(16 * share)
    assert (found.sum(dim=1) == count).all()
    assert torch.equal(found.sort(dim=1).values.sum(dim=1), torch.full((4,), count))
    for row in range(4):
        assert set(answers[row].topk(count).indices.tolist()) == set(found[row].nonzero().flatten().tolist())


def test_nothing_is_masked_where_the_share_holds_no_patch() -> None:
    out = method(patch_share=0.05)(**batch(method()))
    assert out["image"].item() == 0


def test_responses_carry_no_gradient_and_padding_words_tell_nothing() -> None:
    chosen = method(own_attention=0.5)
    patch, word = unit(2, 16, 8).requires_grad_(), unit(2, 4, 8, seed=1).requires_grad_()
    mask = torch.tensor([[1, 1, 1, 0], [1, 1, 0, 0]])
    scores = chosen.responses(*features(patch, word), mask)
    assert not scores.requires_grad
    other = torch.where(mask[..., None].bool(), word, unit(2, 4, 8, seed=9))
    torch.testing.assert_close(chosen.responses(*features(patch, other), mask), scores)
    # By hand: the largest of the softmax over the real words of row 1, at √8.
    logits = (patch[1] @ word[1, :2].T) / 8**0.5
    plain = method().responses(*features(patch, word), mask)
    torch.testing.assert_close(plain[1], logits.softmax(dim=1).amax(dim=1).detach())


@evidence("with the text of another study other patches are masked; before the warm-up's end the text tells nothing")
def test_swapped_texts_change_the_mask(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = method(warmup=0.1).eval()
    own, swapped = batch(chosen), batch(chosen, [*TEXTS[1:], TEXTS[0]])
    chosen.progress = Progress(5, 0.0, 0.5)
    assert not torch.equal(hidden(chosen, own, monkeypatch), hidden(chosen, swapped, monkeypatch))
    assert torch.equal(hidden(chosen, own, monkeypatch), hidden(chosen, own, monkeypatch))
    chosen.progress = Progress(5, 0.0, 0.05)
    assert torch.equal(hidden(chosen, own, monkeypatch), hidden(chosen, swapped, monkeypatch))
    random = method(image_masking="random").eval()
    random.progress = Progress(5, 0.0, 0.5)
    assert torch.equal(hidden(random, own, monkeypatch), hidden(random, swapped, monkeypatch))


@evidence("patches that show what the text names are masked more often than at random")
def test_planted_lesion_is_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = method(patch_share=0.25, warmup=0.0)
    direction, word = unit(1, 8), unit(4, 6, 8, seed=1)
    word[:, 2] = direction
    patch = unit(4, 16, 8, seed=2)
    lesion = torch.zeros(4, 16, dtype=torch.bool)
    for row, places in enumerate([[0, 1], [5, 6], [10, 14], [3, 7]]):
        lesion[row, places] = True
    patch[lesion] = functional.normalize(patch[lesion] * 0.3 + 2 * direction, dim=-1)
    answers = chosen.responses(*features(patch, word), torch.ones(4, 6))
    monkeypatch.setattr(chosen, "responses", lambda *_: answers)
    found = hidden(chosen, batch(chosen), monkeypatch)
    assert (found & lesion).sum() / lesion.sum() > 0.75, "a quarter at random"


@evidence("every piece of an entity is masked and nothing outside; of several mentions of one concept all or none")
def test_entities_are_masked_whole() -> None:
    chosen = method()
    given = batch(chosen)
    chances = [torch.Generator().manual_seed(seed) for seed in range(4)]
    _, labels = chosen._masked_words(given, chances)
    for row in range(3):
        units = given["units"][row]
        names = units[units >= 0].unique()
        masked = [bool((labels[row][units == name] != IGNORED).all()) for name in names]
        untouched = [bool((labels[row][units == name] == IGNORED).all()) for name in names]
        assert all(one != other for one, other in zip(masked, untouched, strict=True))
        assert any(masked)
        assert (labels[row][units < 0] == IGNORED).all()
    nodule = given["units"][2]
    assert torch.unique(nodule[nodule >= 0], return_counts=True)[1].max() >= 2, "two nodules are one unit"


@evidence("a report without entities has random words masked, by the same budget; an empty one is skipped")
def test_reports_without_entities() -> None:
    chosen, random = method(), method(word_masking="random")
    plain = ["Nothing to tell of here."] * 4
    for one, other in zip(batch(chosen, plain).values(), batch(random, plain).values(), strict=True):
        assert torch.equal(one, other)
    given = collate(chosen, [sample("", 0), sample(" ", 1), *[sample(text, 2 + n) for n, text in enumerate(TEXTS)]])
    assert given["told"].tolist() == [0, 0, 1, 1, 1, 1]
    out = chosen(**given)
    assert torch.isfinite(out["loss"])
    alone = chosen(**{name: value[2:] for name, value in given.items()})
    for part in ("pair", "image", "word"):
        assert out[part].item() == pytest.approx(alone[part].item(), rel=1e-5)


def test_the_budget_is_that_of_random_masking() -> None:
    long = (
        " ".join(["The heart is of normal size and the lungs are clear of any opacity."] * 2) + " Pleural effusion."
    )
    counts = {}
    for kind in ("entities", "random", "shuffled"):
        chosen = method({"text_length": 64}, word_masking=kind, word_share=0.1)
        given = batch(chosen, [long])
        budget = 0.1 * given["budget"].item()
        draws = [
            (chosen._masked_words(given, [torch.Generator().manual_seed(seed)])[1] != IGNORED).sum().item()
            for seed in range(20)
        ]
        counts[kind] = np.mean(draws)
        assert min(draws) >= 1
        assert counts[kind] < budget + 8, "one unit more than the budget at most"
    assert counts["random"] == pytest.approx(counts["entities"], abs=6)


@evidence("a sentence of diseases never shows a word that is asked for")
def test_prompts_do_not_leak() -> None:
    chosen = method()
    given = collate(chosen, [sample("", row, "edema", "pneumonia") for row in range(8)])
    assert given["prompted"].all()
    for seed in range(10):
        shown, labels = chosen._masked_words(given, [torch.Generator().manual_seed(seed + row) for row in range(8)])
        asked = labels != IGNORED
        assert asked.any(dim=1).all()
        assert (shown[asked] == TOKENIZER.mask_token_id).all()


def test_labels_become_sentences_and_other_texts_stay() -> None:
    chosen = method()
    given = collate(
        chosen,
        [
            sample("", 0, "pneumonia", "edema"),
            sample(TEXTS[0], 1, "edema"),
            sample("", 2, absent=("edema",)),
            sample("", 3),
            sample(TEXTS[1], 4, image=False),
        ],
    )
    said = [TOKENIZER.decode(row, skip_special_tokens=True).strip() for row in given["input_ids"]]
    assert said[0] == "radiograph showing edema and pneumonia."
    assert said[1] == TEXTS[0].lower()
    assert said[2] == "radiograph showing no abnormal finding."
    assert said[3] == ""
    assert given["told"].tolist() == [1, 1, 1, 0, 0]
    assert given["prompted"].tolist() == [1, 0, 1, 1, 0]
    assert torch.isfinite(chosen(**given)["loss"])
    assert chosen.settings.takes_unpaired
    assert not method(prompts=False).settings.takes_unpaired


@evidence("two images with the same diseases are right for each other, and are not where that is switched off")
def test_same_diseases_belong_together() -> None:
    samples = [
        sample("", 0, "edema"),
        sample("", 1, "edema"),
        sample("", 2, "pneumonia"),
        sample(TEXTS[0], 3, "edema"),
    ]
    made = {}
    for kind in ("positives", "negatives"):
        chosen = method(same_diseases=kind)
        made[kind] = collate(chosen, samples)["group"]
    assert made["positives"][0] == made["positives"][1]
    assert len(made["positives"].unique()) == 3
    assert len(made["negatives"].unique()) == 4
    chosen = method()
    given = {name: unit(4, 8, seed=number) for number, name in enumerate(("image", "text"))}
    given |= {"told": torch.ones(4, dtype=torch.long), "group": made["positives"]}
    logits = chosen.model.scale().detach().double() * given["image"] @ given["text"].T
    ways = []
    for scores in (logits, logits.T):
        log = scores.log_softmax(dim=1)
        ways.append(-(log[0, :2].mean() + log[1, :2].mean() + log[2, 2] + log[3, 3]) / 4)
    assert chosen._pair_loss(given).item() == pytest.approx(float(sum(ways) / 2), rel=1e-6)


def representations(rows: int) -> Representations:
    return {
        "image": unit(rows, 8),
        "text": unit(rows, 8, seed=1),
        "told": torch.tensor([1, 0, 1, 1, 1, 0][:rows]),
        "group": -1 - torch.arange(rows),
        "patches_lost": unit(rows, 1, seed=2)[:, 0].abs() + torch.arange(rows),
        "words_lost": torch.arange(rows).double(),
        "num_words": torch.tensor([2, 3, 0, 1, 5, 2][:rows]),
    }


def wave(*shape: int, a: float, b: float) -> Tensor:
    numbers = torch.arange(int(np.prod(shape)), dtype=torch.float64)
    return torch.sin(a * numbers + b).view(*shape)


@evidence("answers of patches, the loss and the error of pixels are those of an independent computation")
def test_golden_numbers() -> None:
    chosen, golden = method().double(), GOLDEN["loss"]
    given = [functional.normalize(wave(2, 5, 4, a=0.9, b=0.3), dim=-1)]
    given.append(functional.normalize(wave(2, 3, 4, a=1.3, b=0.5), dim=-1))
    found = chosen.responses(*features(*given), torch.tensor([[1, 1, 1], [1, 1, 0]]))
    torch.testing.assert_close(found, torch.tensor(GOLDEN["responses"], dtype=torch.float64), rtol=1e-12, atol=0)
    made = {name: torch.tensor(golden[name]) for name in ("told", "group", "num_words")}
    made |= {name: torch.tensor(golden[name], dtype=torch.float64) for name in ("patches_lost", "words_lost")}
    made["image"] = functional.normalize(wave(5, 4, a=1.7, b=1.0), dim=-1)
    made["text"] = functional.normalize(wave(5, 4, a=0.6, b=0.2), dim=-1)
    out = chosen.loss(made)
    # The temperature 0.07 is kept as a float32 logarithm.
    assert out["pair"].item() == pytest.approx(golden["pair"], rel=1e-6)
    for part in ("image", "word"):
        assert out[part].item() == pytest.approx(golden[part], rel=1e-12)
    hides = torch.tensor(GOLDEN["pixels"]["hidden"]).bool()
    errors = mmclip.pixel_errors(wave(1, 4, 3, a=0.4, b=0.6), wave(1, 4, 3, a=0.7, b=0.1))[0]
    assert errors[hides].mean().item() == pytest.approx(GOLDEN["pixels"]["error"], rel=1e-12)


def test_the_loss_by_hand() -> None:
    chosen = method(pair_weight=2.0, image_weight=0.5, word_weight=0.25).double()
    given = representations(6)
    out = chosen.loss(given)
    told = given["told"].bool()
    pair = contrast(given["image"][told], given["text"][told], logit_scale=chosen.model.scale()).loss
    assert out["pair"].item() == pytest.approx(pair.item(), rel=1e-6)
    assert out["image"].item() == pytest.approx(given["patches_lost"][told].mean().item(), rel=1e-12)
    # Words of rows 0, 2, 3 and 4: 0 + 2 + 3 + 4 over 2 + 0 + 1 + 5.
    assert out["word"].item() == pytest.approx(9 / 8, rel=1e-12)
    total = 2 * out["pair"] + 0.5 * out["image"] + 0.25 * out["word"]
    assert out["loss"].item() == pytest.approx(total.item(), rel=1e-12)


@evidence("the mean of two processes is the loss of all rows, with samples left out in either")
def test_two_processes() -> None:
    chosen = method().double()
    given = representations(6)
    whole, halves = chosen.loss(given), []
    for first in (0, 3):
        mine = {name: value[first : first + 3] for name, value in given.items()}
        every = {f"all_{name}": value for name, value in given.items()}
        halves.append(chosen.loss({**mine, **every, "first_row": torch.tensor([first, 2])}))
    for part in ("pair", "image", "word", "loss"):
        mean = sum(half[part].item() for half in halves) / 2
        assert mean == pytest.approx(whole[part].item(), rel=1e-9)


@evidence("each part can be switched off by its weight, and nothing of it is then built")
def test_parts_are_switched() -> None:
    for off, lost in (("pair", set()), ("image", {"patch_in", "patch_look", "pixels"}),
                      ("word", {"word_in", "word_look", "word_head"})):  # fmt: skip
        chosen = method(**{f"{off}_weight": 0})
        assert set(chosen(**batch(chosen))) == {"loss", "pair", "image", "word"} - {off}
        named = {name.split(".")[0] for name, _ in chosen.named_parameters()}
        assert named == {"model", "patch_in", "patch_look", "pixels", "word_in", "word_look", "word_head"} - lost


def test_batches_in_which_nothing_counts() -> None:
    chosen = method()
    out = chosen(**collate(chosen, [sample("", 0), sample("", 1)]))
    assert out["loss"].item() == 0
    out["loss"].backward()
    assert all(torch.isfinite(weight.grad).all() for weight in chosen.parameters() if weight.grad is not None)


def test_pixels_of_a_resnet_are_masked_too() -> None:
    chosen = method({"vision": "resnet", "width": 32, "vision_pool": "mean", "image_size": 64}, patch_share=0.5)
    assert patchify(torch.zeros(1, 1, 64, 64), chosen.patch).shape[1] == 4
    assert torch.isfinite(chosen(**{**batch(chosen), "pixel_values": torch.rand(4, 1, 64, 64)})["loss"])


def test_clear_errors() -> None:
    chosen = method()
    with pytest.raises(DataError, match="give its `annotate` to the collator"):
        chosen(**{name: value for name, value in batch(chosen).items() if name != "told"})

    class NoMask:
        mask_token_id = None

    with pytest.raises(ConfigError, match="no mask token"):
        chosen.prepare(NoMask())
    for wrong, name in (
        ({"pair_weight": -1}, "pair_weight"),
        ({"pair_weight": 0, "image_weight": 0, "word_weight": 0}, "nothing would be trained"),
        ({"patch_share": 1.5}, "patch_share"),
        ({"width": 30}, "width"),
        ({"prompt": "Radiograph."}, "prompt"),
    ):
        with pytest.raises(ValueError, match=name):
            MMCLIPConfig(**wrong)
