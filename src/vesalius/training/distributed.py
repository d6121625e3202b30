"""Processes, precision and loader workers: what the machine decides, by rules that are stated."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, distributed, nn
from torch.distributed.tensor import DTensor

from vesalius.errors import ConfigError

__all__ = [
    "Precision",
    "device_type",
    "keep_scalars_whole",
    "loader_workers",
    "local_batch",
    "precision",
    "processes",
    "processes_joined",
    "rank",
    "wait_for_all",
    "whole_weights",
]


class Precision(NamedTuple):
    """A precision and the rule that chose it."""

    name: Literal["fp32", "bf16"]
    reason: str


def precision(setting: Literal["auto", "fp32", "bf16"]) -> Precision:
    """Choose the precision of the forward pass; weights and their moments stay float32.

    `auto` takes bfloat16 autocast on a CUDA device that computes in it, and on a CPU with instructions for it
    (AVX512-BF16, AMX); anywhere else bfloat16 is emulated and slower than float32.
    """
    if setting != "auto":
        return Precision(setting, "asked for")
    if device_type() == "cuda":
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return Precision("bf16", "auto: the GPU computes in bfloat16")
        return Precision("fp32", "auto: the GPU does not compute in bfloat16")
    if torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported():
        return Precision("bf16", "auto: the CPU has bfloat16 instructions")
    return Precision("fp32", "auto: the CPU has no bfloat16 instructions")


def device_type() -> Literal["cuda", "cpu"]:
    """Return the kind of device that training uses."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def processes() -> int:
    """Return the number of processes that torchrun started, 1 without it."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def rank() -> int:
    """Return the number of this process among all of them, 0 without torchrun."""
    return int(os.environ.get("RANK", "0"))


def local_batch(batch: int) -> int:
    """Return the rows of a batch that fall to one process.

    Raises:
        ConfigError: the batch cannot be shared equally.
    """
    if batch % processes():
        raise ConfigError(
            f"optimisation.batch {batch} cannot be shared by {processes()} processes; use a multiple of it"
        )
    return batch // processes()


@contextmanager
def processes_joined() -> Iterator[None]:
    """Join the processes that torchrun started, so that they can speak to each other; nothing without torchrun."""
    mine = processes() > 1 and not distributed.is_initialized()
    if mine:
        if device_type() == "cuda":
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
        distributed.init_process_group("nccl" if device_type() == "cuda" else "gloo")
    try:
        yield
    finally:
        if mine and distributed.is_initialized():
            distributed.destroy_process_group()


def wait_for_all() -> None:
    """Wait until every process is here; nothing with one process."""
    if distributed.is_initialized():
        distributed.barrier()


def keep_scalars_whole(module: nn.Module, plugin: Any) -> None:
    """Keep scalars such as the logit scale out of FSDP2, which cannot shard them, and average their gradients here.

    Args:
        module: what is going to be sharded.
        plugin: accelerate's `FullyShardedDataParallelPlugin`.
    """
    scalars = [weight for weight in module.parameters() if weight.ndim == 0]
    plugin.ignored_modules = [nn.ParameterList(scalars)] if scalars else None
    for weight in scalars:
        if weight.requires_grad:
            weight.register_post_accumulate_grad_hook(_average_gradient)  # type: ignore[no-untyped-call]


def whole_weights(module: nn.Module) -> dict[str, Tensor]:
    """Put the shards of every weight together, one weight after the other; only the first process keeps them.

    All processes must call this.
    """
    whole: dict[str, Tensor] = {}
    for name, value in module.state_dict().items():
        full = value.full_tensor() if isinstance(value, DTensor) else value
        if rank() == 0:
            whole[name] = full.detach().cpu()
    return whole


def _average_gradient(weight: Tensor) -> None:
    if weight.grad is not None:
        distributed.all_reduce(weight.grad)
        weight.grad /= distributed.get_world_size()


def loader_workers(setting: int | Literal["auto"]) -> int:
    """Return the number of loader processes; see `DataSettings.workers` for the rule behind `auto`."""
    if setting != "auto":
        return setting
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
    mine = cores // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    return 0 if mine <= 2 else min(8, mine // 2)
