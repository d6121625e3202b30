"""The dual encoder: every combination trains, saves whole, and does what its options say."""

from __future__ import annotations

import json
from math import log
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import AutoModel, CLIPConfig, CLIPModel, SiglipConfig, SiglipModel

from vesalius.errors import CheckpointError, ConfigError, DataError
from vesalius.models.dual import DualEncoder, DualEncoderConfig
from vesalius.objectives.contrastive import contrast

TINY = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
WIDE = {**TINY, "intermediate_size": 64}
VISION: dict[str, dict[str, Any]] = {
    "vit": {**WIDE, "patch_size": 16},
    "dinov2": {**TINY, "patch_size": 16, "mlp_ratio": 2},
    "clip": {**WIDE, "patch_size": 16},
    "siglip": {**WIDE, "patch_size": 16},
    "swin": {"embed_dim": 16, "depths": [1, 1], "num_heads": [2, 2], "window_size": 2, "patch_size": 4},
    "resnet": {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1]},
    "convnext": {"hidden_sizes": [8, 16], "depths": [1, 1], "num_stages": 2},
}
TEXT = ("bert", "modernbert", "clip", "roberta", "siglip")


def small(**changes: Any) -> DualEncoderConfig:
    base: dict[str, Any] = {"image_size": 64, "width": 32, "depth": 2, "vocabulary": 60, "text_length": 16}
    return DualEncoderConfig(**{**base, "projection_dim": 24, **changes})


def words(rows: int = 3) -> tuple[Tensor, Tensor]:
    ids = torch.randint(5, 60, (rows, 12), generator=torch.Generator().manual_seed(1))
    mask = torch.ones_like(ids)
    mask[1, 7:] = 0
    ids[torch.arange(rows), mask.sum(dim=1) - 1] = 3
    return ids * mask, mask


def pictures(*shape: int) -> Tensor:
    return torch.randn(3, *(shape or (1, 64, 64)), generator=torch.Generator().manual_seed(2))


def build(settings: DualEncoderConfig) -> DualEncoder:
    torch.manual_seed(0)
    return DualEncoder.build(settings)


def step(model: DualEncoder, image: Tensor) -> Tensor:
    """One contrastive step; every parameter that may learn gets a gradient."""
    ids, mask = words()
    model.train()
    encoded = (model.encode_image(image).joint, model.encode_text(ids, mask).joint)
    loss = contrast(*encoded, logit_scale=model.scale(), logit_bias=model.logit_bias).loss
    loss.backward()
    lacking = [name for name, part in model.named_parameters() if part.requires_grad and part.grad is None]
    assert lacking == []
    assert torch.isfinite(loss)
    return loss


def check_whole(model: DualEncoder, image: Tensor, folder: Path) -> None:
    """Saved and loaded again without the hub, it gives the same numbers."""
    ids, mask = words()
    model.eval()
    model.save_pretrained(folder)
    again = DualEncoder.from_pretrained(folder, local_files_only=True).eval()
    with torch.no_grad():
        assert torch.equal(model(image, ids, mask).logits, again(image, ids, mask).logits)
    assert {name: part.requires_grad for name, part in model.named_parameters()} == {
        name: part.requires_grad for name, part in again.named_parameters()
    }


@pytest.mark.parametrize("pool", ["mean", "max", "cls", "attention"])
@pytest.mark.parametrize("projection", ["linear", "mlp", "none"])
def test_compact_encoders(pool: str, projection: str, tmp_path: Path) -> None:
    model = build(small(vision_pool=pool, text_pool=pool, projection=projection))
    step(model, pictures())
    check_whole(model, pictures(), tmp_path)


@pytest.mark.parametrize("name", list(VISION))
@pytest.mark.parametrize("pool", ["cls", "mean"])
def test_vision_models_of_transformers(name: str, pool: str, tmp_path: Path) -> None:
    model = build(small(vision=f"hf:{name}", vision_options=VISION[name], vision_pool=pool))
    step(model, pictures())
    features = model.encode_image(pictures())
    assert features.tokens.shape[1] == features.grid[0] * features.grid[1]
    check_whole(model, pictures(), tmp_path)


@pytest.mark.parametrize("name", TEXT)
@pytest.mark.parametrize("pool", ["cls", "mean", "max", "last"])
def test_text_models_of_transformers(name: str, pool: str, tmp_path: Path) -> None:
    model = build(small(text=f"hf:{name}", text_options=WIDE, text_pool=pool))
    step(model, pictures())
    check_whole(model, pictures(), tmp_path)


