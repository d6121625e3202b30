"""COVIDx: lists without a header, in both class schemes."""

from __future__ import annotations

from pathlib import Path

import pytest
from cxr_files import picture, text

from vesalius.data.datasets.covidx import read
from vesalius.errors import DataError


def test_three_classes_and_a_name_with_spaces(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    text(tmp_path / "train_COVIDx9A.txt", "3 SARS-10.1148 rg.242035193-g04.png COVID-19 cohen",
         "3 b.jpg pneumonia rsna", "4 c.jpeg normal", "3 b.jpg pneumonia rsna")  # fmt: skip
    text(tmp_path / "test_COVIDx9A.txt", "5 d.png normal actmed")
    picture(tmp_path / "train/SARS-10.1148 rg.242035193-g04.png", mode="RGB")
    picture(tmp_path / "train/b.jpg")
    picture(tmp_path / "train/c.jpeg")
    picture(tmp_path / "test/d.png")
    covid, pneumonia, normal, test = read(tmp_path)
    # The first line is a sample, and a file that is listed twice is one study.
    assert covid.study.id == "train/SARS-10.1148 rg.242035193-g04.png"
    assert (covid.study.images[0].channels, covid.study.images[0].units) == (3, "rgb")
    assert (covid.study.status("covid_19"), covid.study.status("no_finding")) == ("present", "absent")
    assert (pneumonia.study.status("covid_19"), pneumonia.study.status("pneumonia")) == ("absent", "present")
    # Patient 3 of one source is not patient 3 of another.
    assert (covid.study.patient, pneumonia.study.patient, normal.study.patient) == ("cohen/3", "rsna/3", "4")
    assert (normal.study.status("no_finding"), test.split, test.study.site) == ("present", "test", "actmed")
    assert "train/b.jpg (listed twice)" in caplog.text


def test_two_classes_with_a_validation_list(tmp_path: Path) -> None:
    for part in ("train", "val", "test"):
        text(tmp_path / f"{part}.txt", f"1 {part}.png {'negative' if part == 'val' else 'positive'} bimcv")
        picture(tmp_path / part / f"{part}.png")
    samples = list(read(tmp_path))
    assert [sample.split for sample in samples] == ["train", "val", "test"]
    assert [sample.study.status("covid_19") for sample in samples] == ["present", "absent", "present"]
    assert [len(sample.study.findings) for sample in samples] == [1, 1, 1]


@pytest.mark.parametrize(
    ("line", "message"),
    [("1 a.png covid cohen", "class 'covid'.*expected: patient file class source"),
     ("patient_id filename class data_source", "class 'data_source'"), ("1 ../a.png normal x", "leaves the release")],
)  # fmt: skip
def test_bad_lines(tmp_path: Path, line: str, message: str) -> None:
    text(tmp_path / "train.txt", line)
    text(tmp_path / "test.txt")
    with pytest.raises(DataError, match=message):
        list(read(tmp_path))
