"""A corpus of squares with their masks, and an untrained model on disk."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from PIL import Image as PilImage

from vesalius.data.corpus import Corpus, from_studies
from vesalius.data.records import Box, Finding, Image, Region, Study, Text
from vesalius.data.transforms import ImageProcessor
from vesalius.methods import base as methods
from vesalius.models.dual import DualEncoder
from vesalius.models.settings import DualEncoderConfig
from vesalius.models.text.tokenizer import train_tokenizer
from vesalius.training.checkpoint import save_model

SIDE = 24


def encoded(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    PilImage.fromarray(array).save(file, "PNG")
    return file.getvalue()


def squares(root: Path, *, patients: int = 60) -> Corpus:
    """Pictures of 24 × 32 with a bright square left (nodule) or a dark one right (cyst), both or none."""
    rng = np.random.default_rng(0)
    studies, media = [], {}
    for number in range(patients):
        name = f"s{number:03d}"
        picture = np.clip(rng.normal(120, 12, (SIDE, 32)), 0, 255)
        mask = np.zeros((SIDE, 32), dtype=np.uint8)
        findings, regions, said = [], [], []
        for value, (concept, left, level) in enumerate((("nodule", 2, 235), ("cyst", 20, 10)), start=1):
            present = bool(rng.random() < 0.5)
            findings.append(Finding(concept=concept, status="present" if present else "absent"))
            said.append(f"A {concept} is seen." if present else f"There is no {concept}.")
            if present:
                row, column = int(rng.integers(0, 14)), left + int(rng.integers(0, 3))
                picture[row : row + 9, column : column + 8] = level
                mask[row : row + 9, column : column + 8] = value
                regions.append(
                    Region(image="a", kind="mask", concept=concept, mask=f"media/{name}-mask.png", mask_value=value)
                )
                regions.append(
                    Region(image="a", kind="box", concept=concept, box=Box(column, row, column + 8, row + 9))
                )
        media[f"media/{name}.png"] = encoded(picture.astype(np.uint8))
        media[f"media/{name}-mask.png"] = encoded(mask)
        image = Image(id="a", path=f"media/{name}.png", modality="DX", shape=(SIDE, 32), units="display", view="PA")
        studies.append(
            Study(
                id=name,
                patient=f"p{number:03d}",
                images=(image,),
                findings=tuple(findings),
                regions=tuple(regions),
                texts=(Text(text=" ".join(said)),),
            )
        )
    corpus = from_studies(studies, root, name="squares", media=media)
    part = ["train"] * 30 + ["val"] * 10 + ["test"] * (patients - 40)
    corpus.set_split({study.id: name for study, name in zip(studies, part, strict=True)})
    return Corpus.open(root)


def saved_model(
    folder: Path, *, vision: str = "vit", method: str = "convirt", trained_on: Mapping[str, str] | None = None
) -> Path:
    """An untrained ConVIRT, or another method, of 24 × 32 pixels as a model folder; `trained_on` is what it says."""
    torch.manual_seed(0)
    settings = DualEncoderConfig(
        vision=vision,
        image_size=(24, 32),
        patch=8,
        width=32,
        depth=2,
        vision_width=32,
        vision_depth=10 if vision == "resnet" else 2,
        projection_dim=16,
        vocabulary=120,
    )
    module = methods.load(method)
    built = module.build(module.SETTINGS(), DualEncoder.build(settings))
    tokenizer = train_tokenizer(["A nodule is seen. There is no cyst."], vocabulary=120)
    info = {"step": 0, "trained_on": dict(trained_on or {})}
    save_model(folder, method=built, tokenizer=tokenizer, processor=ImageProcessor(size=(24, 32)), info=info)
    return folder
