"""Degrade a picture: find the model, apply it plane by plane, keep its truth."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vesalius.errors import ConfigError, DataError, did_you_mean
from vesalius.virtual.degradation.model import (
    BANDS,
    GROUPS,
    KNOWN,
    LEVELS,
    PSNR_BANDS,
    Degradation,
    Plane,
    Scene,
    severity_of_strength,
)
from vesalius.virtual.degradation.quality import psnr, ssim, window_of
from vesalius.virtual.picture import Picture

__all__ = ["Degraded", "PlaneWork", "degradation_names", "degrade", "degrade_twice", "describe"]

_LIMIT = 3.0
"""Largest strength that a flat picture may need before its loss falls into the band of a severity."""
_STEPS = 16
_NEAR_DB = 0.2
"""How near the wanted loss the bisection comes, unless the loss jumps."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Degraded:
    """A picture after a degradation, with what was done to it."""

    picture: Picture
    name: str
    severity: str
    """none, mild, moderate or severe; empty where the strength lies between two bands."""
    strength: float
    """Within the band of the severity, 0 to 1."""
    applied: float
    """Strength at which the model ran: where a loss in dB was wanted it is fitted to the picture."""
    parameters: Mapping[str, float]
    """Of the model, at `applied`."""
    psnr: float
    """dB against the reference in one display; infinite where nothing changed."""
    ssim: float
    """Mean over slices or frames."""
    reference: str
    """SHA-256 of the reference's pixels."""
    seed: int
    """Of the random numbers of the model."""

    @property
    def grade(self) -> str:
        """good for none and mild, usable for moderate, reject for severe; empty between the bands.

        It is that of the whole picture; see `detectability` for what it does to one finding.
        """
        return {"none": "good", "mild": "good", "moderate": "usable", "severe": "reject"}.get(self.severity, "")

    @property
    def words(self) -> tuple[str, ...]:
        """How a reader says it."""
        return tuple(word for name in self.name.split(" + ") for word in describe(name).words)


def degradation_names(modality: str | None = None, *, axes: str = "YX") -> tuple[str, ...]:
    """Names of all degradations, or of those that fit a modality (DICOM code) and axes of pixels."""
    if modality is None:
        return tuple(KNOWN)
    if modality not in GROUPS:
        raise ConfigError(f"no degradations for modality {modality!r}{did_you_mean(modality, GROUPS)}")
    wanted = {"common", *GROUPS[modality]}
    if not axes.endswith("C"):
        wanted -= {"colour", "stain"}
    return tuple(
        name for name, part in KNOWN.items() if wanted & set(part.groups) and not (part.whole and axes != "ZYX")
    )


def describe(name: str) -> Degradation:
    """Return what is known of a degradation by name."""
    if name not in KNOWN:
        raise ConfigError(f"unknown degradation {name!r}{did_you_mean(name, KNOWN)}")
    return KNOWN[name]


def degrade(
    picture: Picture,
    name: str,
    *,
    rng: np.random.Generator,
    strength: float | None = None,
    severity: str | None = None,
) -> Degraded:
    """Apply one degradation to all slices or frames of a picture; marks and measurements stay those of the reference.

    Give either a strength, which is used as it is, or a severity, whose strength is drawn within its band. For kinds
    noise, blur and artefact the strength is then fitted to the picture, so that its PSNR falls into the severity's
    band; a picture in which no strength does so is an error. Strength 0 returns the very same picture.

    Args:
        picture: any but a map of depth; volumes and clips are taken plane by plane.
        name: see `degradation_names`.
        rng: stream of this purpose.
        strength: 0 to 1.
        severity: none, mild, moderate or severe.
    """
    kind = _fitting(picture, name)
    if (strength is None) == (severity is None):
        raise ConfigError(f"degradation {name!r}: give a strength or a severity, not both or neither")
    level = _strength(name, strength, severity, rng)
    work = _Work(picture, kind, int(rng.integers(2**63)))
    applied = level
    if severity is not None and level > 0 and kind.kind in PSNR_BANDS:
        applied = work.fitted(PSNR_BANDS[kind.kind][severity], float(rng.random()))
    made = work.made(applied) if applied > 0 else picture
    return Degraded(
        picture=made, name=name, severity=severity or severity_of_strength(level), strength=level, applied=applied,
        parameters=kind.parameters(applied), psnr=work.loss(made), ssim=work.likeness(made),
        reference=hashlib.sha256(np.ascontiguousarray(picture.pixels).tobytes()).hexdigest(), seed=work.seed,
    )  # fmt: skip


