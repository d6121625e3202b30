"""Answers of a batch on disk: a line for each as it comes, then boxes as COCO JSON and reports as text files.

A batch that was stopped goes on: what was answered by the same model to the same question is not asked again.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vesalius.data.conversations.objects import media_size
from vesalius.data.disk import not_full
from vesalius.errors import CapabilityError, ConfigError, DataError
from vesalius.inference.pointing import Pointer, pointer_of
from vesalius.inference.predictor import CAPABILITIES, Predictor, Progress, open_predictor
from vesalius.inference.questions import Asked, Questions
from vesalius.inference.requests import Reply, Request

__all__ = ["Batch", "answer"]

_ANSWERS, _MODEL, _BOXES, _REPORTS = "answers.jsonl", "model.json", "boxes.json", "reports"


@dataclass(frozen=True, kw_only=True)
class Batch:
    """What a batch came to."""

    model: str
    answered: int
    """In this call."""
    kept: int
    """From an earlier call."""
    failed: int
    boxes: int
    files: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)


def answer(
    model: str | Path | Predictor,
    questions: Questions,
    *,
    out: str | Path,
    reports: bool = False,
    grammar: str = "",
    device: str = "auto",
    progress: Progress | None = None,
) -> Batch:
    """Let a model that writes answer questions; what fails is told in its line and counted.

    Args:
        model: a spec as `open_predictor` reads it.
        questions: a source and what is asked about it.
        out: folder of answers.jsonl, boxes.json where answers name places, and reports.
        reports: write a text file for each study with its answers.
        grammar: how boxes are written; a model of ours knows its own.
        device: "cpu", "cuda" or "auto".
        progress: shows how far it is.

    Raises:
        CapabilityError: the model does not write.
        ConfigError: the folder holds the answers of another model.
        DataError: the source cannot be read at all.
    """
    predictor = open_predictor(model, device=device)
    if "generate" not in predictor.capabilities:
        raise CapabilityError(f"model {predictor.name!r} cannot write answers; {CAPABILITIES['generate']}")
    folder = Path(out)
    source = iter(questions)
    _claim(folder, predictor)
    work = _Work(_Answers(folder / _ANSWERS), pointer_of(predictor, grammar))
    with _shown(progress, f"Ask {predictor.name}") as advance:
        for reply in predictor.generate(work.waiting(source, advance)):
            work.add(reply)
            advance(1)
    files = [str(work.answers.path)]
    boxes = _write_boxes(folder / _BOXES, work.answers)
    files += [str(folder / _BOXES)] if boxes else []
    files += _write_reports(folder / _REPORTS, work.answers) if reports else []
    return Batch(
        model=predictor.name, answered=work.asked - work.failed, kept=work.kept, failed=work.failed, boxes=boxes,
        files=tuple(files),
    )  # fmt: skip


class _Answers:
    """Lines of answers by id; the last line of an id counts."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._places: dict[str, tuple[int, str]] = {}
        """Where a line begins, and the key of what it answers; no key for a failure."""
        if path.is_file():
            self._scan()

    def done(self, request: Request) -> bool:
        return self._places.get(request.id, (0, ""))[1] == request.key

    def add(self, row: Mapping[str, Any]) -> None:
        line = json.dumps(row, ensure_ascii=False) + "\n"
        with not_full(self.path, kept="every answer before this one is kept"), self.path.open("ab") as file:
            place = file.tell()
            file.write(line.encode())
        self._places[str(row["id"])] = (place, "" if row["finish"] == "error" else str(row["key"]))

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield the last line of every id, in the order in which ids came."""
        if not self._places:
            return
        with self.path.open("rb") as file:
            for place, _ in self._places.values():
                file.seek(place)
                yield json.loads(file.readline())

    def _scan(self) -> None:
        good = 0
        with self.path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if not line.endswith(b"\n"):
                    break
                try:
                    row = json.loads(line)
                    self._places[str(row["id"])] = (good, "" if row["finish"] == "error" else str(row["key"]))
                except (ValueError, KeyError, TypeError):
                    raise DataError(
                        f"{self.path}: line {number} is no answer; take it out or name another --out"
                    ) from None
                good += len(line)
        if good < self.path.stat().st_size:
            with self.path.open("rb+") as file:
                file.truncate(good)


class _Work:
    """Hands requests out and takes replies in."""

    def __init__(self, answers: _Answers, pointer: Pointer | None) -> None:
        self.answers, self._pointer = answers, pointer
        self.asked = self.kept = self.failed = 0
        self._held: dict[str, Asked] = {}
        self._names: set[str] = set()

    def waiting(self, source: Iterator[Asked], advance: Any) -> Iterator[Request]:
        """Yield what is to be asked; write down what cannot be."""
        for asked in source:
            name = asked.request.id if asked.request else asked.failed.id if asked.failed else ""
            if name in self._names:
                raise DataError(f"id {name!r} occurs twice: give every row an id of its own")
            self._names.add(name)
            if asked.request is None:
                self._held[name] = asked
                self.add(asked.failed or Reply(id=name, finish="error"))
                advance(1)
            elif self.answers.done(asked.request):
                self.kept += 1
                advance(1)
            else:
                self._held[name] = asked
                yield asked.request

    def add(self, reply: Reply) -> None:
        """Write one line."""
        asked = self._held.pop(reply.id)
        self.asked += 1
        self.failed += reply.finish == "error"
        self.answers.add(_row(asked, reply, self._pointer))


def _row(asked: Asked, reply: Reply, pointer: Pointer | None) -> dict[str, Any]:
    request = asked.request
    row: dict[str, Any] = {
        "id": reply.id, "study": asked.study, "key": request.key if request else "",
        "question": request.question if request else "", "answer": reply.text, "finish": reply.finish,
        "error": reply.error, "tokens_in": reply.tokens_in, "tokens_out": reply.tokens_out,
        "seconds": round(reply.seconds, 4), "places": [],
    }  # fmt: skip
    if not math.isnan(reply.log_probability):
        row |= {
            "log_probability": round(reply.log_probability, 6),
            "mean_log_probability": round(reply.mean_log_probability, 6),
            "token_log_probabilities": list(reply.token_log_probabilities),
        }
    found = pointer.read(reply.text, request.messages) if pointer and request else None
    if found:
        row |= {"places": found.rows(), "picture": found.media.path}
    return row


def _claim(folder: Path, predictor: Predictor) -> None:
    """Write down whose answers the folder holds.

    Raises:
        ConfigError: another model's.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / _MODEL
    document = json.loads(json.dumps(dict(predictor.identity), default=str))
    if path.is_file() and json.loads(path.read_text(encoding="utf-8")) != document:
        raise ConfigError(f"{folder} holds the answers of another model, or of other settings; name another --out")
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _write_boxes(path: Path, answers: _Answers) -> int:
    """Write all boxes in the form of COCO (x, y, width, height in pixels of the original file); return how many."""
    pictures: dict[str, int] = {}
    names: dict[str, int] = {}
    found: list[dict[str, Any]] = []
    for row in answers.rows():
        for place in row["places"]:
            for left, top, right, bottom in place["boxes"]:
                box: dict[str, Any] = {
                    "id": len(found) + 1,
                    "image_id": pictures.setdefault(row["picture"], len(pictures) + 1),
                    "category_id": names.setdefault(place["name"], len(names) + 1),
                    "bbox": [left, top, right - left, bottom - top],
                    "area": (right - left) * (bottom - top),
                    "iscrowd": 0,
                }
                chance = row.get("mean_log_probability")
                found.append(box if chance is None else box | {"score": math.exp(chance)})
    if found:
        sizes = {file: media_size(file) for file in pictures}
        images = [
            {"id": number, "file_name": file, "width": sizes[file][0], "height": sizes[file][1]}
            for file, number in pictures.items()
        ]
        categories = [{"id": number, "name": name} for name, number in names.items()]
        document = {"images": images, "annotations": found, "categories": categories}
        path.write_text(json.dumps(document, ensure_ascii=False) + "\n", encoding="utf-8")
    return len(found)


def _write_reports(folder: Path, answers: _Answers) -> list[str]:
    """Write a text file for each study with its answers, in their order; a study without an answer has none."""
    texts: dict[str, list[str]] = {}
    for row in answers.rows():
        if row["finish"] != "error":
            texts.setdefault(row["study"], []).append(row["answer"].strip())
    folder.mkdir(parents=True, exist_ok=True)
    written: dict[str, str] = {}
    for study, parts in texts.items():
        name = "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in study).strip(".")[:120]
        path = folder / f"{name or 'study'}.txt"
        if str(path) in written:
            raise DataError(f"studies {written[str(path)]!r} and {study!r} would have the same file {path.name}")
        path.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
        written[str(path)] = study
    return list(written)


def _shown(progress: Progress | None, title: str) -> Any:
    from contextlib import nullcontext

    return progress(title, 0) if progress is not None else nullcontext(lambda count: None)
