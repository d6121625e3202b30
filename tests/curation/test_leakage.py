"""The audit finds what was planted, and calls nothing alike among virtual patients."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture
from typer.testing import CliRunner

from vesalius.cli.main import app
from vesalius.curation.leakage import KINDS, AuditSettings, Contamination, audit
from vesalius.curation.leakage_page import audit_page, shared_marked
from vesalius.data.corpus import Corpus, from_studies
from vesalius.data.records import Dialogue, Text, Turn
from vesalius.errors import ConfigError, DataError
from vesalius.metrics.proportions import wilson

REPORT = (
    "A dense opacity in the right lower zone has air bronchograms, the left lung is clear, and the heart "
    "is not enlarged. A tube ends above the carina. No fluid is seen at either base, and the bones are whole."
)


def copy_of(path: Path, kind: str) -> bytes:
    with Picture.open(path) as opened:
        array = np.asarray(opened.convert("F"))
    scaled = array / array.max() * 255
    if kind == "crop":
        rows, columns = (max(1, round(0.02 * side)) for side in scaled.shape)
        scaled = scaled[rows:-rows, columns:-columns]
    if kind == "window":
        scaled = np.clip((scaled - 30) * 1.4, 0, 255)
    picture = Picture.fromarray(scaled.round().astype(np.uint8))
    if kind == "resize":
        picture = picture.resize((picture.width * 2 // 3, picture.height * 2 // 3), Picture.Resampling.LANCZOS)
    file = io.BytesIO()
    picture.save(file, "JPEG" if kind == "jpeg" else "PNG", **({"quality": 60} if kind == "jpeg" else {}))
    return file.getvalue()


@pytest.fixture(scope="module")
def planted(chest: Corpus, tmp_path_factory: pytest.TempPathFactory) -> tuple[Corpus, Corpus]:
    """Ten studies to learn from; to be tested with: six others, and one of each kind of leak."""
    root = tmp_path_factory.mktemp("planted")
    studies = list(chest)
    train = [replace(one, priors=()) for one in studies[:10]]
    asked = (Turn(role="user", text="How many chest drains can you count on the left side?"),
             Turn(role="assistant", text="two"))  # fmt: skip
    question = Dialogue(id="q", turns=asked, answer="two", answer_type="open")
    train[0] = replace(train[0], texts=(Text(text=REPORT),))
    train[1] = replace(train[1], texts=(Text(text=REPORT.upper()),), dialogues=(question,))
    test, media = [], {}
    for study in (*train, *studies[10:]):
        media |= {image.path: chest.path(image.path) for image in study.images}
        media |= {region.mask: chest.path(region.mask) for region in study.regions if region.mask}
    for number, study in enumerate(studies[10:]):
        test.append(replace(study, priors=(), dialogues=(question,) if number == 5 else ()))
    test[0] = replace(test[0], patient=train[2].patient)
    test[1] = replace(test[1], texts=(Text(text=REPORT.replace(".", " ;")),))
    test[2] = replace(test[2], texts=(Text(text=REPORT + " Follow up in six weeks is advised."),))
    image = replace(train[3].images[0], sha256="")
    for kind in ("file", "jpeg", "crop", "window", "resize", "png"):
        path = f"media/{kind}{'.jpg' if kind == 'jpeg' else '.png'}"
        data = chest.path(image.path).read_bytes()
        if kind == "png":
            with Picture.open(io.BytesIO(data)) as opened:
                file = io.BytesIO()
                opened.save(file, "PNG", compress_level=1)
            data = file.getvalue()
        elif kind != "file":
            data = copy_of(chest.path(image.path), kind)
        with Picture.open(io.BytesIO(data)) as opened:
            shape = opened.size[::-1]
        media[path] = data
        copied = replace(image, path=path, shape=shape, spacing_mm=())
        test.append(
            replace(train[3], id=f"copy-{kind}", patient=f"new-{kind}", images=(copied,), texts=(), regions=())
        )
    return (
        from_studies(train, root / "train", name="train", media=media),
        from_studies(test, root / "test", name="test", media=media),
    )


def test_every_planted_leak_is_found_and_nothing_else(planted: tuple[Corpus, Corpus]) -> None:
    train, test = planted
    result = audit(train, test)
    by_kind = {kind: {(m.train, m.test) for m in result.matches if m.kind == kind} for kind in KINDS}
    kept = [one for one in test if not one.id.startswith("copy")]
    assert len(by_kind["patient"]) == 1
    assert {test_id for _, test_id in by_kind["file"]} == {"copy-file"}
    assert {test_id for _, test_id in by_kind["pixels"]} == {"copy-png"}
    assert {test_id for _, test_id in by_kind["near_image"]} == {
        "copy-jpeg",
        "copy-crop",
        "copy-window",
        "copy-resize",
    }
    source = {m.train for m in result.matches if m.kind in ("file", "pixels", "near_image")}
    assert len(source) == 1
    assert source <= set(train.ids)
    assert len(by_kind["report"]) == 2, "two of training have the words of one of the test"
    assert {test_id for _, test_id in by_kind["near_report"]} == {
        one.id for one in kept if "Follow up" in one.text("report")
    }
    assert len(by_kind["question"]) == 1
    assert by_kind["study"] == set()


def test_templates_are_counted_apart(planted: tuple[Corpus, Corpus]) -> None:
    train, test = planted
    strict = audit(train, test, settings=AuditSettings(template_patients=2, kinds=("report", "near_report")))
    assert strict.templates == 1
    assert strict.pairs()["report"] == 0


def test_marks_are_written_and_read(planted: tuple[Corpus, Corpus], tmp_path: Path) -> None:
    marks = audit(*planted).contamination
    for name in ("marks.json", "marks.parquet"):
        again = Contamination.read(marks.write(tmp_path / name))
        assert again == marks
    assert "copy-crop" in marks.studies("near_image")
    assert marks.studies("near_image") < marks.studies()
    assert marks.test_hash == planted[1].content_hash
    (tmp_path / "other.json").write_text('{"studies": {"a": ["nonsense"]}}')
    with pytest.raises(DataError, match="unknown kind 'nonsense'"):
        Contamination.read(tmp_path / "other.json")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 nothing")
    with pytest.raises(DataError, match="no contamination marks"):
        Contamination.read(tmp_path / "broken.parquet")
    with pytest.raises(DataError, match="no such file"):
        Contamination.read(tmp_path / "none.json")
    with pytest.raises(DataError, match=r"expected \.json or \.parquet"):
        marks.write(tmp_path / "marks.csv")


def test_the_page_shows_the_pairs(planted: tuple[Corpus, Corpus]) -> None:
    train, test = planted
    page = audit_page(audit(train, test), train, test)
    assert page.count("data:image/png;base64,") >= 12
    assert "<mark>" in page
    for study in (*train, *test):
        assert study.patient not in page, "patients are not named"
    assert "<script" not in page


def test_shared_words_are_marked_and_escaped() -> None:
    one, other = shared_marked("The <b>heart is not enlarged today", "He said: <b>Heart is not enlarged.")
    assert one == "The <mark>&lt;b&gt;heart is not</mark> enlarged today"
    assert other == "He said: <mark>&lt;b&gt;Heart is not</mark> enlarged."


def test_different_virtual_patients_are_not_alike(chest: Corpus) -> None:
    first = set(chest.ids[::2])
    result = audit(chest.filter(ids=sorted(first)), chest.filter(ids=sorted(set(chest.ids) - first)))
    assert result.matches == ()
    # No pair of 8 × 8 patients: the share of such pairs is below 6 % with 95 % confidence by this test alone.
    assert wilson(0, 64).high < 0.06


def test_parts_of_one_corpus_and_a_corpus_with_itself(chest: Corpus) -> None:
    assert audit(chest.split("train"), chest.split("test"), names=("a", "b")).matches == ()
    with pytest.raises(DataError, match="compared with itself"):
        audit(chest, Corpus.open(chest.root))


def test_a_picture_that_cannot_be_opened_is_told(planted: tuple[Corpus, Corpus], tmp_path: Path) -> None:
    train, _ = planted
    study = replace(next(iter(train)), regions=(), texts=())
    image = replace(study.images[0], path="media/bad.png", sha256="")
    bad = from_studies(
        [replace(study, images=(image,))], tmp_path / "bad", name="bad", media={"media/bad.png": b"\x89PNG"}
    )
    result = audit(train, bad, settings=AuditSettings(kinds=("near_image",)))
    assert len(result.unreadable) == 1
    assert "could not be opened" in result.text()


def test_the_verb(planted: tuple[Corpus, Corpus], tmp_path: Path) -> None:
    train, test = (str(one.root) for one in planted)
    runner = CliRunner()
    arguments = [
        "audit",
        train,
        test,
        "--out",
        str(tmp_path / "a.html"),
        "--mark",
        str(tmp_path / "m.json"),
        "--json",
    ]
    done = runner.invoke(app, [*arguments, "--fail-on", "study"])
    assert done.exit_code == 0
    assert json.loads(done.stdout)["studies"]["near_image"] == 4
    assert Contamination.read(tmp_path / "m.json").studies("file") == {"copy-file"}
    assert (tmp_path / "a.html").read_text().startswith("<!doctype html>")
    for kinds in ("any", "near-image,file"):
        assert runner.invoke(app, ["audit", train, test, "--kinds", "file", "--fail-on", kinds]).exit_code == 1
    with pytest.raises(ConfigError, match="did you mean 'pixels'"):
        runner.invoke(app, ["audit", train, test, "--fail-on", "pixel"], catch_exceptions=False)


def test_contaminated_studies_are_dropped_from_training(planted: tuple[Corpus, Corpus]) -> None:
    from curation_studies import run

    from vesalius.curation.recipe import step_kind

    train, test = planted
    step = step_kind("decontaminate")(against=(str(test.root),))
    kept, dropped = run(step, list(train), train)
    assert len(kept) + len(dropped) == 10
    assert set(dropped.values()) == {"shared patient", "shared file", "shared report"}
    assert audit_is_clean(kept, train, test)


def audit_is_clean(kept: list, train: Corpus, test: Corpus) -> bool:
    result = audit(train.filter(ids=[one.id for one in kept]), test)
    return {match.kind for match in result.matches} <= {"question"}
