"""MeDSLIP: identities of the card, numbers of the authors' code, the published checkpoint's names, odd reports."""

from __future__ import annotations

import json
import re
from math import log
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from vesalius.config import validate
from vesalius.data.collator import Reading
from vesalius.data.loader import Sample
from vesalius.data.records import Finding, Study
from vesalius.errors import CheckpointError, ConfigError, DataError
from vesalius.knowledge.triplets import LANDMARKS
from vesalius.methods import medslip
from vesalius.methods.base import Representations
from vesalius.methods.medslip import KEYS, MeDSLIP, MeDSLIPConfig, build
from vesalius.metrics.classification import best_threshold
from vesalius.models.convert import load_whole, renamed
from vesalius.models.dual import DualEncoder, ImageFeatures
from vesalius.models.settings import DualEncoderConfig
from vesalius.models.text.tokenizer import train_tokenizer
from vesalius.objectives.multilabel import known_loss

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "medslip.json").read_text(encoding="utf-8"))
TINY: dict[str, Any] = {
    "image_size": 32, "patch": 8, "width": 16, "depth": 1, "vocabulary": 64, "text_length": 16, "projection_dim": 8,
}  # fmt: skip
SMALL: dict[str, Any] = {"width": 8, "decoder_depth": 1, "decoder_heads": 2, "decoder_hidden": 8}
REPORTS = ["Left pleural effusion. No pneumothorax.", "Consolidation in the right lower lobe.", "Clear.", "Nothing."]


def method(model: dict[str, Any] | None = None, *, seed: int = 0, prepared: bool = True, **settings: Any) -> MeDSLIP:
    torch.manual_seed(seed)
    made = build(
        MeDSLIPConfig(**{**SMALL, **settings}), DualEncoder.build(DualEncoderConfig(**{**TINY, **(model or {})}))
    )
    if prepared:
        made.prepare(train_tokenizer(REPORTS, vocabulary=64))
    return made


def representations(of: MeDSLIP, cells: list[tuple[int, int, int, int]], *, rows: int = 3) -> Representations:
    """Drawn answers, and a matrix that is −1 but for [image, anatomy, pathology, value]."""
    generator = torch.Generator().manual_seed(1)
    pathologies = len(of.chosen.pathologies)
    matrix = torch.full((rows, len(LANDMARKS), pathologies), -1, dtype=torch.int8)
    for image, anatomy, pathology, value in cells:
        matrix[image, anatomy, pathology] = value
    width = of.chosen.width
    return {
        "anatomy": torch.randn(rows, len(LANDMARKS), width, dtype=torch.float64, generator=generator),
        "pathology": torch.randn(rows, pathologies, width, dtype=torch.float64, generator=generator),
        "matrix": matrix,
        "index": torch.arange(rows),
    }


CELLS = [(0, 3, 8, 1), (0, 3, 9, 1), (0, 5, 8, 0), (1, 20, 4, 1), (1, 21, 4, 1), (2, 49, 12, 0)]


@pytest.mark.evidence("medslip", "L2", "the inputs of both streams add up to the patches, whatever the mask")
@pytest.mark.parametrize("mask", ["linear", "sigmoid"])
def test_streams_add_up(mask: str) -> None:
    made = method(mask=mask).double()
    tokens = 5 * torch.randn(2, 4, 16, dtype=torch.float64)
    pathology, anatomy = made.parted(tokens)
    torch.testing.assert_close(pathology + anatomy, tokens, rtol=1e-14, atol=1e-14)
    assert made.mask is not None
    weight = made.mask(tokens)
    weight = weight.sigmoid() if mask == "sigmoid" else weight
    torch.testing.assert_close(anatomy, (1 - weight) * tokens)
    single = method(mask="none")
    assert single.mask is None
    assert all(part is tokens for part in single.parted(tokens))


@pytest.mark.evidence("medslip", "L2", "nothing named gives 0 and finite gradients instead of the mean of nothing")
def test_nothing_named_is_zero() -> None:
    made = method().double().train()
    given = representations(made, [])
    for name in ("anatomy", "pathology"):
        given[name].requires_grad_()
    out = made.loss(given)
    assert {name: value.item() for name, value in out.items()} == dict.fromkeys(out, 0.0)
    out["loss"].backward()
    assert not given["anatomy"].grad.abs().sum()


