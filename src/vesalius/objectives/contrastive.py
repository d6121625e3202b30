"""One contrast of images and texts: softmax or sigmoid, any targets, in memory that does not grow as N×M.

Sources: InfoNCE with direction weights, Zhang et al. 2020 (arXiv 2010.00747); symmetric form, Radford et al.
2021 (arXiv 2103.00020); sigmoid form, Zhai et al. 2023 (arXiv 2303.15343); a bag of positives, Miech et al.
2020 (arXiv 1912.06430).

Legend: N rows of this process, M keys (rows of all processes), K extra negative keys, D joint width.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from vesalius.models.exact import exact

__all__ = ["ContrastConfig", "ContrastLoss", "Keys", "Targets", "contrast"]


@dataclass(frozen=True, kw_only=True)
class ContrastConfig:
    """Form of the contrast."""

    form: Literal["softmax", "sigmoid"] = "softmax"
    image_weight: float = 0.5
    """Weight of image → text (λ of ConVIRT). 0.5 and 0.5 give the mean of the directions, 1 and 1 the sum."""
    text_weight: float = 0.5
    """Weight of text → image (1 - λ). The sigmoid form has one direction and takes neither weight."""
    positives: Literal["average", "any"] = "average"
    """Several positives of a row: each is to be found (mean of their losses), or any of them (MIL-NCE)."""
    block_elements: int = 1 << 20
    """Similarities held at once; the memory beyond the embeddings is a few times this, whatever the batch."""

    def __post_init__(self) -> None:
        if self.form == "sigmoid" and (self.image_weight, self.text_weight) != (0.5, 0.5):
            raise ValueError("the sigmoid form has one direction: leave image_weight and text_weight out")
        if self.block_elements < 1:
            raise ValueError(f"block_elements must be at least 1, found {self.block_elements}")


@dataclass(frozen=True, kw_only=True)
class Keys:
    """What the rows are compared with, where that is more than the rows themselves."""

    image: Tensor
    """Unit-norm images of all processes, (M, D)."""
    text: Tensor
    """Unit-norm texts of all processes, (M, D)."""
    first: int = 0
    """Place of this process's first row among the keys."""
    processes: int = 1
    """The losses of so many processes are averaged afterwards; uneven batches are weighted for that."""
    extra_image: Tensor | None = None
    """Negative images from a queue, bank or teacher, (K, D)."""
    extra_text: Tensor | None = None
    """Negative texts, (K, D)."""


@dataclass(frozen=True, kw_only=True)
class Targets:
    """Which keys are right, where that is more than the one at the row's own place. They get no gradient.

    Either `groups` (rows and keys with an equal number belong together), or weights for every key.
    """

    groups: Tensor | None = None
    """Group number of each row, (N,)."""
    key_groups: Tensor | None = None
    """Group number of each key, (M,); the rows' where not given."""
    image_to_text: Tensor | None = None
    """Weight of every text for every image, (N, M); a softmax wants rows that sum to 1."""
    text_to_image: Tensor | None = None
    """Weight of every image for every text, (N, M); the transpose of `image_to_text` where not given."""

    def __post_init__(self) -> None:
        if (self.groups is None) == (self.image_to_text is None):
            raise ValueError("targets need either groups or the weights image_to_text")


class ContrastLoss(NamedTuple):
    """Weighted sum, and its two directions before weighting, which carry no gradient."""

    loss: Tensor
    image_to_text: Tensor
    text_to_image: Tensor


def contrast(
    image: Tensor,
    text: Tensor,
    *,
    logit_scale: Tensor | float,
    settings: ContrastConfig | None = None,
    logit_bias: Tensor | float | None = None,
    keys: Keys | None = None,
    targets: Targets | None = None,
) -> ContrastLoss:
    """Compare every image with every text.

    Value and gradient are those of the whole similarity matrix, which is never held: rows go in blocks, and
    the gradient of a block is made while its similarities are there. Only first derivatives exist.

    Args:
        image: unit-norm, (N, D).
        text: unit-norm, (N, D); row i belongs to image i.
        logit_scale: multiplies the similarities; the inverse of the temperature.
        settings: form and weights.
        logit_bias: added to the similarities; for the sigmoid form.
        keys: rows of other processes and extra negatives; the rows themselves where not given.
        targets: which keys are right; the one at the row's own place where not given.
    """
    settings = settings or ContrastConfig()
    image, text = exact(image), exact(text)
    keys = keys or Keys(image=image, text=text)
    scale = torch.as_tensor(logit_scale, dtype=image.dtype, device=image.device)
    bias = None if logit_bias is None else torch.as_tensor(logit_bias, dtype=image.dtype, device=image.device)
    share = keys.processes / len(keys.image)
    texts, images = _joined(keys.text, keys.extra_text), _joined(keys.image, keys.extra_image)
    toward_text = _Direction(image, texts, share, settings.image_weight, keys.first, _toward_text(targets))
    toward_image = _Direction(text, images, share, settings.text_weight, keys.first, _toward_image(targets))
    if settings.form == "sigmoid":
        # Every pair is seen once; only what images there are beside the rows' own is left for the other way.
        others = images.new_zeros((0, images.shape[1])) if keys.extra_image is None else exact(keys.extra_image)
        toward_text = replace(toward_text, weight=1.0)
        toward_image = _Direction(text, others, share, 1.0, None, None)
    total, forth, back = _blockwise((toward_text, toward_image), scale, bias, settings)
    return ContrastLoss(total, forth, back)


