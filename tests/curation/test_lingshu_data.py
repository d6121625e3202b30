"""Lingshu's data: copies, benchmark items, wrong reasons and contradicting captions go; text and frames are drawn."""

from __future__ import annotations

import io
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from curation_studies import Folder, absent, present, run, study, texture
from PIL import Image as Picture

from vesalius.curation.base import Tally
from vesalius.curation.drawn_rows import drawn_text, marked_rows, text_rows, write_rows
from vesalius.curation.pipeline import curate
from vesalius.curation.recipe import load_recipe
from vesalius.curation.steps.checked_reasons import CheckedReasons, ends_right
from vesalius.curation.steps.contradicted_captions import ContradictedCaptions, contradictions
from vesalius.curation.steps.decontaminate import Decontaminate
from vesalius.curation.steps.least_size import LeastSize
from vesalius.curation.steps.near_duplicate_images import NearDuplicateImages
from vesalius.data.conversations.jsonl import JsonLines
from vesalius.data.corpus import Corpus
from vesalius.data.records import Dialogue, Image, Provenance, Study, Text, Turn
from vesalius.data.writer import CorpusWriter
from vesalius.errors import DataError

QUESTION = "How many surgical clips are seen beside the left hilum?"


def evidence(level: str, claim: str) -> pytest.MarkDecorator:
    return pytest.mark.evidence("lingshu", level, claim)


def asked(question: str = QUESTION, *, answer: str = "two", **fields: object) -> Dialogue:
    turns = (Turn(role="user", text=question), Turn(role="assistant", text=answer))
    return Dialogue(**{"id": "d", "turns": turns, "answer": answer, "answer_type": "open", **fields})


@evidence("L2", "a copy of another size and quality is found")
def test_a_resized_copy_of_lower_quality_goes(folder: Folder) -> None:
    grey = texture(1, 160)
    smaller = np.array(Picture.fromarray(grey).resize((104, 104)))
    studies = [
        study("first", path=folder.put("a.png", grey)),
        study("copy", path=folder.put("b.jpg", smaller, quality=60)),
        study("other", path=folder.put("c.png", texture(2, 160))),
    ]
    kept, dropped = run(NearDuplicateImages(), studies, folder)
    assert sorted(one.id for one in kept) in (["copy", "other"], ["first", "other"])
    assert list(dropped.values()) == ["near-duplicate images"]


@evidence("L2", "a benchmark's item in the training data is removed by its picture and by its words")
def test_benchmark_items_are_found_by_picture_and_by_question(folder: Folder, tmp_path: Path) -> None:
    grey = texture(5, 160)
    file = io.BytesIO()
    Picture.fromarray(grey).save(file, "PNG")
    with CorpusWriter(tmp_path / "bench", name="bench") as writer:
        item = replace(study("item", path="item.png"), dialogues=(asked(),), provenance=Provenance(source="bench"))
        writer.add(item, media={"item.png": file.getvalue()})
    smaller = np.array(Picture.fromarray(grey).resize((120, 120)))
    studies = [
        study("shown", path=folder.put("shown.jpg", smaller, quality=80)),
        replace(study("told", path=folder.put("told.png", texture(6, 160))), dialogues=(asked(QUESTION.upper()),)),
        study("clean", path=folder.put("clean.png", texture(7, 160))),
    ]
    step = Decontaminate(against=(str(tmp_path / "bench"),), kinds=("file", "pixels", "near_image", "question"))
    kept, dropped = run(step, studies, folder)
    assert [one.id for one in kept] == ["clean"]
    assert dropped == {"shown": "shared near_image", "told": "shared question"}


