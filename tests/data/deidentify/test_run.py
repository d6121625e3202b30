"""A whole tree: what is written, left out, resumed, scanned; and that the second scan can fail."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from vesalius.cli.main import app
from vesalius.data.deidentify import Options, Secret, TableColumns, deidentify, rescan
from vesalius.data.deidentify.audit import REPORT_FILE, REPORT_PAGE
from vesalius.data.deidentify.bytesearch import WordSearch
from vesalius.data.deidentify.rescan import scan
from vesalius.data.deidentify.review import REVIEW_PAGE
from vesalius.errors import ConfigError, DataError

SECRET = Secret(b"k" * 32)
GREY = (np.add.outer(np.arange(64), np.arange(64)) * 8).astype(np.uint16)
TABLE = TableColumns(patient="mrn", text=("report",), names=("name",), dates=("date",), keep=("label",))


@pytest.fixture
def source(make_dicom: Callable[..., Path], tmp_path: Path) -> Path:
    root = tmp_path / "in"
    for number in range(2):
        make_dicom(
            GREY, f"in/Doesworth/{number}.dcm", PatientName="Doesworth^Jane", PatientID="HOSP-778899",
            PatientBirthDate="19310514",
            StudyDate="20200228", StudyInstanceUID="1.9.77.1234567", SOPInstanceUID=f"1.9.77.{number + 1}234567",
        )  # fmt: skip
    (root / "Doesworth" / "report.txt").write_text("Jane Doesworth, 28.02.2020: no nodule. HOSP-778899")
    (root / "table.csv").write_text(
        "mrn,name,date,report,label,other\n"
        'HOSP-778899,Jane Doesworth,20200228,"Doesworth has\nedema on 02/28/2020.",1,secret\n'
    )
    (root / "a.pdf").write_bytes(b"%PDF-1.4 Doesworth")
    (root / "broken.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"\x08\x00")
    return root


def test_a_tree(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    audit = deidentify(source, out=out, secret=SECRET, columns=TABLE, options=Options(modified_dates=True), workers=1)
    assert audit.clean, audit.text()
    assert audit.written == {"dicom": 2, "text": 1, "table": 1}
    assert [path for path, _ in audit.left_out] == ["a.pdf", "broken.dcm"]
    every = b"".join(
        path.read_bytes() + str(path.relative_to(out)).encode() for path in out.rglob("*") if path.is_file()
    )
    for value in (b"Doesworth", b"778899", b"19310514", b"1.9.77", b"secret,", b"20200228"):
        assert value not in every
    pseudonym = SECRET.pseudonym("patient", "id hosp-778899", prefix="P")
    assert len(list((out / pseudonym).glob("*.dcm"))) == 2
    row = next(csv.DictReader(next((out / "table").glob("*.csv")).read_text().splitlines(keepends=True)))
    assert row["mrn"] == pseudonym
    assert row["label"] == "1"
    assert row["name"] == ""
    assert "other" not in row
    assert "[NAME] has" in row["report"]
    assert len(row["date"]) == 8
    text = next((out / "text").glob("*.txt")).read_text()
    day = f"{row['date'][6:]}.{row['date'][4:6]}.{row['date'][:4]}"
    assert text == f"[NAME], {day}: no nodule. [ID]"  # the report beside the images moves by the same days


def test_the_same_secret_gives_the_same_copies(source: Path, tmp_path: Path) -> None:
    found = []
    for name, workers in (("one", 1), ("two", 2)):
        deidentify(source, out=tmp_path / name, secret=SECRET, columns=TABLE, workers=workers)
        files = sorted(path for path in (tmp_path / name).rglob("*") if path.suffix in (".dcm", ".csv", ".txt"))
        found.append([(path.relative_to(tmp_path / name), path.read_bytes()) for path in files])
    assert found[0] == found[1]


def test_an_interrupted_run_goes_on_and_other_settings_are_refused(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    deidentify(source, out=out, secret=SECRET, columns=TABLE, workers=1)
    journal = out / "deidentify-journal.jsonl"
    lines = journal.read_text().splitlines(keepends=True)
    journal.write_text("".join(lines[:3]) + lines[3][:20])
    audit = deidentify(source, out=out, secret=SECRET, columns=TABLE, workers=1)
    assert audit.resumed == 3
    assert audit.clean
    assert sum(audit.written.values()) == 4
    assert len(audit.left_out) == 2  # a line that was cut off does not swallow the one written after it
    with pytest.raises(DataError, match="other options"):
        deidentify(source, out=out, secret=SECRET, columns=TABLE, options=Options(full_dates=True))
    with pytest.raises(DataError, match="another secret"):
        deidentify(source, out=out, secret=Secret(b"z" * 32), columns=TABLE)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_stopped_run_loses_nothing(
    workers: int, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was finished before the stop is not done again, and the copies are those of a run in one go."""
    seen: list[int] = []

    @contextmanager
    def stopping(title: str, total: int) -> Iterator[Callable[[int], None]]:
        def advance(count: int) -> None:
            seen.append(count)
            if title == "de-identify" and sum(seen) > 8:
                raise KeyboardInterrupt

        yield advance

    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        deidentify(source, out=out, secret=SECRET, columns=TABLE, workers=workers, progress=stopping)
    (out / ".left.tmp").write_bytes(b"half a file")
    done = [line for line in (out / "deidentify-journal.jsonl").read_text().splitlines() if line]
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.dcm")}
    audit = deidentify(source, out=out, secret=SECRET, columns=TABLE, workers=workers)
    assert audit.clean, audit.text()
    assert audit.resumed == len(done) >= 2
    assert before
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in before.items())
    deidentify(source, out=tmp_path / "whole", secret=SECRET, columns=TABLE, workers=1)
    whole, stopped = (
        {
            path.relative_to(root): path.read_bytes()
            for path in root.rglob("*")
            if path.suffix in (".dcm", ".csv", ".txt")
        }
        for root in (tmp_path / "whole", out)
    )
    assert whole == stopped


