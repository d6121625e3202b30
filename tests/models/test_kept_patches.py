"""Images of which only some patches are read."""

from __future__ import annotations

import pytest
import torch

from vesalius.models.dual import DualEncoder
from vesalius.models.settings import DualEncoderConfig

BASE = {"image_size": 32, "patch": 8, "width": 32, "depth": 2, "vocabulary": 20, "vision_options": {}}
HF = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32, "patch_size": 8}
DROPPING = [
    {"vision": "vit"},
    {"vision": "vit", "vision_pool": "cls", "embedding_norm": True},
    {"vision": "hf:vit", "vision_pool": "cls", "vision_options": HF},
    {"vision": "hf:clip_vision_model", "vision_pool": "cls", "vision_options": HF},
    {"vision": "hf:dinov2", "vision_options": {k: v for k, v in HF.items() if k != "intermediate_size"}},
    {"vision": "hf:siglip_vision_model", "vision_options": HF},
]
HIDING = [{"vision": "resnet", "vision_width": 64, "image_size": 64}]


def built(more: dict[str, object]) -> DualEncoder:
    torch.manual_seed(0)
    return DualEncoder.build(DualEncoderConfig(**{**BASE, **more})).eval()


@pytest.mark.parametrize("more", [*DROPPING, *HIDING], ids=lambda more: f"{more['vision']}-{len(more)}")
def test_pixels_of_patches_that_are_not_kept_do_not_matter(more: dict[str, object]) -> None:
    model = built(more)
    image = torch.randn(2, 1, *model.settings.size)
    grid = model.image_grid(image.shape[2:])
    count = grid[0] * grid[1]
    kept = torch.stack([torch.randperm(count)[: count // 2] for _ in range(2)])
    seen = model.encode_image(image, kept=kept, attention=True)
    assert seen.tokens.shape[:2] == kept.shape
    assert seen.attention.shape == kept.shape
    assert seen.grid == grid
    hidden = torch.ones(2, count).scatter(1, kept, 0.0).view(2, 1, *grid)
    step = image.shape[-1] // grid[0]
    noise = 5 * torch.randn_like(image) * hidden.repeat_interleave(step, 2).repeat_interleave(step, 3)
    other = model.encode_image(image + noise, kept=kept)
    torch.testing.assert_close(other.tokens, seen.tokens, rtol=1e-5, atol=1e-5)  # float32
    torch.testing.assert_close(other.joint, seen.joint, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("more", DROPPING, ids=lambda more: f"{more['vision']}-{len(more)}")
def test_all_patches_in_another_order_are_the_whole_image(more: dict[str, object]) -> None:
    model = built(more)
    image = torch.randn(1, 1, 32, 32)
    order = torch.randperm(16)[None]
    whole, moved = model.encode_image(image), model.encode_image(image, kept=order)
    torch.testing.assert_close(moved.tokens, whole.tokens[:, order[0]], rtol=1e-4, atol=1e-5)  # float32, other sums
    torch.testing.assert_close(moved.pooled, whole.pooled, rtol=1e-4, atol=1e-5)


def test_slices_through_a_flat_encoder_and_volumes() -> None:
    for more in ({"vision": "hf:vit", "vision_options": HF}, {"vision": "vit", "patch": (2, 8, 8)}):
        model = built({**more, "image_size": (4, 32, 32)})
        image = torch.randn(2, 1, 4, 32, 32)
        grid = model.image_grid(image.shape[2:])
        kept = torch.arange(5).expand(2, -1)
        assert model.encode_image(image, kept=kept).tokens.shape == (2, 5, 32)
        assert len(grid) == 3


def test_asking_for_the_grid_leaves_no_trace() -> None:
    model = built(HIDING[0]).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    assert model.image_grid((64, 64)) == (2, 2)
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
