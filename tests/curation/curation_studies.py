"""Studies made by hand, and files that stand in for a corpus."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image as Picture

from vesalius.curation.base import Dropped, Stage, Step, run_step
from vesalius.data.records import Finding, Image, Region, Study, Text


class Folder:
    """Files below a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, relative: str) -> Path:
        return self.root / relative

    def put(self, name: str, array: np.ndarray, **options: object) -> str:
        picture = Picture.fromarray(array)
        file = io.BytesIO()
        picture.save(file, "JPEG" if name.endswith("jpg") else "PNG", **options)
        (self.root / name).write_bytes(file.getvalue())
        return name


def study(
    name: str, *, patient: str = "", text: str = "", path: str = "", shape: tuple[int, ...] = (), **fields: object
) -> Study:
    images = (Image(id="i", path=path, modality="DX", body_part="CHEST", shape=shape),) if path else ()
    texts = (Text(text=text, role="report"),) if text else ()
    return Study(id=name, patient=patient or name, **{"images": images, "texts": texts, **fields})


def present(concept: str, side: str = "") -> Finding:
    return Finding(concept=concept, status="present", laterality=side)


def absent(concept: str) -> Finding:
    return Finding(concept=concept, status="absent")


def mask_region(path: str, concept: str = "lung_nodule") -> Region:
    return Region(image="i", kind="mask", mask=path, concept=concept)


def run(
    step: Step, studies: Sequence[Study], files: object = None, seed: int = 0
) -> tuple[list[Study], dict[str, str]]:
    """Return what goes on, and the reason for each study that does not."""
    kept, dropped = [], {}
    for before, outcome in run_step(
        step, Stage(studies=studies, files=files or Folder(Path()), seed=seed), name="step"
    ):
        if isinstance(outcome, Dropped):
            dropped[before.id] = outcome.reason
        else:
            kept.append(outcome)
    return kept, dropped


def texture(seed: int, side: int = 96) -> np.ndarray:
    """A picture with detail at many sizes, different for every seed: (side, side) bytes."""
    rng = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None])
    spectrum = np.fft.rfft2(rng.normal(size=(side, side))) / (frequency + 0.02)
    values = np.fft.irfft2(spectrum, s=(side, side))
    values = (values - values.min()) / (values.max() - values.min())
    return (values * 255).astype(np.uint8)
