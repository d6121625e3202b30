"""The sections of a recipe that every method shares: data, optimisation and the run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Literal

from vesalius.config import Config
from vesalius.errors import did_you_mean

__all__ = ["LOWER_IS_BETTER", "SCORES", "DataSettings", "OptimisationSettings", "RunSettings"]

LOWER_IS_BETTER = frozenset({"loss", "mean_rank", "median_rank"})
"""Validation scores that get better as they fall."""

SCORES = ("loss", "recall_1", "recall_5", "recall_10", "mean_rank", "median_rank", "mrr")
"""Validation scores by name: the loss, and retrieval of the text by its image and back, averaged."""


@dataclass(frozen=True, kw_only=True)
class DataSettings(Config):
    """What is read, and how much of it is kept in memory."""

    corpus: str = ""
    """Folder of the corpus; `data=PATH` on the command line is short for `data.corpus=PATH`."""
    train: str = "train"
    """Name of the split to train on."""
    validation: str | None = "val"
    """Name of the split for the scores during training; null for none."""
    roles: tuple[str, ...] = ("findings", "impression", "report", "caption", "note")
    """Roles of the texts that are paired with the image."""
    alternatives: tuple[str, ...] = ()
    """Those of the roles whose texts say one thing in several wordings, such as captions of labels: one is drawn in
    each epoch. They are read only where a study has no text of another role."""
    wordings: Literal["draw", "first"] = "draw"
    """Of alternatives, one is drawn anew in every epoch, or the first is always read."""
    language: str = "en"
    modalities: tuple[str, ...] = ()
    """DICOM modality codes to keep; empty for all."""
    views: tuple[str, ...] = ()
    """Views to keep, such as PA and AP; empty for all."""
    images: Literal["draw", "first"] = "draw"
    """A study with several images gives one at a time: drawn anew in every epoch, or always the first."""
    resize: Literal["pad", "stretch"] = "pad"
    spacing_mm: tuple[float, float, float] | None = None
    """Volumes are resampled to this spacing and cut or padded to model.image_size, instead of being resized."""
    orientation: str = ""
    """With `spacing_mm`: where slices, rows and columns grow to, such as SRA; empty keeps the file's."""
    window: tuple[float, float] | None = None
    """With `spacing_mm`: values shown as 0 and as 1, such as -1000 and 1000 HU."""
    mean: float | tuple[float, ...] = 0.5
    std: float | tuple[float, ...] = 0.25
    cache_gib: float = 2.0
    """Bound in GiB of the decoded images on disk and in the page cache; others are decoded in every epoch."""
    unreadable_share: float = 0.05
    """Images that cannot be read are named and skipped; above this share of all, training stops."""

    def faults(self) -> list[str]:
        """Say what is wrong with the values, one line a fault."""
        found = _below(self, at_least_zero=("cache_gib",))
        if not 0 <= self.unreadable_share <= 1:
            found.append(f"key 'unreadable_share': {self.unreadable_share} is not a share between 0 and 1")
        if not self.roles:
            found.append("key 'roles' is empty; name at least one text role, such as findings")
        found += [
            f"key 'alternatives': {role!r} is none of the roles"
            for role in self.alternatives
            if role not in self.roles
        ]
        return found