@dataclass(frozen=True)
class _Direction:
    """Rows that look for their keys; `first` is the place of row 0 among the keys, None where no key is right."""

    rows: Tensor
    keys: Tensor
    share: float
    weight: float
    first: int | None
    target: _Target | None


@dataclass(frozen=True)
class _Target:
    """Right keys of one direction: groups of rows and keys, or weights (N, M)."""

    groups: Tensor | None
    key_groups: Tensor | None
    weights: Tensor | None

    def block(self, rows: slice, *, like: Tensor) -> Tensor:
        """Weights (rows, M) of a block of rows; each group member counts 1."""
        if self.weights is not None:
            return self.weights[rows].to(like)
        assert self.groups is not None
        assert self.key_groups is not None
        return (self.groups[rows, None] == self.key_groups[None, :]).to(like.dtype)

    @property
    def shares(self) -> bool:
        """Whether a row's members share a weight of 1 in a softmax."""
        return self.weights is None


def _toward_text(targets: Targets | None) -> _Target | None:
    if targets is None:
        return None
    key_groups = targets.groups if targets.key_groups is None else targets.key_groups
    return _Target(targets.groups, key_groups, targets.image_to_text)


def _toward_image(targets: Targets | None) -> _Target | None:
    if targets is None or targets.image_to_text is None:
        return _toward_text(targets)
    weights = targets.image_to_text.T if targets.text_to_image is None else targets.text_to_image
    return _Target(None, None, weights)


def _joined(keys: Tensor, extra: Tensor | None) -> Tensor:
    return exact(keys) if extra is None else torch.cat([exact(keys), exact(extra).to(keys.device)])


def _blockwise(
    directions: tuple[_Direction, ...], scale: Tensor, bias: Tensor | None, settings: ContrastConfig
) -> tuple[Tensor, ...]:
    """Weighted sum of the directions, with gradient, and the directions themselves, without."""
    tensors: list[Tensor] = []
    for direction in directions:
        # A tensor that is rows here and keys there is listed once, and has one gradient.
        tensors += [
            tensor for tensor in (direction.rows, direction.keys) if not any(tensor is known for known in tensors)
        ]
    inputs = (scale, bias, *tensors)
    wanted = torch.is_grad_enabled() and any(part is not None and part.requires_grad for part in inputs)
    out: tuple[Tensor, ...] = _Blocks.apply(directions, settings, wanted, *inputs)  # type: ignore[no-untyped-call]
    return out


class _Blocks(torch.autograd.Function):
    """Losses of the directions; the gradient is made block by block on the way forward and kept once."""

    @staticmethod
    def forward(
        ctx: Any,
        directions: tuple[_Direction, ...],
        settings: ContrastConfig,
        wanted: bool,
        scale: Tensor,
        bias: Tensor | None,
        *tensors: Tensor,
    ) -> tuple[Tensor, ...]:
        gradients = _Gradients(tensors, scale) if wanted else None
        with torch.autocast(scale.device.type, enabled=False):
            parts = [_one_way(direction, settings, scale, bias, gradients) for direction in directions]
        total = torch.stack([part * way.weight for part, way in zip(parts, directions, strict=True)]).sum()
        if gradients is not None:
            ctx.save_for_backward(gradients.scale, gradients.bias, *gradients.scaled(scale))
        ctx.mark_non_differentiable(*parts)
        return total, *parts

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, outer: Tensor, *_: Any) -> tuple[Tensor | None, ...]:
        needed = ctx.needs_input_grad[3:]
        gradients = (outer * part if need else None for part, need in zip(ctx.saved_tensors, needed, strict=True))
        return None, None, None, *gradients