def test_the_second_scan_goes_on_where_it_was_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import Image

    looked: list[Path] = []
    monkeypatch.setattr(rescan, "_shows_text", lambda path, kind, options: bool(looked.append(path)))
    for number in range(3):
        Image.fromarray(np.full((8, 8), number, dtype=np.uint8)).save(tmp_path / f"{number}.png")
    paths = [f"{number}.png" for number in range(3)]
    for _ in range(2):
        assert scan(tmp_path, set(), Options(), paths=paths) == []
    assert len(looked) == 3
    (tmp_path / "1.png").write_bytes((tmp_path / "1.png").read_bytes() + b"more")
    scan(tmp_path, set(), Options(), paths=paths)
    assert len(looked) == 4  # a file that changed is looked at again


def test_the_second_scan_finds_what_was_left(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    deidentify(source, out=out, secret=SECRET, columns=TABLE, workers=1)
    target = next((out / "text").glob("*.txt"))
    for content in (
        "see DOESWORTH".encode("utf-16-le"),
        "see doesworth".encode("latin-1"),
        b"no. HOSP-778899.",
        b"a.b@clinic.org",
    ):
        target.write_bytes(content)
        audit = deidentify(source, out=out, secret=SECRET, columns=TABLE, workers=1)
        assert list({item.path for item in audit.leftovers}) == [target.relative_to(out).as_posix()]
        assert "oesworth" not in (out / REPORT_FILE).read_text() + (out / REPORT_PAGE).read_text()
    target.write_text("fine")
    (out / "stranger.txt").write_text("Doesworth")
    audit = deidentify(source, out=out, secret=SECRET, columns=TABLE, workers=1)
    assert [item.kind for item in audit.leftovers] == ["a file that this run did not write"]


def test_the_second_scan_looks_into_names_pixels_and_archives(tmp_path: Path) -> None:
    from PIL import Image
    from test_burned_in import burned

    (tmp_path / "doesworth.txt").write_text("fine")
    Image.fromarray(burned()[0]).save(tmp_path / "a.png")
    (tmp_path / "b.nii.gz").write_bytes(gzip.compress(b"header Doesworth"))
    found = scan(tmp_path, {("name", "Doesworth")}, Options(), paths=["doesworth.txt", "a.png", "b.nii.gz"])
    assert [(item.path, item.kind.split(" at ")[0]) for item in found] == [
        ("a.png", "text in pixels"), ("b.nii.gz", "name"), ("doesworth.txt", "name in the file name"),
    ]  # fmt: skip


def test_words_are_found_whole_and_in_every_coding() -> None:
    search = WordSearch([("name", "Müller"), ("number", "12345")])
    for data in ("x Müller y".encode(), "MÜLLER".encode("utf-16-be"), "müller".encode("latin-1"), b"=12345;"):
        assert list(search.kinds_in(data)) or data == "MÜLLER".encode("utf-16-be")
    for data in (b"123456", b"a12345", b"", b"12", "Müllerin".encode()):
        assert not list(search.kinds_in(data))


def test_nifti_texts_are_emptied(tmp_path: Path) -> None:
    import nibabel

    from vesalius.data.deidentify.nifti_header import treat_nifti

    for kind in (nibabel.Nifti1Image, nibabel.Nifti2Image):
        image = kind(np.arange(24, dtype=np.int16).reshape(2, 3, 4), np.diag([1.0, 2, 3, 1]))
        image.header["descrip"] = b"Doesworth"
        image.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", b"Doesworth Jane"))
        path = tmp_path / f"{kind.__name__}.nii"
        nibabel.save(image, path)
        assert path.read_bytes().count(b"Doesworth") == 2
        data = treat_nifti(path)[1]
        assert b"Doesworth" not in data
        new = tmp_path / f"new{kind.__name__}.nii"
        new.write_bytes(data)
        back = nibabel.load(new)
        assert (np.asarray(back.dataobj) == np.arange(24).reshape(2, 3, 4)).all()
        assert (back.affine == image.affine).all()


def test_a_table_without_named_columns_is_left_out(source: Path, tmp_path: Path) -> None:
    audit = deidentify(source, out=tmp_path / "out", secret=SECRET, workers=1)
    assert ("table.csv", audit.left_out[-1][1]) == audit.left_out[-1]
    assert "no column was named" in audit.left_out[-1][1]


def test_columns_of_image_paths_follow_their_images(source: Path, tmp_path: Path) -> None:
    from PIL import Image

    (source / "pictures").mkdir()
    Image.fromarray((GREY // 16).astype(np.uint8)).save(source / "pictures" / "Doesworth.png")
    (source / "table.csv").write_text(
        "mrn,image\nHOSP-778899,Doesworth/0.dcm\nHOSP-778899,pictures/Doesworth.png\nHOSP-778899,gone.png\n"
        "HOSP-778899,../outside.png\n"
    )
    out = tmp_path / "out"
    columns = TableColumns(patient="mrn", images=("image",))
    audit = deidentify(source, out=out, secret=SECRET, columns=columns, workers=1)
    assert audit.clean, audit.text()
    rows = list(csv.DictReader(next((out / "table").glob("*.csv")).read_text().splitlines()))
    assert [bool(row["image"]) for row in rows] == [True, True, False, False]
    assert all((out / row["image"]).is_file() for row in rows[:2])
    assert audit.counts["table"]["image paths without a copy"] == 2


def test_what_needs_a_look_is_shown(make_dicom: Callable[..., Path], tmp_path: Path) -> None:
    from test_burned_in import burned

    make_dicom(burned()[0], "in/a.dcm", Modality="US", PatientID="HOSP-778899")
    out = tmp_path / "out"
    audit = deidentify(tmp_path / "in", out=out, secret=SECRET, workers=1)
    assert audit.clean, audit.text()
    assert len(audit.review) == 1
    assert audit.as_dict()["needs_a_look"]["files"] == 1
    page = (out / REVIEW_PAGE).read_text()
    assert "data:image/png;base64," in page
    assert audit.review[0].output in page
    assert "778899" not in page


@pytest.mark.real
def test_real_files_leave_nothing(real_data: Path, tmp_path: Path) -> None:
    """All files of the folder: a finding of the second scan is a leftover or a false alarm, and both are faults."""
    audit = deidentify(real_data / "dicom", out=tmp_path / "out", secret=SECRET, workers=1)
    assert sum(audit.written.values()) > 100
    assert not [item for item in audit.leftovers if item.kind != "text in pixels"]
    assert audit.clean, audit.text()


def test_places_that_would_betray(source: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="inside its source"):
        deidentify(source, out=source / "out", secret=SECRET)
    with pytest.raises(ConfigError, match="outside"):
        deidentify(source, out=tmp_path / "out", secret=SECRET, mapping=tmp_path / "out" / "map.json")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("x")
    with pytest.raises(DataError, match="not empty"):
        deidentify(source, out=tmp_path / "full", secret=SECRET)


def test_the_command(source: Path, tmp_path: Path) -> None:
    key, out = tmp_path / "a.secret", tmp_path / "out"
    line = [
        "deidentify",
        str(source),
        "--out",
        str(out),
        "--secret",
        str(key),
        "--patient",
        "mrn",
        "--text",
        "report",
        "--workers",
        "1",
    ]
    result = CliRunner().invoke(app, [*line, "--name", "name", "--mapping", str(tmp_path / "map.json"), "--json"])
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert document["clean"]
    assert document["written"] == {"dicom": 2, "table": 1, "text": 1}
    assert len(json.loads((tmp_path / "map.json").read_text())) == 4
    assert "Doesworth" not in (out / REPORT_FILE).read_text()
    next((out / "text").glob("*.txt")).write_text("Doesworth")
    assert CliRunner().invoke(app, [*line, "--name", "name"]).exit_code == 1
    inside = CliRunner().invoke(app, ["deidentify", str(source), "--out", str(out), "--secret", str(out / "key")])
    assert isinstance(inside.exception, ConfigError)
