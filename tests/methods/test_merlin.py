"""Merlin: both losses by hand, sections, codes known and unknown, stages, volumes, the published names."""

from __future__ import annotations

from math import log
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional
from transformers import LongformerConfig, LongformerModel

from vesalius.config import validate
from vesalius.data.collator import Collator
from vesalius.data.loader import Sample
from vesalius.data.records import Finding, Study
from vesalius.data.transforms import ImageProcessor
from vesalius.errors import CheckpointError, ConfigError, DataError
from vesalius.methods.base import Progress
from vesalius.methods.convirt import ConVIRT, ConVIRTConfig
from vesalius.methods.merlin import Merlin, MerlinConfig, build, load_published
from vesalius.models.dual import DualEncoder
from vesalius.models.settings import DualEncoderConfig
from vesalius.models.text.tokenizer import train_tokenizer
from vesalius.models.vision.resnet import ResNet

VOLUME: dict[str, Any] = {
    "vision": "resnet", "vision_width": 64, "inflated": True, "image_size": (8, 16, 16), "width": 16, "depth": 1,
    "vocabulary": 60, "text_length": 16, "projection_dim": 8, "projection_bias": True,
}  # fmt: skip
CODES = ("cyst", "stone", "ascites")
ENCODER = "encode_image.i3_resnet"


def method(*, seed: int = 0, model: dict[str, Any] | None = None, **settings: Any) -> Merlin:
    torch.manual_seed(seed)
    chosen = MerlinConfig(**{"codes": CODES, **settings})
    return build(chosen, DualEncoder.build(DualEncoderConfig(**(model or VOLUME))))


def study(**stated: str) -> Study:
    findings = tuple(Finding(concept=name, status=status) for name, status in stated.items())  # type: ignore[arg-type]
    return Study(id="a", patient="b", findings=findings)


STUDIES = (
    study(cyst="present", stone="absent", ascites="uncertain"),
    study(cyst="absent"),
    study(),
    study(elsewhere="present"),
)


def batch(of: Merlin, studies: tuple[Study, ...] = STUDIES, *, seed: int = 3) -> dict[str, Tensor]:
    rng = np.random.default_rng(seed)
    samples = [
        Sample(rng.random((1, 8, 16, 16), dtype=np.float32), f"Cyst {row}.", row, (), one)
        for row, one in enumerate(studies)
    ]
    tokenizer = train_tokenizer(["Cyst 0 1 2 3."], vocabulary=60)
    return Collator(tokenizer, 16, ImageProcessor(size=(8, 16, 16)), of.annotate)(samples)


@pytest.mark.evidence(
    "merlin", "L2", "codes are present, absent or unknown; unmentioned is unknown unless billed codes"
)
def test_what_is_known_of_codes() -> None:
    given = batch(method())
    assert given["code_present"].tolist() == [[1, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0]]
    assert given["code_known"].tolist() == [[True, True, False], [True, False, False], [False] * 3, [False] * 3]
    billed = batch(method(silent="absent"))
    assert billed["code_known"].tolist() == [[True, True, False], [True] * 3, [False] * 3, [True] * 3]


@pytest.mark.evidence(
    "merlin", "L2", "the loss is InfoNCE in both directions plus the mean cross-entropy of known codes"
)
def test_both_losses_by_hand() -> None:
    made = method(contrast_weight=0.5, code_weight=2.0)
    generator = torch.Generator().manual_seed(0)
    image, text = (functional.normalize(torch.randn(2, 8, generator=generator), dim=1) for _ in range(2))
    known = torch.tensor([[True, True, False], [True, False, False]])
    given = {
        "image": image, "text": text, "code_logits": torch.tensor([[0.0, log(3.0), 9.0], [-log(3.0), 9.0, 9.0]]),
        "code_present": torch.tensor([[1.0, 1.0, 0.0], [0.0, 0.0, 0.0]]), "code_known": known,
    }  # fmt: skip
    out = made.loss(given)
    # Present at even odds: log 2; present at 3 to 1: log 4/3; absent at 1 to 3: log 4/3.
    assert out["codes"].item() == pytest.approx((log(2) + 2 * log(4 / 3)) / 3, rel=1e-6)
    plain = ConVIRT(ConVIRTConfig(image_weight=0.5, temperature=0.07), DualEncoder.build(DualEncoderConfig(**VOLUME)))
    contrast = plain.loss({"image": image, "text": text})["loss"].item()
    assert out["contrast"].item() == pytest.approx(contrast, rel=1e-6)
    assert out["loss"].item() == pytest.approx(0.5 * contrast + 2 * out["codes"].item(), rel=1e-6)