@pytest.mark.parametrize(
    ("vision", "grid"),
    [
        ({}, (4, 4, 4)),
        ({"vision": "resnet"}, (1, 2, 2)),
        ({"vision": "hf:vit", "vision_options": VISION["vit"]}, (16, 4, 4)),
    ],
)
def test_a_volume_goes_through_the_same_class(vision: dict[str, Any], grid: tuple[int, ...], tmp_path: Path) -> None:
    settings = small(image_size=(16, 64, 64), patch=(4, 16, 16), **vision)
    model = build(settings)
    step(model, pictures(1, 16, 64, 64))
    features = model.encode_image(pictures(1, 16, 64, 64))
    assert features.grid == grid
    assert features.tokens.shape == (3, grid[0] * grid[1] * grid[2], 32)
    assert features.joint_tokens is not None
    assert features.joint_tokens.shape == (3, grid[0] * grid[1] * grid[2], 24)
    check_whole(model, pictures(1, 16, 64, 64), tmp_path)


def test_joint_vectors_have_unit_norm() -> None:
    model = build(small())
    ids, mask = words()
    for joint in (model.encode_image(pictures()).joint, model.encode_text(ids, mask).joint):
        torch.testing.assert_close(joint.norm(dim=1), torch.ones(3))


@pytest.mark.parametrize("pool", ["mean", "cls", "last"])
@pytest.mark.parametrize("causal", [False, True])
def test_what_is_left_out_without_local_features_changes_nothing(pool: str, causal: bool) -> None:
    vision_pool = "mean" if pool == "last" else pool
    model = build(small(vision_pool=vision_pool, text_pool=pool, causal=causal))
    ids, mask = words()
    for given in (mask, torch.ones_like(mask)):
        found = []
        for local in (True, False):
            image = model.encode_image(pictures(), local=local)
            text = model.encode_text(ids, given, local=local)
            assert (image.joint_tokens is None) == (text.tokens is None) == (not local)
            (image.joint[:, 0] * text.joint[:, 1]).sum().backward()
            found.append([image.joint, text.joint, *(part.grad.clone() for part in model.vision.parameters())])
            found[-1] += [part.grad.clone() for part in model.text.parameters()]
            model.zero_grad()
        # The same sums in another order, in float32.
        torch.testing.assert_close(found[1], found[0], rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("text", [{}, *({"text": f"hf:{name}", "text_options": WIDE} for name in TEXT[:4])])
def test_more_padding_changes_nothing(text: dict[str, Any]) -> None:
    model = build(small(**text)).eval()
    ids, mask = words()
    more = [torch.cat([part, torch.zeros(3, 4, dtype=part.dtype)], dim=1) for part in (ids, mask)]
    with torch.no_grad():
        one, other = model.encode_text(ids, mask).joint, model.encode_text(*more).joint
    # Attention over more keys sums in another order; float32 has 7 digits.
    torch.testing.assert_close(one, other, rtol=1e-4, atol=2e-6)


def test_a_learned_scale_stays_under_its_bound() -> None:
    model = build(small(max_scale=50))
    with torch.no_grad():
        model.logit_scale.fill_(log(80))
    assert model.scale().item() == pytest.approx(50)
    model.scale().backward()
    assert model.logit_scale.grad is not None


def test_a_fixed_temperature_is_stored_and_does_not_learn(tmp_path: Path) -> None:
    model = build(small(learn_temperature=False, temperature=0.2))
    model.fix_temperature(0.1)
    assert model.scale().item() == pytest.approx(10)
    assert not model.logit_scale.requires_grad
    check_whole(model, pictures(), tmp_path)
    assert DualEncoder.from_pretrained(tmp_path).scale().item() == pytest.approx(10)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"vision": "resnet"},
        {"vision": "hf:resnet", "vision_options": VISION["resnet"], "text": "hf:bert", "text_options": WIDE},
    ],
)
def test_frozen_layers_stay_as_they_are(changes: dict[str, Any], tmp_path: Path) -> None:
    model = build(small(frozen_vision_layers=1, frozen_text_layers=1, **changes))
    before = {name: part.clone() for name, part in model.state_dict().items()}
    frozen = {name for name, part in model.named_parameters() if not part.requires_grad}
    assert any(name.startswith("vision") for name in frozen)
    assert any(name.startswith("text") for name in frozen)
    assert any(part.requires_grad for name, part in model.vision.named_parameters())
    optimiser = torch.optim.SGD([part for part in model.parameters() if part.requires_grad], lr=1.0)
    step(model, pictures())
    optimiser.step()
    after = model.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in frozen)
    # Running means of frozen batch norms are no parameters, and stand still as well.
    roots = {name.rsplit(".", 1)[0] for name in frozen}
    for name in after:
        if "running" in name and name.rsplit(".", 1)[0] in roots:
            assert torch.equal(before[name], after[name])
    check_whole(model, pictures(), tmp_path)


