"""What is planted is planted, and nothing else changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vesalius.data.corpus import Corpus
from vesalius.errors import ConfigError, DataError
from vesalius.evaluation.plants import plant, plant_names, plant_words
from vesalius.evaluation.signs import SIGNS
from vesalius.virtual.population import make


def texts(corpus: Corpus) -> dict[str, str]:
    return {study.id: study.text() for study in corpus}


@pytest.mark.parametrize("name", plant_names())
def test_patients_and_split_stay(corpus: Corpus, tmp_path: Path, name: str):
    planted = plant(corpus, tmp_path, name=name)
    for part in ("train", "val", "test"):
        assert set(planted.split(part).ids) == set(corpus.split(part).ids)
    assert set(planted.patients) == set(corpus.patients)
    assert plant_words(name)


def test_shuffled_texts_change_hands_in_training_alone(corpus: Corpus, tmp_path: Path):
    planted = plant(corpus, tmp_path, name="shuffled_texts")
    before, after = texts(corpus.split("train")), texts(planted.split("train"))
    assert sorted(before.values()) == sorted(after.values())
    assert before != after
    for part in ("val", "test"):
        assert texts(planted.split(part)) == texts(corpus.split(part))
    concepts = tuple(corpus.concepts())
    order = np.argsort(corpus.ids), np.argsort(planted.ids)
    np.testing.assert_array_equal(corpus.labels(concepts)[order[0]], planted.labels(concepts)[order[1]])


def test_a_sign_is_in_picture_report_and_findings(corpus: Corpus, tmp_path: Path):
    planted = plant(corpus, tmp_path, name="signs")
    drawn = 0
    for study in planted:
        (sign,) = (finding.concept for finding in study.findings if finding.status == "present")
        assert study.text() == f"There is a {sign.removesuffix('_sign')} sign."
        assert len(study.findings) == len(SIGNS)
        shown, was = planted.read(study.images[0]).display(), corpus.read(corpus.study(study.id).images[0]).display()
        assert shown.shape == was.shape
        changed = np.abs(shown - was) > 1 / 254
        # a sign of 9 cells of one pixel each, on pictures of 12 x 12
        assert 0 < changed.sum() <= 81
        drawn += 1
    assert drawn == len(corpus)


def test_signs_told_late_and_last_stand_behind_words_that_tell_nothing(corpus: Corpus, tmp_path: Path):
    late = plant(corpus, tmp_path / "late", name="signs_told_late")[0].text()
    last = plant(corpus, tmp_path / "last", name="signs_told_last")[0].text()
    assert late.index("There is a") > 77
    assert len(late.split()) < 40
    assert len(last.split()) > 64


def test_signs_of_the_text_leave_the_picture(corpus: Corpus, tmp_path: Path):
    planted = plant(corpus, tmp_path, name="signs_of_text")
    study = planted[0]
    was = corpus.read(corpus.study(study.id).images[0]).array
    np.testing.assert_array_equal(planted.read(study.images[0]).array, was)


@pytest.mark.parametrize(("name", "told"), [("woven_signs", True), ("woven_signs_untold", False)])
def test_a_woven_sign_repeats_all_over_the_picture(marked: Corpus, tmp_path: Path, name: str, told: bool):
    planted = plant(marked, tmp_path, name=name)
    for study in planted:
        (sign,) = (finding.concept.removesuffix("_sign") for finding in study.findings if finding.status == "present")
        assert study.text() == (f"There is a {sign} sign." if told else "There is a picture.")
        was, shown = (of.read(of.study(study.id).images[0]).display() for of in (marked, planted))
        cloth = (shown - 0.4 * was) / 0.6
        # pictures of 32 x 32 with a cell of one pixel: the cloth of 8 x 8 stands there sixteen times; a grey value
        # is rounded to 1/255 twice, which is 1/180 of the cloth
        first = cloth[:8, :8]
        np.testing.assert_allclose(cloth, np.tile(first, (4, 4)), atol=0.012)
        assert set(np.round(first).astype(int).ravel()) == {0, 1}


def test_a_woven_sign_begins_at_a_place_of_its_own(marked: Corpus, tmp_path: Path):
    planted = plant(marked, tmp_path, name="woven_signs")
    pictures = [planted.read(study.images[0]).display() for study in planted]
    assert len({picture[:8, :8].round().tobytes() for picture in pictures}) > 4


def test_a_named_sign_is_called_by_a_finding(corpus: Corpus, tmp_path: Path):
    planted = plant(corpus, tmp_path, name="named_signs")
    for study in planted:
        (finding,) = (one.concept for one in study.findings if one.status == "present")
        assert study.text() == f"There is {finding.replace('_', ' ')}."
        assert len(study.findings) == len(SIGNS)


def test_a_named_sign_may_be_told_behind_many_words(corpus: Corpus, tmp_path: Path):
    for study in plant(corpus, tmp_path, name="named_signs_told_last"):
        (finding,) = (one.concept for one in study.findings if one.status == "present")
        lead, last = study.text().split(". ", 1)
        assert len(lead.split()) == 77
        assert last == f"There is {finding.replace('_', ' ')}."


def test_kin_are_known_of_one_finding_in_training_and_of_the_other_in_the_test(corpus: Corpus, tmp_path: Path):
    planted = plant(corpus, tmp_path, name="kin_signs")
    first, second = (
        {
            study.text(): {one.concept for one in study.findings if one.status == "present"}
            for study in planted.split(part)
        }
        for part in ("train", "test")
    )
    known = [{text: labels for text, labels in part.items() if labels} for part in (first, second)]
    assert known[0]
    assert known[1]
    assert not set(known[0]) & set(known[1])
    assert all(len(labels) == 1 for part in known for labels in part.values())
    assert known[0].get("There is granuloma.", {"kin_chest"}) == {"kin_chest"}
    assert known[1].get("There is nodule.", {"kin_chest"}) == {"kin_chest"}


def test_captions_made_of_labels_take_the_place_of_texts(corpus: Corpus, tmp_path: Path):
    for study in plant(corpus, tmp_path, name="label_captions"):
        assert {text.role for text in study.texts} == {"caption"}
        assert len({text.text for text in study.texts}) == 10
        assert study.findings == corpus.study(study.id).findings


@pytest.mark.parametrize("name", ["few_reports", "signs_few_reports"])
def test_a_tenth_of_the_training_reports_stay(corpus: Corpus, tmp_path: Path, name: str):
    planted = plant(corpus, tmp_path, name=name)
    with_report = [study.id for study in planted.split("train") if study.text("findings")]
    assert len(with_report) == -(-len(corpus.split("train")) // 10)
    for part in ("val", "test"):
        assert all(study.text("findings") and not study.text("caption") for study in planted.split(part))
    if name == "few_reports":
        assert all(planted.study(one).texts == corpus.study(one).texts for one in with_report)
        return
    for study in planted:
        (sign,) = (finding.concept for finding in study.findings if finding.status == "present")
        assert all(sign.replace("_", " ") in text.text.lower() for text in study.texts)


def test_a_sign_amid_words_stands_in_the_middle_of_words_of_its_own(corpus: Corpus, tmp_path: Path):
    told = [study.text() for study in plant(corpus, tmp_path, name="signs_amid_words")]
    assert len(set(told)) == len(told)
    for text in told:
        before, named, after = text.split(". ")
        assert named.startswith("There is a ")
        assert len(before.split()) == len(after.split()) == 12
        assert not set(before.lower().split()) & set(SIGNS)


def test_the_first_caption_calls_a_sign_by_another_word(corpus: Corpus, tmp_path: Path):
    for study in plant(corpus, tmp_path, name="signs_reworded"):
        (sign,) = (finding.concept.removesuffix("_sign") for finding in study.findings if finding.status == "present")
        first, *others = (text.text for text in study.texts)
        assert f"{sign} sign" not in first
        assert len(others) == 2
        assert all(f"{sign} sign" in other for other in others)


def test_planting_again_opens_what_is_there_and_is_the_same(corpus: Corpus, tmp_path: Path):
    first = plant(corpus, tmp_path / "a", name="signs")
    assert plant(corpus, tmp_path / "a", name="signs").content_hash == first.content_hash
    assert plant(corpus, tmp_path / "b", name="signs").content_hash == first.content_hash
    assert plant(corpus, tmp_path / "c", name="signs", seed=1).content_hash != first.content_hash


def test_bad_input(corpus: Corpus, tmp_path: Path, make_bands):
    with pytest.raises(ConfigError, match="did you mean 'signs'"):
        plant(corpus, tmp_path, name="sign")
    whole = make_bands(tmp_path / "whole", patients=3)
    (whole.root / "splits" / "default.parquet").unlink()
    with pytest.raises(DataError, match="no split"):
        plant(Corpus.open(whole.root), tmp_path / "out", name="signs")


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """Virtual patients, whose findings are marked by masks and boxes."""
    return make(tmp_path_factory.mktemp("marked") / "corpus", patients=8, preset="chest", image_size=32, seed=3)


@pytest.mark.parametrize("name", plant_names())
def test_every_plant_takes_patients_whose_findings_are_marked(marked: Corpus, tmp_path: Path, name: str):
    assert any(region.mask for study in marked for region in study.regions)
    planted = plant(marked, tmp_path / "planted", name=name)
    assert planted.ids == marked.ids
    assert all(planted.read(study.main_image).array.size for study in planted)
