"""Rad-ReStruct: 3,597 chest radiograph reports of Open-i as trees of questions.

A question of a lower level follows from the answers above it, which are the earlier turns of its dialogue; after
"no" the questions below are not asked. Scores are over the vector of 2,470 keys of a report, which `vectors` gives.
A report may have several pictures and is scored once. The twin's reports have virtual chest radiographs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from vesalius.data.corpus import Corpus
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin
from vesalius.data.records import Dialogue, Provenance, Study, Turn
from vesalius.data.releases.pictures import first_of, picture
from vesalius.data.releases.questions import asked
from vesalius.data.releases.rows import Row, json_value
from vesalius.data.releases.twins import QUESTION_FAMILIES, asked_of, identity, part_of, save_picture, write_json
from vesalius.errors import DataError

__all__ = ["ABOUT", "TWIN", "read", "vectors", "write"]

ABOUT = About(
    title="Rad-ReStruct", slug="rad_restruct", licence="MIT; pictures as Open-i (CC BY-NC-ND 4.0)",
    access="It is open: clone its repository and download the PNG pictures of Open-i into images",
    home="https://github.com/ChantalMP/Rad-ReStruct",
)  # fmt: skip
TWIN = Twin(preset="chest", image_size=128, questions=4.0, families=QUESTION_FAMILIES)

_PARTS = ("train", "val", "test")
_MAPPING = "id_to_img_mapping_frontal_reports.json"
_TYPES = {"single_choice": "choice", "multi_choice": "multi_choice", "fixed_choice": "choice"}
_SEPARATOR = "; "
_FOLDERS = ("images", "../images", "../../images")
_KEYS = ("lung_yes", "lung_no")
"""Keys of the twin's small vector."""


def read(root: Path) -> Iterator[Sample]:
    """Yield one study a report, in "train", "val" or "test".

    `Dialogue.source` is ``rad_restruct/<answer_type>/<path>``. Several answers are joined by "; ".
    """
    root = root.absolute()
    wanted = [_MAPPING, *(f"{part}_ids.json" for part in _PARTS), *(f"{part}_qa_pairs" for part in _PARTS)]
    require_files(root, wanted, ABOUT)
    pictures = Row({}, str(root / _MAPPING)).inside("mapping", json_value(root / _MAPPING))
    origin = provenance(root, ABOUT)
    for part in _PARTS:
        for report in _names(root / f"{part}_ids.json"):
            path = root / f"{part}_qa_pairs" / f"{report}.json"
            if not path.exists():
                raise DataError(f"{root}: no {part}_qa_pairs/{report}.json, which {part}_ids.json names")
            yield Sample(_study(report, json_value(path), str(path), root, pictures.items(report), origin), part)


def _names(path: Path) -> list[str]:
    value = json_value(path)
    if not isinstance(value, list) or not all(isinstance(name, str | int) for name in value):
        raise DataError(f"{path}: expected a list of names of reports")
    return [str(name) for name in value]


def vectors(root: Path, part: str) -> Iterator[tuple[str, dict[str, bool]]]:
    """Yield the report and its vector, key to truth, for each report of a part.

    Raises:
        DataError: a vector is missing.
    """
    for report in _names(root / f"{part}_ids.json"):
        path = root / f"{part}_vectorized_answers" / f"{report}.json"
        if not path.exists():
            raise DataError(f"{path}: no such vector, though {part}_ids.json names the report")
        vector = Row({}, str(path)).inside("vector", json_value(path))
        yield report, {str(key): bool(value) for key, value in vector.cells.items()}


def _study(report: str, items: Any, where: str, root: Path, stems: Iterable[str], origin: Provenance) -> Study:
    folders = [root / folder for folder in _FOLDERS]
    names = [str(name) for name in stems]
    found = (picture(first_of(folders, f"{name}.png"), id=name, modality="DX", body_part="CHEST") for name in names)
    if not isinstance(items, list):
        raise DataError(f"{where}: no list of questions")
    dialogues = tuple(
        _dialogue(f"{report}-{number}", item, f"{where}, item {number}", names)
        for number, item in enumerate(items, 1)
    )
    return Study(
        id=report, patient=report, images=tuple(image for image in found if image), dialogues=dialogues,
        provenance=origin,
    )  # fmt: skip


