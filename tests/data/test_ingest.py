"""Ingest of folders and tables: what goes in, what stays out and why."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vesalius.data.corpus import Corpus
from vesalius.data.ingest import REPORT_FILE, Columns, IngestReport, ingest
from vesalius.data.records import Finding, Text
from vesalius.errors import ConfigError, DataError, MissingDependency

HEADER = "file,notes,patient,finding,split,age,sex,view"
COLUMNS = Columns(
    image=("file",),
    text=("notes",),
    patient="patient",
    label=("finding",),
    split="split",
    age="age",
    sex="sex",
    view="view",
    modality="=DX",
)


def picture(path: Path, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (6, 8), dtype=np.uint8)).save(path)
    return path


def table(tmp_path: Path, rows: Sequence[str], *, header: str = HEADER, name: str = "table.csv") -> Path:
    folder = tmp_path / "source"
    for number in range(6):
        picture(folder / "images" / f"{number}.png", number)
    (folder / name).write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return folder / name


def done(source: Path, out: Path, columns: Columns = COLUMNS, **options) -> tuple[Corpus, IngestReport]:
    report = ingest(source, out=out, columns=columns, workers=1, **options)
    return Corpus.open(out), report


ROWS = [
    'images/0.png,Old scar.,p1,"COVID-19, ARDS",train,54,M,PA',
    "images/1.png,,p1,No Finding,train,54,M,PA",
    "images/2.png,Clear lungs.,p2,,val,061Y,female,L",
    "images/3.png,Fluid.,p3,Effusion,test,,,AP",
]


def test_table(tmp_path: Path) -> None:
    corpus, report = done(table(tmp_path, ROWS), tmp_path / "corpus")
    assert (len(corpus), corpus.counts.patients, corpus.counts.modalities) == (4, 3, {"DX": 4})
    study = corpus.study("0")
    assert (study.patient, study.age_years, study.sex) == ("p1", 54, "M")
    assert study.texts == (Text(text="Old scar.", role="note"),)
    assert [image.view for image in study.images] == ["PA"]
    image = study.images[0]
    assert (image.id, image.shape, image.units, image.spacing_mm) == ("0", (6, 8), "display", ())
    assert corpus.path(image.path).read_bytes() == (tmp_path / "source/images/0.png").read_bytes()
    assert corpus.study("2").age_years == 61
    assert report.notes == {"studies with empty text": 1}
    assert [len(corpus.split(part)) for part in ("train", "val", "test")] == [2, 1, 1]
    assert json.loads((tmp_path / "corpus" / REPORT_FILE).read_text())["content_hash"] == corpus.content_hash
    assert study.provenance.source == "table"


def test_labels_that_are_not_listed_are_absent(tmp_path: Path) -> None:
    corpus, _ = done(table(tmp_path, ROWS), tmp_path / "corpus")

    def stated(name: str) -> dict[str, str]:
        return {finding.concept: finding.status for finding in corpus.study(name).findings}

    assert stated("0") == {"ards": "present", "covid_19": "present", "effusion": "absent", "no_finding": "absent"}
    assert stated("1") == {"ards": "absent", "covid_19": "absent", "effusion": "absent", "no_finding": "present"}
    # no label: nothing is stated
    assert stated("2") == {}


def test_open_labels_state_nothing_absent(tmp_path: Path) -> None:
    from dataclasses import replace

    corpus, _ = done(table(tmp_path, ROWS), tmp_path / "corpus", replace(COLUMNS, closed=False))
    assert corpus.study("3").findings == (Finding(concept="effusion", source="label file"),)


def test_rows_of_one_study_are_grouped(tmp_path: Path) -> None:
    rows = [
        "images/0.png,Findings one.,p1,s1,Edema,12.5,PA",
        "images/1.png,Findings one.,p1,s1,Nodule,,L",
        "images/2.png,Other patient.,p2,s1,No Finding,no number,PA",
        "images/3.png,No study.,p3,,Edema,1,PA",
    ]
    source = table(tmp_path, rows, header="file,notes,patient,study,finding,score,view")
    columns = Columns(
        image=("file",),
        text=("notes:findings",),
        patient="patient",
        study="study",
        label=("finding",),
        measurement=("score:opacity:1",),
        view="view",
    )
    corpus, report = done(source, tmp_path / "corpus", columns)
    # "s1" counts within a patient, so the patient belongs to the name
    assert sorted(corpus.ids) == ["3", "p1/s1", "p2/s1"]
    study = corpus.study("p1/s1")
    assert [image.id for image in study.images] == ["0", "1"]
    assert study.texts == (Text(text="Findings one.", role="findings"),)
    assert {finding.concept for finding in study.findings if finding.status == "present"} == {"edema", "nodule"}
    assert [(m.name, m.value, m.unit) for m in study.measurements] == [("opacity", 12.5, "1")]
    assert report.notes["measurements in 'score' that are no number"] == 1


def test_jsonl(tmp_path: Path) -> None:
    rows = [
        {"file": ["images/0.png", "images/1.png"], "finding": ["Edema", "Mass"], "notes": "Two views.", "patient": 7},
        {"file": "images/2.png", "finding": None, "notes": None, "patient": None},
    ]
    source = table(tmp_path, [])
    source = source.with_name("table.jsonl")
    source.write_text("\n".join(map(json.dumps, rows)) + "\nnot json\n[1]\n" + "[" * 100_000 + "\n")
    columns = Columns(image=("file",), text=("notes",), patient="patient", label=("finding",))
    corpus, report = done(source, tmp_path / "corpus", columns)
    assert len(corpus.study("0").images) == 2
    assert corpus.study("0").patient == "7"
    assert corpus.study("2").patient == "unknown-2"
    assert [problem.item for problem in report.problems] == [f"table.jsonl line {line}" for line in (3, 4, 5)]
    assert "nested too deeply" in report.problems[2].reason
    assert corpus.counts.modalities == {"OT": 3}
    nested = source.with_suffix(".json")
    nested.write_text("[" * 100_000)
    with pytest.raises(DataError, match="nested too deeply"):
        done(nested, tmp_path / "nested", columns)


def test_bad_rows_are_listed_and_the_rest_goes_in(tmp_path: Path) -> None:
    outside = picture(tmp_path / "outside.png")
    rows = [
        *ROWS,
        "images/nothing.png,a,p5,,,,,",
        ",a,p6,,,,,",
        "../outside.png,a,p7,,,,,",
        f"{outside},a,p8,,,,,",
        "images/4.png,too,few",
        "table.csv,a,p9,,,,,",
    ]
    source = table(tmp_path, rows)
    (source.parent / "images" / "5.png").write_bytes(b"")
    source.write_text(source.read_text() + "images/5.png,a,p10,,,,,\n")
    corpus, report = done(source, tmp_path / "corpus")
    assert len(corpus) == 4
    reasons = {problem.item: problem.reason for problem in report.problems}
    assert reasons["table.csv line 10"] == "3 cells, the header has 8"
    assert reasons["table.csv line 7"] == "column 'file' is empty"
    for line in (8, 9):
        assert "leaves the folder" in reasons[f"table.csv line {line}"]
    assert "no such file" in reasons["images/nothing.png"]
    assert "found unknown content" in reasons["table.csv"]
    assert "the file is empty (0 bytes)" in reasons["images/5.png"]
    assert len(reasons) == 7


def test_absolute_paths_inside_the_root_are_fine(tmp_path: Path) -> None:
    source = table(tmp_path, [])
    source.write_text(f"{HEADER}\n{source.parent / 'images/0.png'},a,p,,,,,\n")
    corpus, _ = done(source, tmp_path / "corpus")
    assert corpus.ids == ["0"]


def test_a_link_out_of_the_root_is_refused(tmp_path: Path) -> None:
    source = table(tmp_path, [*ROWS, "images/link.png,a,p9,,,,,"])
    (source.parent / "images" / "link.png").symlink_to(picture(tmp_path / "outside.png"))
    _, report = done(source, tmp_path / "corpus")
    assert "leaves the folder" in report.problems[0].reason


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"text": ("note",)}, r"no column 'note' for text; did you mean 'notes'\?"),
        ({"image": ("path",)}, "no column 'path' for image"),
        ({"measurement": ("scores:x",)}, "no column 'scores' for measurement"),
    ],
)
def test_missing_columns(tmp_path: Path, columns: dict, message: str) -> None:
    from dataclasses import replace

    with pytest.raises(DataError, match=rf"table\.csv: {message}"):
        done(table(tmp_path, ROWS), tmp_path / "corpus", replace(COLUMNS, **columns))
    assert not (tmp_path / "corpus").exists()


def test_no_image_column(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"name the column of image paths with --image, or of words.*; it has file, notes"
    ):
        done(table(tmp_path, ROWS), tmp_path / "corpus", Columns())


def test_duplicate_ids(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"table\.csv: lines 2 and 6 name 'images/0\.png': ids must be unique; .*--study"
    ):
        done(table(tmp_path, [*ROWS, ROWS[0]]), tmp_path / "corpus")


def test_a_patient_in_two_splits(tmp_path: Path) -> None:
    rows = [*ROWS, "images/4.png,a,p1,,test,,,"]
    with pytest.raises(DataError, match=r"1 patients are in two splits, such as 'p1' in test and train"):
        done(table(tmp_path, rows), tmp_path / "corpus")


def test_same_stems_get_longer_names(tmp_path: Path) -> None:
    source = table(tmp_path, ["a/x.png,1,p1,,,,,", "b/x.png,2,p2,,,,,"])
    for number, name in enumerate(("a", "b")):
        picture(source.parent / name / "x.png", number)
    corpus, _ = done(source, tmp_path / "corpus")
    assert sorted(corpus.ids) == ["a/x", "b/x"]


@pytest.mark.parametrize(("encoding", "guess"), [("cp1252", "cp1252"), ("utf-16", "utf-16")])
def test_other_encodings(tmp_path: Path, encoding: str, guess: str) -> None:
    from dataclasses import replace

    source = table(tmp_path, [])
    source.write_text(f"{HEADER}\nimages/0.png,Épanchement,p1,,,,,\n", encoding=encoding)
    with pytest.raises(DataError, match=rf"table\.csv: line . is not UTF-8 .* --encoding {guess}"):
        done(source, tmp_path / "corpus")
    corpus, _ = done(source, tmp_path / "corpus", replace(COLUMNS, encoding=encoding))
    assert corpus.study("0").texts[0].text == "Épanchement"
    with pytest.raises(DataError, match="unknown encoding 'klingon'"):
        done(source, tmp_path / "other", replace(COLUMNS, encoding="klingon"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "no header line"),
        (f"{HEADER}\n", "a table without rows"),
        ("a,b,a\n1,2,3\n", "column 'a' occurs twice"),
        ("file\nimages/none.png\n", "none of 1 studies went in; 1 problems, such as images/none.png: no such file"),
    ],
)
def test_tables_without_use(tmp_path: Path, content: str, message: str) -> None:
    source = table(tmp_path, [])
    source.write_text(content)
    with pytest.raises(DataError, match=message):
        done(source, tmp_path / "corpus", Columns(image=("file",)))


def test_semicolons_tabs_and_byte_order_marks(tmp_path: Path) -> None:
    source = table(tmp_path, [])
    for name, mark in (("a.csv", ";"), ("b.tsv", "\t")):
        path = source.with_name(name)
        path.write_text(f"\ufefffile{mark}notes\nimages/0.png{mark}one, two\n", encoding="utf-8")
        corpus, _ = done(path, tmp_path / name, Columns(image=("file",), text=("notes",)))
        assert corpus.study("0").texts[0].text == "one, two"


def test_folder(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    picture(folder / "a.png", 0)
    picture(folder / "deep" / "b.png", 1)
    picture(folder / ".hidden" / "c.png", 2)
    (folder / "a.txt").write_text("Small effusion.")
    (folder / "README.md").write_text("about")
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    (folder / "odd.bin").write_bytes(b"12345678")
    corpus, report = done(folder, tmp_path / "corpus", Columns(modality="=X-ray", view="=PA"))
    assert sorted(corpus.ids) == ["a", "b"]
    assert corpus.study("a").texts == (Text(text="Small effusion."),)
    assert corpus.study("b").patient == "unknown-b"
    assert (corpus.study("a").images[0].modality, corpus.study("a").images[0].view) == ("DX", "PA")
    assert report.ignored == {".md": 1, ".txt": 1}
    assert {problem.item for problem in report.problems} == {"broken.jpg", "odd.bin"}
    assert "2 did not go in" in report.text()


def test_folder_has_no_columns(tmp_path: Path) -> None:
    picture(tmp_path / "pictures" / "a.png")
    with pytest.raises(ConfigError, match="a folder has no columns"):
        done(tmp_path / "pictures", tmp_path / "corpus", Columns(text=("notes",)))


def test_sources_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="nothing to ingest: no image files were found"):
        done(tmp_path / "empty", tmp_path / "corpus", Columns())
    with pytest.raises(DataError, match="no such file or folder"):
        done(tmp_path / "nothing", tmp_path / "corpus", Columns())
    with pytest.raises(DataError, match="expected a folder or a table"):
        done(picture(tmp_path / "a.png"), tmp_path / "corpus", Columns())
    with pytest.raises(DataError, match="would lie inside its source"):
        done(tmp_path, tmp_path / "corpus", Columns())


def test_volume_and_renamed_files(tmp_path: Path) -> None:
    import nibabel

    folder = tmp_path / "volumes"
    folder.mkdir()
    affine = np.diag([-0.5, -0.5, 2.0, 1.0])
    nibabel.save(nibabel.Nifti1Image(np.arange(24, dtype=np.int16).reshape(2, 3, 4), affine), folder / "v.nii.gz")
    (folder / "v.nii.gz").rename(folder / "v.dat")
    corpus, _ = done(folder, tmp_path / "corpus", Columns(modality="=MR"))
    image = corpus.study("v").images[0]
    assert (image.kind, image.shape, image.spacing_mm) == ("volume", (4, 3, 2), (2.0, 0.5, 0.5))
    # columns to the Left, rows to the back, slices up
    assert image.orientation == (1, 0, 0, 0, 1, 0, 0, 0, 1)
    assert image.path.endswith(".nii.gz")
    assert image.view == "axial"


def test_link_takes_no_space(tmp_path: Path) -> None:
    source = table(tmp_path, ROWS)
    copied, _ = done(source, tmp_path / "copied")
    linked, _ = done(source, tmp_path / "linked", link=True)
    assert linked.content_hash == copied.content_hash
    path = linked.path(linked.study("0").images[0].path)
    assert path.samefile(source.parent / "images/0.png")
    assert not copied.path(copied.study("0").images[0].path).samefile(source.parent / "images/0.png")


def test_link_across_file_systems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(source: Path, target: Path) -> None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(DataError, match=r"cannot be linked .*leave --link out to copy"):
        done(table(tmp_path, ROWS), tmp_path / "corpus", link=True)


def test_a_missing_package_is_no_bad_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from vesalius.data.ingest import build

    def lacking(path: Path) -> None:
        raise MissingDependency("reading TIFF needs tifffile")

    monkeypatch.setattr(build.readers, "read", lacking)
    with pytest.raises(MissingDependency):
        done(table(tmp_path, ROWS), tmp_path / "corpus")


@pytest.mark.real
def test_real_radiographs(real_data: Path, tmp_path: Path) -> None:
    source = real_data / "cxr-covid" / "metadata.csv"
    if not source.exists():
        pytest.skip(f"no {source}")
    columns = Columns(
        image=("file",),
        text=("clinical_notes",),
        patient="patientid",
        label=("finding",),
        split="split",
        view="view",
        modality="modality",
        age="age",
        sex="sex",
    )
    corpus, report = done(source, tmp_path / "corpus", columns, link=False)
    # counts as its README states them
    assert (len(corpus), corpus.counts.patients, corpus.counts.modalities) == (308, 137, {"CT": 47, "DX": 261})
    assert report.problems == ()
    assert report.notes == {"studies with empty text": 308 - 242}
    found = corpus.counts.findings
    # 224 alone and 9 together with ARDS; ARDS 4 alone
    assert (found["covid_19"], found["ards"], found["no_finding"]) == (233, 13, 16)
    assert found["pneumocystis"] == 11
    assert sum(len(corpus.split(part)) for part in ("train", "val", "test")) == 308
    labels = corpus.labels(["covid_19", "no_finding"])
    assert not np.isnan(labels).any()
