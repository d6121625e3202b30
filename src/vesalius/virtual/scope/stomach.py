"""The lower gullet with its junction, and the stomach's body to the pylorus."""

from __future__ import annotations

import numpy as np

from vesalius.virtual.scope.camera import Array
from vesalius.virtual.scope.texture import fractal, linear, mix, soft, vessels
from vesalius.virtual.scope.wall import STEP_MM, Wall, draw_bend

__all__ = ["JUNCTION_MM", "build_oesophagus", "build_stomach", "junction_edge"]

JUNCTION_MM = 160.0
"""Station of the Z-line; it lies 38 to 42 cm from the teeth."""
_ANGLES = 512
_GULLET, _BODY, _ANTRUM = (225, 165, 145), (200, 100, 80), (215, 135, 110)


def build_oesophagus(rng: np.random.Generator) -> Wall:
    """Build the healthy lower oesophagus, 20 mm across, closed by the sphincter, and what is seen of the stomach."""
    z = np.arange(0, 250, STEP_MM)
    angle = np.arange(_ANGLES) * (2 * np.pi / _ANGLES)
    calibre = float(np.clip(rng.normal(11.0, 1.0), 9, 13))
    squeeze = float(rng.uniform(0.1, 0.35)) * np.exp(-(((z - JUNCTION_MM - 4) / 9) ** 2))
    wave = 0.10 * np.sin(2 * np.pi * z / float(rng.uniform(45, 70)) + float(rng.uniform(0, 6.3)))
    tube = calibre * (1 - squeeze + wave) + 17 * soft(z.astype(np.float32), JUNCTION_MM + 8, JUNCTION_MM + 40)
    folds = np.cos(float(rng.integers(4, 7)) * angle + float(rng.uniform(0, 6.3)))
    depth = 0.05 + 0.15 * np.exp(-(((z - JUNCTION_MM) / 16) ** 2))
    radius = tube[:, None] * (1 - depth[:, None] * np.clip(folds, -0.3, 1)[None, :])
    radius *= np.sqrt(np.clip(1 - np.clip((z - 220) / 26, 0, 1) ** 2, 0, 1))[:, None]
    shape = radius.shape
    radius += 0.15 * fractal(rng, shape, (40, 18), 2)
    wall = Wall(bend=draw_bend(rng, 4.0), radius=np.maximum(radius, 0.05).astype(np.float32),
                albedo=_lining(rng, shape, _GULLET, 0.6), label=np.zeros(shape, np.uint8),
                wet=_moist(rng, shape))  # fmt: skip
    border = junction_edge(rng, shape)
    below = soft((z[:, None] - border).astype(np.float32), -0.4, 0.8)
    wall.albedo[:] = mix(wall.albedo, _lining(rng, shape, _BODY, 0.2), below)
    return wall


def junction_edge(rng: np.random.Generator, shape: tuple[int, int]) -> Array:
    """Draw the jagged station of the Z-line for every angle, (1, A)."""
    angle = np.arange(shape[1]) * (2 * np.pi / shape[1])
    edge = np.full(shape[1], JUNCTION_MM)
    for wave in (3, 5, 8, 13):
        edge += 2.2 / np.sqrt(wave) * np.sin(wave * angle + float(rng.uniform(0, 6.3)))
    return edge.astype(np.float32)[None, :]


def build_stomach(rng: np.random.Generator) -> Wall:
    """Build the healthy stomach from the body with its rugae, 5 to 10 high, over the smooth antrum to the pylorus."""
    z = np.arange(0, 270, STEP_MM)
    angle = np.arange(_ANGLES) * (2 * np.pi / _ANGLES)
    gate = float(rng.uniform(222, 240))
    calibre = np.interp(z, (0, 60, 130, gate - 30, gate - 6, gate, gate + 8, 270), (38, 40, 33, 27, 15, 4.0, 12, 10))
    calibre = calibre * float(np.clip(rng.normal(1, 0.08), 0.85, 1.15))
    curve = float(rng.uniform(0, 2 * np.pi))
    off = np.abs((angle - curve + np.pi) % (2 * np.pi) - np.pi)
    rugae = np.abs(np.sin(0.5 * (18 * angle[None, :] + 1.6 * np.sin(z / 17)[:, None] + float(rng.uniform(0, 6)))))
    height = float(rng.uniform(5, 10)) * np.clip(1.25 - off / 2.2, 0.12, 1)[None, :]
    fade = soft(z.astype(np.float32), float(rng.uniform(120, 150)), 85)[:, None]
    radius = calibre[:, None] - height * fade * (1 - rugae) ** 1.3
    radius *= np.sqrt(np.clip(1 - np.clip((z - 248) / 20, 0, 1) ** 2, 0, 1))[:, None]
    shape = radius.shape
    radius += 0.4 * fractal(rng, shape, (22, 14), 3)
    body = soft(np.broadcast_to(z.astype(np.float32)[:, None], shape), 150, 95)
    albedo = mix(_lining(rng, shape, _ANTRUM, 0.3), _lining(rng, shape, _BODY, 0.25), body)
    return Wall(bend=draw_bend(rng, 12.0), radius=np.maximum(radius, 0.05).astype(np.float32), albedo=albedo,
                label=np.zeros(shape, np.uint8), wet=_moist(rng, shape))  # fmt: skip


def _lining(rng: np.random.Generator, shape: tuple[int, int], colour: tuple[int, int, int], shown: float) -> Array:
    """Colour of a healthy lining with fine vessels, linear light."""
    tint = np.asarray(colour, np.float32) + rng.normal(0, 6, 3).astype(np.float32) + 6 * np.float32(rng.normal())
    base = np.broadcast_to(linear(np.clip(tint, 0, 255)), (*shape, 3)).astype(np.float32)
    base = base * (1 + 0.09 * fractal(rng, shape, (12, 9), 4)[..., None])
    base = base * (1 + 0.06 * fractal(rng, shape, (130, 90), 2)[..., None])
    net = vessels(rng, shape, 40, 1.0, 90)
    lining = mix(base, linear((170, 70, 66)), np.clip(net * shown * float(rng.uniform(0.5, 1)), 0, 1))
    return np.clip(lining, 0.01, 1).astype(np.float32)


def _moist(rng: np.random.Generator, shape: tuple[int, int]) -> Array:
    fine = 0.6 * fractal(rng, shape, (120, 60), 2) + 0.9 * fractal(rng, shape, (50, 26), 2)
    film: Array = (fine / fine.std()).astype(np.float32)
    return film