@pytest.mark.evidence("medslip", "L2", "ICL by hand; permuting anatomies permutes rows and changes nothing else")
def test_cross_stream_loss() -> None:
    # Logits 2 and −1 at cells of 1 and 0: −log σ(2) = 0.126928, −log(1 − σ(−1)) = 0.313262; the third is not known.
    logits, label = torch.tensor([[2.0, -1.0, 7.0]]), torch.tensor([[1, 0, -1]])
    assert known_loss(logits, label).item() == pytest.approx(0.126928 + 0.313262, abs=1e-6)
    made = method(pathology_weight=0, anatomy_weight=0, prototype_weight=0).double().eval()
    given = representations(made, CELLS)
    order = torch.randperm(len(LANDMARKS), generator=torch.Generator().manual_seed(2))
    moved = {**given, "anatomy": given["anatomy"][:, order], "matrix": given["matrix"][:, order]}
    assert made.loss(moved)["loss"].item() == pytest.approx(made.loss(given)["loss"].item(), rel=1e-12)


@pytest.mark.evidence("medslip", "L2", "a part that is switched off takes exactly its term from the sum")
def test_parts_are_switched() -> None:
    names = ("pathology", "anatomy", "prototype", "cross")
    made = method().double().eval()
    given = representations(made, CELLS)
    whole = made.loss(given)
    assert set(whole) == {"loss", *names}
    for off in names:
        fewer = method(**{f"{off}_weight": 0}).double().eval()
        out = fewer.loss(given)
        assert set(out) == set(whole) - {off}
        assert out["loss"].item() == pytest.approx((whole["loss"] - whole[off]).item(), rel=1e-6)


@pytest.mark.evidence("medslip", "L2", "ProtoCL of equal candidates is log 8, and of queries that are not there is 0")
def test_prototypes_that_cannot_be_told_apart() -> None:
    only = {"pathology_weight": 0, "anatomy_weight": 0, "cross_weight": 0}
    made = method(**only).double().eval()
    made.book_vectors = torch.ones_like(made.book_vectors, dtype=torch.float64)
    out = made.loss(representations(made, CELLS))
    assert out["prototype"].item() == pytest.approx(2 * log(8), rel=1e-12)
    assert made.loss(representations(made, [(0, 5, 8, 0)]))["prototype"].item() == 0


def golden_method(monkeypatch: pytest.MonkeyPatch) -> tuple[MeDSLIP, dict[str, Tensor], Tensor]:
    """Our method with the weights, books and patches of the golden numbers; its encoders are stand-ins."""

    def wave(*shape: int, a: float, b: float) -> Tensor:
        numbers = torch.arange(int(np.prod(shape)), dtype=torch.float64)
        return torch.sin(a * numbers + b).view(*shape)

    monkeypatch.setattr(MeDSLIPConfig, "pathologies", property(lambda self: tuple(map(str, range(75)))))
    made = method(
        {"text_width": 768, "text_heads": 1}, prepared=False,
        width=256, decoder_depth=2, decoder_heads=4, decoder_hidden=1024,
    ).double().eval()  # fmt: skip
    state: dict[str, Tensor] = {}
    for number, (name, shape) in enumerate(sorted(GOLDEN["keys"].items())):
        drawn = wave(*shape, a=0.61 + 0.013 * number, b=0.1 * number)
        is_scale = re.search(r"norm\d?\.weight$", name)
        state[name] = (1.0 if is_scale else 0.0) + (0.15 if len(shape) > 1 else 0.05) * drawn
    state |= {f"decoder_pathology.norm.{part}": state[f"decoder_anatomy.norm.{part}"] for part in ("weight", "bias")}
    own = renamed(state, KEYS)
    load_whole(made, {**own, **{k: v for k, v in made.state_dict().items() if k.startswith("model.")}})
    made.book_ids = torch.zeros(1)
    made.book_vectors = torch.cat([0.5 * wave(75, 768, a=0.37, b=0.3), 0.5 * wave(51, 768, a=0.37, b=0.8)])
    image = (4 * wave(3, 16, 2, 3, a=0.9, b=0.2)).requires_grad_()
    tokens = image.flatten(2).transpose(1, 2)
    seen = ImageFeatures(tokens.mean(dim=1), tokens, (2, 3), tokens[:, 0], None)
    monkeypatch.setattr(made.model, "encode_image", lambda pixels, **options: seen)
    drawn_rows = iter([[row[2] for row in GOLDEN["negatives"][name]] for name in ("pathology", "anatomy")])
    monkeypatch.setattr(medslip, "draw_others", lambda member, **options: torch.tensor(next(drawn_rows)))
    matrix = representations(made, [tuple(cell) for cell in GOLDEN["cells"]])["matrix"]
    return made, {"pixel_values": image, "matrix": matrix, "index": torch.arange(3)}, image