@evidence("L2", "a chain of thought that ends at a wrong answer is dropped")
@pytest.mark.parametrize(
    ("rationale", "fields", "right"),
    [
        ("The heart is wide. The answer is B.", {"answer_type": "choice", "options": ("a", "two")}, True),
        ("The heart is wide. The answer is A.", {"answer_type": "choice", "options": ("a", "two")}, False),
        ("<think>It might be no.</think><answer>yes</answer>", {"answer_type": "closed", "answer": "yes"}, True),
        ("It is seen. Answer: no", {"answer_type": "closed", "answer": "yes"}, False),
        ("Count them. Final answer: two.", {}, True),
        ("Count them. Final answer: three.", {}, False),
        ("Because of the clips.", {}, None),
    ],
)
def test_reasons_must_end_at_the_answer(rationale: str, fields: dict[str, object], right: bool | None) -> None:
    dialogue = asked(rationale=rationale, **fields)
    assert ends_right(dialogue) is right
    one = study("a", dialogues=(dialogue, asked(id="plain")))
    for silent in ("drop", "keep"):
        kept, _ = run(CheckedReasons(silent=silent), [one])  # type: ignore[arg-type]
        stays = silent == "keep" if right is None else right
        assert [item.id for item in kept[0].dialogues] == (["d", "plain"] if stays else ["plain"])


def test_reasons_of_other_sources_are_left_alone() -> None:
    wrong = asked(rationale="Final answer: three.", source="people")
    kept, _ = run(CheckedReasons(sources=("model",)), [study("a", dialogues=(wrong,))])
    assert kept[0].dialogues == (wrong,)
    _, dropped = run(CheckedReasons(), [study("a", dialogues=(wrong,))])
    assert dropped == {"a": "wrong reasons"}


@evidence("L2", "a caption whose facts contradict the record is rejected")
@pytest.mark.parametrize(
    ("caption", "fault"),
    [
        ("A radiograph with a pleural effusion on the left.", ""),
        ("A radiograph with a pleural effusion on the right.", "pleural_effusion is on the left"),
        ("A CT of the chest with a pleural effusion.", "another examination"),
        ("A radiograph without pleural effusion.", "pleural_effusion is present"),
        ("A radiograph that shows a pneumothorax.", "pneumothorax is absent"),
        ("Possible pneumothorax.", ""),  # a doubt contradicts nothing
        ("A radiograph.", ""),
        ("Bilateral pleural effusions.", ""),
    ],
)
def test_captions_are_held_against_the_record(caption: str, fault: str) -> None:
    image = Image(id="i", path="p.png", modality="DX")
    findings = (present("pleural_effusion", "left"), absent("pneumothorax"))
    one = Study(id="a", patient="a", images=(image,), findings=findings, texts=(Text(text=caption, role="caption"),))
    assert next(contradictions(caption, one), "") == fault
    kept, dropped = run(ContradictedCaptions(), [one])
    assert (len(kept), list(dropped.values())) == ((0, ["contradicted caption"]) if fault else (1, []))
    report = replace(one, texts=(Text(text=caption, role="report"),))
    assert run(ContradictedCaptions(), [report])[0] == [report]


def test_small_pictures_take_what_is_said_of_them_along(folder: Folder) -> None:
    large, small = (folder.put(f"{side}.png", texture(side, side)) for side in (96, 40))
    images = (Image(id="l", path=large, modality="DX", shape=(96, 96)), Image(id="s", path=small, modality="DX"))
    texts = (Text(text="of the small one", role="caption", images=("s",)), Text(text="of all", role="report"))
    dialogue = asked(turns=(Turn(role="user", text="?", images=("s",)),))
    one = Study(id="a", patient="a", images=images, texts=texts, dialogues=(dialogue,))
    (kept,), _ = run(LeastSize(pixels=64), [one], folder)
    assert ([image.id for image in kept.images], kept.texts, kept.dialogues) == (["l"], texts[1:], ())
    assert run(LeastSize(pixels=40), [one], folder)[0] == [one]
    assert run(LeastSize(pixels=200), [one], folder)[1] == {"a": "small pictures"}


