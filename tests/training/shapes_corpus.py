"""A corpus of 32 × 32 pictures whose reports say what is drawn, and a recipe that trains on it in seconds."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image as PilImage

from vesalius.data.corpus import Corpus
from vesalius.data.records import Finding, Image, Study, Text
from vesalius.data.writer import CorpusWriter

PLACES = {"upper left": (4, 4), "upper right": (4, 20), "lower left": (20, 4), "lower right": (20, 20)}
SHAPES = ("bright square", "dark square", "bright cross", "dark cross")

TINY = (
    "model.width=32",
    "model.depth=1",
    "model.heads=2",
    "model.image_size=32",
    "model.patch=8",
    "model.projection_dim=16",
    "model.text_length=24",
    "model.vocabulary=200",
    "optimisation.batch=8",
    "optimisation.precision=fp32",
    "optimisation.workers=0",
    "run.report_to=[]",
)
"""Overrides that make any recipe small."""


def picture(number: int) -> bytes:
    """PNG of a noisy grey field with one shape in one quarter."""
    place, shape = list(PLACES.values())[number % 4], SHAPES[(number // 4) % 4]
    field = np.random.default_rng(number).normal(120, 8, (32, 32))
    value = 220 if "bright" in shape else 20
    row, column = place
    if "square" in shape:
        field[row : row + 8, column : column + 8] = value
    else:
        field[row + 3 : row + 5, column : column + 8] = value
        field[row : row + 8, column + 3 : column + 5] = value
    file = BytesIO()
    PilImage.fromarray(np.clip(field, 0, 255).astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


def study(number: int) -> Study:
    place, shape = list(PLACES)[number % 4], SHAPES[(number // 4) % 4]
    return Study(
        id=f"study-{number:03d}",
        patient=f"patient-{number:03d}",
        images=(
            Image(
                id="cxr",
                path=f"media/{number}.png",
                modality="DX",
                shape=(32, 32),
                units="display",
                view="PA",
            ),
        ),
        texts=(
            Text(text=f"There is a {shape} in the {place}. Nothing else is seen.", role="findings"),
            Text(text=f"{shape.capitalize()}, {place}.", role="impression"),
        ),
        findings=(Finding(concept=shape.replace(" ", "_")),),
    )


def make_corpus(root: Path, *, count: int = 48) -> Corpus:
    with CorpusWriter(root, name="shapes") as writer:
        for number in range(count):
            writer.add(study(number), media={f"media/{number}.png": picture(number)})
    corpus = Corpus.open(root)
    parts = {f"patient-{number:03d}": "val" if number % 6 == 5 else "train" for number in range(count)}
    return corpus.set_split({f"study-{number:03d}": parts[f"patient-{number:03d}"] for number in range(count)})
