"""Conversations, options and pictures of releases."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image as Picture

from vesalius.data.releases.pictures import modality_of, picture
from vesalius.data.releases.questions import answer_kind, conversation, matching, unlettered
from vesalius.errors import DataError


@pytest.mark.parametrize(
    ("option", "letter", "bare"),
    [
        (" A: mass ", "A", "mass"), ("(B) mass", "B", "mass"), ("C. difficile", "C", "C. difficile"),
        ("D", "D", "D"), ("B: mass", "A", "B: mass"),
    ],
)  # fmt: skip
def test_letters_of_options(option: str, letter: str, bare: str) -> None:
    assert unlettered(option, letter) == bare


def test_answers_are_matched_by_their_words() -> None:
    assert matching("glaucoma. ", ["No", "Glaucoma"]) == "Glaucoma"
    assert matching("cataract", ["No", "Glaucoma"]) == "cataract"
    assert [answer_kind(mark) for mark in ("CLOSED ", "OPEN", "yes/no", "other")] == [
        "closed",
        "open",
        "closed",
        "open",
    ]


def test_conversations() -> None:
    said = [("human", "<image>\n<image>\nWhat?"), ("gpt", "A."), ("human", "Why <image>?")]
    found = conversation("c", said, images=["a", "b", "c"], source="s")
    assert [(turn.text, turn.images) for turn in found.turns] == [
        ("What?", ("a", "b")), ("A.", ()), ("Why <image>?", ("c",)),
    ]  # fmt: skip
    assert found.answer == ""
    with pytest.raises(DataError, match="3 <image> in the text and 1 pictures"):
        conversation("c", said, images=["a"], source="s")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("X-Ray", "DX"), ("CT (Computed Tomography)", "CT"), ("MR (Mag-netic Resonance Imaging)", "MR"),
        ("MRI", "MR"),
        ("Fundus Photography", "OP"), ("OCT (Optical Coherence Tomography)", "OPT"), ("ultrasound", "US"),
        ("Dermoscopy", "XC"), ("Microscopy Images", "SM"), ("Digital Photography", "XC"), ("a chart", "OT"),
        ("Computed Tomography", "CT"), ("Infrared Reflectance Imaging", "OT"), ("", "OT"),
    ],
)  # fmt: skip
def test_modalities_in_words(words: str, code: str) -> None:
    assert modality_of(words) == code


@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("RGB", 3), ("CMYK", 3), ("1", 1)])
def test_pictures_by_their_header(mode: str, channels: int, tmp_path: Path) -> None:
    path = tmp_path / ("a.jpg" if mode != "1" else "a.png")
    Picture.new(mode, (7, 5)).save(path)
    found = picture(path, id="a")
    assert found is not None
    assert (found.shape, found.channels, found.spacing_mm) == ((5, 7), channels, ())


def test_missing_and_broken_pictures(tmp_path: Path) -> None:
    assert picture(tmp_path / "none.png", id="a") is None
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    assert picture(tmp_path / "a.png", id="a") is None
