"""Fit a head to labels: steps by seed alone, the best weights by validation, and a state to go on from.

Legend: N examples.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from math import cos, isfinite, pi
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from vesalius.adaptation.examples import Examples, Subset
from vesalius.adaptation.protocols.base import Outputs, Protocol
from vesalius.errors import TrainingError
from vesalius.training import distributed
from vesalius.training.peak import peak_bytes, reset_peak

__all__ = ["Fit", "answer", "fit"]

_STATE = "state.safetensors"
"""What a stopped fit goes on from."""
_BEST = "best.safetensors"
"""Weights of a fit that is done."""
_DONE = "fit.json"


@dataclass
class Fit:
    """What a fit has come to."""

    step: int = 0
    best_step: int = 0
    best: float | None = None
    """Validation score of the best weights; None where no validation could be scored: then they are the last."""
    without: int = 0
    """Validations since the best one."""
    seconds: float = 0.0
    peak_mib: float = 0.0
    """Most memory of the process, or of the GPU where there is one."""
    scores: list[tuple[int, float | None]] = field(default_factory=list)
    """Step and score of every validation, None where it is not defined."""
    losses: list[tuple[int, float]] = field(default_factory=list)
    """Step and mean loss since the validation before."""


def fit(
    protocol: Protocol,
    train: Subset,
    validation: Examples,
    *,
    folder: Path,
    seed: int,
    advance: Callable[[int], None] = lambda steps: None,
) -> Fit:
    """Fit a protocol's head, and the encoder where it is tuned; its best weights are in place afterwards.

    A fit that was stopped goes on from its last validation; one that is done is read from its folder.

    Args:
        protocol: head and trunk, freshly built from the same seed whenever this is called.
        train: what it learns from.
        validation: chooses the step; never the test split.
        folder: of this fit alone.
        seed: of the order and the views.
        advance: told of steps as they are made.

    Raises:
        TrainingError: a loss was not finite.
    """
    folder.mkdir(parents=True, exist_ok=True)
    job = _Job(protocol, train, validation, folder, seed)
    done = folder / _DONE
    if done.is_file():
        _put(job.parts, load_file(folder / _BEST))
        return _fit_of(done.read_text(encoding="utf-8"))
    job.restore()
    reset_peak()
    advance(job.fit.step)
    settings = protocol.settings
    while job.fit.step < settings.steps and not (settings.patience and job.fit.without >= settings.patience):
        job.run(min(settings.evaluate_every, settings.steps - job.fit.step), advance)
        job.validate()
        job.save()
    job.finish()
    return job.fit


@torch.no_grad()
def answer(protocol: Protocol, examples: Examples, *, batch: int = 32, blank: bool = False) -> Outputs:
    """Let a head answer for every example, in their order; fractions in float32.

    Args:
        protocol: the head.
        examples: what it is asked.
        batch: examples at once.
        blank: show a picture of the mean value everywhere instead of each one's own.
    """
    protocol.eval()
    device = next(protocol.parameters()).device
    parts: dict[str, list[np.ndarray]] = {}
    for start in range(0, len(examples), batch):
        numbers = range(start, min(start + batch, len(examples)))
        made = protocol.batch(examples, numbers)
        if blank:
            made["pixel_values"] = torch.zeros_like(made["pixel_values"])
        said = protocol.outputs({name: value.to(device) for name, value in made.items()})
        for name, value in said.items():
            value = value.float() if value.is_floating_point() else value
            parts.setdefault(name, []).append(value.cpu().numpy())
    return {name: np.concatenate(pieces) for name, pieces in parts.items()}


class _Job:
    """One fit at work."""

    def __init__(self, protocol: Protocol, train: Subset, validation: Examples, folder: Path, seed: int) -> None:
        self.protocol, self.train, self.validation, self.folder, self.seed = protocol, train, validation, folder, seed
        self.device = torch.device(distributed.device_type())
        protocol.to(self.device)
        self.parts = self._parts()
        self.optimiser = _optimiser(protocol)
        self.fit = Fit()
        self.best: dict[str, Tensor] = self._weights()
        precision = distributed.precision(protocol.settings.precision)
        self.autocast = precision.name == "bf16"

    def run(self, steps: int, advance: Callable[[int], None]) -> None:
        """Make so many steps."""
        begin, total = time.perf_counter(), 0.0
        self._mode()
        for rows in self._batches(steps):
            self._set_rate()
            seeds = [(self.seed, self.fit.step, row) for row in rows]
            batch = self.protocol.batch(self.train.whole, rows, seeds=seeds)
            moved = {name: value.to(self.device) for name, value in batch.items()}
            loss = self._loss(moved)
            if not torch.isfinite(loss):
                names = ", ".join(self.train.whole.chosen[row].study for row in rows[:5])
                raise TrainingError(f"step {self.fit.step + 1}: the loss is {loss.item()}; studies such as {names}")
            self.optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            if self.protocol.settings.clip:
                nn.utils.clip_grad_norm_(self._learning(), self.protocol.settings.clip)
            self.optimiser.step()
            total += loss.item()
            self.fit.step += 1
            advance(1)
        self.fit.losses.append((self.fit.step, total / steps))
        self.fit.peak_mib = max(self.fit.peak_mib, peak_bytes() / 2**20)
        self.fit.seconds += time.perf_counter() - begin

    def _loss(self, batch: dict[str, Tensor]) -> Tensor:
        """Loss of a batch; what dropout draws hangs on seed and step."""
        devices = [self.device] if self.device.type == "cuda" else []
        cast = torch.autocast(self.device.type, torch.bfloat16) if self.autocast else nullcontext()
        with torch.random.fork_rng(devices=devices), cast:
            torch.manual_seed(self.seed * 1_000_003 + self.fit.step)
            loss: Tensor = self.protocol(batch)
        return loss

    def validate(self) -> None:
        """Score the validation split and keep the weights if they are the best so far."""
        begin = time.perf_counter()
        said = answer(self.protocol, self.validation, batch=self.protocol.settings.batch)
        measured = self.protocol.validation(self.validation, said)
        score = measured if isfinite(measured) else None
        self.fit.scores.append((self.fit.step, score))
        if self.fit.best is None or (score is not None and score > self.fit.best):
            self.fit.best, self.fit.best_step, self.fit.without = score, self.fit.step, 0
            self.best = self._weights()
        else:
            self.fit.without += 1
        self.fit.seconds += time.perf_counter() - begin

    def save(self) -> None:
        """Write weights, best weights and the optimiser's moments, whole or not at all."""
        tensors = {f"now.{name}": value for name, value in self._weights().items()}
        tensors |= {f"best.{name}": value for name, value in self.best.items()}
        for number, state in self.optimiser.state_dict()["state"].items():
            tensors |= {f"moment.{number}.{name}": torch.as_tensor(value) for name, value in state.items()}
        self._write(tensors, _STATE, metadata={"fit": json.dumps(asdict(self.fit))})

    def restore(self) -> None:
        """Go on from the saved state; nothing where there is none."""
        path = self.folder / _STATE
        if not path.is_file():
            return
        with safe_open(path, framework="pt") as file:
            self.fit = _fit_of(file.metadata()["fit"])
        tensors = load_file(path)
        _put(self.parts, _under(tensors, "now"))
        self.best = _under(tensors, "best")
        self._put_moments(_under(tensors, "moment"))

    def finish(self) -> None:
        """Put the best weights in place and keep them alone: moments are of no use to a fit that is done."""
        _put(self.parts, self.best)
        self._write(self.best, _BEST)
        unfinished = self.folder / f".{_DONE}.part"
        unfinished.write_text(json.dumps(asdict(self.fit)), encoding="utf-8")
        unfinished.replace(self.folder / _DONE)
        (self.folder / _STATE).unlink(missing_ok=True)

    def _write(self, tensors: Mapping[str, Tensor], name: str, *, metadata: dict[str, str] | None = None) -> None:
        unfinished = self.folder / f".{name}.part"
        plain = {key: value.detach().cpu().contiguous().clone() for key, value in tensors.items()}
        save_file(plain, unfinished, metadata=metadata)
        unfinished.replace(self.folder / name)

    def _put_moments(self, found: Mapping[str, Tensor]) -> None:
        state: dict[int, dict[str, Tensor]] = {}
        for name, value in found.items():
            number, _, key = name.partition(".")
            state.setdefault(int(number), {})[key] = value
        groups = self.optimiser.state_dict()["param_groups"]
        self.optimiser.load_state_dict({"state": state, "param_groups": groups})

    def _batches(self, steps: int) -> Iterator[list[int]]:
        """Rows of the next steps, in an order by seed and pass; a batch may hold the end of one pass and the next."""
        size = min(self.protocol.settings.batch, len(self.train))
        for step in range(self.fit.step, self.fit.step + steps):
            places = np.arange(step * size, (step + 1) * size)
            order = {turn: self._order(turn) for turn in np.unique(places // len(self.train)).tolist()}
            yield [int(order[place // len(self.train)][place % len(self.train)]) for place in places.tolist()]

    def _order(self, turn: int) -> np.ndarray:
        return self.train.rows[np.random.default_rng((self.seed, turn)).permutation(len(self.train))]

    def _set_rate(self) -> None:
        settings, step = self.protocol.settings, self.fit.step
        if step < settings.warmup:
            share = (step + 1) / settings.warmup
        else:
            share = 0.5 * (1 + cos(pi * (step - settings.warmup) / max(1, settings.steps - settings.warmup)))
        for group in self.optimiser.param_groups:
            group["lr"] = group["peak"] * share

    def _mode(self) -> None:
        """Training mode for what learns; the rest of the trunk stays as it is, its batch norms too."""
        self.protocol.eval()
        for part in self.parts.values():
            part.train()

    def _parts(self) -> dict[str, nn.Module]:
        found = {f"head.{number}": part for number, part in enumerate(self.protocol.head_parts())}
        if self.protocol.settings.encoder == "tuned":
            found |= {f"encoder.{number}": part for number, part in enumerate(self.protocol.encoder_parts())}
        return found

    def _weights(self) -> dict[str, Tensor]:
        return {
            f"{place}.{name}": value.detach().clone()
            for place, part in self.parts.items()
            for name, value in part.state_dict().items()
        }

    def _learning(self) -> list[nn.Parameter]:
        return [weight for group in self.optimiser.param_groups for weight in group["params"]]


def _optimiser(protocol: Protocol) -> torch.optim.Optimizer:
    settings = protocol.settings
    protocol.requires_grad_(False)
    groups = []
    sides = [(protocol.head_parts(), 1.0)]
    if settings.encoder == "tuned":
        sides.append((protocol.encoder_parts(), settings.encoder_factor))
    for modules, factor in sides:
        for module in modules:
            module.requires_grad_(True)
        weights = [weight for module in modules for weight in module.parameters()]
        peak = settings.lr * factor
        for chosen, decay in (
            ([weight for weight in weights if weight.ndim >= 2], settings.weight_decay),
            ([weight for weight in weights if weight.ndim < 2], 0.0),
        ):
            if chosen:
                groups.append({"params": chosen, "lr": peak, "peak": peak, "weight_decay": decay})
    if settings.optimiser == "sgd":
        return torch.optim.SGD(groups, lr=settings.lr, momentum=0.9)
    if settings.optimiser == "adamax":
        return torch.optim.Adamax(groups, lr=settings.lr)
    return torch.optim.AdamW(groups, lr=settings.lr)


def _fit_of(text: str) -> Fit:
    """Read what was written of a fit."""
    found = Fit(**json.loads(text))
    found.scores = [(step, score) for step, score in found.scores]
    found.losses = [(step, loss) for step, loss in found.losses]
    return found


def _under(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    start = f"{prefix}."
    return {name.removeprefix(start): value for name, value in tensors.items() if name.startswith(start)}


def _put(parts: Mapping[str, nn.Module], weights: Mapping[str, Tensor]) -> None:
    for place, part in parts.items():
        part.load_state_dict(_under(weights, place))
