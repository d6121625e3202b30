"""From a format to a corpus, by function and by command."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from vesalius.cli.ingest import app
from vesalius.data.corpus import Corpus
from vesalius.data.formats.base import format_names, samples_of
from vesalius.data.formats.ingest import ingest_format
from vesalius.data.formats.messages import write
from vesalius.data.readers import read as read_pixels
from vesalius.data.samples import Sample
from vesalius.errors import ConfigError, DataError

Save = Callable[..., Path]


def test_all_formats_are_named() -> None:
    wanted = {"class_folder", "coco", "huggingface", "messages", "sharegpt", "webdataset", "yolo"}
    assert set(format_names()) == wanted


def test_a_corpus_of_messages_goes_out_and_in_again(tmp_path: Path, samples: list[Sample]) -> None:
    write(samples, tmp_path / "rows")
    corpus = ingest_format("messages", tmp_path / "rows", out=tmp_path / "corpus")
    assert sorted(corpus.split("train").ids) == ["study-0", "study-1"]
    study = corpus.study("study-2")
    assert read_pixels(corpus.path(study.images[0].path)).shape == (10, 20)
    write(samples_of(corpus), tmp_path / "again")
    again = ingest_format("messages", tmp_path / "again", out=tmp_path / "second")
    assert sorted(again.split("test").ids) == ["study-2"]
    assert [d.answer for d in again.study("study-2").dialogues] == [d.answer for d in study.dialogues]


def test_the_command(tmp_path: Path, save: Save) -> None:
    for part in ("train", "val"):
        save(f"folders/{part}/mass/{part}.png")
        save(f"folders/{part}/normal/{part}.png")
    result = CliRunner().invoke(
        app, [str(tmp_path / "folders"), "--format", "class_folder", "--out", str(tmp_path / "c"), "--json"]
    )
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert (document["studies"], document["split"]) == (4, {"train": 2, "val": 2})
    assert Corpus.open(tmp_path / "c").concepts()["mass"].present == 2


def test_what_is_refused(tmp_path: Path, save: Save, samples: list[Sample]) -> None:
    save("folders/a/x.png")
    with pytest.raises(ConfigError, match="did you mean 'class_folder'"):
        ingest_format("class_folders", tmp_path / "folders", out=tmp_path / "c")
    with pytest.raises(DataError, match="no such file"):
        ingest_format("coco", tmp_path / "nothing", out=tmp_path / "c")
    with pytest.raises(DataError, match="inside its source"):
        ingest_format("class_folder", tmp_path / "folders", out=tmp_path / "folders" / "c")
    ingest_format("class_folder", tmp_path / "folders", out=tmp_path / "c")
    with pytest.raises(DataError, match="holds a corpus already"):
        ingest_format("class_folder", tmp_path / "folders", out=tmp_path / "c")
    moved = [Sample(sample.study, part) for sample, part in zip(samples, ("train", "val", "test"), strict=True)]
    write([*moved, Sample(_renamed(samples[0]), "test")], tmp_path / "rows")
    with pytest.raises(DataError, match="two splits"):
        ingest_format("messages", tmp_path / "rows", out=tmp_path / "leaky")


def _renamed(sample: Sample):  # type: ignore[no-untyped-def]
    from dataclasses import replace

    return replace(sample.study, id="another")
