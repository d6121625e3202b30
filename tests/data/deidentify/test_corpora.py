"""A corpus in, a corpus out: pseudonyms, texts, media, splits, and that its second scan can fail."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from vesalius.data.corpus import Corpus
from vesalius.data.deidentify import Options, Secret, TableColumns, corpora, deidentify
from vesalius.data.deidentify.audit import REPORT_FILE
from vesalius.data.deidentify.corpora import _in_records
from vesalius.data.deidentify.review import REVIEW_PAGE
from vesalius.data.parallel import Made
from vesalius.data.records import Dialogue, Finding, Image, Prior, Provenance, Region, Study, Text, Turn
from vesalius.data.writer import CorpusWriter
from vesalius.errors import ConfigError, DataError

SECRET = Secret(b"k" * 32)
GREY = (np.add.outer(np.arange(64), np.arange(64)) * 8).astype(np.uint16)


@pytest.fixture
def source(make_dicom: Callable[..., Path], tmp_path: Path) -> Path:
    """A corpus of two patients: a DICOM file, a folder of two slices with a mask, and a study that is a video."""
    tags = {"PatientName": "Doesworth^Jane", "PatientID": "HOSP-778899", "StudyInstanceUID": "1.9.77.1234567"}
    slices = [make_dicom(GREY, f"{n}.dcm", SOPInstanceUID=f"1.9.77.{n + 1}234567", **tags) for n in range(3)]
    mask = tmp_path / "mask.png"
    Picture.fromarray(np.eye(64, dtype=np.uint8)).save(mask)
    root = tmp_path / "corpus"
    first = Study(
        id="ACC-555001", patient="HOSP-778899", age_years=93.0, sex="F", site="Thornbury General",
        images=(Image(id="Doesworth-1", path="media/Doesworth.dcm", modality="CT"),),
        texts=(Text(text="Mrs Doesworth of Thornbury General, HOSP-778899: nodule of 8 mm.",
                    images=("Doesworth-1",)),),
        findings=(Finding(concept="nodule", source="radiologist"),),
        dialogues=(Dialogue(id="q Doesworth", turns=(Turn(role="user", text="Has Jane Doesworth a nodule?"),),
                            answer="Yes", options=("Yes", "No")),),
        provenance=Provenance(source="archive of Dr. Miller"),
    )  # fmt: skip
    second = Study(
        id="ACC-555002", patient="HOSP-778899", priors=(Prior(study="ACC-555001", days_before=30.0),),
        images=(Image(id="volume", path="media/series", modality="CT", kind="volume"),),
        regions=(Region(image="volume", kind="mask", mask="media/mask.png"),),
    )  # fmt: skip
    third = Study(
        id="ACC-555003", patient="HOSP-112233", images=(Image(id="a", path="media/a.mp4", modality="ES"),)
    )  # fmt: skip
    fourth = Study(id="ACC-555004", patient="HOSP-112233", texts=(Text(text="No effusion."),))
    with CorpusWriter(root, name="ours") as writer:
        writer.add(first, media={"media/Doesworth.dcm": slices[0]})
        writer.add(
            second, media={"media/series/1.dcm": slices[1], "media/series/2.dcm": slices[2], "media/mask.png": mask}
        )
        writer.add(third, media={"media/a.mp4": b"not a picture"})
        writer.add(fourth)
    Corpus.open(root).set_split({"ACC-555001": "train", "ACC-555002": "train", "ACC-555004": "test"})
    return root


def test_a_corpus_becomes_a_corpus(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    audit = deidentify(source, out=out, secret=SECRET, mapping=tmp_path / "map.json")
    assert audit.clean, audit.text()
    assert audit.written["study"] == 3
    assert [study for study, _ in audit.left_out] == ["ACC-555003"]
    new, old = Corpus.open(out), Corpus.open(source)
    assert new.content_hash != old.content_hash
    pseudonym = SECRET.pseudonym("patient", "id hosp-778899", prefix="P")
    first, second = (new.study(SECRET.pseudonym("study", f"ACC-55500{n}", prefix="S")) for n in (1, 2))
    assert (first.patient, first.age_years, first.sex) == (pseudonym, 90.0, "F")
    assert first.site == SECRET.pseudonym("site", "Thornbury General", prefix="H")
    assert first.texts[0].text == "Mrs [NAME] of [PLACE], [ID]: nodule of 8 mm."
    assert first.texts[0].images == (first.images[0].id,) == ("image-0",)
    assert first.dialogues[0].turns[0].text == "Has [NAME] a nodule?"
    assert first.provenance.source == "archive of Dr. [NAME]"
    assert second.priors == (Prior(study=first.id, days_before=30.0),)
    assert (new.read(first.images[0]).array == old.read(old.study("ACC-555001").images[0]).array).all()
    assert len(list(new.path(second.images[0].path).iterdir())) == 2
    assert np.asarray(Picture.open(new.path(second.regions[0].mask))).trace() == 64
    assert (len(new.split("train")), len(new.split("test"))) == (2, 1)
    every = b"".join(path.read_bytes() for path in (out / "media").rglob("*") if path.is_file())
    assert b"Doesworth" not in every
    assert b"778899" not in every
    assert "HOSP" not in (out / REPORT_FILE).read_text()
    assert len(json.loads((tmp_path / "map.json").read_text())) == 3


def test_the_same_secret_gives_the_same_corpus(source: Path, tmp_path: Path) -> None:
    for name, workers in (("one", 1), ("two", 2)):
        deidentify(source, out=tmp_path / name, secret=SECRET, workers=workers)
    assert Corpus.open(tmp_path / "one").content_hash == Corpus.open(tmp_path / "two").content_hash


def test_a_stopped_run_over_a_corpus_goes_on(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts that are whole are not done again; nothing in the folder tells an id meanwhile."""
    monkeypatch.setattr(corpora, "_PART", 1)
    out, calls = tmp_path / "out", []
    treat = corpora._Work.made

    def stopping(work: corpora._Work, study: Study, devices: tuple[str, ...]) -> Made:
        calls.append(study.id)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return treat(work, study, devices)

    monkeypatch.setattr(corpora._Work, "made", stopping)
    with pytest.raises(KeyboardInterrupt):
        deidentify(source, out=out, secret=SECRET, workers=1)
    for path in (path for path in out.rglob("*") if path.is_file()):
        assert b"ACC-5550" not in path.read_bytes()
        assert b"Doesworth" not in path.read_bytes()
    audit = deidentify(source, out=out, secret=SECRET, workers=1)
    assert calls == ["ACC-555001", "ACC-555002", "ACC-555003", "ACC-555003", "ACC-555004"]
    assert (audit.resumed, audit.clean, audit.written["study"]) == (2, True, 3)
    assert [study for study, _ in audit.left_out] == ["ACC-555003"]
    deidentify(source, out=tmp_path / "whole", secret=SECRET, workers=1)
    assert Corpus.open(out).content_hash == Corpus.open(tmp_path / "whole").content_hash
    with pytest.raises(DataError, match="another corpus, step"):
        deidentify(source, out=out, secret=SECRET, options=Options(uids=True), workers=1)


