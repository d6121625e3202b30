"""The data halves of five systems: what their cards demand, by worked examples and on virtual patients."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from curation_studies import Folder, absent, mask_region, present, run, study, texture

from vesalius.curation import gmai_vl, med_mat, medmax, medtrinity_25m
from vesalius.curation.base import Dropped, Stage
from vesalius.curation.bm25 import Passages
from vesalius.curation.masks import position
from vesalius.curation.med_mat import Triplet, covers, item, minimal_covers, related, unrelated
from vesalius.curation.pipeline import curate
from vesalius.curation.recipe import load_recipe, step_kind
from vesalius.data.corpus import Corpus
from vesalius.data.records import Box, Image, Provenance, Study
from vesalius.errors import ConfigError, DataError

SYSTEMS = ("medtrinity-25m", "med-mat", "gmai-vl", "medmax")


def evidence(slug: str, level: str, claim: str) -> pytest.MarkDecorator:
    return pytest.mark.evidence(slug, level, claim)


def check_recipe(slug: str, chest: Corpus, root: Path) -> Corpus:
    report = curate(chest, load_recipe(slug), root / slug)
    assert all(
        step.tally.studies_in == step.tally.studies_out + sum(step.tally.dropped.values()) for step in report.steps
    )
    return Corpus.open(root / slug)


# MedTrinity-25M


def block_study(folder: Folder, mask: np.ndarray, **fields: object) -> Study:
    folder.put("p.png", texture(0, 100))
    folder.put("m.png", mask.astype(np.uint8))
    image = Image(id="i", path="p.png", modality="DX", body_part="CHEST", shape=(100, 100))
    known = {"findings": (present("lung_nodule", "left"),), **fields}
    return Study(id="a", patient="a", images=(image,), regions=(mask_region("m.png"),), **known)


@evidence("medtrinity-25m", "L2", "masks become boxes, shares and places as the card works out")
def test_medtrinity_mask_to_words(folder: Folder) -> None:
    mask = np.zeros((100, 100), bool)
    mask[40:60, 70:80] = True
    made = block_study(folder, mask)
    (roi,) = medtrinity_25m.rois_of_mask(made, made.regions[0], folder)
    assert (roi.box, roi.area_percent, roi.position) == (Box(70, 40, 80, 60), 2.0, "right-centre")
    mask[0:50, 0:30] = True
    made = block_study(folder, mask)
    assert [roi.area_percent for roi in medtrinity_25m.rois_of_mask(made, made.regions[0], folder)] == [15.0, 2.0]
    made = block_study(folder, np.zeros((100, 100), bool))
    (roi,) = medtrinity_25m.rois_of_mask(made, made.regions[0], folder)
    assert (roi.box, roi.position) == (None, "whole image")


def material(folder: Folder) -> medtrinity_25m.Material:
    mask = np.zeros((100, 100), bool)
    mask[40:60, 70:80] = True
    settings = medtrinity_25m.MedTrinity25M(top=2)
    texts = [f"Lung nodule fact {n}: small opacity." for n in range(4)] + [
        "Melanoma of the skin.",
        "Nodule and pneumothorax.",
    ]
    return medtrinity_25m.material_of(block_study(folder, mask), Passages(texts), folder, settings)


@evidence("medtrinity-25m", "L2", "the prompt holds all three sources and the top passages only, found by BM25")
def test_medtrinity_prompt(folder: Folder) -> None:
    made = material(folder)
    asked = medtrinity_25m.prompt(made)
    assert made.caption == "A chest radiograph image with lung nodule in the ROI."
    assert made.caption in asked
    assert "right-centre" in asked
    assert "2.0 %" in asked
    assert asked.count("Lung nodule fact") == 2
    assert "pneumothorax" not in asked, "a passage that names another finding is left out"
    assert all(f"{part}: …" in asked for part in medtrinity_25m.PARTS)


def test_bm25_finds_the_right_passage_and_nothing_for_nothing() -> None:
    found = Passages(["A stone of the kidney.", "A nodule of the lung.", "The lung and the heart."])
    assert found.search("lung nodule", top=2)[0].text == "A nodule of the lung."
    assert [hit.text for hit in found.search("lung", top=5)] == [hit.text for hit in found.search("lung", top=5)]
    assert found.search("retina", top=3) == []
    assert Passages([]).search("x", top=1) == []


@evidence(
    "medtrinity-25m", "L2", "descriptions without the finding, with the wrong side or without a part are refused"
)
def test_medtrinity_verifier(folder: Folder) -> None:
    made = material(folder)
    text = medtrinity_25m.frame_captioner(made)
    assert list(medtrinity_25m.parse(text)) == list(medtrinity_25m.PARTS)
    assert medtrinity_25m.verify(text, made) == ""
    assert "the patient's left" in text
    cases = {
        "a part is missing": text.replace("Lesion texture", "Texture"),
        "finding not named": text.replace("nodule", "thing"),
        "finding denied": text.replace("lung nodule at", "no lung nodule at"),
        "side contradicted": text.replace("right-centre", "left-centre"),
        "foreign finding": text + " There is a pneumothorax.",
    }
    assert {medtrinity_25m.verify(changed, made) for changed in cases.values()} == set(cases)
    assert medtrinity_25m.verify(text.replace("patient's left", "patient's right"), made) == "side contradicted"
    with pytest.raises(DataError, match="lacks 'Structures'"):
        medtrinity_25m.parse(text.replace("Structures:", "Organs:"))


def test_medtrinity_takes_a_captioner_of_ones_own(folder: Folder) -> None:
    mask = np.zeros((100, 100), bool)
    mask[40:60, 70:80] = True
    decide = medtrinity_25m.describer(
        lambda one: "A normal film.", Passages([]), folder, medtrinity_25m.MedTrinity25M()
    )
    assert decide(block_study(folder, mask)) == Dropped("a part is missing")


@evidence("medtrinity-25m", "L1", "the recipe makes triplets of virtual patients")
def test_medtrinity_on_virtual_patients(chest: Corpus, tmp_path: Path) -> None:
    made = check_recipe("medtrinity-25m", chest, tmp_path)
    assert len(made) >= 14
    for one in made:
        assert len(medtrinity_25m.parse(one.dialogues[-1].answer)) == 5
        assert "medtrinity_25m@" in one.provenance.made_by


# Med-MAT


@evidence("med-mat", "L2", "covers as the card's example, symmetric, and equal to brute force")
def test_med_mat_covers() -> None:
    target, lung, brain = (
        Triplet("CT", "Brain", "Cancer"),
        Triplet("CT", "Lung", "Cancer"),
        Triplet("MRI", "Brain", "Tumour"),
    )
    assert covers(target, [lung, brain])
    assert not covers(target, [lung])
    assert not covers(target, [lung, brain, target])
    rng = np.random.default_rng(0)
    table = sorted(
        {Triplet(*(f"{kind}{rng.integers(n)}" for kind, n in zip("MAT", (5, 6, 4), strict=True))) for _ in range(60)}
    )[:37]
    assert len(table) == 37
    for goal in table[:12]:
        brute = []
        for size in (1, 2, 3):
            for chosen in combinations([one for one in table if one != goal], size):
                minimal = not any(
                    covers(goal, part) for less in range(1, size) for part in combinations(chosen, less)
                )
                if minimal and covers(goal, chosen):
                    brute.append(chosen)
        assert minimal_covers(goal, table) == brute
        assert minimal_covers(goal, table[::-1]) == brute
        assert set(related(goal, table)) | set(unrelated(goal, table)) | {goal} == set(table)


@evidence("med-mat", "L2", "items: one right option, even letters, distractors of the subset")
def test_med_mat_items() -> None:
    rng = np.random.default_rng(1)
    labels = ["a", "b", "c", "d", "e", "f"]
    letters: Counter[str] = Counter()
    for _ in range(2000):
        made = item("What?", "c", labels, rng)
        assert len(set(made.options)) == 4
        assert made.options["ABCD".index(made.letter)] == made.answer == "c"
        assert set(made.options) <= set(labels)
        letters[made.letter] += 1
    # chi-square with 3 degrees of freedom exceeds 16.27 with a chance of 0.001
    assert sum((letters[letter] - 500) ** 2 / 500 for letter in "ABCD") < 16.27
    assert len(item("What?", "a", ["a", "b"], rng).options) == 2
    assert made.choice.splitlines()[1].startswith("A: ")
    with pytest.raises(DataError, match="at least one other"):
        item("What?", "a", ["a"], rng)


def test_med_mat_subsets_have_equal_numbers() -> None:
    studies = [study(f"e{n}", path="p.png", findings=(present("edema"), absent("pneumothorax"))) for n in range(8)]
    studies += [study(f"p{n}", path="p.png", findings=(present("pneumothorax"), absent("edema"))) for n in range(8)]
    kept, _ = run(step_kind("med_mat")(per_subset=5), studies)
    asked = [one for made in kept for one in made.dialogues]
    assert len(asked) == 5
    assert {one.source for one in asked} == {"med-mat/Subset--01/radiograph/chest/finding"}
    assert all(one.answer in one.options for one in asked)


@evidence("med-mat", "L1", "the recipe makes choices of virtual patients")
def test_med_mat_on_virtual_patients(chest: Corpus, tmp_path: Path) -> None:
    made = check_recipe("med-mat", chest, tmp_path)
    asked = [dialogue for one in made for dialogue in one.dialogues]
    assert len(asked) >= 4
    assert all(len(set(one.options)) == len(one.options) and one.answer in one.options for one in asked)


# GMAI-VL

FACTS = gmai_vl.Facts(
    record="r", task="classification", modality="CT", picture="CT", organ="liver", label="tumour", side="right"
)


@evidence("gmai-vl", "L2", "texts are held against the facts, as the card's example")
@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("CT of the liver with a tumour of the right lobe.", ""),
        ("CT of the liver with a tumour of the left lobe.", "side contradicted"),
        ("A tumour of the right lobe of the liver.", "modality missing"),
        ("CT of the liver, right lobe.", "label missing"),
        ("CT of the liver, no tumour on the right.", "label denied"),
        ("CT of the liver with a tumour.", "side missing"),
    ],
)
def test_gmai_facts_are_checked(text: str, fault: str) -> None:
    assert gmai_vl.check(text, FACTS) == fault


@evidence("gmai-vl", "L2", "masks and boxes give objects, share, place and side, each text with its facts and record")
def test_gmai_converts_annotations(folder: Folder) -> None:
    mask = np.zeros((100, 100), bool)
    mask[40:60, 70:80] = True
    made = block_study(folder, mask)
    known = {facts.task: facts for facts in gmai_vl.extract(made, folder)}
    assert known["segmentation"].boxes == (Box(70, 40, 80, 60),)
    assert (known["segmentation"].area_percent, known["segmentation"].side) == (2.0, "left")
    kept, _ = run(step_kind("gmai_vl")(), [made], folder)
    asked = [dialogue for dialogue in kept[0].dialogues if dialogue.answer_type == "open"]
    for dialogue, text in zip(asked, kept[0].texts, strict=True):
        facts = gmai_vl.facts_of(dialogue)
        assert facts["record"].startswith("a/i/")
        assert "lung nodule" in text.text
        assert dialogue.answer == text.text


@evidence("gmai-vl", "L2", "a label gives a caption and a choice, whose other options the study does not show")
def test_gmai_label_gives_caption_and_choice() -> None:
    findings = (present("lung_nodule", "left"), present("edema"), absent("pneumothorax"), absent("cardiomegaly"))
    one = study("a", path="p.png", findings=findings)
    facts = next(facts for facts in gmai_vl.extract(one, Folder(Path())) if facts.label == "lung_nodule")
    labels = gmai_vl.labels_of([one])
    rng = np.random.default_rng(0)
    asked, choice = gmai_vl.questions(one, facts, "A text.", rng=rng, labels=labels, options=4)
    assert (asked.answer, asked.answer_type) == ("A text.", "open")
    assert choice.answer == "lung nodule"
    assert sorted(choice.options) == ["cardiomegaly", "lung nodule", "pneumothorax"], "edema is there, too"
    assert gmai_vl.facts_of(choice) == gmai_vl.facts_of(asked)
    assert len(gmai_vl.questions(one, facts, "A text.", rng=rng, labels=labels, options=1)) == 1


def test_gmai_drops_what_a_guessing_writer_says(folder: Folder) -> None:
    stage = Stage(studies=(), files=folder)
    decide = gmai_vl.converter(lambda facts: "A radiograph of the chest with pneumonia.", stage, gmai_vl.GmaiVL())
    assert decide(study("a", path="p.png", findings=(present("lung_nodule"),))) == Dropped("label missing")


@evidence("gmai-vl", "L2", "the share of a set is sample_ratio × length of the sum, and a ratio may exceed 1")
def test_gmai_shares() -> None:
    sets = {"a": {"length": 100, "sample_ratio": 2}, "b": {"length": 300, "sample_ratio": 0.5}, "c": {"length": 50}}
    # 200, 150, 50 of 400
    assert gmai_vl.effective_shares(sets) == {"a": 0.5, "b": 0.375, "c": 0.125}
    with pytest.raises(ConfigError, match="0 in sum"):
        gmai_vl.effective_shares({})


@evidence("gmai-vl", "L1", "the recipe makes captions of virtual patients, all of which agree with their facts")
def test_gmai_on_virtual_patients(chest: Corpus, tmp_path: Path) -> None:
    made = check_recipe("gmai-vl", chest, tmp_path)
    every = [dialogue for one in made for dialogue in one.dialogues]
    records = [gmai_vl.facts_of(dialogue)["record"] for dialogue in every if dialogue.answer_type == "open"]
    assert len(records) == len(set(records)) > 30
    choices = [dialogue for dialogue in every if dialogue.answer_type == "choice"]
    assert len(choices) > 10
    for dialogue in choices:
        assert dialogue.answer in dialogue.options
        assert len(set(dialogue.options)) == 4


# Captions made of labels, as UniMed-CLIP does


@evidence("unimed-clip", "L1", "the recipe makes captions of virtual patients")
def test_unimed_on_virtual_patients(chest: Corpus, tmp_path: Path) -> None:
    for one in check_recipe("unimed-clip", chest, tmp_path):
        captions = [text.text for text in one.texts if text.role == "caption"]
        assert len(set(captions)) == 10
        assert one.texts[0].role == "findings", "a report stays, and first"


# MedMax


@evidence("medmax", "L2", "codes become blocks of 1024 ids and come back; cut and nested blocks are refused")
def test_medmax_blocks() -> None:
    codes = np.random.default_rng(0).integers(0, 8192, 1024).tolist()
    ids = medmax.sequence([20, medmax.PLACEHOLDER, 21], [codes])
    assert (ids[0], ids[1], ids[2], ids[1027], ids[-1]) == (0, 20, 8197, 8196, 2)
    assert len(ids) == 2 + 2 + 1026
    assert min(ids[3:1027]) >= 4
    assert max(ids[3:1027]) <= 8195
    assert medmax.codes_of(ids) == [codes]
    for broken, message in (
        (ids[:500], "cut after"),
        (ids[:500] + ids[2:], "inside a picture"),
        (ids[:9] + ids[1027:], "ends"),
    ):
        with pytest.raises(DataError, match=message):
            medmax.codes_of(broken)
    with pytest.raises(DataError, match="code 8192"):
        medmax.ids_of([8192] * 1024)
    with pytest.raises(DataError, match="1 placeholders for 0 pictures"):
        medmax.sequence([medmax.PLACEHOLDER], [])
    with pytest.raises(DataError, match="2054 ids, expected at most 2048"):
        medmax.sequence([medmax.PLACEHOLDER] * 2, [codes, codes])


@evidence("medmax", "L2", "a picture in the answer is learnt, one in the question is not")
def test_medmax_labels() -> None:
    codes = [7] * 1024
    question = medmax.sequence([medmax.PLACEHOLDER, 30, medmax.SEPARATOR, 31], [codes])
    answer = medmax.sequence([30, medmax.SEPARATOR, medmax.PLACEHOLDER], [codes])
    assert [one for one in medmax.labels_of(question) if one != -100] == [31, 2]
    assert medmax.labels_of(answer).count(11) == 1024
    plain = medmax.sequence([30, 31], [])
    assert medmax.labels_of(plain) == plain, "a row without a separator learns all"
    assert medmax.labels_of([*plain, medmax.PAD])[-1] == -100


@evidence("medmax", "L2", "inside a picture only codes may follow, and after 1024 its end")
def test_medmax_constraint() -> None:
    assert medmax.allowed([0, 20]) is None
    assert medmax.allowed([0, 8197]) == range(4, 8196)
    assert medmax.allowed([0, 8197] + [4] * 1023) == range(4, 8196)
    assert medmax.allowed([0, 8197] + [4] * 1024) == range(8196, 8197)
    assert medmax.allowed([0, 8197] + [4] * 1024 + [8196]) is None


def test_medmax_rows_name_pictures_and_credentials() -> None:
    made = study("a", path="p.png", text="Clear lungs.")
    kept, _ = run(step_kind("medmax")(tasks=("captioning", "generation")), [made])
    rows = list(medmax.rows_of(kept[0]))
    assert [(row.task, row.question.count("<image>"), row.answer.count("<image>")) for row in rows] == [
        ("captioning", 1, 0),
        ("generation", 0, 1),
    ]
    assert all(row.images == ("i",) and not row.credential for row in rows)
    gated = replace(kept[0], provenance=Provenance(source="x", licence="PhysioNet Credentialed Health Data 1.5.0"))
    assert all(row.credential for row in medmax.rows_of(gated))


@evidence("medmax", "L1", "the recipe makes rows of virtual patients")
def test_medmax_on_virtual_patients(chest: Corpus, tmp_path: Path) -> None:
    made = check_recipe("medmax", chest, tmp_path)
    tasks = Counter(row.task for one in made for row in medmax.rows_of(one))
    assert {"captioning", "generation", "report", "interleaved", "vqa"} <= set(tasks)


@pytest.mark.parametrize("slug", SYSTEMS)
def test_every_system_has_its_paper(slug: str) -> None:
    catalogue = json.loads((Path(gmai_vl.__file__).parents[1] / "systems.json").read_text(encoding="utf-8"))
    module = {one.PAPER.slug: one for one in (gmai_vl, med_mat, medmax, medtrinity_25m)}[slug]
    assert slug in {entry["slug"] for entry in catalogue}
    assert module.PAPER.arxiv
    assert position(Box(0, 0, 2, 2), (9, 9)) == "left-upper"
