"""2D residual networks as 3D ones: their kernels in the middle slice, nothing before and behind it.

Source: Carreira and Zisserman 2017 (arXiv 1705.07750) in the centred form: a volume whose slices are all equal has,
away from its ends, the features of the picture. Kernels of 1 × 1 have a depth of 1.

Legend: O outputs, I inputs of a kernel, D its slices, H rows, W columns.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn
from transformers import ResNetConfig

from vesalius.errors import CheckpointError
from vesalius.models import foreign
from vesalius.models.convert import Rule, load_whole, renamed

__all__ = ["TORCHVISION_KEYS", "TRANSFORMERS_KEYS", "inflate", "load_inflated"]

_NORM = r"(weight|bias|running_mean|running_var|num_batches_tracked)"

TRANSFORMERS_KEYS: tuple[Rule, ...] = (
    (r"embedder\.embedder\.convolution\.weight", r"stem.0.0.weight"),
    (rf"embedder\.embedder\.normalization\.{_NORM}", r"stem.0.1.\1"),
    (r"encoder\.stages\.(\d)\.layers\.(\d+)\.shortcut\.convolution\.weight", r"layers.\1.\2.shortcut.0.weight"),
    (rf"encoder\.stages\.(\d)\.layers\.(\d+)\.shortcut\.normalization\.{_NORM}", r"layers.\1.\2.shortcut.1.\3"),
    (r"encoder\.stages\.(\d)\.layers\.(\d+)\.layer\.(\d)\.convolution\.weight", r"layers.\1.\2.steps.\3.0.weight"),
    (rf"encoder\.stages\.(\d)\.layers\.(\d+)\.layer\.(\d)\.normalization\.{_NORM}", r"layers.\1.\2.steps.\3.1.\4"),
)
"""A ResNet of transformers (microsoft/resnet-…) by our names."""

TORCHVISION_KEYS: tuple[Rule, ...] = (
    (r"conv1\.weight", r"stem.0.0.weight"),
    (rf"bn1\.{_NORM}", r"stem.0.1.\1"),
    *(
        rule
        for stage in range(4)
        for rule in (
            (rf"layer{stage + 1}\.(\d+)\.downsample\.0\.weight", rf"layers.{stage}.\1.shortcut.0.weight"),
            (rf"layer{stage + 1}\.(\d+)\.downsample\.1\.{_NORM}", rf"layers.{stage}.\1.shortcut.1.\2"),
            *(
                pair
                for step in range(3)
                for pair in (
                    (
                        rf"layer{stage + 1}\.(\d+)\.conv{step + 1}\.weight",
                        rf"layers.{stage}.\1.steps.{step}.0.weight",
                    ),
                    (rf"layer{stage + 1}\.(\d+)\.bn{step + 1}\.{_NORM}", rf"layers.{stage}.\1.steps.{step}.1.\2"),
                )
            ),
        )
    ),
)
"""A ResNet of torchvision, or of those who began with one, by our names; its layer of classes is not among them."""


def inflate(state: Mapping[str, Tensor], target: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Put every kernel (O, I, H, W) into the middle slice of one (O, I, D, H, W); all else stays.

    A kernel of colour becomes one of grey by its sum, which does to grey what it did to three equal channels.

    Args:
        state: weights of the 2D network, under the names of the 3D one.
        target: the state of the 3D network, for its shapes.

    Raises:
        CheckpointError: a kernel of another size.
    """
    out = dict(state)
    for name, weight in state.items():
        wanted = target.get(name)
        if wanted is None or wanted.dim() != 5:
            continue
        kernel = weight if weight.dim() == 5 else _centred(weight, wanted.shape[2])
        if wanted.shape[1] == 1 < kernel.shape[1]:
            kernel = kernel.sum(dim=1, keepdim=True)
        if kernel.shape != wanted.shape:
            raise CheckpointError(f"{name}: a kernel {tuple(weight.shape)} does not inflate to {tuple(wanted.shape)}")
        out[name] = kernel
    return out


def load_inflated(network: nn.Module, source: str) -> None:
    """Fill a 3D network of ours with a 2D ResNet of transformers.

    Args:
        network: a `vesalius.models.vision.resnet.ResNet` of three axes.
        source: hub id ("@revision" may follow) or folder.

    Raises:
        CheckpointError: it cannot be had, is no ResNet, or is of another depth or width.
    """
    weights, _ = foreign.tower_weights(source, side="vision", config=ResNetConfig())
    ours = renamed(weights, TRANSFORMERS_KEYS, where=source)
    load_whole(network, inflate(ours, network.state_dict()), where=source)


def _centred(kernel: Tensor, depth: int) -> Tensor:
    out = kernel.new_zeros((*kernel.shape[:2], depth, *kernel.shape[2:]))
    out[:, :, depth // 2] = kernel
    return out