def test_all_of_an_encoder_can_be_frozen() -> None:
    model = build(small(frozen_text_layers=-1))
    assert not any(part.requires_grad for part in model.text.parameters())
    assert all(part.requires_grad for part in model.text_head.parameters())


def test_forward_gives_scaled_similarities() -> None:
    model = build(small(logit_bias=-10.0)).eval()
    ids, mask = words()
    out = model(pictures(), ids, mask)
    torch.testing.assert_close(out.logits, model.scale() * out.image @ out.text.T - 10)
    assert model(pixel_values=pictures()).logits is None


def test_auto_model_finds_it(tmp_path: Path) -> None:
    build(small()).save_pretrained(tmp_path)
    assert isinstance(AutoModel.from_pretrained(tmp_path), DualEncoder)
    assert json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))["settings"]["width"] == 32


def test_a_whole_clip_is_taken_over(tmp_path: Path) -> None:
    """Towers, projections and temperature of a saved CLIP: our features are CLIP's own."""
    torch.manual_seed(3)
    config = CLIPConfig(
        vision_config={**WIDE, "image_size": 64, "patch_size": 16},
        text_config={**WIDE, "vocab_size": 60, "eos_token_id": 3, "max_position_embeddings": 16},
        projection_dim=24,
        logit_scale_init_value=3.0,
    )
    clip = CLIPModel(config).eval()
    clip.save_pretrained(tmp_path)
    settings = small(channels=3, vision=f"hf:{tmp_path}", text=f"hf:{tmp_path}", vision_pool="cls", text_pool="cls")
    model = build(settings).eval()
    image = pictures(3, 64, 64)
    ids, mask = words()
    with torch.no_grad():
        theirs = clip(pixel_values=image, input_ids=ids, attention_mask=mask)
        ours = model(image, ids, mask)
    torch.testing.assert_close(ours.image, theirs.image_embeds)
    torch.testing.assert_close(ours.text, theirs.text_embeds)
    torch.testing.assert_close(ours.logits, theirs.logits_per_image)


def test_a_whole_siglip_is_taken_over(tmp_path: Path) -> None:
    torch.manual_seed(4)
    config = SiglipConfig(
        vision_config={**WIDE, "image_size": 64, "patch_size": 16},
        text_config={**WIDE, "vocab_size": 60, "max_position_embeddings": 16, "projection_size": 32},
    )
    siglip = SiglipModel(config).eval()
    siglip.save_pretrained(tmp_path)
    settings = small(
        channels=3,
        vision=f"hf:{tmp_path}",
        text=f"hf:{tmp_path}",
        vision_pool="cls",
        text_pool="cls",
        projection="none",
        logit_bias=-10.0,
    )
    model = build(settings).eval()
    image = pictures(3, 64, 64)
    ids, mask = words()
    with torch.no_grad():
        theirs = siglip(pixel_values=image, input_ids=ids, attention_mask=mask)
        ours = model(image, ids, mask)
    torch.testing.assert_close(ours.logits, theirs.logits_per_image)


def test_one_channel_is_repeated_for_a_model_of_three() -> None:
    options = {**VISION["vit"], "num_channels": 3}
    model = build(small(vision="hf:vit", vision_options=options)).eval()
    grey = pictures()
    torch.testing.assert_close(model.encode_image(grey).joint, model.encode_image(grey.expand(-1, 3, -1, -1)).joint)


def test_a_foreign_vit_takes_another_image_size() -> None:
    model = build(small(vision="hf:vit", vision_options=VISION["vit"])).eval()
    assert model.encode_image(pictures(1, 96, 64)).grid == (6, 4)


def test_wrong_names_and_inputs_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="hf:/no/such/folder is no model type"):
        build(small(vision="hf:/no/such/folder"))
    with pytest.raises(ConfigError, match="vit has no setting 'hidden'"):
        build(small(vision="hf:vit", vision_options={"hidden": 3}))
    with pytest.raises(DataError, match=r"takes images \(B, 1, rows, columns\), found shape \(3, 2, 64, 64\)"):
        build(small()).encode_image(pictures(2, 64, 64))
    with pytest.raises(DataError, match="not a multiple of the patch"):
        build(small()).encode_image(pictures(1, 60, 64))
    with pytest.raises(DataError, match="text of 40 tokens"):
        build(small()).encode_text(torch.ones(1, 40, dtype=torch.long), torch.ones(1, 40))
    build(small(vision="hf:vit", vision_options=VISION["vit"])).vision.model.config.save_pretrained(tmp_path)
    with pytest.raises(CheckpointError, match="cannot be loaded"):
        build(small(vision=f"hf:{tmp_path}"))