def _dialogue(name: str, item: Any, where: str, images: list[str]) -> Dialogue:
    if not isinstance(item, list) or len(item) != 4 or not isinstance(item[2], list):
        raise DataError(f"{where}: expected question, answers, history and a description")
    question, own, history, facts = item
    row = Row({}, where).inside("description", facts)
    kind = row.text("answer_type")
    if kind not in _TYPES:
        raise row.fault(f"answer_type {kind!r}, expected one of {', '.join(_TYPES)}")
    path = row.cells.get("path")
    dialogue = asked(
        name, str(question), _joined(own), options=[str(option) for option in row.items("options")],
        answer_type=_TYPES[kind], source=f"rad_restruct/{kind}/{'_'.join(path) if isinstance(path, list) else path}",
    )  # fmt: skip
    before: list[Turn] = []
    for pair in history:
        if not isinstance(pair, list) or len(pair) != 2:
            raise DataError(f"{where}: a step of the history is no pair of question and answers")
        earlier, answered = pair
        before += [Turn(role="user", text=str(earlier)), Turn(role="assistant", text=_joined(answered))]
    turns = [*before, *dialogue.turns]
    return replace(dialogue, turns=(replace(turns[0], images=tuple(images)), *turns[1:]))


def _joined(value: Any) -> str:
    return _SEPARATOR.join(map(str, value)) if isinstance(value, list) else str(value)


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write reports with all three answer types and a history of up to three; the second has two pictures."""
    root = root.absolute()
    parts = part_of(corpus)
    ids: dict[str, list[str]] = {part: [] for part in _PARTS}
    mapping: dict[str, list[str]] = {}
    documents: dict[str, list[Any]] = {}
    for number, study in identity(corpus):
        report = f"CXR9{number:05d}"
        mapping[report] = [f"{report}_IM-{view}" for view in range(2 if number == 1 else 1)]
        for name in mapping[report]:
            save_picture(corpus, study, root / "images" / f"{name}.png", mode="L")
        ids[parts[study.id]].append(report)
        documents[report] = _items(study)
    _write_tables(root, ids, mapping, documents)
    origin = virtual_origin(ABOUT)
    return [
        Sample(_study(report, documents[report], "row", root, mapping[report], origin), part)
        for part in _PARTS
        for report in ids[part]
    ]


def _items(study: Study) -> list[Any]:
    facts = {"answer_type": "single_choice", "options": ["yes", "no"], "path": "lung"}
    items: list[Any] = [["Is there anything in the lung?", ["yes"], [], facts]]
    history = [[items[0][0], items[0][1]]]
    for place, asked_one in enumerate(asked_of(study)):
        kind = [*_TYPES][place % 3]
        options = list(dict.fromkeys(asked_one.options or ("yes", "no", asked_one.answer)))
        facts = {"answer_type": kind, "options": options, "path": f"lung_{asked_one.family}_{place}"}
        items.append([asked_one.question, [asked_one.answer], history[:3], facts])
        history = [*history, [asked_one.question, [asked_one.answer]]]
    return items


def _write_tables(
    root: Path, ids: Mapping[str, list[str]], mapping: Mapping[str, list[str]], documents: Mapping[str, list[Any]]
) -> None:
    write_json(root / _MAPPING, mapping)
    write_json(root / "report_keys.json", _KEYS)
    for part, reports in ids.items():
        (root / f"{part}_qa_pairs").mkdir(parents=True, exist_ok=True)
        write_json(root / f"{part}_ids.json", reports)
        for report in reports:
            write_json(root / f"{part}_qa_pairs" / f"{report}.json", documents[report])
            vector = dict.fromkeys(_KEYS, False) | {_KEYS[0]: True}
            write_json(root / f"{part}_vectorized_answers" / f"{report}.json", vector)