@pytest.mark.evidence("medslip", "L2", "streams, four losses, attention, gradients are those of the authors' code")
def test_golden_numbers_of_the_authors_code(monkeypatch: pytest.MonkeyPatch) -> None:
    made, batch, image = golden_method(monkeypatch)
    names = {theirs: next(iter(renamed({theirs: torch.zeros(1)}, KEYS))) for theirs in GOLDEN["keys"]}
    patches = made.streams(image.flatten(2).transpose(1, 2))
    for name, expected in GOLDEN["streams"].items():
        np.testing.assert_allclose(patches[name].detach().flatten()[:12], expected, rtol=0, atol=1e-11)
    out = made(**batch)
    for name, expected in GOLDEN["losses"].items():
        # Their cross term is taken in float32.
        assert out[name].item() == pytest.approx(expected, rel=2e-7), name
    out["loss"].backward()
    for theirs, expected in GOLDEN["gradients"].items():
        found = image.grad if theirs == "image" else made.get_parameter(names[theirs]).grad
        np.testing.assert_allclose(found.flatten()[:12], expected, rtol=1e-6, atol=2e-7)
    answers = made.pathology.decoder(made._queries()[0], patches["pathology"], attention=True)
    np.testing.assert_allclose(answers.attention[:, 20].detach().flatten()[:12], GOLDEN["attention"], atol=1e-11)
    probability = made.pathology.presence(answers.features).softmax(dim=-1)[:, 20, 1]
    np.testing.assert_allclose(probability.detach(), GOLDEN["probability"], atol=1e-11)


@pytest.mark.evidence("medslip", "L2", "labels of both streams are those of the authors' rules of triplets")
def test_labels_of_streams_are_those_of_the_authors_rules() -> None:
    matrix = torch.full((3, 51, 75), -1)
    for image, anatomy, pathology, value in GOLDEN["cells"]:
        matrix[image, anatomy, pathology] = value
    for name, other in (("pathology", 1), ("anatomy", 2)):
        labels = matrix.amax(dim=other)
        found = [[*place, int(labels[tuple(place)])] for place in (labels >= 0).nonzero().tolist()]
        assert found == GOLDEN["labels"][name]


@pytest.mark.evidence("medslip", "L2", "max-F1 and its threshold are those of the authors' test script")
def test_max_f1_of_the_test_script() -> None:
    # The card's example: scores .9 .8 .3 of truth 1 0 1 give F1 .667, .5, .8.
    assert GOLDEN["max_f1"][0]["max_f1"] == pytest.approx(0.8)
    for case in GOLDEN["max_f1"]:
        threshold, value = best_threshold(case["target"], case["score"])
        assert value == pytest.approx(case["max_f1"], abs=1e-12)
        assert threshold == case["threshold"]


@pytest.mark.evidence("medslip", "L2", "a checkpoint of the authors' names and shapes loads, ResNet included")
def test_the_published_checkpoint_fits() -> None:
    shape = {"vision": "resnet", "vision_depth": 50, "vision_width": 64, "vision_stages": 3, "channels": 3}
    made = method(shape)
    inverse = [
        (r"model\.vision\.stem\.0\.0\.(.+)", r"res_features.0.\1"),
        (r"model\.vision\.stem\.0\.1\.(.+)", r"res_features.1.\1"),
        *((rf"model\.vision\.layers\.{n}\.(\d+)\.steps\.{s}\.0\.(.+)", rf"res_features.{n + 4}.\1.conv{s + 1}.\2")
          for n in range(3) for s in range(3)),
        *((rf"model\.vision\.layers\.{n}\.(\d+)\.steps\.{s}\.1\.(.+)", rf"res_features.{n + 4}.\1.bn{s + 1}.\2")
          for n in range(3) for s in range(3)),
        *((rf"model\.vision\.layers\.{n}\.(\d+)\.shortcut\.(.+)", rf"res_features.{n + 4}.\1.downsample.\2")
          for n in range(3)),
    ]  # fmt: skip
    vision = {name: value for name, value in made.state_dict().items() if name.startswith("model.vision.")}
    back = renamed(renamed(vision, inverse), KEYS)
    assert set(back) == set(vision)
    assert all(torch.equal(back[name], vision[name]) for name in vision)
    with pytest.raises(CheckpointError, match="unknown"):
        renamed({"temp": torch.zeros(1)}, KEYS)


