"""Inflated ResNets: numbers of public code, the picture's feature inside a constant volume, key maps, refusals."""

from __future__ import annotations

import json
from math import prod
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from transformers import ResNetConfig, ResNetModel

from vesalius.errors import CheckpointError
from vesalius.models.convert import load_whole, renamed
from vesalius.models.dual import DualEncoder
from vesalius.models.settings import DualEncoderConfig
from vesalius.models.vision.inflation import TORCHVISION_KEYS, inflate
from vesalius.models.vision.resnet import ResNet

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "merlin.json").read_text(encoding="utf-8"))
BLOCKS = (3, 4, 6, 3)


def wave(shape: tuple[int, ...], a: float, b: float) -> Tensor:
    return torch.sin(a * torch.arange(prod(shape), dtype=torch.float64) + b).reshape(shape)


def norm_shapes(name: str, width: int) -> dict[str, tuple[int, ...]]:
    kinds = ("weight", "bias", "running_mean", "running_var")
    return {f"{name}.{kind}": (width,) for kind in kinds} | {f"{name}.num_batches_tracked": ()}


def torchvision_shapes(base: int) -> dict[str, tuple[int, ...]]:
    """Names and shapes of a ResNet-50 of torchvision with `base` channels after the stem, in its order."""
    shapes: dict[str, tuple[int, ...]] = {"conv1.weight": (base, 3, 7, 7), **norm_shapes("bn1", base)}
    inputs = base
    for stage, blocks in enumerate(BLOCKS):
        width = base * 2**stage
        for block in range(blocks):
            head = f"layer{stage + 1}.{block}"
            sizes = ((width, inputs, 1, 1), (width, width, 3, 3), (4 * width, width, 1, 1))
            for number, size in enumerate(sizes, start=1):
                shapes[f"{head}.conv{number}.weight"] = size
                shapes |= norm_shapes(f"{head}.bn{number}", size[0])
            if block == 0:
                shapes[f"{head}.downsample.0.weight"] = (4 * width, inputs, 1, 1)
                shapes |= norm_shapes(f"{head}.downsample.1", 4 * width)
            inputs = 4 * width
    return shapes