def test_no_known_code_gives_nothing_to_learn() -> None:
    made = method()
    out = made(**batch(made, (study(), study(ascites="uncertain"))))
    assert out["codes"].item() == 0
    torch.autograd.backward(out["loss"])
    assert made.codes.weight.grad is not None
    assert made.codes.weight.grad.abs().max() == 0


def test_parts_are_switched_by_their_weights() -> None:
    reports = method(code_weight=0.0)
    assert {name.split(".")[0] for name, _ in reports.named_parameters()} == {"model"}
    assert reports.chosen.kept_fields == frozenset()
    assert set(reports(**batch(reports))) == {"loss", "contrast"}
    assert set(method(contrast_weight=0.0)(**batch(method()))) == {"loss", "codes"}
    with pytest.raises(DataError, match="trained with code_weight 0 and knows no codes"):
        reports.code_probabilities(torch.zeros(1, 1, 8, 16, 16))


@pytest.mark.evidence("merlin", "L2", "in stages the first share of the run learns codes alone, then both")
def test_stages() -> None:
    made = method(codes_first=0.4)
    given = batch(made)
    made.progress = Progress(share=0.3)
    early = made(**given)
    assert early["loss"].item() == pytest.approx(early["codes"].item())
    torch.autograd.backward(early["loss"])
    texts = [weight.grad for weight in made.model.text.parameters()]
    assert all(gradient is not None and not gradient.any() for gradient in texts)
    made.progress = Progress(share=0.4)
    late = made(**given)
    assert late["loss"].item() == pytest.approx((late["codes"] + late["contrast"]).item())


@pytest.mark.evidence("merlin", "L2", "a step reads the whole report, or one organ's section, each as likely")
def test_sections_are_drawn() -> None:
    said = ["The liver is smooth.", "No mass there.", "Small renal cyst.", "The spleen is normal."]
    sections = {"The liver is smooth. No mass there.", "Small renal cyst.", "The spleen is normal."}
    half, rng = method(), np.random.default_rng(0)
    drawn = [half.words(said, rng) for _ in range(600)]
    assert set(drawn) == {*sections, " ".join(said)}
    # 300 expected of each kind, standard deviation 12; 100 of each section, 9.
    assert abs(drawn.count(" ".join(said)) - 300) < 50
    assert all(abs(drawn.count(section) - 100) < 40 for section in sections)
    assert {method(section_share=0.0).words(said, rng) for _ in range(20)} == {" ".join(said)}
    assert {method(section_share=1.0).words(said, rng) for _ in range(60)} == sections


@pytest.mark.evidence("merlin", "L2", "shapes of the released heads: joint vectors, codes, places of the last map")
def test_shapes_of_volumes() -> None:
    made = method()
    given = batch(made)
    out = made.encode(given)
    assert out["image"].shape == out["text"].shape == (4, 8)
    assert out["code_logits"].shape == (4, 3)
    features = made.model.encode_image(given["pixel_values"])
    assert features.pooled.shape == (4, 64)
    assert features.grid == (1, 1, 1)
    assert made.eval().code_probabilities(given["pixel_values"]).shape == (4, 3)


def test_samples_without_findings_are_refused() -> None:
    made = method()
    given = batch(made)
    with pytest.raises(DataError, match="give `annotate` to the collator"):
        made.encode({name: value for name, value in given.items() if not name.startswith("code")})
    sample = Sample(np.zeros((1, 8, 16, 16), np.float32), "Cyst.", 0)
    collator = Collator(
        train_tokenizer(["Cyst."], vocabulary=60), 16, ImageProcessor(size=(8, 16, 16)), made.annotate
    )
    with pytest.raises(DataError, match=r"keep `settings\.kept_fields`"):
        collator([sample])


def test_table_of_codes_is_read_once(tmp_path: Path) -> None:
    table = tmp_path / "phenotypes.csv"
    table.write_text("phecode,phecode_str\n8,Infection\n8.5,Enteritis\n")
    settings = validate(MerlinConfig, {"code_table": str(table)}, where="here")
    assert settings.codes == ("phecode_8", "phecode_8.5")
    assert settings.code_table == ""
    assert len(MerlinConfig().codes) > 50
    assert "liver_cyst" in MerlinConfig().codes


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"contrast_weight": -1}, "contrast_weight must be at least 0, found -1"),
        ({"contrast_weight": 0, "code_weight": 0}, "both 0: nothing is learned"),
        ({"section_share": 1.5}, "section_share must be from 0 to 1, found 1.5"),
        ({"codes_first": 0.5, "code_weight": 0}, "codes_first needs a code_weight above 0"),
        ({"codes": ["a", "a"]}, "codes names a concept twice"),
        ({"codes": ["a"], "code_table": "x.csv"}, "both given: leave one out"),
        ({"silent": "no"}, "silent"),
    ],
)
def test_bad_settings(values: dict[str, Any], fault: str) -> None:
    with pytest.raises(ConfigError, match=fault):
        validate(MerlinConfig, values, where="here")


