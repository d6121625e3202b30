"""Every folder of real data, ingested by the command that a user would type: what its README states went in."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from vesalius.cli.main import app
from vesalius.data.corpus import Corpus
from vesalius.data.verify import verify
from vesalius.errors import DataError

pytestmark = [pytest.mark.real, pytest.mark.slow]


def ingested(real_data: Path, out: Path, source: str, *options: str) -> tuple[Corpus, dict[str, Any]]:
    """Ingest a folder or table of the real data, and inspect the corpus."""
    path = real_data / source
    if not path.exists():
        pytest.skip(f"no {path}")
    done = CliRunner().invoke(app, ["ingest", str(path), "--out", str(out), "--workers", "1", "--json", *options])
    assert done.exit_code == 0, done.output
    corpus = Corpus.open(out)
    verify(corpus)
    page = out.parent / f"{out.name}.html"
    shown = CliRunner().invoke(app, ["inspect", str(out), "--out", str(page)])
    assert shown.exit_code == 0, shown.output
    assert page.stat().st_size > 5_000
    return corpus, json.loads(done.stdout)


def numbers(corpus: Corpus) -> dict[str, int]:
    found: Counter[str] = Counter()
    for study in corpus:
        for kind in ("images", "texts", "findings", "regions", "dialogues"):
            found[kind] += len(getattr(study, kind))
    return dict(found)


def test_blood_cells(real_data: Path, tmp_path: Path) -> None:
    # README: 292 images, 3848 boxes: RBC 3247, Platelets 302, WBC 299.
    corpus, report = ingested(
        real_data, tmp_path / "corpus", "blood-cells/boxes.csv", "--image", "image", "--study", "image", "--box",
        "xmin,ymin,xmax,ymax,label", "--modality", "=SM",
    )  # fmt: skip
    assert not report["problems"]
    assert (len(corpus), numbers(corpus)["images"], numbers(corpus)["regions"]) == (292, 292, 3848)
    concepts = Counter(region.concept for study in corpus for region in study.regions)
    assert concepts == {"rbc": 3247, "platelets": 302, "wbc": 299}
    assert {image.shape for study in corpus for image in study.images} == {(480, 640)}


def test_brain_mri_classes(real_data: Path, tmp_path: Path) -> None:
    # README: 786 images: glioma 200, meningioma 200, pituitary 199, notumor 187; the split never parts a cluster.
    corpus, report = ingested(
        real_data, tmp_path / "corpus", "brain-mri-classes/labels.csv", "--image", "file", "--label", "label",
        "--patient", "cluster", "--split", "split", "--modality", "=MR", "--negative", "notumor",
    )  # fmt: skip
    assert not report["problems"]
    present = Counter(one.concept for study in corpus for one in study.findings if one.status == "present")
    assert present == {"glioma": 200, "meningioma": 200, "pituitary": 199, "no_finding": 187}
    assert corpus.manifest.splits["default"].shared_patients == 0


def test_cxr_covid(real_data: Path, tmp_path: Path) -> None:
    # README: 308 images, 137 patients, 242 with clinical notes; X-ray 261, CT 47; masks 116; views as counted.
    corpus, report = ingested(
        real_data, tmp_path / "corpus", "cxr-covid/metadata.csv", "--image", "file", "--text", "clinical_notes:note",
        "--patient", "patientid", "--label", "finding", "--split", "split", "--view", "view", "--modality",
        "modality", "--sex", "sex", "--age", "age", "--mask", "mask:lungs:anatomy", "--licence", "license",
    )  # fmt: skip
    assert not report["problems"]
    found = numbers(corpus)
    assert (len(corpus), corpus.counts.patients, found["images"], found["regions"]) == (308, 137, 308, 116)
    assert sum(bool(study.texts) for study in corpus) == 242
    assert Counter(image.modality for study in corpus for image in study.images) == {"DX": 261, "CT": 47}
    views = Counter(image.view for study in corpus for image in study.images)
    assert views == {"PA": 145, "AP Supine": 54, "AP": 39, "Axial": 34, "L": 23, "Coronal": 13}
    assert corpus.manifest.splits["default"].shared_patients == 0


def test_lung_boxes_of_cxr_covid(real_data: Path, tmp_path: Path) -> None:
    # README: boxes on 52 images (104 boxes), left and right lung.
    corpus, _ = ingested(real_data, tmp_path / "corpus", "cxr-covid/lung_boxes.json", "--format", "coco")
    boxes = Counter(region.concept for study in corpus for region in study.regions)
    assert boxes == {"right_lung": 52, "left_lung": 52}
    assert sum(bool(study.regions) for study in corpus) == 52


def test_dicom(real_data: Path, tmp_path: Path) -> None:
    # README: 161 files; every one is in an image of the corpus, or listed with a reason.
    corpus, report = ingested(real_data, tmp_path / "corpus", "dicom")
    with (real_data / "dicom" / "index.csv").open(newline="") as file:
        index = {row["file"]: row for row in csv.DictReader(file)}
    assert len(index) == 161
    listed = {problem["item"]: problem["reason"] for problem in report["problems"]}
    assert set(listed) <= set(index)
    copies = sum("the same SOP instance as" in reason for reason in listed.values())
    slices = sum(len(list(corpus.path(image.path).iterdir())) - 1
                 for study in corpus for image in study.images if corpus.path(image.path).is_dir())  # fmt: skip
    assert numbers(corpus)["images"] + slices + len(listed) == 161
    assert copies > 0
    for name, row in index.items():
        if row["modality"] in ("SEG", "RTSTRUCT", "SR"):
            assert "no image that it refers to" in listed[name] or "same SOP" in listed[name], name
        if row["decoded"] == "yes" and row["modality"] in ("CT", "MR", "CR", "US", "NM") and name in listed:
            assert "the same SOP instance as" in listed[name], (name, listed[name])
    (head,) = [image for study in corpus for image in study.images if image.shape[:1] == (24,)]
    assert (head.kind, head.modality) == ("volume", "MR")
    assert len(head.orientation) == 9
    text = json.dumps(report) + "".join(str(study) for study in corpus)
    assert not any(row["patient_id"] in text for row in index.values() if len(row["patient_id"]) > 5)


def test_endoscopy_polyps(real_data: Path, tmp_path: Path) -> None:
    # README: 160 frames with a mask each; masks of unchanged frames are JPEG: threshold at 128.
    corpus, report = ingested(
        real_data, tmp_path / "corpus", "endoscopy-polyps/polyps.json", "--image", "file", "--mask", "mask:polyp",
        "--patient", "cluster", "--split", "split", "--modality", "=ES",
    )  # fmt: skip
    assert not report["problems"]
    assert (len(corpus), numbers(corpus)["regions"]) == (160, 160)
    assert {region.mask_value for study in corpus for region in study.regions} == {255}


def test_fundus_hrf(real_data: Path, tmp_path: Path) -> None:
    # README: 15 images: diabetic retinopathy 5, glaucoma 5, healthy 5; each image is another person.
    corpus, report = ingested(
        real_data, tmp_path / "corpus", "fundus-hrf/images.csv", "--image", "file", "--mask", "mask:vessels:anatomy",
        "--patient", "patient", "--label", "condition", "--modality", "=OP", "--measurement",
        "vessel_fraction:vessel_fraction:1",
    )  # fmt: skip
    assert not report["problems"]
    assert (len(corpus), corpus.counts.patients, numbers(corpus)["regions"]) == (15, 15, 15)
    present = Counter(one.concept for study in corpus for one in study.findings if one.status == "present")
    assert present == {"diabetic_retinopathy": 5, "glaucoma": 5, "no_finding": 5}
    assert all(0.03 < study.measurements[0].value < 0.2 for study in corpus)


def test_microscopy_sem(real_data: Path, tmp_path: Path) -> None:
    # README: 3 images and 6 masks; no table names them, so a folder of pictures is all that they are.
    corpus, report = ingested(real_data, tmp_path / "corpus", "microscopy-sem/images", "--modality", "=SM")
    assert (len(corpus), report["problems"]) == (3, [])


def test_slake_questions_without_images(real_data: Path, tmp_path: Path) -> None:
    # README: 8681 records about 462 images: en/CLOSED 1723, en/OPEN 2622, zh/CLOSED 1708, zh/OPEN 2628.
    kinds: Counter[str] = Counter()
    pictures = 0
    for part in ("train", "validate"):
        corpus, report = ingested(
            real_data, tmp_path / part, f"slake-qa-text/{part}.jsonl", "--study", "img_id", "--patient", "img_id",
            "--question", "question", "--answer", "answer", "--answer-type", "answer_type", "--language", "q_lang",
        )  # fmt: skip
        assert not report["problems"]
        kinds.update(f"{one.language}/{one.answer_type}" for study in corpus for one in study.dialogues)
        pictures += len(corpus)
    assert kinds == {"en/CLOSED": 1723, "en/OPEN": 2622, "zh/CLOSED": 1708, "zh/OPEN": 2628}
    assert pictures == 462


def test_volumes(real_data: Path, tmp_path: Path) -> None:
    # README: 13 volumes with shape (columns, rows, slices) and spacing; masks for the first eight.
    corpus, report = ingested(
        real_data, tmp_path / "corpus", "volumes/volumes.json", "--image", "image", "--mask", "masks:region:anatomy",
        "--patient", "subject", "--modality", "modality",
    )  # fmt: skip
    assert not report["problems"]
    records = json.loads((real_data / "volumes" / "volumes.json").read_text())
    by_hash = {study.images[0].sha256: study for study in corpus}
    assert len(records) == len(by_hash) == 13
    for record in records:
        study = by_hash[record["sha256"]]
        image = study.images[0]
        assert image.shape == tuple(reversed(record["shape"])), record["image"]
        spacing = image.spacing_mm[-3:]
        assert spacing == pytest.approx(tuple(reversed(record["spacing_mm"][:3])), abs=1e-3), record["image"]
        assert len(image.orientation) == 9
        assert bool(study.regions) == bool(record["masks"])
    assert sum(bool(study.regions) for study in corpus) == 8


def test_vqa_derived(real_data: Path, tmp_path: Path) -> None:
    # Groups are counted within each set (c0021 is of two), so they are no patients here.
    # README: 3634 records: open 569, choice 859, closed 1010, number 1036, box 160.
    corpus, report = ingested(
        real_data, tmp_path / "corpus", "vqa-derived/vqa.jsonl", "--image", "image", "--root", str(real_data),
        "--study", "image", "--split", "split", "--question", "question", "--answer",
        "answer", "--options", "choices", "--answer-type", "answer_type",
    )  # fmt: skip
    assert not report["problems"]
    kinds = Counter(one.answer_type for study in corpus for one in study.dialogues)
    assert kinds == {"open": 569, "choice": 859, "closed": 1010, "number": 1036, "box": 160}
    assert all(len(one.options) > 1 for study in corpus for one in study.dialogues if one.answer_type == "choice")


def test_vqa_rad_demo(real_data: Path, tmp_path: Path) -> None:
    # README: 4 images, 4 records.
    corpus, report = ingested(
        real_data, tmp_path / "corpus", "vqa-rad-demo/vqa.jsonl", "--image", "image", "--question", "question",
        "--answer", "answer", "--answer-type", "answer_type",
    )  # fmt: skip
    assert (len(corpus), numbers(corpus)["dialogues"], report["problems"]) == (4, 4, [])
    assert all(one.answer for study in corpus for one in study.dialogues)


def test_benchmark_scores_hold_no_images(real_data: Path, tmp_path: Path) -> None:
    path = real_data / "benchmark-scores"
    if not path.exists():
        pytest.skip(f"no {path}")
    done = CliRunner().invoke(app, ["ingest", str(path), "--out", str(tmp_path / "corpus")])
    assert isinstance(done.exception, DataError)
    assert "no image files were found" in str(done.exception)
    # README: answers of models and their scores, no images; a table of words goes in by its name.
    corpus, _ = ingested(
        real_data, tmp_path / "words", "benchmark-scores/smmile/result_majority_ICL.csv", "--question",
        "final_question", "--answer", "true_answer",
    )  # fmt: skip
    assert numbers(corpus)["dialogues"] == len(corpus) > 100
