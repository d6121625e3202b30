"""Physical degradations of pictures: models of acquisition and reconstruction with one strength each."""

from __future__ import annotations

from vesalius.virtual.degradation import common, ct, microscopy, mr, pet, radiograph, retina, sonography, video
from vesalius.virtual.degradation.apply import Degraded, degradation_names, degrade, degrade_twice, describe
from vesalius.virtual.degradation.detection import GRADES, detectability, grade_of
from vesalius.virtual.degradation.model import BANDS, LEVELS, PSNR_BANDS, Degradation, severity_of_strength
from vesalius.virtual.degradation.quality import psnr, ssim, window_of

__all__ = [
    "BANDS", "GRADES", "LEVELS", "PSNR_BANDS", "Degradation", "Degraded", "degradation_names", "degrade",
    "degrade_twice", "describe", "detectability", "grade_of", "psnr", "severity_of_strength", "ssim", "window_of",
]  # fmt: skip

_FILES = (common, ct, mr, radiograph, sonography, pet, video, microscopy, retina)
"""Imported for what they register, in this order."""