def test_its_second_scan_looks_into_records(source: Path) -> None:
    found = {item.kind for item in _in_records(source, {("number", "HOSP-778899"), ("name", "Doesworth")})}
    assert found == {"number", "name"}


def test_what_a_corpus_refuses(source: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no columns"):
        deidentify(source, out=tmp_path / "out", secret=SECRET, columns=TableColumns(patient="a"))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("x")
    with pytest.raises(DataError, match="not empty"):
        deidentify(source, out=tmp_path / "full", secret=SECRET)


def test_pictures_with_text_are_listed_or_held(tmp_path: Path) -> None:
    from test_burned_in import burned

    picture = tmp_path / "a.png"
    Picture.fromarray(burned()[0]).save(picture)
    root = tmp_path / "corpus"
    study = Study(id="s", patient="p", images=(Image(id="a", path="media/a.png", modality="CR"),))
    with CorpusWriter(root, name="ours") as writer:
        writer.add(study, media={"media/a.png": picture})
    audit = deidentify(root, out=tmp_path / "out", secret=SECRET)
    assert len(audit.review) == 1
    assert audit.review[0].output in (tmp_path / "out" / REVIEW_PAGE).read_text()
    with pytest.raises(DataError, match="could be treated"):
        deidentify(root, out=tmp_path / "held", secret=SECRET, options=Options(pixels="drop"))
