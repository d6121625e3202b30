"""Masks from maps: shapes for every encoder, the pyramid, gradients, and that a decoder learns a place."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from vesalius.errors import ConfigError, DataError
from vesalius.models.dense.decoders import DECODERS
from vesalius.models.dense.maps import feature_maps, map_widths, pyramid
from vesalius.models.dual import DualEncoder
from vesalius.models.settings import DualEncoderConfig

SIZE = (64, 48)


def encoder(vision: str, **more: object) -> DualEncoder:
    torch.manual_seed(0)
    settings = {"vision": vision, "image_size": SIZE, "patch": 16, "width": 32, "vision_width": 32, "depth": 4}
    settings |= {"vision_depth": 10 if vision == "resnet" else 4, "vocabulary": 50, **more}
    return DualEncoder.build(DualEncoderConfig(**settings)).eval()  # type: ignore[arg-type]


def test_maps_of_a_transformer_have_one_size_and_leave_the_class_token_out() -> None:
    model = encoder("vit", vision_pool="cls")
    maps = feature_maps(model.vision, torch.rand(2, 1, *SIZE))
    assert [tuple(found.shape) for found in maps] == [(2, 32, 4, 3)] * 4


def test_the_last_map_is_the_tokens_before_the_last_norm() -> None:
    model, image = encoder("vit"), torch.rand(2, 1, *SIZE)
    last = feature_maps(model.vision, image)[-1].flatten(2).transpose(1, 2)
    torch.testing.assert_close(model.vision.after(last), model.vision(image).tokens)


def test_maps_of_a_resnet_halve() -> None:
    maps = feature_maps(encoder("resnet").vision, torch.rand(1, 1, *SIZE))
    assert [tuple(found.shape[1:]) for found in maps] == [(4, 16, 12), (8, 8, 6), (16, 4, 3), (32, 2, 2)]


def test_maps_of_a_network_that_halves_its_tokens() -> None:
    class Halving(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.blocks = nn.ModuleList(nn.Identity() for _ in range(4))

        def stages(self) -> list[nn.Module]:
            return list(self.blocks)

        def forward(self, image: Tensor) -> object:
            for side, block in zip((8, 4, 2, 2), self.blocks, strict=True):
                block(torch.zeros(len(image), side * side, 5))
            return type("Encoding", (), {"grid": (2, 2)})

    maps = feature_maps(Halving(), torch.zeros(1, 1, 16, 16))
    assert [tuple(found.shape[1:]) for found in maps] == [(5, 8, 8), (5, 4, 4), (5, 2, 2), (5, 2, 2)]


def test_hooks_are_gone_after_an_error() -> None:
    model = encoder("vit")
    with pytest.raises(DataError, match="multiple of the patch"):
        feature_maps(model.vision, torch.rand(1, 1, 30, 30))
    assert not any(stage._forward_hooks for stage in model.vision.stages())


def test_pyramid_of_equal_maps() -> None:
    maps = [torch.rand(1, 3, 4, 6) for _ in range(4)]
    assert [tuple(found.shape[-2:]) for found in pyramid(maps)] == [(16, 24), (8, 12), (4, 6), (2, 3)]
    halves = [torch.rand(1, 3, side, side) for side in (8, 4, 2, 1)]
    assert pyramid(halves) == halves


def test_volumes_are_refused() -> None:
    with pytest.raises(ConfigError, match="for pictures"):
        map_widths(nn.Linear(1, 1), channels=1, size=(8, 32, 32))


@pytest.mark.parametrize("name", sorted(DECODERS))
@pytest.mark.parametrize("vision", ["vit", "resnet"])
def test_logits_have_the_size_asked_for_and_every_weight_learns(name: str, vision: str) -> None:
    model = encoder(vision)
    widths = map_widths(model.vision, channels=1, size=SIZE)
    decoder = DECODERS[name](widths, classes=3, width=8)
    logits = decoder(feature_maps(model.vision, torch.rand(2, 1, *SIZE)), SIZE)
    assert logits.shape == (2, 3, *SIZE)
    logits.square().mean().backward()
    assert [part for part, weight in decoder.named_parameters() if weight.grad is None] == []


@pytest.mark.parametrize("name", sorted(DECODERS))
def test_a_decoder_finds_the_bright_square(name: str) -> None:
    """Maps that hold the picture itself at four sizes: within a few steps the square is found, Dice above 0.8."""
    torch.manual_seed(0)
    image = torch.zeros(8, 1, 32, 32)
    for number in range(8):
        image[number, :, 4 * (number % 4) : 4 * (number % 4) + 12, 2 * number : 2 * number + 12] = 1
    maps = [nn.functional.interpolate(image, scale_factor=factor, mode="area") for factor in (0.5, 0.25, 0.25, 0.25)]
    decoder = DECODERS[name]([1, 1, 1, 1], classes=1, width=8)
    optimiser = torch.optim.Adam(decoder.parameters(), lr=0.02)
    for _ in range(60):
        optimiser.zero_grad()
        nn.functional.binary_cross_entropy_with_logits(decoder(maps, (32, 32)), image).backward()
        optimiser.step()
    said = decoder(maps, (32, 32)) > 0
    dice = 2 * (said & (image > 0)).sum() / (said.sum() + image.sum())
    assert dice > 0.8
