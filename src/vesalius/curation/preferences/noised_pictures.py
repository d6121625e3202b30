"""Visual dispreference: the same question and answer, and a worse side that sees the picture without its lesion.

Source: MMedPO (arXiv 2412.06141), section 3.1. The region is that of the study's masks or boxes, or of an attention
map that is handed in; a picture without any is left out, and the whole of it is the authors' baseline. Pictures are
PNG, JPEG or TIFF of 8 or 16 bits: of other files the pixels outside the lesion could not stay as they are.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Raster

from vesalius.config import Config
from vesalius.curation.base import Dropped, Files, chance
from vesalius.curation.masks import read_mask
from vesalius.curation.preferences.base import Outcome, pair_of
from vesalius.curation.preferences.lesion_noise import NoiseConfig, attention_mask, box_mask, noised
from vesalius.data import readers
from vesalius.data.conversations.records import Conversation
from vesalius.data.disk import replacing
from vesalius.data.messages import Media
from vesalius.data.records import Image, Region, Study

__all__ = ["Attention", "NoisedPictureConfig", "noised_pair", "region_mask"]

Mask = NDArray[np.bool_]
Attention = Callable[[Media], NDArray[np.floating[Any]]]
"""Where a tool looks for disease: the attention of the patches of a picture, (h, w)."""
NO_PICTURE = "no plain picture"
NO_REGION = "no region to destroy"
_FORMATS = ("png", "jpeg", "tiff")


@dataclass(frozen=True, kw_only=True)
class NoisedPictureConfig(Config):
    """Which pixels are destroyed, and how."""

    region: Literal["lesion", "attention", "whole"] = "lesion"
    """lesion: masks of the study's findings, boxes where there are no masks; attention: of a tool; whole: all."""
    noise: NoiseConfig = field(default_factory=NoiseConfig)
    concepts: tuple[str, ...] = ()
    """Findings whose regions count; all where empty."""
    largest_share: float = 0.9
    """A region that covers more of the picture leaves nothing to compare with, and is no lesion."""

    def __post_init__(self) -> None:
        if not 0 < self.largest_share <= 1:
            raise ValueError(f"largest_share {self.largest_share}: expected above 0 and at most 1")


class _Shown(NamedTuple):
    pixels: NDArray[Any]
    """(rows, columns) or (rows, columns, channels)."""
    image: Image | None
    """Its record, where the study has one."""


def noised_pair(
    conversation: Conversation, folder: Path, *, study: Study, files: Files, attention: Attention | None = None,
    settings: NoisedPictureConfig | None = None, seed: int = 0,
) -> Outcome:  # fmt: skip
    """Return a pair whose worse side sees destroyed pictures, which are written to a folder, or why there is none.

    Every picture with a region is destroyed; the others stay. The files are named by a hash of the conversation and
    tell nothing of the case.

    Args:
        conversation: ends in the answer that both sides have.
        folder: of the pictures.
        study: whose regions they are; media are matched with its images by their paths.
        files: where the study's files are.
        attention: for the region "attention".
        settings: which pixels, and how.
        seed: with the conversation's id, of the noise.
    """
    settings = settings or NoisedPictureConfig()
    worse: list[Media] = []
    fault = NO_PICTURE
    for number, media in enumerate(conversation.media):
        shown = _shown(media, study, files)
        mask = None if shown is None else _mask(shown, media, study, files, attention, settings)
        if shown is None or mask is None:
            fault = fault if shown is None else NO_REGION
            worse.append(media)
            continue
        rng = chance(seed, conversation.id, f"noise {number}")
        pixels = noised(shown.pixels, mask, settings=settings.noise, rng=rng)
        worse.append(replace(media, path=str(_written(pixels, folder, f"{conversation.id} {number}"))))
    if tuple(worse) == conversation.media:
        return Dropped(fault, conversation.id)
    return pair_of(conversation, rejected_media=tuple(worse))


def region_mask(study: Study, image: Image, files: Files, *, concepts: Sequence[str] = ()) -> Mask:
    """Return the pixels of a study's findings on one picture, (rows, columns): its masks, or boxes without masks.

    Args:
        study: with regions.
        image: plain picture; its record states rows and columns.
        files: where the masks are.
        concepts: findings that count; all where empty.
    """
    mask = np.zeros(image.shape[:2], bool)
    for concept in dict.fromkeys(region.concept for region in study.regions if region.concept):
        if concepts and concept not in concepts:
            continue
        own = [region for region in study.regions if region.concept == concept and region.image == image.id]
        masks = [region for region in own if region.kind == "mask"]
        for region in masks:
            mask |= read_mask(study, region, files).mask
        if not masks:
            mask |= box_mask(_boxes(own), (mask.shape[0], mask.shape[1]))
    return mask


def _boxes(regions: Sequence[Region]) -> tuple[Any, ...]:
    return tuple(region.box for region in regions if region.box is not None)


def _shown(media: Media, study: Study, files: Files) -> _Shown | None:
    """Return the pixels of a plain picture, or None where the file is none."""
    path = Path(media.path)
    if media.kind != "image" or media.edits or path.is_dir() or readers.sniff(path) not in _FORMATS:
        return None
    pixels = readers.read(path, frame=media.frame)
    if pixels.axes not in ("YX", "YXC") or pixels.array.dtype not in (np.uint8, np.uint16):
        return None
    image = next((one for one in study.images if files.path(one.path) == path), None)
    return _Shown(pixels.array, image)


def _mask(
    shown: _Shown,
    media: Media,
    study: Study,
    files: Files,
    attention: Attention | None,
    settings: NoisedPictureConfig,
) -> Mask | None:
    """Return what is to be destroyed, or None where there is nothing, or too much of it."""
    rows, columns = shown.pixels.shape[:2]
    if settings.region == "whole":
        return np.ones((rows, columns), bool)
    if settings.region == "attention":
        mask = attention_mask(attention(media), (rows, columns)) if attention is not None else None
    else:
        mask = None if shown.image is None else region_mask(study, shown.image, files, concepts=settings.concepts)
    return mask if mask is not None and 0 < mask.mean() <= settings.largest_share else None


def _written(pixels: NDArray[Any], folder: Path, name: str) -> Path:
    """Write a PNG of 8 or 16 bits under a name that tells nothing."""
    path = folder / f"{hashlib.sha256(name.encode()).hexdigest()[:24]}.png"
    buffer = io.BytesIO()
    Raster.fromarray(pixels).save(buffer, "PNG", compress_level=4)
    with replacing(path, scratch=folder, durable=False) as file:
        file.write(buffer.getvalue())
    return path
