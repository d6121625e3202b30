"""Files of one instance UID: both kept where they differ, one copy where they do not, whatever the order of work."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread

from vesalius.data.deidentify import Options, Secret, TableColumns, deidentify
from vesalius.data.deidentify.audit import REPORT_FILE, REPORT_PAGE

SECRET = Secret(b"k" * 32)
RAMP = np.add.outer(np.arange(32), np.arange(32)).astype(np.uint16)
UID = "1.9.77.1234567"


@pytest.fixture
def source(make_dicom: Callable[..., Path], tmp_path: Path) -> Path:
    """Three files of one instance, the third a copy of the first, and one of another."""
    for name, pixels, uid in (("a/1", RAMP, UID), ("b/1", RAMP[::-1], UID), ("c/1", RAMP, f"{UID}8")):
        make_dicom(pixels, f"in/{name}.dcm", PatientID="HOSP-778899", SOPInstanceUID=uid)
    (tmp_path / "in" / "d").mkdir()
    shutil.copyfile(tmp_path / "in" / "a" / "1.dcm", tmp_path / "in" / "d" / "1.dcm")
    return tmp_path / "in"


def pixels(root: Path) -> list[bytes]:
    return sorted(dcmread(path).PixelData for path in root.rglob("*.dcm"))


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_other_content_of_one_instance_is_kept(workers: int, source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (source / "table.csv").write_text("mrn,image\nHOSP-778899,a/1.dcm\nHOSP-778899,b/1.dcm\nHOSP-778899,c/1.dcm\n")
    columns = TableColumns(patient="mrn", images=("image",))
    audit = deidentify(source, out=out, secret=SECRET, columns=columns, workers=workers, mapping=tmp_path / "m.json")
    assert audit.clean, audit.text()
    assert audit.written == {"dicom": 3, "table": 1}
    assert pixels(out) == sorted([RAMP.tobytes(), RAMP.tobytes(), RAMP[::-1].tobytes()])
    assert (len(audit.sharing), audit.repeated) == (2, 1)
    assert all((out / path).is_file() for path in audit.sharing)
    assert {dcmread(out / path).SOPInstanceUID for path in audit.sharing} == {SECRET.uid(UID)}
    output = {row["source"]: row["output"] for row in json.loads((tmp_path / "m.json").read_text())}
    assert output["a/1.dcm"] == output["d/1.dcm"] != output["b/1.dcm"]
    rows = csv.DictReader(next((out / "table").glob("*.csv")).read_text().splitlines())
    assert [row["image"] for row in rows] == [output[f"{name}/1.dcm"] for name in "abc"]
    document = json.loads((out / REPORT_FILE).read_text())["same_instance"]
    assert document == {"files": 2, "paths": audit.sharing, "repeated": 1}
    for told in (audit.text(), (out / REPORT_PAGE).read_text()):
        assert all(path in told for path in audit.sharing)
        assert "1 files hold" in told


def test_a_file_that_comes_later_writes_over_nothing(source: Path, tmp_path: Path) -> None:
    out, late = tmp_path / "out", source / "a" / "0.dcm"
    deidentify(source, out=out, secret=SECRET, workers=1)
    dataset = dcmread(source / "a" / "1.dcm")
    dataset.PixelData = (RAMP + 1).tobytes()
    dataset.save_as(late)  # the first by name from now on
    audit = deidentify(source, out=out, secret=SECRET, workers=1)
    assert audit.clean, audit.text()
    assert len(pixels(out)) == 4
    assert len(audit.sharing) == 3
    assert (RAMP + 1).tobytes() in pixels(out)


def test_files_without_an_instance_and_of_one_name_are_kept(make_dicom: Callable[..., Path], tmp_path: Path) -> None:
    for folder, values in (("x", RAMP), ("y", RAMP[::-1])):
        path = make_dicom(values, f"in/{folder}/IM0001", PatientID="HOSP-778899")
        dataset = dcmread(path)
        del dataset.SOPInstanceUID
        dataset.save_as(path)
    audit = deidentify(tmp_path / "in", out=tmp_path / "out", secret=SECRET, workers=1)
    assert len(pixels(tmp_path / "out")) == 2
    assert len(audit.sharing) == 2


def test_an_instance_uid_that_is_a_path_leads_nowhere(make_dicom: Callable[..., Path], tmp_path: Path) -> None:
    path = make_dicom(RAMP, "in/a.dcm", PatientID="HOSP-778899", SOPInstanceUID=UID)
    path.write_bytes(path.read_bytes().replace(UID.encode(), b"../../evil.dcm"))
    audit = deidentify(tmp_path / "in", out=tmp_path / "out", secret=SECRET, options=Options(uids=True), workers=1)
    assert audit.clean, audit.text()
    (copy,) = (tmp_path / "out").rglob("*.dcm")
    assert copy.stem == dcmread(copy).SOPInstanceUID == SECRET.uid("../../evil.dcm")
    assert not list(tmp_path.glob("evil*"))
