"""The compact vision encoders: one patch embedding for two and three axes, ResNets of published sizes."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from vesalius.errors import ConfigError
from vesalius.models.settings import DualEncoderConfig
from vesalius.models.vision.resnet import ResNet
from vesalius.models.vision.vit import PatchEmbedding, VisionTransformer


@pytest.mark.parametrize("patch", [(4, 8), (2, 4, 8)])
def test_patch_embedding_is_a_convolution_with_that_stride(patch: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    embedding = PatchEmbedding(patch, channels=3, width=5)
    convolution = {2: nn.Conv2d, 3: nn.Conv3d}[len(patch)](3, 5, patch, stride=patch)
    with torch.no_grad():
        convolution.weight.copy_(embedding.project.weight.view(5, 3, *patch))
        convolution.bias.copy_(embedding.project.bias)
    image = torch.randn(2, 3, *(3 * size for size in patch))
    patches, grid = embedding(image)
    assert grid == (3,) * len(patch)
    # Sums of up to 192 products of size 1 in another order: float32, worst seen 1e-6.
    torch.testing.assert_close(patches, convolution(image).flatten(2).transpose(1, 2), rtol=1e-4, atol=1e-5)


def test_positions_are_interpolated_to_the_grid() -> None:
    model = VisionTransformer(DualEncoderConfig(image_size=32, patch=8, width=8, depth=1, heads=1))
    ramp = torch.arange(4.0)
    with torch.no_grad():
        model.position.copy_(ramp[None, None, None, :].expand(1, 8, 4, 4))
    twice = model._positions((4, 8))[0, :, 0].view(4, 8)
    # Centres of 8 cells over 4: (0.25, 0.75, …) - 0.5 -> -0.25 clamped to 0, 0.25, 0.75, …
    expected = torch.tensor([0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3.0])
    torch.testing.assert_close(twice, expected.expand(4, 8))
    torch.testing.assert_close(model._positions((4, 4))[0, :, 0].view(4, 4), ramp.expand(4, 4))


@pytest.mark.parametrize("size", [(64, 48), (16, 32, 64)])
def test_vit_takes_other_sizes_than_it_was_made_for(size: tuple[int, ...]) -> None:
    image_size = 32 if len(size) == 2 else (16, 32, 32)
    model = VisionTransformer(DualEncoderConfig(image_size=image_size, patch=16, width=8, depth=1, heads=1))
    encoding = model(torch.randn(2, 1, *size))
    assert encoding.grid == tuple(side // 16 for side in size)


def test_a_shift_by_one_patch_shifts_the_tokens_without_positions() -> None:
    model = VisionTransformer(DualEncoderConfig(image_size=32, patch=8, width=16, depth=2, heads=2)).eval()
    with torch.no_grad():
        model.position.zero_()
        image = torch.randn(1, 1, 32, 32)
        plain = model(image).tokens.view(4, 4, 16)
        rolled = model(image.roll(8, dims=3)).tokens.view(4, 4, 16)
    torch.testing.assert_close(rolled, plain.roll(1, dims=1), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("depth", "width", "weights"),
    [
        # The published networks without their last layer: 11 689 512 - 513 000 and 25 557 032 - 2 049 000.
        (18, 512, 11_176_512),
        (50, 2048, 23_508_032),
    ],
)
def test_resnets_have_the_published_number_of_weights(depth: int, width: int, weights: int) -> None:
    settings = DualEncoderConfig(vision="resnet", vision_depth=depth, vision_width=width, channels=3)
    with torch.device("meta"):
        model = ResNet(settings)
    assert sum(part.numel() for part in model.parameters()) == weights


def test_resnet_of_a_volume_made_of_equal_slices() -> None:
    """With kernels that look at their middle slice only, the 3D network sees what the 2D network sees."""
    torch.manual_seed(0)
    flat = ResNet(DualEncoderConfig(vision="resnet", width=16)).eval()
    deep = ResNet(DualEncoderConfig(vision="resnet", width=16, image_size=(8, 32, 32), patch=8)).eval()
    state = deep.state_dict()
    for name, weight in flat.state_dict().items():
        if weight.dim() == 4:
            middle = torch.zeros_like(state[name])
            middle[:, :, weight.shape[-1] // 2] = weight
            weight = middle
        state[name] = weight
    deep.load_state_dict(state)
    image = torch.randn(2, 1, 64, 64)
    volume = image.unsqueeze(2).expand(-1, -1, 32, -1, -1)
    with torch.no_grad():
        tokens, cubes = flat(image), deep(volume)
    assert cubes.grid == (1, *tokens.grid)
    torch.testing.assert_close(cubes.tokens, tokens.tokens, rtol=1e-4, atol=1e-5)


def test_resnet_grid_and_width() -> None:
    model = ResNet(DualEncoderConfig(vision="resnet", width=64, vision_depth=50))
    encoding = model(torch.randn(2, 1, 64, 96))
    assert encoding.grid == (2, 3)
    assert encoding.tokens.shape == (2, 6, 64)
    assert functional.relu(encoding.tokens).equal(encoding.tokens)


def test_a_width_that_has_no_stem_is_refused() -> None:
    with pytest.raises(ConfigError, match="vision_width 100: a ResNet-10 needs a multiple of 8"):
        ResNet(DualEncoderConfig(vision="resnet", vision_width=100))


@pytest.mark.parametrize(("stages", "width", "side"), [(4, 32, 1), (3, 16, 2), (1, 4, 8)])
def test_a_resnet_without_its_last_stages_is_the_first_part_of_the_whole_one(
    stages: int, width: int, side: int
) -> None:
    def made(stages: int) -> ResNet:
        torch.manual_seed(0)
        chosen = DualEncoderConfig(image_size=32, vision="resnet", vision_width=32, vision_stages=stages)
        return ResNet(chosen).eval()

    whole, part = made(4), made(stages)
    assert (part.width, len(part.stages())) == (width, stages)
    part.load_state_dict({key: value for key, value in whole.state_dict().items() if key in part.state_dict()})
    image = torch.randn(2, 1, 32, 32)
    found = part(image)
    assert found.tokens is not None
    assert found.tokens.shape == (2, side * side, width)
    maps = whole.stem(image)
    for stage in whole.stages()[:stages]:
        maps = stage(maps)
    torch.testing.assert_close(found.tokens, maps.flatten(2).transpose(1, 2))
