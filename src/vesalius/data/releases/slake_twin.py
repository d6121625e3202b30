"""The twin of SLAKE: pictures, masks, boxes, a small knowledge graph and questions in two languages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

from vesalius.data import readers
from vesalius.data.corpus import Corpus
from vesalius.data.records import Region, Study
from vesalius.data.releases.twins import Asked, asked_of, identity, save_picture, write_json, write_text

__all__ = ["write_release"]

_FIRST_NUMBER = 90_000
_PARTS = ("train", "val", "test")
_NAMES = {"train": "train.json", "val": "validate.json", "test": "test.json"}
_TYPES = {
    "presence": "Abnormality", "any_abnormality": "Abnormality", "which_finding": "Abnormality",
    "modality": "Modality", "view": "Plane", "severity": "Size", "count": "Quantity", "appearance": "Shape",
}  # fmt: skip
_FACTS = {
    "en": ("Lung#function#exchange of gas", "Heart#function#pumping of blood"),
    "zh": ("肺#功能#气体交换", "心脏#功能#泵血"),
}
_KG_QUESTION = {
    "en": ("Which organ here serves the exchange of gas?", "Lung"),
    "zh": ("图中哪个器官负责气体交换?", "肺"),
}
_CHINESE = {"yes": "是", "no": "不是"}
_GREYS = (70, 135)
"""Grey values of the classes of a mask, two at most."""


def write_release(corpus: Corpus, root: Path) -> dict[str, list[dict[str, Any]]]:
    """Write all files and return the rows of every part."""
    rows: dict[str, list[dict[str, Any]]] = {part: [] for part in _PARTS}
    number = 0
    classes: dict[str, int] = {}
    for place, study in identity(corpus):
        folder = root / "imgs" / f"xmlab{_FIRST_NUMBER + place}"
        save_picture(corpus, study, folder / "source.jpg")
        _write_places(corpus, study, folder, classes, empty=place == 0)
        for shift, language in enumerate(("en", "zh")):
            # Chinese parts are moved by one against the English, so that the languages leak into each other.
            part = _PARTS[(place + shift) % 3]
            for question in asked_of(study):
                rows[part].append(_row(_FIRST_NUMBER + place, number, question, language))
                number += 1
            rows[part].append(_kg_row(_FIRST_NUMBER + place, number, language))
            number += 1
    opened = [row for part in _PARTS for row in rows[part] if row["q_lang"] == "en" and row["answer_type"] == "OPEN"]
    opened[0]["answer"] = ""
    for part, name in _NAMES.items():
        write_json(root / name, rows[part])
    write_text(root / "mask.txt", [f"{name}:{grey}" for name, grey in classes.items()])
    for language, facts in _FACTS.items():
        write_text(root / "KG" / f"{language}_organ.csv", facts)
    return rows


def _row(image: int, number: int, question: Asked, language: str) -> dict[str, Any]:
    text, answer = question.question, question.answer
    if language == "zh":
        text, answer = f"请看图回答：{text}", _CHINESE.get(answer, answer)
    return _fields(image, number, language) | {
        "question": text, "answer": answer.capitalize() if language == "en" else answer,
        "answer_type": "CLOSED" if question.closed or question.options else "OPEN", "base_type": "vqa",
        "content_type": _TYPES.get(question.family, "Position"), "triple": ["vhead", "_", "_"],
    }  # fmt: skip


def _kg_row(image: int, number: int, language: str) -> dict[str, Any]:
    question, answer = _KG_QUESTION[language]
    return _fields(image, number, language) | {
        "question": question, "answer": answer, "answer_type": "OPEN", "base_type": "kvqa", "content_type": "KG",
        "triple": ["vhead", *_FACTS[language][0].split("#")[1:]],
    }  # fmt: skip


def _fields(image: int, number: int, language: str) -> dict[str, Any]:
    return {
        "img_id": image, "img_name": f"xmlab{image}/source.jpg", "qid": number, "q_lang": language,
        "location": "Lung", "modality": "X-Ray",
    }  # fmt: skip


def _write_places(corpus: Corpus, study: Study, folder: Path, classes: dict[str, int], *, empty: bool) -> None:
    """Write the masks of at most two structures, and their boxes; the first picture has none."""
    image = next(image for image in study.images if image.kind == "image")
    masks = [part for part in study.regions if part.kind == "mask" and part.image == image.id and not empty]
    values = np.zeros(image.shape, np.uint8)
    boxes: list[dict[str, list[int]]] = []
    for region in masks:
        name = (region.concept or region.anatomy).replace("_", " ").capitalize()
        if name not in classes and len(classes) == len(_GREYS):
            continue
        area = _area(corpus, region)
        if not area.any() or name in {known for box in boxes for known in box}:
            continue
        classes.setdefault(name, dict(enumerate(_GREYS)).get(len(classes), 0))
        values[area] = classes[name]
        rows, columns = np.flatnonzero(area.any(axis=1)), np.flatnonzero(area.any(axis=0))
        x, y = int(columns[0]), int(rows[0])
        boxes.append({name: [x, y, int(columns[-1]) + 1 - x, int(rows[-1]) + 1 - y]})
    Picture.fromarray(values).save(folder / "mask.png")
    write_json(folder / "detection.json", boxes)
    write_json(folder / "question.json", [])


def _area(corpus: Corpus, region: Region) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = readers.read(corpus.path(region.mask)).array == region.mask_value
    return found
