"""Families of tasks on records made by hand: truths by hand, balance, and the same rows for the same epoch."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from vesalius.data.conversations.corpus import CorpusSource, Family
from vesalius.data.conversations.records import Conversation, mark
from vesalius.data.corpus import Corpus, from_studies
from vesalius.data.records import Box, Dialogue, Finding, Image, Prior, Region, Study, Text, Turn
from vesalius.errors import DataError
from vesalius.tasks.answers import parse_choice
from vesalius.tasks.grammar import Plane, grammar, write
from vesalius.tasks.instructions.families import (
    Classification,
    Counted,
    GroundedReport,
    Landmarks,
    Presence,
    Questions,
    RegionToText,
    TextToRegion,
    Written,
    families,
)

FILM = Image(id="cxr", path="media/a.png", modality="DX", shape=(100, 200), view="PA")
NODULES = (Box(10, 10, 20, 20), Box(50, 60, 70, 80))


def study(number: int, **parts: object) -> Study:
    return replace(Study(id=f"s{number}", patient=f"p{number}", images=(FILM,)), **parts)  # type: ignore[arg-type]


def finding(concept: str, status: str = "present", **attributes: str) -> Finding:
    return Finding(concept=concept, status=status, attributes=tuple(attributes.items()))  # type: ignore[arg-type]


def corpus(root: Path, *studies: Study) -> Corpus:
    Picture.new("L", (200, 100)).save(root / "a.png")
    paths = {image.path for one in studies for image in one.images}
    return from_studies(studies, root / "corpus", name="hand", media=dict.fromkeys(paths, root / "a.png"))


def rows(root: Path, family: Family, *studies: Study, epoch: int = 0) -> list[Conversation]:
    source = CorpusSource(corpus(root, *studies), [family])
    return [source.conversation(row, epoch=epoch) for row in range(len(source))]


NODULE = study(
    1, findings=(finding("lung_nodule"), finding("pneumothorax", "absent")),
    regions=tuple(Region(image="cxr", kind="box", concept="lung_nodule", box=box) for box in NODULES),
    texts=(
        Text(text="Two lung nodules are seen. The heart is normal.", role="findings"),
        Text(text="Lung nodules.", role="impression"), Text(text="Cough", role="indication"),
        Text(text="见两个结节。", role="findings", language="zh"),
    ),
)  # fmt: skip
CLEAR = study(2, findings=(finding("lung_nodule", "absent"), finding("pneumothorax", "absent")))


def test_as_many_yes_as_no_for_each_finding(tmp_path: Path) -> None:
    many = [study(number, findings=(finding("pneumothorax", "absent"),)) for number in range(3, 9)]
    some = [study(number, findings=(finding("pneumothorax"),)) for number in range(20, 22)]
    found = rows(tmp_path, Presence(), *many, *some, study(30, findings=(finding("edema", "absent"),)))
    # Two films show a pneumothorax: two of six clear ones stand against them; edema is never there and not asked.
    assert Counter(row.answers for row in found) == {("yes",): 2, ("no",): 2}
    assert all("pneumothorax" in row.messages[0].text for row in found)


def test_other_rows_in_other_epochs_and_the_same_in_the_same(tmp_path: Path) -> None:
    many = [study(number, findings=(finding("pneumothorax", "absent"),)) for number in range(3, 30)]
    source = CorpusSource(
        corpus(tmp_path, *many, study(40, findings=(finding("pneumothorax"),)), NODULE, CLEAR),
        families(["presence", "text2region"]), seed=5,
    )  # fmt: skip
    first, again, second = (
        [source.conversation(row, epoch=epoch) for row in range(len(source))] for epoch in (0, 0, 1)
    )
    assert first == again
    assert first != second
    assert len(first) == len(second)
    assert source.counts() == {"presence": 4, "text2region": 2}
    assert list(source) == first


def test_what_cannot_be_seen_is_not_asked_for(tmp_path: Path) -> None:
    hidden = study(
        3, findings=(finding("lung_nodule", visibility="hardly visible"), finding("pneumothorax", "absent")),
        regions=NODULE.regions,
    )  # fmt: skip
    with pytest.raises(DataError, match="nothing to ask for presence, text2region"):
        CorpusSource(corpus(tmp_path, hidden), families(["presence", "text2region"]))


def test_candidates_of_a_classification(tmp_path: Path) -> None:
    found = rows(tmp_path, Classification(), NODULE, CLEAR)
    assert sorted(row.answers[0] for row in found) == ["lung nodule", "none of these"]
    for row in found:
        assert "lung nodule" in row.messages[0].text
        assert "pneumothorax" in row.messages[0].text


def test_where_something_is_and_is_not(tmp_path: Path) -> None:
    found = rows(tmp_path, TextToRegion(), NODULE, CLEAR)
    there, missing = found
    assert there.answers == (mark(0),)
    assert there.objects[0].name == "lung nodule"
    assert there.objects[0].boxes == NODULES
    assert missing.answers == (mark(),)
    written = write(there, grammar("qwen2.5-vl"), [Plane((200, 100), (400, 200))])
    assert '"bbox_2d": [20, 20, 40, 40]' in written.answers[0]
    assert write(missing, grammar("medrega"), [Plane((200, 100))]).answers == ("none",)


def test_points_are_the_middles_of_boxes(tmp_path: Path) -> None:
    found = rows(tmp_path, TextToRegion(name="pointing"), NODULE, CLEAR)[0]
    assert found.objects[0].points == ((15.0, 15.0), (60.0, 70.0))
    assert found.task == "pointing"


def test_counts(tmp_path: Path) -> None:
    found = rows(tmp_path, Counted(), NODULE, CLEAR)
    planes = [Plane((200, 100))]
    answers = [write(row, grammar("pointdetectcount"), planes).answers[0] for row in found]
    assert answers == [f'```json\n{{"counts": {count}, "label": "lung nodule"}}\n```' for count in (2, 0)]


@pytest.mark.parametrize("name", ["cnt_and_point", "count_and_box"])
def test_counts_with_their_places(tmp_path: Path, name: str) -> None:
    found = rows(tmp_path, Counted(name=name, concepts=("lung_nodule",)), NODULE, CLEAR)
    way, planes = grammar("pointdetectcount"), [Plane((200, 100))]
    read = [way.parse(write(row, way, planes).answers[0], planes[0], task=name).value[0] for row in found]
    assert [one.count for one in read] == [2, 0]
    assert len(read[0].points or read[0].boxes) == 2


def test_what_a_box_holds(tmp_path: Path) -> None:
    heart = study(5, regions=(Region(image="cxr", kind="box", anatomy="heart", box=Box(40, 20, 140, 90)),))
    row = rows(tmp_path, RegionToText(), heart)[0]
    assert row.answers == ("heart",)
    text = write(row, grammar("medrega"), [Plane((200, 100))]).messages[0].text
    assert "<box>[[200, 200, 699, 899]]</box>" in text
    assert "heart" not in text


def test_a_volume_is_asked_about_in_the_slice_of_the_largest_region(tmp_path: Path) -> None:
    volume = Image(id="ct", path="media/ct.png", modality="CT", kind="volume", shape=(30, 100, 200))
    boxes = {7: Box(1, 1, 5, 5), 9: Box(1, 1, 50, 50)}
    regions = tuple(
        Region(image="ct", kind="box", anatomy="liver", box=box, frame=frame) for frame, box in boxes.items()
    )
    row = rows(tmp_path, TextToRegion(), study(6, images=(volume,), regions=regions))[0]
    assert (row.media[0].kind, row.media[0].frame) == ("volume", 9)
    assert row.objects[0].boxes == (boxes[9],)


def test_landmarks(tmp_path: Path) -> None:
    points = {"sella": (30.0, 40.0), "nasion": (60.0, 20.0)}
    regions = tuple(Region(image="cxr", kind="points", anatomy=name, points=(at,)) for name, at in points.items())
    row = rows(tmp_path, Landmarks(), study(7, regions=regions))[0]
    assert {one.name: one.points[0] for one in row.objects} == points
    written = write(row, grammar("umit"), [Plane((200, 100))])
    assert set(written.answers[0].splitlines()) == {"sella: (150, 400)", "nasion: (300, 200)"}


def test_texts_with_their_indication(tmp_path: Path) -> None:
    findings, impression, report = (
        rows(tmp_path / name, Written(name=name), NODULE)[0] for name in _folders(tmp_path)
    )
    assert findings.answers == ("Two lung nodules are seen. The heart is normal.",)
    assert impression.answers == ("Lung nodules.",)
    assert report.answers == ("Two lung nodules are seen. The heart is normal.\nLung nodules.",)
    assert report.messages[0].text.startswith("\nIndication: Cough\n")


def _folders(root: Path) -> list[str]:
    names = ["findings", "impression", "report"]
    for name in names:
        (root / name).mkdir()
    return names


def test_texts_in_their_own_language(tmp_path: Path) -> None:
    row = rows(tmp_path, Written(name="findings", language="zh"), NODULE)[0]
    assert row.answers == ("见两个结节。",)
    assert row.language == "zh"
    assert any(sign > "\u4e00" for sign in row.messages[0].text)


def test_an_earlier_study_comes_first(tmp_path: Path) -> None:
    earlier = study(
        10, images=(replace(FILM, path="media/old.png"),), texts=(Text(text="No nodule.", role="findings"),)
    )
    later = replace(NODULE, priors=(Prior(study="s10", days_before=90), Prior(study="elsewhere", days_before=20)))
    found = rows(tmp_path, Written(name="findings", prior=True), earlier, later)
    row = next(row for row in found if row.id.startswith("s1/"))
    assert [Path(one.path).name for one in row.media] == ["old.png", "a.png"]
    assert "an earlier study, 90 days before. Its report: No nodule." in row.messages[0].text


def test_grounded_reports_carry_their_regions(tmp_path: Path) -> None:
    row = rows(tmp_path, GroundedReport(), NODULE)[0]
    assert row.answers == (f"{mark(0)}: Two lung nodules are seen.\nThe heart is normal.",)
    assert row.objects[0].boxes == NODULES


def question(answer: str, **more: object) -> Study:
    turns = (Turn(role="user", text="What is seen?", images=("cxr",)),)
    return study(11, dialogues=(Dialogue(id="q", turns=turns, answer=answer, **more),))  # type: ignore[arg-type]


@pytest.mark.parametrize("epoch", range(4))
def test_options_come_in_a_drawn_order(tmp_path: Path, epoch: int) -> None:
    options = ("mass", "nodule", "effusion", "fracture")
    row = rows(tmp_path, Questions(), question("nodule", options=options, answer_type="choice"), epoch=epoch)[0]
    shown = {line[0]: line[3:] for line in row.messages[0].text.splitlines() if line[1:3] == ". "}
    assert sorted(shown.values()) == sorted(options)
    assert shown[row.answers[0]] == "nodule"


def test_the_letters_of_options_are_even(tmp_path: Path) -> None:
    source = CorpusSource(
        corpus(tmp_path, question("nodule", options=("mass", "nodule"), answer_type="choice")), [Questions()]
    )
    letters = Counter(source.conversation(0, epoch=epoch).answers[0] for epoch in range(200))
    # Two letters alike often: 100 of 200, standard deviation 7.
    assert abs(letters["A"] - 100) < 28


@pytest.mark.parametrize("reason", ["first", "after"])
def test_reasons_stand_before_or_after_and_the_answer_is_found(tmp_path: Path, reason: str) -> None:
    asked = question("nodule", options=("mass", "nodule"), answer_type="choice", rationale="It is below 3 cm.")
    row = rows(tmp_path, Questions(reason=reason), asked)[0]  # type: ignore[arg-type]
    answer = row.answers[0]
    assert answer.startswith("It is") == (reason == "first")
    shown = {line[0]: line[3:] for line in row.messages[0].text.splitlines() if line[1:3] == ". "}
    assert shown[parse_choice(answer, shown).value] == "nodule"


def test_boxes_in_texts_become_marks(tmp_path: Path) -> None:
    asked = question("10, 10, 20, 20", answer_type="box", evidence=(0,))
    row = rows(tmp_path, Questions(), replace(asked, regions=NODULE.regions))[0]
    assert row.answers == (mark(0),)
    assert row.objects[0].boxes == (NODULES[0],)
    answer = write(row, grammar("medrega"), [Plane((200, 100))]).answers[0]
    assert answer == "<box>[[50, 100, 100, 200]]</box>"


def test_earlier_turns_and_long_answers_stay_as_they_are(tmp_path: Path) -> None:
    turns = (
        Turn(role="user", text="Look at <image> here.", images=("cxr",)), Turn(role="assistant", text="I see."),
        Turn(role="user", text="Describe it."),
    )  # fmt: skip
    long = "There is a nodule in the right upper lobe."
    asked = study(12, dialogues=(Dialogue(id="q", turns=turns, answer=long, answer_type="open"),))
    row = rows(tmp_path, Questions(), asked)[0]
    assert [message.role for message in row.messages] == ["user", "assistant", "user", "assistant"]
    assert [type(part).__name__ for part in row.messages[0].parts] == ["str", "Media", "str"]
    assert row.messages[2].text == "Describe it."
    assert row.answers == ("I see.", long)


def test_what_has_no_answer_is_not_asked(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nothing to ask for vqa"):
        CorpusSource(corpus(tmp_path, question(" ")), [Questions()])
    with pytest.raises(DataError, match="a family is given twice: vqa, vqa"):
        CorpusSource(corpus(tmp_path / "corpus", question("a")), [Questions(), Questions()])


def test_rows_of_a_split_are_of_its_patients(tmp_path: Path) -> None:
    whole = corpus(
        tmp_path, *(study(n, findings=(finding("edema", "absent" if n % 2 else "present"),)) for n in range(40))
    )
    whole.make_split({"train": 0.5, "test": 0.5})
    shown = [CorpusSource(whole.split(part), [Presence()]) for part in ("train", "test")]
    patients = [{row.patient for row in source} for source in shown]
    assert not patients[0] & patients[1]
    assert all(
        np.diff([Counter(row.answers for row in source)[(word,)] for word in ("yes", "no")]) == 0 for source in shown
    )


def test_a_dialogue_without_images_shows_the_study(tmp_path: Path) -> None:
    turns = (Turn(role="system", text="Be brief."), Turn(role="user", text="Put these in order."))
    dialogue = Dialogue(id="q", turns=turns, answer="b; a", options=("a", "b"), answer_type="order")
    row = rows(tmp_path, Questions(), study(13, dialogues=(dialogue,)))[0]
    assert [len(message.media) for message in row.messages] == [0, 1, 0]
    assert row.messages[1].text.splitlines()[2] in ("a, b", "b, a")
    assert row.answers == ("b; a",)