def annotated(of: MeDSLIP, report: str, findings: tuple[Finding, ...] = ()) -> set[tuple[str, str, int]]:
    sample = Sample(np.zeros((1, 4, 4), np.float32), report, 0, (), Study(id="a", patient="b", findings=findings))
    matrix = of.annotate(Reading([sample], None, None, 16))["matrix"][0]
    places = np.argwhere(matrix >= 0)
    return {(LANDMARKS[row], of.chosen.pathologies[column], int(matrix[row, column])) for row, column in places}


def test_what_is_where_comes_of_the_report_or_of_the_study() -> None:
    stated = (Finding(concept="atelectasis", anatomy="left base", laterality="left"),)
    of_report = {("left_pleural", "pleural_effusion", 1), ("unspecified", "pneumothorax", 0)}
    assert annotated(method(), REPORTS[0], stated) == of_report
    assert annotated(method(triplets="facts"), REPORTS[0], stated) == {("left_lower_lung", "atelectasis", 1)}
    assert annotated(method(triplets="facts"), REPORTS[0]) == of_report
    assert annotated(method(), "Possible pneumothorax.") == set()
    assert MeDSLIPConfig(triplets="facts").kept_fields == {"findings"}


def test_texts_of_the_book() -> None:
    asked: list[str] = []

    def tokenizer(texts: list[str], **options: Any) -> dict[str, Tensor]:
        asked[:] = texts
        return {
            "input_ids": torch.ones(len(texts), 2, dtype=torch.int64),
            "attention_mask": torch.ones(len(texts), 2),
        }

    own, other = method(prepared=False), method(prepared=False, knowledge="shuffled")
    own.prepare(tokenizer)
    first = list(asked)
    assert len(first) == len(own.chosen.pathologies) + 51
    assert first[0].startswith("aortic aneurysm. A widening of the aorta")
    assert first[-33] == "It is located at left lower lung."
    other.prepare(tokenizer)
    count = len(own.chosen.pathologies)
    assert sorted(asked[:count]) == sorted(first[:count])
    assert all(one != two for one, two in zip(asked[:count], first[:count], strict=True))


def test_without_its_texts_it_says_what_is_missing() -> None:
    bare = method(prepared=False)
    batch = {"pixel_values": torch.zeros(1, 1, 32, 32), "matrix": torch.zeros(1, 51, 30), "index": torch.zeros(1)}
    with pytest.raises(DataError, match="give the tokenizer to its `prepare`"):
        bare(**batch)
    with pytest.raises(DataError, match="give its `annotate` to the collator"):
        method().encode({"pixel_values": torch.zeros(1, 1, 32, 32)})


@pytest.mark.parametrize("among", [True, False])
def test_a_text_of_the_book_is_answered_as_in_training(among: bool) -> None:
    made = method(among=among, knowledge="own").eval()
    with torch.no_grad():
        image = made.model.encode_image(torch.randn(2, 1, 32, 32))
        one = slice(4, 5)
        text = made.model.encode_text(made.book_ids[one].expand(2, -1), made.book_mask[one].expand(2, -1))
        usual = made.pathology.decoder(made._queries()[0], made.streams(image.tokens)["pathology"]).features
        trained = made.pathology.presence(usual)[:, 4]
        found = made.match(image, text, made.book_mask[one].expand(2, -1))
    assert found.shape == (2,)
    if not among:  # in company the further query also sees its double, which moves its answer
        torch.testing.assert_close(found, trained[:, 1] - trained[:, 0])
    looks = made.look(image, text, made.book_mask[one].expand(2, -1))
    assert looks.shape == (2, 16)
    torch.testing.assert_close(looks.sum(dim=1), torch.ones(2))


def test_a_frozen_text_encoder_stays_as_it_is() -> None:
    made = method().train()
    assert not made.model.text.training
    assert not any(weight.requires_grad for weight in made.model.text.parameters())
    learning = method(frozen_book=False).train()
    assert all(weight.requires_grad for weight in learning.model.text.parameters())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"cross_weight": -1}, "cross_weight must be at least 0"),
        (
            dict.fromkeys(("pathology_weight", "anatomy_weight", "prototype_weight", "cross_weight"), 0),
            "nothing would",
        ),
        ({"width": 10}, "cannot be shared by 4 decoder_heads"),
        ({"negatives": 0}, "negatives must be at least 1"),
        ({"region": "knee"}, "no finding of region 'knee'"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        validate(MeDSLIPConfig, settings, where="recipe")
