"""Tables with pictures in base64: unpacked once, shared pictures, lists, and rows that hold none."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vesalius.data.releases.picture_tables import picture_rows, write_picture_table
from vesalius.errors import DataError


def png(grey: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.full((4, 4), grey, np.uint8)).save(file, "PNG")
    return file.getvalue()


def row(index: int, image: Any, question: str = "What?") -> dict[str, Any]:
    return {"index": index, "image": image, "question": question}


def test_pictures_are_files_and_cells_stay(tmp_path: Path) -> None:
    path = tmp_path / "t.tsv"
    both = str([base64.b64encode(png(grey)).decode() for grey in (3, 4)])
    write_picture_table(
        path, [row(0, png(1), 'tab\tand "quotes"\nand a line'), row(1, "0"), row(2, both), row(3, None)]
    )
    rows = list(picture_rows(path, ("question",)))
    assert [len(one.cells["image"]) for one in rows] == [1, 1, 2, 0]
    assert rows[0].cells["image"] == rows[1].cells["image"], "a short cell names the row whose picture it shares"
    assert Path(rows[0].cells["image"][0]).read_bytes() == png(1)
    assert Path(rows[2].cells["image"][1]).read_bytes() == png(4)
    assert rows[0].text("question") == 'tab\tand "quotes"\nand a line'
    assert rows[1].where.endswith("t.tsv, line 4"), "the quoted line break makes the second row end in line 4"


def test_the_table_is_read_once_until_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "t.tsv"
    write_picture_table(path, [row(0, png(1), "old")])
    assert next(picture_rows(path, ())).text("question") == "old"
    index = tmp_path / "unpacked" / "t.jsonl"
    index.write_text(index.read_text().replace("old", "from the index"))
    assert next(picture_rows(path, ())).text("question") == "from the index"
    write_picture_table(path, [row(0, png(1), "another table")])
    assert next(picture_rows(path, ())).text("question") == "another table"


@pytest.mark.parametrize(
    ("image", "told"),
    [
        ("§" * 70, "no picture in base64"),
        (base64.b64encode(b"no picture at all, but long enough to be taken for one").decode(), "are no picture"),
        ("[" + "x" * 80, "begins as a list and is none"),
        ("7", "names row '7', which has no picture"),
    ],
)
def test_cells_without_a_picture_are_named(tmp_path: Path, image: str, told: str) -> None:
    path = tmp_path / "t.tsv"
    write_picture_table(path, [row(0, png(1)), row(1, image)])
    with pytest.raises(DataError, match=rf"t\.tsv, line 3: .*{told}"):
        list(picture_rows(path, ("question",)))


def test_a_table_that_lacks_columns_or_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "t.tsv"
    with pytest.raises(DataError, match="cannot be read"):
        list(picture_rows(path, ()))
    write_picture_table(path, [{"index": 0, "question": "What?"}])
    with pytest.raises(DataError, match="no column answer"):
        list(picture_rows(path, ("answer",)))
    assert "image" not in next(picture_rows(path, ())).cells