def degrade_twice(
    picture: Picture, names: tuple[str, str], *, rng: np.random.Generator, severities: tuple[str, str]
) -> tuple[Degraded, str, str]:
    """Apply two degradations one after the other.

    Returns:
        the picture after both, named "first + second", with PSNR and SSIM against the reference; its severity is the
        worse of both; then the name of the main problem, that with the larger loss alone; then the other one.
    """
    if names[0] == names[1]:
        raise ConfigError(f"two degradations of one kind: {names[0]!r}; expected two names")
    alone = [degrade(picture, name, rng=rng, severity=level) for name, level in zip(names, severities, strict=True)]
    work = _Work(alone[0].picture, _fitting(picture, names[1]), int(rng.integers(2**63)))
    both = work.made(alone[1].applied) if alone[1].applied > 0 else alone[0].picture
    judge = _Work(picture, _fitting(picture, names[0]), 0)
    worst = next(level for level in reversed(LEVELS) if level in severities)
    main, other = sorted(alone, key=lambda part: part.psnr)
    made = replace(
        alone[0], picture=both, name=" + ".join(names), severity=worst, strength=max(part.strength for part in alone),
        applied=max(part.applied for part in alone), psnr=judge.loss(both), ssim=judge.likeness(both),
        parameters={f"{part.name}.{key}": value for part in alone for key, value in part.parameters.items()},
    )  # fmt: skip
    return made, main.name, other.name


def _fitting(picture: Picture, name: str) -> Degradation:
    kind = describe(name)
    if picture.units == "mm":
        raise ConfigError(f"picture {picture.name!r} is a map of depth, which has no degradations")
    allowed = degradation_names(picture.modality, axes=picture.axes)
    if name not in allowed:
        raise ConfigError(
            f"degradation {name!r} does not fit modality {picture.modality} with axes {picture.axes}; "
            f"expected one of {', '.join(allowed)}"
        )
    return kind


def _strength(name: str, strength: float | None, severity: str | None, rng: np.random.Generator) -> float:
    if severity is not None:
        if severity not in BANDS:
            raise ConfigError(f"degradation {name!r}: unknown severity {severity!r}{did_you_mean(severity, BANDS)}")
        low, high = BANDS[severity]
        return float(rng.uniform(low, high)) if high > low else low
    assert strength is not None
    if not 0 <= strength <= 1:
        raise ConfigError(f"degradation {name!r}: strength is {strength}, expected 0 to 1")
    return strength