TEXT = {
    "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32,
    "attention_window": [4], "vocab_size": 60, "max_position_embeddings": 40, "pad_token_id": 1,
}  # fmt: skip
PUBLISHED = {**VOLUME, "vision_depth": 50, "text": "hf:longformer", "text_options": TEXT, "text_pool": "cls"}


def authors_name(name: str) -> str:
    """Name of a weight of our ResNet in torchvision's, from which the authors' code began."""
    if name.startswith("stem.0"):
        return name.replace("stem.0.0", "conv1").replace("stem.0.1", "bn1")
    _, stage, block, part, number, *rest = name.split(".")
    if part == "shortcut":
        return ".".join([f"layer{int(stage) + 1}", block, "downsample", number, *rest])
    kind, *end = rest
    return ".".join([f"layer{int(stage) + 1}", block, f"{('conv', 'bn')[int(kind)]}{int(number) + 1}", *end])


def published_state() -> dict[str, Tensor]:
    """A state under the names of the published checkpoint, smaller: of three colours, the text with pooler."""
    encoder = DualEncoder.build(DualEncoderConfig(**{**PUBLISHED, "text": "transformer", "channels": 3})).vision
    state = {f"encode_image.i3_resnet.{authors_name(name)}": value for name, value in encoder.state_dict().items()}
    for name, rows in (("contrastive_head", 8), ("classifier", 3)):
        state[f"encode_image.i3_resnet.{name}.weight"] = torch.randn(rows, 64, 1, 1, 1)
        state[f"encode_image.i3_resnet.{name}.bias"] = torch.randn(rows)
    text = LongformerModel(LongformerConfig(**TEXT))
    state |= {f"encode_text.text_encoder.{name}": value for name, value in text.state_dict().items()}
    state["encode_text.linear_layer.weight"] = torch.randn(8, 16)
    state["encode_text.linear_layer.bias"] = torch.randn(8)
    state["logit_scale"] = torch.tensor(1.0)
    return state


def published_method() -> Merlin:
    return method(model=PUBLISHED).eval()


@pytest.mark.evidence(
    "merlin", "L2", "a state of the published checkpoint's names and shapes gives what they compute"
)
def test_published_names() -> None:
    state, made = published_state(), published_method()
    load_published(made, state)
    volume, tokens = torch.randn(2, 1, 8, 16, 16), torch.randint(5, 60, (2, 8))
    assert "encode_image.i3_resnet.layer3.5.bn2.running_var" in state
    for name in ("conv1.weight", "layer1.0.conv1.weight", "layer4.2.conv2.weight", "layer2.0.downsample.0.weight"):
        assert state[f"encode_image.i3_resnet.{name}"].dim() == 5
    source = ResNet(DualEncoderConfig(**{**PUBLISHED, "text": "transformer", "channels": 3})).eval()
    source.load_state_dict(
        {name: state[f"encode_image.i3_resnet.{authors_name(name)}"] for name in source.state_dict()}
    )
    text = LongformerModel(LongformerConfig(**TEXT)).eval()
    text.load_state_dict({name: state[f"encode_text.text_encoder.{name}"] for name in text.state_dict()})
    with torch.no_grad():
        places = source(volume.expand(-1, 3, -1, -1, -1)).tokens
        assert places is not None
        first = text(input_ids=tokens).last_hidden_state[:, 0]
        image = made.model.encode_image(volume, local=False)
        said = made.model.encode_text(tokens, torch.ones_like(tokens), local=False)
    outputs = {
        name: places.mean(dim=1) @ state[f"{head}.weight"].flatten(1).T + state[f"{head}.bias"]
        for name, head in (("joint", f"{ENCODER}.contrastive_head"), ("codes", f"{ENCODER}.classifier"))
    }
    linear = first @ state["encode_text.linear_layer.weight"].T + state["encode_text.linear_layer.bias"]
    for found, expected in (
        (image.joint, functional.normalize(outputs["joint"], dim=1)),
        (made.code_probabilities(volume), outputs["codes"].sigmoid()),
        (said.joint, functional.normalize(linear, dim=1)),
    ):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    assert made.model.logit_scale.item() == 0


def test_other_checkpoints_are_refused() -> None:
    state = published_state()
    with pytest.raises(CheckpointError, match=r"Merlin's checkpoint: 1 of .* keys are unknown: decoder"):
        load_published(published_method(), {**state, "decoder": torch.ones(1)})
    state.pop("logit_scale")
    with pytest.raises(CheckpointError, match=r"does not fit the model: 1 missing: model\.logit_scale"):
        load_published(published_method(), state)
