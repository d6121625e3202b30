"""Populations: prevalence, streams, corpora that do not depend on the number of workers."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from vesalius.cli.virtual import app
from vesalius.data.corpus import Corpus
from vesalius.data.records import Study
from vesalius.errors import ConfigError, DataError
from vesalius.virtual.patient import draw_patient
from vesalius.virtual.picture import box_of
from vesalius.virtual.population import make
from vesalius.virtual.preset import load_preset, preset_names
from vesalius.virtual.study import make_study

SIZE = 64
CONCEPTS = tuple(load_preset("chest").prevalence)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return make(tmp_path_factory.mktemp("virtual") / "corpus", patients=24, image_size=SIZE, workers=1)


def test_corpus_holds_what_was_asked_for(corpus: Corpus) -> None:
    assert len(corpus) == 24
    assert len(set(corpus.patients)) == 24
    assert corpus.has_split
    sizes = {name: len(corpus.split(name)) for name in ("train", "val", "test")}
    assert sum(sizes.values()) == 24
    assert 14 <= sizes["train"] <= 19
    assert corpus.manifest.virtual
    assert set(corpus.concepts()) == {*CONCEPTS, "no_finding"}


def test_study_is_whole(corpus: Corpus) -> None:
    for study in corpus:
        image = study.image("pa")
        assert (image.modality, image.view, image.shape) == ("DX", "PA", (SIZE, SIZE))
        assert len(image.spacing_mm) == 2
        assert study.provenance.virtual
        assert study.text("findings")
        assert study.text("impression")
        stated = {part.concept for part in study.findings}
        assert stated == {*CONCEPTS, "no_finding"}
        assert (study.status("no_finding") == "present") == all(study.status(name) == "absent" for name in CONCEPTS)
        assert {"cardiothoracic_ratio", "thoracic_width"} <= {measured.name for measured in study.measurements}
        assert all(part.code for part in study.findings if part.concept == "pleural_effusion")


def test_masks_and_boxes_agree(corpus: Corpus) -> None:
    seen = 0
    for study in corpus:
        boxes = [region for region in study.regions if region.kind == "box"]
        masks = [region for region in study.regions if region.kind == "mask"]
        assert [(box.concept, box.instance) for box in boxes] == [(mask.concept, mask.instance) for mask in masks]
        for box, mask in zip(boxes, masks, strict=True):
            with Image.open(corpus.path(mask.mask)) as image:
                pixels = np.asarray(image.convert("L"))
            assert 1 <= mask.mask_value <= pixels.max()
            assert box_of(pixels == mask.mask_value) == box.box
            seen += 1
        assert {"right lung", "left lung", "heart"} <= {region.anatomy for region in boxes}
    assert seen > 24 * 3


def test_every_visible_finding_has_a_region(corpus: Corpus) -> None:
    for study in corpus:
        present = {part.concept for part in study.findings if part.status == "present"} - {"no_finding"}
        assert {region.concept for region in study.regions if region.concept} <= present
    shown = sum(bool({region.concept for region in study.regions} - {""}) for study in corpus)
    sick = sum(study.status("no_finding") == "absent" for study in corpus)
    assert shown >= sick - 1


def test_files_say_virtual_and_nothing_of_the_case(corpus: Corpus) -> None:
    for study in corpus:
        with Image.open(corpus.path(study.images[0].path)) as image:
            assert "virtual" in image.info["VIRTUAL"]
            assert set(image.info) == {"VIRTUAL"}
        names = " ".join([study.id, study.patient, *(region.mask for region in study.regions), study.images[0].path])
        assert not any(concept in names for concept in CONCEPTS)


def test_content_does_not_depend_on_workers(corpus: Corpus, tmp_path: Path) -> None:
    shared = make(tmp_path / "two", patients=24, image_size=SIZE, workers=2)
    assert shared.content_hash == corpus.content_hash
    assert sorted(shared.split("test").patients) == sorted(corpus.split("test").patients)


def test_interrupted_work_goes_on(corpus: Corpus, tmp_path: Path) -> None:
    make(tmp_path / "c", patients=9, image_size=SIZE, workers=1)
    written = {path: path.stat().st_mtime_ns for path in (tmp_path / "c" / "media").rglob("*.png")}
    whole = make(tmp_path / "c", patients=24, image_size=SIZE, workers=1)
    assert whole.content_hash == corpus.content_hash
    assert all(path.stat().st_mtime_ns == time for path, time in written.items())


def test_other_settings_in_the_same_folder_are_refused(corpus: Corpus) -> None:
    with pytest.raises(DataError, match="another seed"):
        make(corpus.root, patients=24, image_size=SIZE, seed=1)
    with pytest.raises(DataError, match="image_size"):
        make(corpus.root, patients=24, image_size=SIZE * 2)


def test_prevalence_of_the_preset() -> None:
    preset, number = load_preset("chest"), 3000
    patients = [draw_patient(17, i, preset=preset) for i in range(number)]
    for concept, wanted in preset.prevalence.items():
        share = sum(concept in patient.concepts for patient in patients) / number
        # SD of a share of 0.15 of 3000 is 0.0065; the joint rules (age, exclusions) move shares by up to 0.025.
        assert share == pytest.approx(wanted, abs=0.035), concept
    normal = sum(not patient.diseases for patient in patients) / number
    assert 0.22 <= normal <= 0.34


def test_causes_bring_their_consequences() -> None:
    patients = [draw_patient(18, i) for i in range(3000)]

    def share(concept: str, among: list[bool]) -> float:
        return float(np.mean([concept in p.concepts for p, kept in zip(patients, among, strict=True) if kept]))

    edema = ["edema" in patient.concepts for patient in patients]
    assert share("cardiomegaly", edema) > 0.5
    assert share("pleural_effusion", edema) > share("pleural_effusion", [not e for e in edema]) + 0.2
    assert share("fibrosis", edema) == 0


def test_prevalence_can_be_changed(tmp_path: Path) -> None:
    preset = load_preset("chest", ["prevalence.pneumothorax=0.6", "prevalence.edema=0"])
    patients = [draw_patient(3, i, preset=preset) for i in range(400)]
    assert not any("edema" in patient.concepts for patient in patients)
    # Those with fluid on both sides or on the drawn side and the other have none: a few percent.
    assert np.mean(["pneumothorax" in patient.concepts for patient in patients]) == pytest.approx(0.58, abs=0.09)


def test_changing_one_finding_leaves_the_draws_of_others() -> None:
    usual, without = load_preset("chest"), load_preset("chest", ["prevalence.lung_nodule=0"])
    for number in range(200):
        first, second = draw_patient(5, number, preset=usual), draw_patient(5, number, preset=without)
        assert first.without("lung_nodule").diseases == second.diseases
        assert (first.body, first.site, first.acquisition) == (second.body, second.site, second.acquisition)


def test_forbidden_pairs() -> None:
    for number in range(3000):
        patient = draw_patient(19, number)
        fluid = {d.laterality for d in patient.diseases if d.concept == "pleural_effusion"}
        air = {d.laterality for d in patient.diseases if d.concept == "pneumothorax"}
        assert not fluid & air
        assert not {"edema", "fibrosis"} <= patient.concepts


def test_errors_name_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean 'chest'"):
        make(tmp_path / "a", patients=1, preset="chst")
    with pytest.raises(ConfigError, match="did you mean 'pneumothorax'"):
        make(tmp_path / "b", patients=1, settings=["prevalence.pneumotorax=0.2"])
    with pytest.raises(ConfigError, match="expected 0 to below 1"):
        make(tmp_path / "c", patients=1, settings=["prevalence.pneumothorax=1.5"])
    with pytest.raises(ConfigError, match="at least 1"):
        make(tmp_path / "d", patients=0)
    with pytest.raises(ConfigError, match="did you mean 'label_noise'"):
        make(tmp_path / "e", patients=1, settings=["defects.label_nois=0.1"])
    assert {"chest", "clinic"} <= set(preset_names())


def test_study_names_are_hashes_without_order() -> None:
    made: list[Study] = [make_study(draw_patient(6, i), 32).study for i in range(3)]
    assert all(len(study.id) == 16 and int(study.id, 16) >= 0 for study in made)
    assert len({study.id for study in made} | {study.patient for study in made}) == 6


def test_command_line(tmp_path: Path) -> None:
    runner = CliRunner()
    out = tmp_path / "made"
    command = ["make", "--out", str(out), "--patients", "3", "--image-size", "48", "--workers", "1", "--json",
               "prevalence.edema=0.5"]  # fmt: skip
    result = runner.invoke(app, command)
    assert result.exit_code == 0
    document = json.loads(result.stdout)
    assert document["studies"] == 3
    assert document["content_hash"] == Corpus.open(out).content_hash
    shown = runner.invoke(app, ["show", "--out", str(tmp_path / "x.png"), "--index", "5", "--image-size", "64"])
    assert shown.exit_code == 0
    assert Image.open(io.BytesIO((tmp_path / "x.png").read_bytes())).size == (64, 64)
