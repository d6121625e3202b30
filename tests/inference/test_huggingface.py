"""Dual encoders of transformers, built tiny from config and opened from a folder."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import (
    CLIPConfig,
    CLIPImageProcessorPil,
    CLIPModel,
    PreTrainedTokenizerFast,
    SiglipConfig,
    SiglipModel,
    ViTConfig,
    ViTModel,
)

from vesalius.data.readers import Pixels
from vesalius.data.transforms import ImageProcessor
from vesalius.errors import CapabilityError, CheckpointError
from vesalius.inference import controls
from vesalius.inference.dual import weights_sha256
from vesalius.inference.predictor import open_predictor

WORDS = ["<pad>", "<unk>", "<bos>", "<eos>", "no", "pleural", "effusion", "pneumothorax"]
SMALL = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
VISION = {**SMALL, "image_size": 32, "patch_size": 8}
TEXT = {**SMALL, "vocab_size": len(WORDS), "max_position_embeddings": 8, "pad_token_id": 0}
TOKENS = {"bos_token_id": 2, "eos_token_id": 3}


def tokenizer() -> PreTrainedTokenizerFast:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    backend = Tokenizer(models.WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    backend.post_processor = processors.TemplateProcessing(
        single="<bos> $A <eos>", special_tokens=[("<bos>", 2), ("<eos>", 3)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        pad_token="<pad>",
        unk_token="<unk>",
        bos_token="<bos>",
        eos_token="<eos>",
        model_max_length=8,
    )


def pixels(seed: int) -> Pixels:
    array = np.random.default_rng(seed).integers(0, 65535, (40, 28), dtype=np.uint16)
    return Pixels(array=array, axes="YX", units="stored", source=f"image {seed}")


def save(folder: Path, model: torch.nn.Module, *, ours: bool = False) -> Path:
    model.save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    if ours:
        processor = ImageProcessor(size=32, channels=3)
        (folder / "processor.json").write_text(json.dumps(processor.to_dict()), encoding="utf-8")
    else:
        size = {"height": 32, "width": 32}
        CLIPImageProcessorPil(size=size, crop_size=size).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    config = CLIPConfig(text_config=TEXT | TOKENS, vision_config=VISION, projection_dim=12)
    return save(tmp_path_factory.mktemp("models") / "clip", CLIPModel(config).eval())


@pytest.fixture(scope="module")
def siglip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    config = SiglipConfig(text_config=TEXT | TOKENS, vision_config=VISION)
    return save(tmp_path_factory.mktemp("models") / "siglip", SiglipModel(config).eval(), ours=True)


@pytest.mark.parametrize("name", ["clip", "siglip"])
def test_embeddings_are_those_of_transformers(name: str, request: pytest.FixtureRequest) -> None:
    folder = request.getfixturevalue(name)
    predictor = open_predictor(folder)
    images, texts = [pixels(0), pixels(1), pixels(2)], ["no pleural effusion", "pneumothorax"]
    module = type(predictor.module).from_pretrained(folder).eval()
    with torch.inference_mode():
        values = predictor.pixel_values(images)
        expected = module.get_image_features(pixel_values=values).pooler_output.numpy()
        words = tokenizer()(texts, padding="max_length", max_length=8, return_tensors="pt")
        said = module.get_text_features(
            input_ids=words["input_ids"], attention_mask=words["attention_mask"]
        ).pooler_output.numpy()
    assert values.shape == (3, 3, 32, 32)
    # Float32 sums in another order: 3e-7 seen.
    np.testing.assert_allclose(
        predictor.embed_image(images), expected / np.linalg.norm(expected, axis=1, keepdims=True), atol=2e-6
    )
    np.testing.assert_allclose(
        predictor.embed_text(texts), said / np.linalg.norm(said, axis=1, keepdims=True), atol=2e-6
    )


def test_a_batch_gives_what_single_images_give(clip: Path) -> None:
    predictor = open_predictor(clip)
    images = [pixels(seed) for seed in range(3)]
    alone = np.concatenate([predictor.embed_image([image]) for image in images])
    np.testing.assert_allclose(predictor.embed_image(images), alone, atol=2e-6)  # float32 sums


def test_the_map_of_clip_is_the_cosine_of_projected_patches(clip: Path, siglip: Path) -> None:
    predictor = open_predictor(clip)
    image, text = pixels(3), "pneumothorax"
    similarity = predictor.similarity_map(image, text)
    assert similarity.shape == (4, 4)  # 32 pixels by patches of 8
    with torch.inference_mode():
        seen = predictor.module.vision_model(pixel_values=predictor.pixel_values([image])).last_hidden_state
        patch = predictor.module.visual_projection(predictor.module.vision_model.post_layernorm(seen[0, 1 + 6]))
    cosine = torch.nn.functional.normalize(patch, dim=0).numpy() @ predictor.embed_text([text])[0]
    assert similarity[1, 2] == pytest.approx(cosine, abs=2e-6)  # patch 6 is row 1, column 2
    with pytest.raises(CapabilityError, match="cannot similarity_map"):
        open_predictor(siglip).similarity_map(image, text)


def test_the_untrained_twin_hangs_on_the_seed_alone(clip: Path) -> None:
    predictor = open_predictor(clip)
    torch.manual_seed(5)
    first = controls.untrained(predictor, seed=3)
    torch.manual_seed(6)
    again, other = controls.untrained(predictor, seed=3), controls.untrained(predictor, seed=4)
    images = [pixels(0), pixels(1)]
    np.testing.assert_array_equal(first.embed_image(images), again.embed_image(images))
    assert first.identity["weights_sha256"] == again.identity["weights_sha256"]
    hashes = {one.identity["weights_sha256"] for one in (predictor, first, other)}
    assert len(hashes) == 3
    assert weights_sha256(predictor.module) == predictor.identity["weights_sha256"]


def test_one_weight_changes_the_hash(clip: Path) -> None:
    module = open_predictor(clip).module
    before = weights_sha256(module)
    with torch.no_grad():
        next(module.parameters()).view(-1)[0] += 1
    assert weights_sha256(module) != before


def test_pickles_and_other_models_are_refused(tmp_path: Path, clip: Path) -> None:
    pickled = tmp_path / "pickled"
    pickled.mkdir()
    (pickled / "config.json").write_text((clip / "config.json").read_text(encoding="utf-8"), encoding="utf-8")
    torch.save({}, pickled / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match="pickled checkpoint is not opened"):
        open_predictor(pickled)
    vit = save(tmp_path / "vit", ViTModel(ViTConfig(**VISION)))
    with pytest.raises(CapabilityError, match="no image and text encoder side by side"):
        open_predictor(vit)
    broken = save(tmp_path / "broken", CLIPModel.from_pretrained(clip))
    (broken / "model.safetensors").write_bytes(b"not safetensors")
    with pytest.raises(CheckpointError, match="cannot open it"):
        open_predictor(broken)