def weights(shapes: dict[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """Numbers as the golden file says they are made."""
    made: dict[str, Tensor] = {}
    for number, (name, shape) in enumerate(shapes.items()):
        drawn = wave(shape, 1.1 + 0.01 * number, 0.2 * number)
        if name.endswith("num_batches_tracked"):
            made[name] = torch.tensor(number)
        elif len(shape) > 1:
            made[name] = drawn * (2 / prod(shape[1:])) ** 0.5
        elif name.endswith(("running_var", "weight")):
            made[name] = 1 + 0.2 * drawn
        else:
            made[name] = 0.1 * drawn
    return made


def network(*, channels: int = 3, size: tuple[int, ...] = (20, 40, 36)) -> ResNet:
    settings: dict[str, Any] = {"vision": "resnet", "vision_depth": 50, "vision_width": 64, "channels": channels}
    made = ResNet(DualEncoderConfig(**settings, image_size=size, inflated=len(size) == 3)).double()
    state = renamed(weights(torchvision_shapes(2)), TORCHVISION_KEYS)
    load_whole(made, inflate(state, made.state_dict()))
    return made.eval()


@pytest.mark.evidence("merlin", "L2", "the inflated network has the forward and gradient of the authors' code")
@pytest.mark.parametrize("mode", ["eval", "train"])
@pytest.mark.parametrize("channels", [1, 3])
def test_numbers_of_the_authors_code(mode: str, channels: int) -> None:
    """With one channel the stem's kernels are summed over colour, and grey need not be repeated."""
    made, golden = network(channels=channels).train(mode == "train"), GOLDEN[mode]
    volume = wave((2, 1, 40, 36, 20), 0.7, 0.1).requires_grad_()
    tokens = made(volume.permute(0, 1, 4, 2, 3).expand(-1, channels, -1, -1, -1)).tokens
    assert tokens is not None
    pooled = tokens.mean(dim=1)
    torch.testing.assert_close(pooled, torch.tensor(golden["pooled"], dtype=torch.float64), rtol=1e-9, atol=1e-10)
    gradient = torch.autograd.grad((pooled * wave(pooled.shape, 0.4, 0.6)).sum(), volume)[0]
    # Summed kernels round otherwise: through 16 batch norms in training 1e-8 of the norm was the largest difference.
    chosen = gradient[:, 0, ::13, ::11, ::5].flatten()
    expected = torch.tensor(golden["gradient"], dtype=torch.float64)
    torch.testing.assert_close(chosen, expected, rtol=0, atol=1e-8 * golden["gradient_norm"])
    if mode == "train":
        mean = made.state_dict()["layers.3.2.steps.2.1.running_mean"][:8]
        torch.testing.assert_close(mean, torch.tensor(GOLDEN["running_mean_after"], dtype=torch.float64))


def test_kernel_and_pool_of_the_authors_code() -> None:
    volume = wave((1, 2, 5, 6, 7), 0.3, 0.4)
    target = {"0.weight": torch.empty(3, 2, 3, 3, 3)}
    kernel = inflate({"0.weight": wave((3, 2, 3, 3), 0.9, 0.2)}, target)["0.weight"]
    found = nn.functional.conv3d(volume, kernel, stride=2, padding=1)
    assert list(found.shape) == GOLDEN["conv_shape"]
    torch.testing.assert_close(found.flatten(), torch.tensor(GOLDEN["conv"], dtype=torch.float64))
    pooled = network().stem[2](volume)
    assert list(pooled.shape) == GOLDEN["pool_shape"]
    torch.testing.assert_close(pooled.flatten(), torch.tensor(GOLDEN["pool"], dtype=torch.float64))


@pytest.mark.evidence("merlin", "L2", "inside a volume of equal slices the features are those of the picture")
def test_constant_volume_has_the_pictures_features() -> None:
    """All slices, in fact: a kernel of zeros beside the middle does not see the ends."""
    flat, deep = network(size=(40, 36)), network(size=(64, 40, 36))
    picture = wave((1, 3, 40, 36), 0.7, 0.1)
    of_picture, of_volume = flat(picture), deep(picture[:, :, None].expand(-1, -1, 64, -1, -1))
    assert of_picture.tokens is not None
    assert of_volume.tokens is not None
    slices = of_volume.tokens.unflatten(1, of_volume.grid)
    assert of_volume.grid == (4, *of_picture.grid)
    for layer in slices.unbind(1):
        torch.testing.assert_close(layer.flatten(1, 2), of_picture.tokens, rtol=1e-9, atol=1e-12)


def test_weight_keeps_its_sum_and_small_kernels_their_depth() -> None:
    state = renamed(weights(torchvision_shapes(2)), TORCHVISION_KEYS)
    deep = inflate(state, network().state_dict())
    assert deep["stem.0.0.weight"].shape == (2, 3, 3, 7, 7)
    assert deep["layers.0.0.steps.0.0.weight"].shape[2] == 1
    for name, kernel in deep.items():
        if kernel.dim() == 5:
            torch.testing.assert_close(kernel.sum(dim=2), state[name])


def test_grid_of_the_published_size() -> None:
    """160 slices stay 160 after the stem, then halve four times; 224 halves five times: 10 × 7 × 7 = 490."""
    settings = DualEncoderConfig(
        vision="resnet", vision_depth=50, vision_width=32, image_size=(160, 224, 224), inflated=True
    )
    with torch.device("meta"):
        made = ResNet(settings)
        assert made(torch.empty(1, 1, 160, 224, 224)).grid == (10, 7, 7)


def test_weights_of_a_folder_fill_the_encoder(tmp_path: Path) -> None:
    torch.manual_seed(0)
    config = ResNetConfig(
        embedding_size=8, hidden_sizes=[32, 64, 128, 256], depths=list(BLOCKS), layer_type="bottleneck"
    )
    picture_model = ResNetModel(config).eval()
    picture_model.save_pretrained(tmp_path / "flat")
    settings: dict[str, Any] = {
        "vision": "resnet", "vision_depth": 50, "vision_width": 256, "channels": 3, "image_size": (16, 32, 32),
        "inflated": True, "width": 32, "depth": 1,
    }  # fmt: skip
    model = DualEncoder.build(DualEncoderConfig(**settings, inflated_from=str(tmp_path / "flat"))).eval()
    picture = torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        expected = picture_model(picture).pooler_output.flatten(1)
        found = model.encode_image(picture[:, :, None].expand(-1, -1, 16, -1, -1)).pooled
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    other = DualEncoderConfig(**{**settings, "vision_depth": 101}, inflated_from=str(tmp_path / "flat"))
    with pytest.raises(CheckpointError, match=r"does not fit the model: .* missing: layers\.2\.10"):
        DualEncoder.build(other)


def test_what_does_not_go_together_is_refused() -> None:
    with pytest.raises(ValueError, match="inflated needs vision 'resnet' and an image_size of slices"):
        DualEncoderConfig(inflated=True)
    with pytest.raises(ValueError, match="inflated_from 'x' has no effect without inflated"):
        DualEncoderConfig(inflated_from="x")
    with pytest.raises(CheckpointError, match=r"k: a kernel \(3, 2, 5, 5\) does not inflate to \(3, 2, 3, 3, 3\)"):
        inflate({"k": torch.empty(3, 2, 5, 5)}, {"k": torch.empty(3, 2, 3, 3, 3)})
