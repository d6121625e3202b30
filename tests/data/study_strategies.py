"""Hypothesis strategies for whole studies, and small studies by hand."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import strategies as st

from vesalius.data.records import (
    Box,
    Dialogue,
    Finding,
    Image,
    Measurement,
    Prior,
    Provenance,
    Region,
    Study,
    Text,
    Turn,
)

CONCEPTS = ("edema", "pneumothorax", "lung_nodule", "no_finding")
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
"""Any Unicode text that can be written as UTF-8."""
names = words.filter(bool)
numbers = st.floats(allow_nan=False, allow_infinity=True)
statuses = st.sampled_from(["present", "absent", "uncertain"])
sides = st.sampled_from(["left", "right", "bilateral", "midline", ""])


def many(strategy: st.SearchStrategy[Any], most: int = 3) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(strategy, max_size=most).map(tuple)


def pictures(image_id: str) -> st.SearchStrategy[Image]:
    return st.builds(
        Image,
        id=st.just(image_id),
        path=names,
        modality=st.sampled_from(["DX", "CT", "MR"]),
        kind=st.sampled_from(["image", "volume", "video", "slide"]),
        shape=many(st.integers(1, 10**6)),
        channels=st.integers(1, 4),
        spacing_mm=many(numbers),
        orientation=many(numbers, 6),
        origin_mm=many(numbers),
        view=words,
        laterality=sides,
        frames_per_second=st.none() | numbers,
        frame=st.none() | st.integers(0, 2**40),
        sha256=st.sampled_from(["", "0" * 64]),
    )


def regions(image_ids: tuple[str, ...]) -> st.SearchStrategy[Region]:
    box = st.builds(lambda x, y, w, h: Box(x, y, x + w, y + h), *[st.floats(1, 1e6)] * 4)
    return st.builds(
        Region,
        image=st.sampled_from(image_ids),
        kind=st.just("box"),
        concept=st.sampled_from(CONCEPTS),
        box=box,
        points=many(many(numbers)),
        frame=st.none() | st.integers(0, 99),
        instance=st.none() | st.integers(0, 99),
    )


@st.composite
def studies(draw: st.DrawFn) -> Study:
    image_ids = tuple(draw(st.lists(names, max_size=3, unique=True)))
    named = many(st.sampled_from(image_ids)) if image_ids else st.just(())
    pairs = many(st.tuples(words, words))
    finding = st.builds(
        Finding, concept=st.sampled_from(CONCEPTS), status=statuses, laterality=sides, attributes=pairs
    )
    turn = st.builds(Turn, role=st.sampled_from(["user", "assistant"]), text=words, images=many(words))
    return Study(
        id=draw(names),
        patient=draw(names),
        images=tuple(draw(pictures(name)) for name in image_ids),
        texts=draw(many(st.builds(Text, text=words, role=st.sampled_from(["findings", "note"]), images=named))),
        findings=draw(many(finding)),
        regions=draw(many(regions(image_ids))) if image_ids else (),
        measurements=draw(many(st.builds(Measurement, name=words, value=numbers, unit=words))),
        dialogues=draw(
            many(
                st.builds(
                    Dialogue,
                    id=words,
                    turns=many(turn),
                    options=many(words),
                    evidence=many(st.integers(0, 9)),
                )
            )
        ),
        priors=draw(many(st.builds(Prior, study=words, days_before=numbers))),
        age_years=draw(st.none() | numbers),
        sex=draw(st.sampled_from(["F", "M", "O", ""])),
        site=draw(words),
        provenance=draw(st.builds(Provenance, source=words, licence=words, virtual=st.booleans())),
    )


def small_study(number: int, *, patient: int | None = None, **more: Any) -> Study:
    """A study with one picture `media/<number>.png`; every third has an edema, the others deny it."""
    status = "present" if number % 3 == 0 else "absent"
    values: dict[str, Any] = {
        "id": f"study-{number}",
        "patient": f"patient-{number // 2 if patient is None else patient}",
        "images": (
            Image(id="cxr", path=f"media/{number}.png", modality="DX", spacing_mm=(math.nan, 0.2), view="PA"),
        ),
        "texts": (Text(text=f"Text {number}.", role="findings"),),
        "findings": (Finding(concept="edema", status=status),),
        "sex": "F" if number % 2 else "M",
    }
    return Study(**values | more)


def picture(number: int) -> bytes:
    """Bytes that stand for the picture of `small_study(number)`."""
    return b"picture %d" % number


def media_of(*numbers: int) -> dict[str, Any]:
    return {f"media/{number}.png": picture(number) for number in numbers}
