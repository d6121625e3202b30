"""Tables that name boxes, masks and questions, and tables of words alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Picture

from vesalius.data.corpus import Corpus
from vesalius.data.geometry import Geometry
from vesalius.data.ingest import Columns, IngestReport, ingest
from vesalius.data.readers import read
from vesalius.data.verify import verify
from vesalius.data.writers.nifti import write_nifti
from vesalius.errors import ConfigError

SHAPE = (6, 8)
INSIDE = np.zeros(SHAPE, np.bool_)
INSIDE[2:4, 3:7] = True


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    source = tmp_path / "source"
    source.mkdir()
    for name in ("a", "b"):
        Picture.fromarray(np.full(SHAPE, ord(name), np.uint8)).save(source / f"{name}.png")
    return source


def made(folder: Path, rows: list[dict[str, Any]], **columns: Any) -> tuple[Corpus, IngestReport]:
    table = folder / "table.jsonl"
    table.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    out = folder.parent / "corpus"
    report = ingest(table, out=out, columns=Columns(**columns), workers=1)
    verify(Corpus.open(out))
    return Corpus.open(out), report


def test_boxes_of_several_rows_are_of_one_picture(folder: Path) -> None:
    rows = [
        {"image": "a.png", "l": 1, "t": 2, "r": 3.5, "b": 4, "what": "White Cell"},
        {"image": "a.png", "l": 0, "t": 0, "r": 8, "b": 6, "what": "Red Cell"},
        {"image": "b.png", "l": "", "t": "", "r": "", "b": "", "what": ""},
        {"image": "b.png", "l": 3, "t": 2, "r": 1, "b": 4, "what": "Red Cell"},
        {"image": "b.png", "l": 3, "t": "x", "r": 1, "b": 4, "what": "Red Cell"},
    ]
    corpus, report = made(folder, rows, image=("image",), study="image", box="l,t,r,b,what")
    assert [(region.concept, tuple(region.box or ())) for region in corpus[0].regions] == [
        ("white_cell", (1, 2, 3.5, 4)), ("red_cell", (0, 0, 8, 6)),
    ]  # fmt: skip
    assert not corpus[1].regions
    assert [problem.item for problem in report.problems] == ["line 4", "line 5"]
    assert "no area" in report.problems[0].reason
    assert "four numbers" in report.problems[1].reason


def test_masks_of_one_value_of_labels_and_of_shades(folder: Path) -> None:
    Picture.fromarray(INSIDE.astype(np.uint8) * np.uint8(255)).save(folder / "one.png")
    Picture.fromarray(INSIDE.astype(np.uint8) * np.arange(8, dtype=np.uint8)).save(folder / "labels.png")
    Picture.fromarray(np.where(INSIDE, 200, 40).astype(np.uint8)).convert("RGB").save(folder / "shades.jpg")
    rows = [{"image": "a.png", "lungs": "one.png", "m": ["labels.png", "shades.jpg"]}, {"image": "b.png"}]
    corpus, report = made(folder, rows, image=("image",), mask=("lungs:both lungs:anatomy", "m:polyp"))
    assert not report.problems
    regions = corpus[0].regions
    assert [(one.concept, one.anatomy, one.mask_value, one.instance) for one in regions] == [
        ("", "both lungs", 255, None),
        ("polyp", "", 3, 3), ("polyp", "", 4, 4), ("polyp", "", 5, 5), ("polyp", "", 6, 6),
        ("polyp", "", 255, None),
    ]  # fmt: skip
    for place in (0, 5):
        assert ((read(corpus.path(regions[place].mask)).array == 255) == INSIDE).all()
    assert corpus.path(regions[0].mask).read_bytes() == (folder / "one.png").read_bytes()
    assert not corpus[1].regions


def test_a_label_map_of_a_volume(folder: Path) -> None:
    geometry = Geometry(spacing_mm=(2.0, 1.0, 1.0))
    labels = np.zeros((3, *SHAPE), np.uint8)
    labels[0, 0, 0], labels[2, 5, 7] = 1, 9
    write_nifti(labels.astype(np.int16), geometry, folder / "ct.nii.gz")
    write_nifti(labels, geometry, folder / "seg.nii.gz")
    corpus, report = made(folder, [{"i": "ct.nii.gz", "m": "seg.nii.gz"}], image=("i",), mask=("m:organ:anatomy",))
    assert not report.problems
    assert [(one.anatomy, one.mask_value) for one in corpus[0].regions] == [("organ", 1), ("organ", 9)]
    assert corpus[0].regions[0].mask.endswith(".nii.gz")


@pytest.mark.parametrize(
    ("write", "reason"),
    [
        (lambda path: Picture.fromarray(INSIDE[:, :4].astype(np.uint8)).save(path), "mask of shape (6, 4)"),
        (lambda path: path.write_bytes(b""), "empty"),
        (lambda path: None, "no such file"),
    ],
)
def test_masks_that_do_not_fit_are_listed_and_the_picture_goes_in(folder: Path, write: Any, reason: str) -> None:
    write(folder / "mask.png")
    corpus, report = made(folder, [{"i": "a.png", "m": "mask.png"}], image=("i",), mask=("m",))
    assert not corpus[0].regions
    assert [problem.item for problem in report.problems] == ["mask.png"]
    assert reason in report.problems[0].reason
    assert str(folder) not in report.problems[0].reason


def test_a_mask_outside_the_folder_is_refused(folder: Path) -> None:
    Picture.fromarray(INSIDE.astype(np.uint8)).save(folder.parent / "mask.png")
    corpus, report = made(folder, [{"i": "a.png", "m": "../mask.png"}], image=("i",), mask=("m",))
    assert not corpus[0].regions
    assert "leaves the folder" in report.problems[0].reason


def test_questions_of_one_picture_are_one_study(folder: Path) -> None:
    rows = [
        {"i": "a.png", "q": "Which projection?", "a": "PA", "c": ["PA", "AP"], "t": "choice"},
        {"i": "a.png", "q": "Effusion?", "a": "no", "t": "closed"},
        {"i": "b.png", "q": "What is it?", "a": None, "t": "open"},
        {"i": "b.png", "q": "", "a": "lost"},
    ]
    corpus, _ = made(
        folder, rows, image=("i",), study="i", question="q", answer="a", options="c", answer_type="t", language="fr"
    )
    first, second = corpus[0].dialogues
    assert [(turn.role, turn.text, turn.images) for turn in first.turns] == [
        ("user", "Which projection?", ("a",)), ("assistant", "PA", ()),
    ]  # fmt: skip
    assert (first.answer, first.options, first.answer_type, first.language) == ("PA", ("PA", "AP"), "choice", "fr")
    assert (second.answer, second.options, second.id) == ("no", (), "question-2")
    (silent,) = corpus[1].dialogues
    assert (silent.answer, len(silent.turns)) == ("", 1)


def test_words_alone(folder: Path) -> None:
    rows = [{"p": 7, "q": "Which organ?", "a": "liver"}, {"p": 7, "q": "Which side?", "a": "right"}]
    corpus, report = made(folder, rows, patient="p", study="p", question="q", answer="a")
    assert (len(corpus), corpus.counts.images, len(corpus[0].dialogues)) == (1, 0, 2)
    assert report.notes["studies of words alone: no --image column"] == 1


def test_wrong_settings_are_refused() -> None:
    for wrong in ({"box": "a,b,c"}, {"answer": "a"}, {"mask": ("m:lung:organ",)}):
        with pytest.raises(ConfigError):
            Columns(**wrong)


def test_a_folder_whose_table_is_not_read_says_so(folder: Path) -> None:
    (folder / "metadata.csv").write_text("file\na.png\n", encoding="utf-8")
    report = ingest(folder, out=folder.parent / "corpus", workers=1)
    assert any("source/metadata.csv --image COLUMN" in note for note in report.notes)


def test_paths_from_the_table_may_lie_anywhere_below_the_root(folder: Path) -> None:
    tables = folder / "tables"
    tables.mkdir()
    rows = [{"i": "../a.png", "q": "Où ?", "a": "là", "l": "fr"}, {"i": "b.png", "q": "Where?", "a": "here", "l": ""}]
    corpus, report = made(tables, rows, image=("i",), root=str(folder), question="q", answer="a", language="l")
    assert not report.problems
    assert [one.language for study in corpus for one in study.dialogues] == ["fr", "en"]