@evidence("L1", "the counts of all filters add up")
def test_the_recipe_counts_what_it_drops(chest: Corpus, tmp_path: Path) -> None:
    report = curate(chest, load_recipe("lingshu"), tmp_path / "out")
    before = len(chest)
    for step in report.steps:
        tally: Tally = step.tally
        assert tally.studies_in == before
        assert tally.studies_in == tally.studies_out + sum(tally.dropped.values())
        before = tally.studies_out
    cleaned = Corpus.open(tmp_path / "out")
    assert len(cleaned) == before
    listed = [json.loads(line) for line in (tmp_path / "out" / "curation-dropped.jsonl").read_text().splitlines()]
    assert len(listed) == len(chest) - before


def read_back(picture: np.ndarray, letters: str) -> str:
    """Read drawn text by comparing each piece with every letter, drawn alone; spaces are gaps."""
    glyphs = {}
    for letter in letters:
        alone = drawn_text(letter, width=64)
        columns = np.flatnonzero((alone < 128).any(axis=0))
        glyphs[letter] = alone[:, columns[0] : columns[-1] + 1]
    dark = np.flatnonzero((picture < 128).any(axis=0))
    text, place = "", int(dark[0])
    while place <= dark[-1]:
        if not (picture[:, place] < 128).any():
            gap = int(dark[dark > place][0]) - place
            text += " " if gap >= 4 and not text.endswith(" ") else ""
            place += gap
            continue
        apart = {
            letter: int(np.abs(picture[:, place : place + one.shape[1]].astype(int) - one).sum()) / one.size
            for letter, one in glyphs.items()
            if place + one.shape[1] <= picture.shape[1]
        }
        best = min(apart, key=lambda letter: (apart[letter], -glyphs[letter].shape[1]))
        text += best
        place += glyphs[best].shape[1]
    return text


@evidence("L2", "text in a picture is read back, and what was drawn is kept as the answer")
def test_drawn_text_is_read_back(tmp_path: Path) -> None:
    assert read_back(drawn_text("HEX TOLL"), "HEXTOL") == "HEX TOLL"
    rows = list(text_rows(["HEX TOLL", "Which valve is narrow?\nA) aortic  B) mitral"], tmp_path / "drawn"))
    assert [row.answers for row in rows] == [("HEX TOLL",), ("Which valve is narrow?\nA) aortic  B) mitral",)]
    with Picture.open(rows[0].media[0].path) as opened:
        assert read_back(np.array(opened), "HEXTOL") == rows[0].answers[0]
    assert write_rows(rows, tmp_path / "rows.jsonl") == 2
    again = JsonLines(tmp_path / "rows.jsonl")
    assert [row.answers for row in again] == [row.answers for row in rows]


def test_long_lines_break_and_nothing_is_cut(tmp_path: Path) -> None:
    long = " ".join(["pneumothorax"] * 30) + " " + "x" * 200
    picture = drawn_text(long, width=224)
    assert picture.shape[1] == 224
    assert (picture[:, -8:] == 255).all()
    assert len(picture) > len(drawn_text("one line", width=224)) * 5


@pytest.mark.parametrize("text", ["", "  \n", "漢", "a\tb", "x" * 5000])
def test_texts_that_cannot_be_drawn_are_refused(text: str) -> None:
    with pytest.raises(DataError, match="expected 1 to"):
        drawn_text(text)


@evidence("L2", "regions of masks and boxes are drawn into pictures, with their names as the answers")
def test_regions_are_framed(chest: Corpus, tmp_path: Path) -> None:
    rows = list(marked_rows(chest, tmp_path / "framed"))
    assert len(rows) > 5
    assert Counter(row.task for row in rows) == {"region2text": len(rows)}
    with Picture.open(rows[0].media[0].path) as opened:
        colours = {tuple(pixel) for pixel in np.array(opened).reshape(-1, 3)}
    assert (255, 64, 0) in colours
    assert all(row.answers[0] for row in rows)
    assert write_rows(rows, tmp_path / "rows.jsonl") == len(rows)