@dataclass(frozen=True, kw_only=True)
class OptimisationSettings(Config):
    """How the weights are found."""

    steps: int = 0
    """Optimiser steps; 0 to count in epochs."""
    epochs: float = 0
    """Passes over the training split; 0 to count in steps. Exactly one of the two is given."""
    batch: int = 32
    """Pairs that are contrasted with each other, over all processes together."""
    accumulate: int = 1
    """Batches whose gradients are averaged for one optimiser step."""
    cache_chunk: int = 0
    """Pairs that a process encodes at once with the gradient cache; 0 encodes the whole batch at once."""
    recompute_activations: bool = False
    """Keep only the inputs of the encoders' blocks, compute the rest again for the gradient: slower, less memory."""
    lr: float = 1e-3
    """Peak learning rate."""
    rates: Mapping[str, float] = field(default_factory=dict)
    """Multiples of `lr` for parts of the method or its model by name, such as ``{fusion: 5}``; 1 for all others."""
    schedule: Literal["cosine", "constant"] = "cosine"
    """After the warm-up: cosine to zero at the last step, or constant."""
    warmup: float = 0.05
    """Steps of linear warm-up: a share of all steps below 1, else a number."""
    weight_decay: float = 0.05
    """For weights of two or more dimensions; biases, norms and the logit scale have none."""
    betas: tuple[float, float] = (0.9, 0.98)
    epsilon: float = 1e-8
    clip: float = 1.0
    """Largest norm of the gradient; 0 for no clipping."""
    ema: float = 0.0
    """Decay of the moving average of the weights that is evaluated and saved; 0 for none."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """`auto`: bfloat16 autocast where the processor has instructions for it, see `training.distributed`."""
    seed: int = 0
    eval_every: int = 0
    """Steps between validations; 0 for once an epoch, but at most 20 times in the run."""
    score: str = "loss"
    """Validation score that decides which checkpoint is the best and when to stop."""
    patience: int = 0
    """Validations without a better score after which training stops; 0 never stops early."""
    workers: int | Literal["auto"] = "auto"
    """Loader processes; `auto` is 0 on one or two cores, else half of the process's cores, at most 8."""

    def faults(self) -> list[str]:
        """Say what is wrong with the values, one line a fault."""
        found = _below(
            self,
            above_zero=("batch", "accumulate", "lr", "epsilon"),
            at_least_zero=(
                "steps",
                "epochs",
                "cache_chunk",
                "warmup",
                "weight_decay",
                "clip",
                "seed",
                "eval_every",
                "patience",
            ),
        )
        if bool(self.steps) == bool(self.epochs):
            found.append(f"give either 'steps' or 'epochs' above 0; got {self.steps} and {self.epochs:g}")
        if not 0 <= self.ema < 1:
            found.append(f"key 'ema': {self.ema} is not a decay from 0 to below 1")
        if not all(0 <= beta < 1 for beta in self.betas):
            found.append(f"key 'betas': {self.betas} are not from 0 to below 1")
        found += [
            f"key 'rates.{part}': {multiple} must be above 0; what does not learn is said by "
            "model.frozen_vision_layers and model.frozen_text_layers"
            for part, multiple in self.rates.items()
            if not 0 < multiple < inf
        ]
        if self.score not in SCORES:
            found.append(f"key 'score': unknown score {self.score!r}{did_you_mean(self.score, SCORES)}")
        if isinstance(self.workers, int) and self.workers < 0:
            found.append(f"key 'workers': {self.workers} is below 0")
        if self.cache_chunk and self.cache_chunk >= self.batch:
            found.append(
                f"key 'cache_chunk': {self.cache_chunk} is not below the batch of {self.batch}; use 0 for off"
            )
        return found


@dataclass(frozen=True, kw_only=True)
class RunSettings(Config):
    """Where the run is kept, how often it is looked at, and when it stops early."""

    out: str = ""
    """Folder of the run; empty for runs/NAME, numbered where that exists."""
    name: str = ""
    """Name of the run; empty for the name of the recipe."""
    save_every: int = 0
    """Steps between checkpoints to resume from; 0 for the same as `eval_every`."""
    log_every: int = 10
    keep: int = 2
    """Checkpoints to resume from that are kept, beside `best` and `last`."""
    validation_pairs: int = 1024
    """Most validation pairs that are scored during training, the same at every validation."""
    report_to: tuple[Literal["tensorboard"], ...] = ("tensorboard",)
    sharding: Literal["none", "fsdp"] = "none"
    """With several processes: a full copy on each (DDP), or parameters sharded over them (FSDP2)."""
    deterministic: bool = False
    """Refuse operations whose result depends on timing; slower on CUDA, and on the CPU nearly free."""

    def faults(self) -> list[str]:
        """Say what is wrong with the values, one line a fault."""
        return _below(
            self,
            above_zero=("log_every", "keep", "validation_pairs"),
            at_least_zero=("save_every",),
        )


def _below(settings: object, *, above_zero: tuple[str, ...] = (), at_least_zero: tuple[str, ...] = ()) -> list[str]:
    faults = [
        f"key {name!r}: {getattr(settings, name)} must be above 0"
        for name in above_zero
        if not getattr(settings, name) > 0
    ]
    faults += [
        f"key {name!r}: {getattr(settings, name)} must be at least 0"
        for name in at_least_zero
        if not getattr(settings, name) >= 0
    ]
    return faults
