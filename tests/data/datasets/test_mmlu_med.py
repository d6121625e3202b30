"""MMLU's medical subjects: tables without header, and the folders of the hub."""

from __future__ import annotations

from pathlib import Path

import pytest
from question_files import put_parquet
from release_files import lines

from vesalius.data.datasets.mmlu_med import SUBJECTS, read
from vesalius.errors import ConfigError, DataError


def test_tables(tmp_path: Path) -> None:
    for name in SUBJECTS:
        lines(tmp_path / "data" / "test" / f"{name}_test.csv", '"Which, then?",a,b,"c, d",e,C')
    lines(tmp_path / "data" / "dev" / "anatomy_dev.csv", "Q,a,b,c,d,A")
    found = list(read(tmp_path))
    assert [(sample.study.id, sample.split) for sample in found[:2]] == [
        ("anatomy-dev-0", "dev"), ("anatomy-test-0", "test"),
    ]  # fmt: skip
    assert len(found) == 7
    [dialogue] = found[1].study.dialogues
    assert (dialogue.turns[0].text, dialogue.answer) == ("Which, then?", "c, d")
    assert dialogue.source == "mmlu_med/anatomy"
    lines(tmp_path / "data" / "test" / "anatomy_test.csv", "Q,a,b,c,d")
    with pytest.raises(DataError, match=r"anatomy_test.csv, line 1: 5 cells"):
        list(read(tmp_path))
    with pytest.raises(ConfigError, match=r"'anatom'.*did you mean 'anatomy'"):
        list(read(tmp_path, subjects=("anatom",)))


def test_the_hub(tmp_path: Path) -> None:
    row = {"question": "Q?", "subject": "virology", "choices": ["a", "b", "c", "d"], "answer": 3}
    put_parquet(tmp_path / "virology" / "test-00000-of-00001.parquet", row)
    [(study, part)] = read(tmp_path, subjects=("virology",))
    assert (study.dialogues[0].answer, part) == ("d", "test")
    put_parquet(tmp_path / "virology" / "test-00000-of-00001.parquet", row | {"answer": 4})
    with pytest.raises(DataError, match="answer 4"):
        list(read(tmp_path, subjects=("virology",)))