class _Gradients:
    """Sums of the gradients by the tensors, not yet multiplied by the scale, by the scale and by the bias."""

    def __init__(self, tensors: tuple[Tensor, ...], scale: Tensor):
        self.tensors = tensors
        self.sums = [torch.zeros_like(tensor) for tensor in tensors]
        self.scale, self.bias = torch.zeros_like(scale), torch.zeros_like(scale)

    def add(self, by_logits: Tensor, direction: _Direction, block: slice) -> None:
        """Add what a block's gradient by its logits (rows, M + K) means for rows, keys, scale and bias."""
        rows = direction.rows[block]
        by_rows = by_logits @ direction.keys
        self.scale += (by_rows * rows).sum()
        self.bias += by_logits.sum()
        self._of(direction.rows)[block].add_(by_rows)
        self._of(direction.keys).addmm_(by_logits.T, rows)

    def scaled(self, scale: Tensor) -> list[Tensor]:
        """Return the gradients by the tensors."""
        return [total.mul_(scale) for total in self.sums]

    def _of(self, tensor: Tensor) -> Tensor:
        return next(total for known, total in zip(self.tensors, self.sums, strict=True) if known is tensor)


def _one_way(
    direction: _Direction,
    settings: ContrastConfig,
    scale: Tensor,
    bias: Tensor | None,
    gradients: _Gradients | None,
) -> Tensor:
    """Loss of one direction before its weight; its weighted gradient is added to `gradients`."""
    rows, keys = direction.rows, direction.keys
    loss = rows.new_zeros(())
    step = max(1, settings.block_elements // max(1, len(keys)))
    for start in range(0, len(rows) if len(keys) else 0, step):
        block = slice(start, min(start + step, len(rows)))
        logits = (rows[block] @ keys.T).mul_(scale)
        if bias is not None:
            logits.add_(bias)
        loss += _loss_then_gradient(logits, block, direction, settings)
        if gradients is not None:
            gradients.add(logits.mul_(direction.share * direction.weight), direction, block)
    return loss * direction.share


def _loss_then_gradient(logits: Tensor, block: slice, direction: _Direction, settings: ContrastConfig) -> Tensor:
    """Return the block's summed loss and overwrite its logits (rows, M + K) with the gradient by them."""
    if settings.form == "sigmoid":
        return _sigmoid(logits, block, direction)
    if direction.target is None:
        return _softmax_one(logits, block, direction)
    return _softmax_many(logits, block, direction.target, settings)


def _softmax_one(logits: Tensor, block: slice, direction: _Direction) -> Tensor:
    """One right key: log Σ exp s - s⁺, then softmax - 1⁺."""
    assert direction.first is not None
    places = torch.arange(block.start, block.stop, device=logits.device).add_(direction.first).unsqueeze(1)
    logits.sub_(logits.amax(dim=1, keepdim=True))
    right = logits.gather(1, places).sum()
    total = logits.exp_().sum(dim=1, keepdim=True)
    loss = total.log().sum() - right
    logits.div_(total)
    logits.scatter_add_(1, places, torch.full_like(total, -1.0))
    return loss


def _softmax_many(logits: Tensor, block: slice, target: _Target, settings: ContrastConfig) -> Tensor:
    """Weights p of the keys: Σ p (log Σ exp s - s), then (Σ p) softmax - p; any of them: -log Σ⁺ softmax."""
    weights = target.block(block, like=logits)
    logits.sub_(logits.amax(dim=1, keepdim=True))
    if settings.positives == "any":
        chosen = logits[:, : weights.shape[1]].masked_fill(weights == 0, float("-inf"))
        weights = chosen.softmax(dim=1)
        right = chosen.logsumexp(dim=1, keepdim=True)
        mass = torch.ones_like(right)
    else:
        if target.shares:
            weights.div_(weights.sum(dim=1, keepdim=True))
        right = (logits[:, : weights.shape[1]] * weights).sum(dim=1, keepdim=True)
        mass = weights.sum(dim=1, keepdim=True)
    total = logits.exp_().sum(dim=1, keepdim=True)
    loss = (total.log() * mass - right).sum()
    logits.div_(total).mul_(mass)
    logits[:, : weights.shape[1]].sub_(weights)
    return loss


def _sigmoid(logits: Tensor, block: slice, direction: _Direction) -> Tensor:
    """Binary cross-entropy of every pair with target t: softplus(s) - t s, then sigmoid(s) - t."""
    loss = functional.softplus(logits).sum()
    if direction.target is not None:
        weights = direction.target.block(block, like=logits)
        real = logits[:, : weights.shape[1]]
        loss = loss - (real * weights).sum()
        logits.sigmoid_()
        real.sub_(weights)
        return loss
    if direction.first is None:
        logits.sigmoid_()
        return loss
    places = torch.arange(block.start, block.stop, device=logits.device).add_(direction.first).unsqueeze(1)
    loss = loss - logits.gather(1, places).sum()
    logits.sigmoid_().scatter_add_(1, places, logits.new_full((len(places), 1), -1.0))
    return loss
