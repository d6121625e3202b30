"""The course of the nerve fibres: straight from the nose to the disc, in arcs round the macula on the other side."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.eye.anatomy import Disc, Eye

__all__ = ["fibre_angle", "fibre_direction", "fibre_loss", "fibre_thickness"]

Floats = NDArray[np.floating]
_BEND_MM = 1.45
"""An arc is y = h (1 - e^(-t / bend)) at the distance t from the disc towards the temple."""
_CIRCLE_MM = 1.73
"""Radius of the circle about the disc on which the layer is measured."""


def fibre_angle(disc: Disc, x: Floats, y: Floats) -> Floats:
    """Return the angle at the disc of the fibre through a place: 0 nasal, ± π temporal, above positive, radians."""
    along, rise = disc.x - x, y - disc.y
    bowed = np.arctan2(rise * _BEND_MM / np.maximum(1 - np.exp(-np.maximum(along, 0) / _BEND_MM), 1e-4), _BEND_MM**2)
    steep = np.sign(rise) * np.pi - bowed
    straight = np.arctan2(rise, -along)
    angle: Floats = np.where(along > 0, steep, straight)
    return angle


def fibre_direction(disc: Disc, x: Floats, y: Floats) -> Floats:
    """Return the direction of the fibres at places, radians from x towards y."""
    along, rise = disc.x - x, y - disc.y
    fall = np.exp(-np.maximum(along, 0) / _BEND_MM)
    slope = rise / np.maximum(1 - fall, 1e-3) / _BEND_MM * fall
    direction: Floats = np.where(along > 0, np.arctan2(slope, -1.0), np.arctan2(rise, -along))
    return direction


def fibre_loss(eye: Eye, x: Floats, y: Floats) -> Floats:
    """Return the share of nerve fibres that is lost at places, 0 to 1."""
    angle = fibre_angle(eye.disc, x, y)
    lost = np.zeros_like(angle)
    for middle, half, depth in eye.fibre_defects:
        off = np.abs((angle - middle + np.pi) % (2 * np.pi) - np.pi)
        lost = np.maximum(lost, depth * np.clip((half - off) / 0.12 + 0.5, 0, 1))
    return lost


def fibre_thickness(eye: Eye, x: Floats, y: Floats) -> Floats:
    """Return the thickness of the nerve fibre layer, µm: two humps above and below, thinner away from the disc."""
    angle = fibre_angle(eye.disc, x, y)
    at_circle = 66.0 + 80.0 * np.exp(-(((np.abs(angle) - 1.75) / 0.62) ** 2))
    distance = np.hypot(x - eye.disc.x, y - eye.disc.y)
    thinner = (_CIRCLE_MM / np.maximum(distance, 0.8)) ** 0.9
    fovea = 1 - 0.88 * np.exp(-((np.hypot(x, y) / 0.75) ** 2))
    thickness: Floats = at_circle * thinner * fovea * eye.nerve_fibre * (1 - 0.8 * fibre_loss(eye, x, y))
    return thickness
