"""MedMultiPoints: polyps, instruments and sperm with points, boxes and counts, and questions that ask for them.

The instruction files (`multi-task-train.jsonl`, `multi-task-test.jsonl`) are read; a study is a picture, named by
its SHA-256, with all its questions. Answers are JSON in a code fence with ``bbox_2d``, ``point_2d`` or ``counts``
(``count`` in published ones), in pixels of the original picture; they become boxes and points of the picture and the
answer of the dialogue as it stands there. An answer that says that the thing is not in the picture, or counts none,
is a finding that is absent. A picture that both files name has a study in each.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from vesalius.data.corpus import Corpus
from vesalius.data.datasets._paths import below
from vesalius.data.datasets._rasters import described, save_picture
from vesalius.data.datasets._virtual import pixels, studies_of
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin
from vesalius.data.formats.nnunet import concept_of
from vesalius.data.records import Box, Dialogue, Finding, Image, Measurement, Provenance, Region, Study, Turn
from vesalius.errors import DataError

__all__ = ["ABOUT", "TWIN", "read", "write"]

ABOUT = About(
    title="MedMultiPoints", slug="medmultipoints", licence="CC BY-NC 4.0, as its page states",
    access="It is open: download the instruction files and the folder of images from the hub",
    home="https://huggingface.co/datasets/SimulaMet/MedMultiPoints",
)  # fmt: skip
TWIN = Twin(preset="sperm", image_size=128)

_FILES = {"train": "multi-task-train.jsonl", "test": "multi-task-test.jsonl"}
_FENCE = re.compile(r"```(?:json)?\s*(.*?)\s*```", re.DOTALL)
_SOURCE = "annotation"
_FOLDER = "MedMultiPoints-images"


def read(root: Path) -> Iterator[Sample]:
    """Yield a study a picture and part, in the order in which the files first name them."""
    require_files(root, [_FILES["train"]], ABOUT)
    origin = provenance(root, ABOUT)
    for split, name in _FILES.items():
        path = root / name
        if path.exists():
            asked: dict[str, list[tuple[int, Mapping[str, Any]]]] = {}
            for line, row in _rows(path):
                asked.setdefault(_picture(path, line, row), []).append((line, row))
            for picture, rows in asked.items():
                yield Sample(_study(root, split, picture, [_pair(path, *row) for row in rows], origin), split)


def _rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                try:
                    yield number, json.loads(line)
                except (ValueError, RecursionError) as error:
                    raise DataError(f"{path}, line {number}: no JSON: {error}") from None


def _picture(path: Path, line: int, row: Mapping[str, Any]) -> str:
    """Return the name of the one picture of a row, given as a name or as an object with a path."""
    images = row.get("images") or []
    if len(images) != 1:
        raise DataError(f"{path}, line {line}: {len(images)} images; expected one")
    name = images[0].get("path") if isinstance(images[0], dict) else images[0]
    return str(name)


def _pair(path: Path, line: int, row: Mapping[str, Any]) -> tuple[str, str]:
    """Return the question without its image mark, and the answer."""
    said = {turn.get("role"): str(turn.get("content", "")) for turn in row.get("messages", [])}
    answer = said.get("assistant") or str(row.get("labels") or "")
    if not said.get("user") or not answer:
        raise DataError(f"{path}, line {line}: roles {', '.join(map(str, said))}; expected user and assistant")
    return said["user"].replace("<image>", "").strip(), answer


def _study(root: Path, split: str, name: str, pairs: Sequence[tuple[str, str]], origin: Provenance) -> Study:
    path = next(
        (place for place in (below(root, name), root / _FOLDER / Path(name).name) if place.exists()), root / name
    )
    stem = Path(name).stem
    image = described(path, like=Image(id="image", path="", modality="OT"))
    regions: list[Region] = []
    absent: dict[str, None] = {}
    counts: dict[str, float] = {}
    dialogues = []
    for number, (question, answer) in enumerate(pairs):
        marked, label = _marked(answer)
        count = _count(answer)
        if label and not marked and (count == 0 or "count" not in answer):
            absent[label] = None
        if label and count is not None:
            counts.setdefault(label, count)
        first = len(regions)
        regions += marked
        dialogues.append(Dialogue(
            id=f"{split}_{stem[:12]}_{number}", answer=answer, answer_type=_type(marked), source=_SOURCE,
            turns=(Turn(role="user", text=question, images=("image",)), Turn(role="assistant", text=answer)),
            evidence=tuple(range(first, len(regions))),
        ))  # fmt: skip
    shown = dict.fromkeys(region.concept for region in regions)
    stated = [Finding(concept=concept, source=_SOURCE) for concept in shown]
    stated += [
        Finding(concept=concept, status="absent", source=_SOURCE) for concept in absent if concept not in shown
    ]
    return Study(
        id=f"{split}_{stem}", patient=stem, images=(image,), findings=tuple(stated), regions=tuple(regions),
        measurements=tuple(Measurement(name=f"{key} count", value=value, unit="1", image="image", source=_SOURCE)
                           for key, value in counts.items()),
        dialogues=tuple(dialogues), provenance=origin,
    )  # fmt: skip


def _objects(answer: str) -> list[Mapping[str, Any]]:
    """Return the objects of the JSON of an answer; a text without JSON has none."""
    fenced = _FENCE.search(answer)
    try:
        found = json.loads(fenced[1] if fenced else answer)
    except ValueError:
        return []
    return [part for part in (found if isinstance(found, list) else [found]) if isinstance(part, dict)]


def _marked(answer: str) -> tuple[list[Region], str]:
    """Return boxes and points of an answer, and its label as a concept."""
    regions: list[Region] = []
    label = ""
    for part in _objects(answer):
        label = concept_of(str(part.get("label", ""))) or label
        for box in _several(part.get("bbox_2d")):
            left, top, right, bottom = (float(value) for value in box)
            if left < right and top < bottom:
                regions.append(Region(image="image", kind="box", concept=label, box=Box(left, top, right, bottom)))
        points = tuple((float(x), float(y)) for x, y in _several(part.get("point_2d")))
        if points:
            regions.append(Region(image="image", kind="points", concept=label, points=points))
    return regions, label


def _several(value: Any) -> list[Any]:
    """One box or point, or a list of them."""
    if not value:
        return []
    return value if isinstance(value[0], list) else [value]


def _count(answer: str) -> float | None:
    said = [part.get(key) for part in _objects(answer) for key in ("counts", "count")]
    return next((float(one) for one in said if isinstance(one, int | float) and not isinstance(one, bool)), None)


def _type(marked: Sequence[Region]) -> str:
    kinds = {region.kind for region in marked}
    return "box" if kinds == {"box"} else "points" if kinds == {"points"} else "number" if not kinds else "open"


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write the first frame of each clip with a question for boxes, points, the count, and for what is not there."""
    tests, made = studies_of(corpus, "test"), []
    lines: dict[str, list[str]] = {split: [] for split in _FILES}
    for study in sorted(corpus, key=lambda study: study.id):
        split, name = "test" if study.id in tests else "train", f"{_FOLDER}/{study.id.replace('-', '')[:32]:0<64}.png"
        save_picture(root / name, pixels(corpus, study.images[0])[0])
        pairs = _asked(study)
        for question, answer in pairs:
            messages = [{"role": "user", "content": f"<image> {question}"}, {"role": "assistant", "content": answer}]
            lines[split].append(json.dumps({"messages": messages, "images": [name]}))
        made.append((split, name, pairs))
    for split, rows in lines.items():
        (root / _FILES[split]).write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
    ordered = sorted(made, key=lambda item: [*_FILES].index(item[0]))
    origin = virtual_origin(ABOUT)
    return [Sample(_study(root, split, name, pairs, origin), split) for split, name, pairs in ordered]


def _asked(study: Study) -> list[tuple[str, str]]:
    parts = [part for part in study.regions if part.frame == 0]
    boxes = [list(map(float, part.box)) for part in parts if part.box is not None]
    points = [list(part.points[0]) for part in parts if part.kind == "points" and "sperm" in part.anatomy]
    end = "Must output in JSON format."
    return [
        (f"Return bounding boxes for each sperm in the image and the total count. {end}",
         _fenced({"counts": len(boxes), "bbox_2d": boxes, "label": "sperm"})),
        (f"Indicate the position of every sperm. {end}",
         _fenced([{"point_2d": point, "label": "sperm"} for point in points])),
        (f"If you see any polyp in the image, give me the boxes. Otherwise, say 'This isn't in the image.' {end}",
         _fenced({"bbox_2d": [], "label": "polyp"})),
    ]  # fmt: skip


def _fenced(value: Any) -> str:
    return f"```json\n{json.dumps(value)}\n```"
