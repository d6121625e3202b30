"""How much of the text that is drawn into virtual images the finders cover, and how much else, by policy."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from _deidentify_plants import FAMILY, GIVEN, digits, pick
from vesalius.data.deidentify.bands import find_text_in_bands
from vesalius.data.deidentify.masking import boxes_of, finder
from vesalius.data.deidentify.pixel_rules import Expectation
from vesalius.data.deidentify.regions import Line, find_lines
from vesalius.data.deidentify.strokes import Box, find_text
from vesalius.virtual.patient import draw_patient
from vesalius.virtual.study import pictures_of

__all__ = ["measure_pixels"]

_SIZES = {"chest": 512, "abdomen-ct": 384, "brain-mr": 256, "ultrasound": 512}
_FONTS = ("DejaVuSans.ttf", "DejaVuSansMono.ttf", "DejaVuSerif.ttf", "DejaVuSans-Bold.ttf", "STIXGeneral.ttf")
_POLICIES = {
    "text is likely by the tags": Expectation(True, ()),
    "the tags tell nothing": Expectation(False, ()),
    "text is unlikely: a plain slice": Expectation(False, (), unlikely=True),
}


SECOND_SCAN = "second scan"
_COVERED = 0.9
"""Part of the pixels of a line that a mask must cover for the line to be gone."""
_SEEN = 0.5
"""The same for the second scan, which only has to notice it."""


def found_by(frame: np.ndarray, *, network: bool) -> Iterator[tuple[str, Sequence[Box | Line]]]:
    """Yield what every policy, the second scan, and in the first policy every finder alone, finds in a frame."""
    for policy, expected in _POLICIES.items():
        yield policy, boxes_of(frame[None], expected, find=finder("strokes"))
    yield SECOND_SCAN, find_lines(frame)
    yield "strokes alone, sensitive", find_text(frame, sensitive=True)
    yield "bands alone, sensitive", find_text_in_bands(frame, sensitive=True)
    if network:
        yield "with the network, text is likely", boxes_of(frame[None], Expectation(True, ()), find=finder("ocr"))


def covered(boxes: Sequence[Box | Line], shape: tuple[int, ...]) -> np.ndarray:
    mask = np.zeros(shape, dtype=bool)
    for box in boxes:
        mask[box.top : box.bottom, box.left : box.right] = True
    return mask


def measure_pixels(
    seed: int, images: int, *, network: bool
) -> tuple[dict[str, dict[str, list[bool]]], dict[str, dict[str, float]]]:
    """Return found or not by way of looking and group, and the untouched part of clean images by way and kind.

    Every second image has its lines turned by a quarter, so that they run upwards.
    """
    import matplotlib

    rng = np.random.default_rng(seed)
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    fonts = [str(folder / name) for name in _FONTS]
    bases = [
        (name, base) for name, size in _SIZES.items() for base in pictures(seed, name, size, max(1, images // 24))
    ]
    results: dict[str, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    for number in range(images):
        kind, base = bases[number // 2 % len(bases)]
        turns = number % 2
        way = "upright" if turns else "level"
        shown, glyphs = burned(np.ascontiguousarray(np.rot90(base, turns)), rng, fonts)
        shown = np.ascontiguousarray(np.rot90(shown, -turns))
        for name, boxes in found_by(shown, network=network):
            mask = covered(boxes, shown.shape)
            needed = _SEEN if name == SECOND_SCAN else _COVERED
            for glyph, size, contrast in glyphs:
                gone = float(mask[np.rot90(glyph, -turns)].mean()) >= needed
                for group in ("all", f"on {kind}", f"size {size}", f"contrast {contrast}"):
                    results[name][f"{way}, {group}"].append(gone)
    untouched: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for kind, base in bases:
        for name, boxes in found_by(base, network=network):
            untouched[name][kind].append(1.0 - float(covered(boxes, base.shape).mean()))
    means = {
        name: {kind: float(np.mean(parts)) for kind, parts in kinds.items()} for name, kinds in untouched.items()
    }
    return results, means


def pictures(seed: int, preset: str, size: int, count: int) -> Iterator[np.ndarray]:
    for index in range(count):
        picture = pictures_of(draw_patient(seed, index, preset=preset), size)[0]
        pixels = picture.pixels if picture.kind == "image" else picture.pixels[len(picture.pixels) // 2]
        grey = pixels.astype(np.float64).max(axis=-1) if pixels.ndim == 3 else pixels.astype(np.float64)
        yield ((grey - grey.min()) / max(float(np.ptp(grey)), 1e-9) * 255).astype(np.uint8)


def burned(
    base: np.ndarray, rng: np.random.Generator, fonts: list[str]
) -> tuple[np.ndarray, list[tuple[np.ndarray, int, str]]]:
    """Draw up to three lines that do not touch each other; return the image and the pixels of every line."""
    picture, taken, found = base.copy(), np.zeros(base.shape, dtype=bool), []
    for _ in range(3):
        size = int(rng.choice([8, 10, 12, 14, 18, 24, 36]))
        font = ImageFont.truetype(fonts[int(rng.integers(len(fonts)))], size)
        value = pick(
            rng,
            (
                "{f}^{g}",
                "{f}, {g}",
                "ID: {n}",
                "DOB 0{d}/1{d}/195{d}",
                "1{d}.0{d}.2024 1{d}:35",
                "St. {g} Hospital",
                "MRN {n}",
                "Acc A{n}",
            ),
        )
        value = value.format(f=pick(rng, FAMILY), g=pick(rng, GIVEN), n=digits(rng, 8), d=int(rng.integers(1, 9)))
        plate = Image.new("L", (base.shape[1], base.shape[0]))
        pen = ImageDraw.Draw(plate)
        _left, top, right, bottom = pen.textbbox((0, 0), value, font=font)
        if right >= base.shape[1] - 8 or bottom >= base.shape[0] - 8:
            continue
        x = int(rng.integers(2, base.shape[1] - right - 2))
        y = int(rng.choice([2, base.shape[0] - bottom - 4, int(rng.integers(2, base.shape[0] - bottom - 4))]))
        area = (slice(max(0, y + int(top) - 6), y + int(bottom) + 6), slice(max(0, x - 6), x + int(right) + 6))
        if taken[area].any():
            continue
        pen.text((x, y), value, font=font, fill=255)
        cover = np.asarray(plate).astype(np.float64) / 255
        around = float(base[area].mean())
        strength = float(rng.choice([1.0, 0.8, 0.6]))
        ink = 255 * strength if around < 128 else 255 * (1 - strength)
        picture = (picture * (1 - cover) + ink * cover).astype(np.uint8)
        taken[area] = True
        contrast = abs(ink - around)
        group = "below 60" if contrast < 60 else "60 to 120" if contrast < 120 else "above 120"
        found.append((cover > 0.5, size, group))
    return picture, found
