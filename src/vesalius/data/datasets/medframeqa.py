"""MedFrameQA: 2,851 questions with options about two to five frames of teaching videos; for tests only.

What a split must not part is the video. The chain of reasoning is the rationale. The twin shows virtual chest
radiographs as frames: it tests plumbing and not medicine.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from vesalius.data.corpus import Corpus
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin
from vesalius.data.records import Provenance
from vesalius.data.releases.exams import examined, padded_options
from vesalius.data.releases.pictures import modality_of, picture_in
from vesalius.data.releases.questions import asked
from vesalius.data.releases.rows import Row, parquet_rows
from vesalius.data.releases.twins import QUESTION_FAMILIES, asked_of, identity, picture_bytes

__all__ = ["ABOUT", "TWIN", "read", "write"]

ABOUT = About(
    title="MedFrameQA", slug="medframeqa", licence="for research; see its page",
    access="It is open: download the Parquet files from the hub",
    home="https://huggingface.co/datasets/SuhaoYu1020/MedFrameQA",
)  # fmt: skip
TWIN = Twin(preset="chest", image_size=128, questions=4.0, families=QUESTION_FAMILIES)

_FRAMES = tuple(f"image_{number}" for number in range(1, 6))
_COLUMNS = ("question_id", "question", "options", "correct_answer", "video_id")
_LETTERS = "ABCDEFGH"
_FILE = "data/test-00000-of-00001.parquet"


def read(root: Path) -> Iterator[Sample]:
    """Yield one study a question, all in "test"; `Dialogue.source` is ``medframeqa/<system>/<organ>``."""
    root = root.absolute()
    paths = sorted(root.glob("data/test-*.parquet")) or sorted(root.glob("*.parquet"))
    if not paths:
        require_files(root, [_FILE], ABOUT)
    yield from _samples(parquet_rows(paths, _COLUMNS), root, provenance(root, ABOUT))


def _samples(rows: Iterable[Row], root: Path, origin: Provenance) -> Iterator[Sample]:
    for row in rows:
        name = row.text("question_id")
        options = [str(option) for option in row.items("options")]
        letter = row.text("correct_answer").strip()
        if letter not in _LETTERS[: len(options)]:
            raise row.fault(f"correct_answer {letter!r}, expected a letter for one of {len(options)} options")
        words = row.optional("modality")
        found = (
            picture_in(
                root, row, column, id=f"{name}-{number}", folder="frames", modality=modality_of(words),
                body_part=row.optional("organ"), sequence=words,
            )
            for number, column in enumerate(_FRAMES, start=1)
        )  # fmt: skip
        images = [image for image in found if image]
        dialogue = asked(
            name, row.text("question"), options[_LETTERS.index(letter)], images=[image.id for image in images],
            options=options, answer_type="choice",
            source=f"medframeqa/{row.optional('system')}/{row.optional('organ')}",
        )  # fmt: skip
        dialogue = replace(dialogue, rationale=row.optional("reasoning_chain"))
        yield examined(name, dialogue, "test", origin, patient=row.text("video_id"), images=images)


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write questions with two to five frames, those of other studies behind the first."""
    root = root.absolute()
    studies = [study for _, study in identity(corpus)]
    pictures = [picture_bytes(corpus, study) for study in studies]
    everything = [question for study in studies for question in asked_of(study)]
    rows: list[dict[str, Any]] = []
    for number, study in enumerate(studies):
        for question in asked_of(study):
            options = padded_options(question, everything, 4, seed=f"{number}{question.question}")
            frames = [pictures[(number + shift) % len(pictures)] for shift in range(2 + len(rows) % 4)]
            row: dict[str, Any] = dict.fromkeys(_FRAMES)
            row |= {name: {"bytes": frame, "path": None} for name, frame in zip(_FRAMES, frames, strict=False)}
            rows.append(row | {
                "question_id": f"virtual-{len(rows)}", "question": f"Of the first picture: {question.question}",
                "options": list(options), "correct_answer": _LETTERS[options.index(question.answer)],
                "system": "respiratory", "organ": "lung", "keyword": question.family, "modality": "X-ray",
                "video_id": f"virtual-video-{number}",
                "reasoning_chain": f"The first picture shows: {question.answer}.",
            })  # fmt: skip
    (root / "data").mkdir(parents=True)
    # One or two patients may leave no question; the table then has its columns and no row.
    empty = pa.table({name: pa.array([], pa.string()) for name in _COLUMNS})
    pq.write_table(pa.Table.from_pylist(rows) if rows else empty, root / _FILE)
    return list(_samples((Row(row, "row") for row in rows), root, virtual_origin(ABOUT)))
