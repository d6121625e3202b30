"""UMIT: words of every task and the grammar of its answer, coordinates, landmarks, slices, languages."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from vesalius.data.conversations.corpus import CorpusSource
from vesalius.data.conversations.records import Located
from vesalius.data.corpus import Corpus, from_studies
from vesalius.data.messages import Media
from vesalius.data.readers.pixels import Pixels
from vesalius.data.records import Box, Finding, Image, Region, Study
from vesalius.evaluation.region_marks import region_values
from vesalius.methods.umit import CEPHALOMETRIC, CEPHALOMETRIC_MM, landmark_scores
from vesalius.models.vlm.looking import Looker
from vesalius.models.vlm.view_settings import PictureViews, ViewSettings, VolumeViews
from vesalius.models.vlm.views import volume_views
from vesalius.tasks.grammar import Plane, grammar
from vesalius.tasks.instructions import OUTPUTS, Wording, parse_labels, templates, worded
from vesalius.tasks.instructions.families import families
from vesalius.training.recipe import ConversationRecipe, open_recipe

HOW = grammar("umit")
TASKS = ("vqa_closed", "vqa_choice", "vqa_open", "text2region", "report", "classification", "landmark")


def evidence(claim: str) -> pytest.MarkDecorator:
    return pytest.mark.evidence("umit", "L2", claim)


@evidence(
    "every task in both languages names the grammar of its answer and fills its places; bare words have no form"
)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_template_engine(language: str) -> None:
    for task in TASKS:
        template = templates().get(task, language)
        assert template.answer in OUTPUTS
        fields = dict.fromkeys(template.needs, "xyz")
        text = template.instruction(np.random.default_rng(0), **fields)
        assert text.casefold().count("xyz") >= len(template.needs)
        bare = worded(Wording(form=False)).get(task, language)
        assert bare.form == ()
        assert bare.asks == template.asks
    assert templates().get("text2region", language).form


@evidence("what is written is read again: boxes, points, landmarks and labels")
def test_parsers() -> None:
    plane = Plane((1000, 1000))
    boxes = (Located(name="nodule", boxes=(Box(10.0, 20.0, 30.0, 40.0), Box(100.0, 200.0, 300.0, 400.0))),)
    assert HOW.parse(HOW.format(boxes, plane, task="text2region"), plane, task="text2region").value == boxes
    points = tuple(
        Located(name=name, points=((float(10 * number), 500.0),)) for number, name in enumerate(CEPHALOMETRIC)
    )
    assert len(set(CEPHALOMETRIC)) == 19
    text = HOW.format(points, plane, task="landmark")
    assert text.splitlines()[0] == "sella: (0, 500)"
    assert HOW.parse(text, plane, task="landmark").value == points
    names = ("edema", "nodule", "mass")
    assert parse_labels("edema, mass", names, language="en").value == ("edema", "mass")


@evidence("a landmark 5 pixels of 0.1 mm away is 0.5 mm off, inside 2 mm; a missing one fails and enters no mean")
def test_landmarks() -> None:
    truth = {"sella": (100.0, 200.0), "nasion": (300.0, 300.0)}
    said = [Located(name="Sella", points=((105.0, 200.0),)), Located(name="chin", points=((1.0, 1.0),))]
    found = landmark_scores([said], [truth], spacing_mm=CEPHALOMETRIC_MM)
    assert found["radial_error_mm"] == pytest.approx(0.5)
    assert (found["within_2_mm"], found["within_4_mm"], found["missing"]) == (0.5, 0.5, 0.5)
    alone = landmark_scores([said], [{"sella": (100.0, 200.0)}])
    assert (alone["within_2_mm"], alone["missing"]) == (1.0, 0.0)
    values = region_values(
        said, [Located(name="sella", points=((100.0, 200.0),))], Plane((2000, 2400)), task="landmark",
        spacing_mm=(0.1, 0.1),
    )  # fmt: skip
    assert values["radial_error_mm"] == pytest.approx(0.5)
    assert values["within_2_mm"] == 1.0


@evidence("detection: overlap of what all boxes cover; an empty answer on a negative picture is right, a box is not")
def test_detection() -> None:
    plane, truth = Plane((100, 100)), [Located(name="opacity", boxes=(Box(0, 0, 10, 10), Box(20, 0, 30, 10)))]
    half = [Located(name="opacity", boxes=(Box(0, 0, 10, 10),))]
    assert region_values(half, truth, plane, task="text2region")["iou"] == pytest.approx(0.5)
    negative = [Located(name="opacity")]
    assert region_values([], negative, plane, task="text2region")["accuracy"] == 1.0
    wrong = region_values(half, negative, plane, task="text2region")
    assert (wrong["accuracy"], wrong["false_positive"]) == (0.0, 1.0)
    unread = region_values(None, negative, plane, task="text2region")
    assert unread["accuracy"] == 0.0
    assert "false_positive" not in unread
    assert HOW.parse("none", plane, task="text2region").value == ()


@evidence("coordinates survive the cap of 602112 pixels in multiples of 28, both ways and at odd sizes")
@pytest.mark.parametrize("size", [(431, 1003), (1935, 2400), (57, 61), (3000, 29)])
def test_coordinates_survive_resizing(size: tuple[int, int], tmp_path: Path) -> None:
    width, height = size
    path = tmp_path / "one.png"
    Picture.fromarray(np.zeros((height, width), np.uint8)).save(path)
    views = ViewSettings(channels=1, factor=28, max_pixels=602_112, picture=PictureViews(policy="native"))
    plane = Looker(views, places=lambda shape: None).plane(Media(path=str(path)))
    assert plane.original == size
    assert plane.shown is not None
    assert all(side % 28 == 0 for side in plane.shown)
    assert plane.shown[0] * plane.shown[1] <= 602_112
    box = Box(0.25 * width, 0.25 * height, 0.75 * width, 0.75 * height)
    shares, pixels = grammar("qwen2-vl"), grammar("qwen2.5-vl")
    for how, step in (
        (shares, (width / 1000, height / 1000)),
        (pixels, (width / plane.shown[0], height / plane.shown[1])),
    ):
        text = how.format([Located(name="x", boxes=(box,))], plane)
        found = how.parse(text, plane).value
        assert found is not None
        apart = np.abs(np.array(found[0].boxes[0]) - np.array(box))
        assert (apart <= np.tile(step, 2) / 2 + 1e-9).all()  # half a step of the convention's grid


@evidence("a volume is a fixed number of slices, first to last, in their order")
def test_slices() -> None:
    array = np.repeat(np.arange(30, dtype=np.int16)[:, None, None], 8, axis=1).repeat(8, axis=2)
    volume = Pixels(array=array, axes="ZYX", units="stored")
    recipe = open_recipe("umit/small")
    assert isinstance(recipe, ConversationRecipe)
    assert recipe.model.views.volume.slices == 8
    settings = ViewSettings(size=8, channels=1, volume=VolumeViews(slices=8, windows=((0.0, 29.0),)))
    views = volume_views(volume, settings)
    assert views.arrays.shape == (8, 1, 8, 8)
    assert (views.chosen[0], views.chosen[-1]) == (0, 29)
    assert list(views.chosen) == sorted(set(views.chosen))
    assert np.diff(views.arrays.mean(axis=(1, 2, 3))).min() > 0


@pytest.fixture
def bilingual(tmp_path: Path) -> Corpus:
    Picture.fromarray(np.zeros((64, 64), np.uint8)).save(tmp_path / "a.png")
    image = Image(id="cxr", path="media/a.png", modality="DX", shape=(64, 64), view="PA")
    findings = (Finding(concept="edema"), Finding(concept="pneumothorax", status="absent"))
    region = Region(image="cxr", kind="box", concept="edema", box=Box(4.0, 8.0, 20.0, 24.0))
    study = Study(id="s", patient="p", images=(image,), findings=findings, regions=(region,))
    other = replace(
        study, id="t", patient="q", regions=(),
        findings=(Finding(concept="edema", status="absent"), Finding(concept="pneumothorax")),
    )  # fmt: skip
    return from_studies(
        [study, other], root=tmp_path / "corpus", name="two", media={"media/a.png": tmp_path / "a.png"}
    )


@evidence("the same image in two languages has the same label and the same box")
def test_two_languages(bilingual: Corpus) -> None:
    yes = {"en": "yes", "zh": "是"}
    answers, boxes = {}, {}
    for language in ("en", "zh"):
        presence = CorpusSource(bilingual, families(["presence"], language=language))
        answers[language] = {row.id: row.messages[-1].text == yes[language] for row in presence}
        detection = CorpusSource(bilingual, families(["text2region"], language=language))
        boxes[language] = {row.id: [one.boxes for one in row.objects] for row in detection}
    assert answers["en"] == answers["zh"]
    assert set(answers["en"].values()) == {True, False}
    assert boxes["en"] == boxes["zh"]


def test_the_small_recipe_asks_in_both_languages() -> None:
    recipe = open_recipe("umit")
    assert isinstance(recipe, ConversationRecipe)
    assert {source.language for source in recipe.data.sources.values()} == {"en", "zh"}
    assert recipe.stages["alignment"].learns == ("vision", "connector")
