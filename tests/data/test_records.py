"""A study refuses what cannot be true and answers what is asked most."""

from __future__ import annotations

import pytest

from vesalius.data.records import Box, Finding, Image, Region, Study, Text
from vesalius.errors import DataError

IMAGE = Image(id="pa", path="media/pa.png", modality="DX", shape=(64, 48), spacing_mm=(0.5, 0.5))


def study(**fields: object) -> Study:
    return Study(id="s1", patient="p1", images=(IMAGE,), **fields)  # type: ignore[arg-type]


def test_texts_are_joined_by_role_and_language() -> None:
    texts = (
        Text(text="Clear lungs.", role="findings"),
        Text(text="Normal.", role="impression"),
        Text(text="未见异常。", role="impression", language="zh"),
    )
    assert study(texts=texts).text() == "Clear lungs. Normal."
    assert study(texts=texts).text("impression") == "Normal."
    assert study(texts=texts).text("impression", language="zh") == "未见异常。"


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ((), None),
        (("absent",), "absent"),
        (("absent", "uncertain"), "uncertain"),
        (("absent", "uncertain", "present"), "present"),
    ],
)
def test_the_strongest_statement_wins(stated: tuple[str, ...], expected: str | None) -> None:
    findings = tuple(Finding(concept="edema", status=status) for status in stated)  # type: ignore[arg-type]
    assert study(findings=findings).status("edema") == expected
    assert study(findings=findings).status("emphysema") is None


def test_ids_of_images_are_unique() -> None:
    with pytest.raises(DataError, match="image id occurs twice"):
        Study(id="s1", patient="p1", images=(IMAGE, IMAGE))


@pytest.mark.parametrize("fields", [{"id": "", "patient": "p"}, {"id": "s", "patient": ""}])
def test_a_study_and_its_patient_have_names(fields: dict[str, str]) -> None:
    with pytest.raises(DataError, match="both need a name"):
        Study(**fields)


def test_regions_and_texts_speak_of_images_that_exist() -> None:
    region = Region(image="lateral", kind="box", box=Box(0, 0, 1, 1))
    with pytest.raises(DataError, match="no image 'lateral'"):
        study(regions=(region,))
    with pytest.raises(DataError, match="no image 'ap'"):
        study(texts=(Text(text="Clear.", images=("ap",)),))
    with pytest.raises(DataError, match="has no image 'ap'"):
        study().image("ap")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"kind": "box"}, "needs `box`"),
        ({"kind": "mask"}, "needs `mask`"),
        ({"kind": "points"}, "needs `points`"),
        ({"kind": "box", "box": Box(5, 5, 5, 9)}, "no area"),
        ({"kind": "box", "box": Box(5, 5, 2, 9)}, "no area"),
    ],
)
def test_a_region_has_what_its_kind_needs(fields: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        Region(image="pa", **fields)  # type: ignore[arg-type]
