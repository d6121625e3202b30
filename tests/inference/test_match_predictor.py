"""A trained method that reads image and text together, behind a predictor: pairs, blocks, and the untrained twin."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as PilImage

from vesalius.data import readers
from vesalius.data.readers import Pixels
from vesalius.data.transforms import ImageProcessor
from vesalius.errors import CapabilityError
from vesalius.inference.backends import checkpoint
from vesalius.inference.backends.checkpoint import CheckpointPredictor
from vesalius.inference.predict import predict
from vesalius.inference.predictor import open_predictor
from vesalius.methods.convirt import ConVIRTConfig
from vesalius.methods.convirt import build as build_convirt
from vesalius.methods.m3ae import M3AEConfig, build
from vesalius.models.dual import DualEncoder
from vesalius.models.settings import DualEncoderConfig
from vesalius.models.text.tokenizer import train_tokenizer
from vesalius.tasks.prompts import load_prompts
from vesalius.training.checkpoint import save_model

TEXTS = ("Clear lungs.", "A large left pleural effusion is seen.", "Nodule.")
SHAPE = {"image_size": 16, "patch": 8, "width": 16, "depth": 1, "vocabulary": 60, "vision_pool": "cls"}


def pixels(seed: int) -> Pixels:
    array = np.random.default_rng(seed).integers(0, 255, (20, 20), dtype=np.uint8)
    return Pixels(array=array, axes="YX", units="display", source=f"image {seed}")


def saved(folder: Path, method: torch.nn.Module) -> Path:
    tokenizer = train_tokenizer(TEXTS, vocabulary=60)
    processor = ImageProcessor(size=16, channels=1)
    save_model(folder, method=method, tokenizer=tokenizer, processor=processor, info={})
    return folder


@pytest.fixture(scope="module")
def predictor(tmp_path_factory: pytest.TempPathFactory) -> CheckpointPredictor:
    torch.manual_seed(0)
    method = build(M3AEConfig(layers=2, middle=1), DualEncoder.build(DualEncoderConfig(**SHAPE)))
    with torch.no_grad():
        method.match_head.out.weight.mul_(20)  # so that pairs differ at the start
    opened = open_predictor(saved(tmp_path_factory.mktemp("m3ae") / "model", method), device="cpu")
    assert isinstance(opened, CheckpointPredictor)
    return opened


def test_every_pair_is_what_it_is_alone(predictor: CheckpointPredictor) -> None:
    images = [pixels(number) for number in range(4)]
    whole = predictor.match(images, TEXTS)
    assert whole.shape == (4, 3)
    assert whole.dtype == np.float32
    assert len(np.unique(whole.round(5))) == 12
    for row, column in ((0, 0), (3, 1), (2, 2)):
        alone = predictor.match([images[row]], [TEXTS[column]])
        np.testing.assert_allclose(alone[0, 0], whole[row, column], rtol=1e-4, atol=1e-5)  # float32, other padding
    pairs = [(3, 1), (0, 0), (3, 1)]
    found = predictor.match_pairs(images, TEXTS, pairs=pairs)
    np.testing.assert_allclose(found, [whole[pair] for pair in pairs], rtol=1e-5, atol=1e-6)


def test_blocks_change_nothing(predictor: CheckpointPredictor, monkeypatch: pytest.MonkeyPatch) -> None:
    images = [pixels(number) for number in range(5)]
    whole = predictor.match(images, TEXTS)
    monkeypatch.setattr(checkpoint, "IMAGES_KEPT", 2)
    monkeypatch.setattr(predictor, "batch", 2)
    np.testing.assert_allclose(predictor.match(images, TEXTS), whole, rtol=1e-4, atol=1e-5)  # float32


def test_the_twin_has_other_weights_in_the_method_too_and_another_name(predictor: CheckpointPredictor) -> None:
    first, second = predictor.untrained(1), predictor.untrained(1)
    other = predictor.untrained(2)
    images = [pixels(0), pixels(1)]
    np.testing.assert_array_equal(first.match(images, TEXTS), second.match(images, TEXTS))
    for twin in (predictor, other):
        assert not np.allclose(twin.match(images, TEXTS), first.match(images, TEXTS))
        assert twin.identity["weights_sha256"] != first.identity["weights_sha256"]
    own = dict(first.method.named_parameters())["match_head.out.weight"]
    assert not torch.equal(own, predictor.method.match_head.out.weight)
    assert first.module is first.method.model


def test_the_hash_covers_the_methods_own_weights(predictor: CheckpointPredictor) -> None:
    before = dict(predictor.identity)["weights_sha256"]
    twin = predictor.untrained(0)
    twin.method.load_state_dict(predictor.method.state_dict())
    assert twin.identity["weights_sha256"] == before
    del twin.__dict__["identity"]
    with torch.no_grad():
        twin.method.match_head.out.bias.add_(1)
    assert twin.identity["weights_sha256"] != before


def test_predict_goes_by_the_match_where_no_text_is_embedded(predictor: CheckpointPredictor, tmp_path: Path) -> None:
    PilImage.fromarray(pixels(0).array).save(tmp_path / "a.png")
    found = predict(predictor, [tmp_path / "a.png"], labels=["edema"], texts=TEXTS[:2]).answers
    assert [answer.kind for answer in found] == ["label", "text", "text"]
    logits = predictor.match([readers.read(tmp_path / "a.png")], TEXTS[:2])[0]
    np.testing.assert_allclose([answer.score for answer in found[1:]], logits, rtol=1e-5)
    np.testing.assert_allclose(found[1].probability, 1 / (1 + np.exp(-logits[0])), rtol=1e-5)
    prompts = load_prompts("convirt")
    apart = [
        predictor.match([readers.read(tmp_path / "a.png")], side).mean()
        for side in (prompts.positive("edema"), prompts.negative("edema"))
    ]
    np.testing.assert_allclose(found[0].score, apart[0] - apart[1], rtol=1e-3, atol=1e-5)


def test_a_method_that_only_embeds_is_refused(tmp_path: Path) -> None:
    method = build_convirt(ConVIRTConfig(), DualEncoder.build(DualEncoderConfig(**SHAPE)))
    opened = open_predictor(saved(tmp_path / "model", method), device="cpu")
    with pytest.raises(CapabilityError, match=r"cannot match .*reads image and text together"):
        opened.match([pixels(0)], TEXTS)