class _Work:
    """A picture in display units with the random numbers of one degradation, the same at every strength."""

    def __init__(self, picture: Picture, kind: Degradation, seed: int) -> None:
        self.picture, self.kind, self.seed = picture, kind, seed
        self.low, self.high = window_of(picture)
        self.stack = self._display(picture)

    def _display(self, picture: Picture) -> Plane:
        """Stack (D, H, W, C) in display units."""
        values = picture.pixels.astype(np.float32)
        values = values[None] if picture.kind == "image" else values
        values = values if picture.axes.endswith("C") else values[..., None]
        return np.asarray((values - self.low) / (self.high - self.low), np.float32)

    def planes(self, strength: float, chosen: slice) -> Plane:
        """Run the model on some planes, (D, H, W, C); a model of the whole stack runs on all."""
        p = self.kind.parameters(strength)
        if self.kind.whole:
            return self.kind.model(self.stack, p, self._scene(0), self._rng(0))[chosen]
        numbers = range(len(self.stack))[chosen]
        made = [self.kind.model(self.stack[number], p, self._scene(number), self._rng(number)) for number in numbers]
        return np.asarray(np.stack(made), np.float32)

    def _rng(self, number: int) -> np.random.Generator:
        return np.random.Generator(np.random.Philox(key=[self.seed, number + 1 if self.kind.fresh else 0]))

    def _scene(self, number: int) -> Scene:
        spacing = self.picture.spacing_mm or (float("nan"),) * len(self.picture.shape)
        slice_mm = float(spacing[0]) if self.picture.kind == "volume" else float("nan")
        return Scene((float(spacing[-2]), float(spacing[-1])), self.low, self.high, self.picture.units, number,
                     len(self.stack), slice_mm)  # fmt: skip

    def made(self, strength: float) -> Picture:
        """Return the picture at a strength, in its own units and type."""
        values = self.planes(strength, slice(None)) * (self.high - self.low) + self.low
        values = values if self.picture.axes.endswith("C") else values[..., 0]
        values = values[0] if self.picture.kind == "image" else values
        return replace(self.picture, pixels=_typed(values, self.picture.pixels.dtype))

    def fitted(self, band: tuple[float, float], place: float) -> float:
        """Find by bisection the strength whose PSNR lies at `place` of the inner band, on the middle plane."""
        wanted = band[0] + (0.15 + 0.7 * place) * (band[1] - band[0])
        middle = len(self.stack) // 2
        one = slice(middle, middle + 1)
        loss = partial(self._loss_of, one)
        low, high = 0.0, _LIMIT
        if loss(high) > band[1]:
            raise DataError(
                f"degradation {self.kind.name!r}: picture {self.picture.name!r} has {loss(high):.1f} dB at the "
                f"largest strength, expected {band[0]} to {band[1]}; give a strength in place of a severity"
            )
        for _ in range(_STEPS):
            found = (low + high) / 2
            reached = loss(found)
            if abs(reached - wanted) < _NEAR_DB:
                break
            low, high = (found, high) if reached > wanted else (low, found)
        if not band[0] <= reached <= band[1]:
            raise DataError(
                f"degradation {self.kind.name!r}: picture {self.picture.name!r} jumps to {reached:.1f} dB, expected "
                f"{band[0]} to {band[1]}; give a strength in place of a severity"
            )
        return found

    def _loss_of(self, chosen: slice, strength: float) -> float:
        return psnr(self.stack[chosen], self.planes(strength, chosen)) if strength > 0 else float("inf")

    def loss(self, other: Picture) -> float:
        """PSNR of another picture of the same grid in this one's display, over all planes."""
        return psnr(self.stack, self._display(other))

    def likeness(self, other: Picture) -> float:
        """SSIM of another picture, mean over planes; of long stacks every n-th, at most nine."""
        if other is self.picture:
            return 1.0
        display, step = self._display(other), max(1, len(self.stack) // 8)
        return float(np.mean([ssim(self.stack[k], display[k]) for k in range(0, len(self.stack), step)]))


class PlaneWork:
    """The model of a degraded image, to be run again on other planes with the same random numbers."""

    def __init__(self, reference: Picture, degraded: Degraded) -> None:
        self._work = _Work(reference, _fitting(reference, degraded.name), degraded.seed)
        self._applied = degraded.applied
        self.plane = self._work.stack[0]
        """The reference in display units, (H, W, C)."""

    def run(self, plane: Plane) -> Plane:
        """Degrade a plane (H, W, C) in display units."""
        if self._applied == 0:
            return plane
        self._work.stack = plane[None]
        return np.asarray(self._work.planes(self._applied, slice(None))[0], np.float32)


def _typed(values: NDArray[np.floating], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Round and cut to an integer type; floating types are only cast."""
    if np.issubdtype(dtype, np.integer):
        limits = np.iinfo(dtype)
        return np.asarray(np.clip(np.rint(values), limits.min, limits.max), dtype)
    return np.asarray(values, dtype)
