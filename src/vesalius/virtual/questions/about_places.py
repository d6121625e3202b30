"""Questions about places on a picture: boxes, points and masks to give or to name, quarters, order."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, permutations

from vesalius.data.records import Box, Image, Region
from vesalius.virtual.questions.items import Item, View, named

__all__ = ["box_of_finding", "mask_of", "order_on_picture", "point_of", "quarter", "what_is_in_box", "what_is_there"]

_RARE = 3


def box_of_finding(view: View) -> Iterator[Item]:
    """Ask for the box of a finding that is marked once."""
    for index, region in _boxes(view):
        yield Item(
            family="box", key=region.concept, kind="", answer=_numbers(*_box(region)), answer_type="box",
            slots=(("finding", named(region.concept)),), images=(region.image,), evidence=(index,), steps=2,
            rationale=f"box of the {named(region.concept)}",
        )  # fmt: skip


def mask_of(view: View) -> Iterator[Item]:
    """Ask for the mask of a finding or a structure that is marked once; the answer is the region."""
    masks = [(index, region) for index, region in enumerate(view.study.regions) if region.kind == "mask"]
    for index, region in masks:
        same = [other for _, other in masks if _label(other) == _label(region)]
        if len(same) == 1:
            yield Item(
                family="mask", key="/".join(_label(region)), kind="", answer=f"region {index}", answer_type="mask",
                slots=(("thing", named(region.concept or region.anatomy)),), images=(region.image,),
                evidence=(index,), rationale=f"mask of the {named(region.concept or region.anatomy)}", steps=2,
            )  # fmt: skip


def point_of(view: View) -> Iterator[Item]:
    """Ask for a point of a finding: the middle of its box is given, any point of its mask is right."""
    for index, region in _boxes(view):
        x_min, y_min, x_max, y_max = _box(region)
        yield Item(
            family="point", key=region.concept, kind="", answer=_numbers((x_min + x_max) / 2, (y_min + y_max) / 2),
            answer_type="points", slots=(("finding", named(region.concept)),), images=(region.image,),
            evidence=(index, *view.evidence(region.concept)), rationale=f"a point of the {named(region.concept)}",
        )  # fmt: skip


def what_is_in_box(view: View) -> Iterator[Item]:
    """Ask which finding a box holds, among findings that are not there."""
    for index, region in _boxes(view):
        if view.absent:
            name = named(region.concept)
            yield Item(
                family="what_in_box", key="", kind=name, answer=name, answer_type="choice",
                distractors=tuple(map(named, view.absent)), slots=(("box", _numbers(*_box(region))),),
                images=(region.image,), evidence=(index,), rationale=f"the box holds the {name}", steps=2,
            )  # fmt: skip


def what_is_there(view: View) -> Iterator[Item]:
    """Ask which structure a box of normal anatomy holds, among structures of such pictures."""
    for image in view.study.images:
        usual = [name for name, count in view.pool.anatomies[image.modality].items() if count >= _RARE]
        own = [(i, r) for i, r in view.regions(kind="box") if r.anatomy in usual and r.image == image.id]
        if len(usual) < 4 or not own:
            continue
        index, region = own[int(view.rng.integers(len(own)))]
        yield Item(
            family="what_structure", key=image.modality, kind=region.anatomy, answer=region.anatomy,
            answer_type="choice", distractors=tuple(name for name in usual if name != region.anatomy),
            images=(image.id,),
            slots=(("box", _numbers(*_box(region))), *_slice(region)), evidence=(index,), steps=1,
            rationale=f"the box holds the {region.anatomy}",
        )  # fmt: skip


def quarter(view: View) -> Iterator[Item]:
    """Ask in which quarter of a picture the middle of a finding lies; near the middle lines nothing is asked."""
    for index, region in _boxes(view):
        rows, columns = _size(view.study.image(region.image))
        x_min, y_min, x_max, y_max = _box(region)
        across, down = (x_min + x_max) / 2 / columns, (y_min + y_max) / 2 / rows
        if min(abs(across - 0.5), abs(down - 0.5)) < 0.05:
            continue
        answer = f"{'upper' if down < 0.5 else 'lower'} {'left' if across < 0.5 else 'right'}"
        quarters = ("upper left", "upper right", "lower left", "lower right")
        yield Item(
            family="quarter", key=region.concept, kind=answer, answer=answer, answer_type="choice",
            options=view.shuffled(quarters), slots=(("finding", named(region.concept)),), images=(region.image,),
            evidence=(index,), rationale=f"the middle of its box is {across:.0%} across and {down:.0%} down", steps=2,
        )  # fmt: skip


def order_on_picture(view: View) -> Iterator[Item]:
    """Ask for the order, from top to bottom, of two marked findings whose middles are well apart."""
    boxes = _boxes(view)
    for (first, a), (second, b) in combinations(boxes, 2):
        if a.image != b.image or a.frame != b.frame:
            continue
        rows, _ = _size(view.study.image(a.image))
        height = {region.concept: sum(_box(region)[1::2]) / 2 / rows for region in (a, b)}
        if len(height) < 2 or abs(height[a.concept] - height[b.concept]) < 0.08:
            continue
        names = sorted(height)
        down = sorted(names, key=lambda name: height[name])
        yield Item(
            family="order", key="/".join(names), kind=";".join(down), answer="; ".join(map(named, down)),
            kinds=tuple(";".join(order) for order in permutations(names)), answer_type="order",
            options=view.shuffled(map(named, names)), images=(a.image,), evidence=(first, second), steps=3,
            rationale="middles at " + ", ".join(f"{named(name)} {height[name]:.0%}" for name in down),
        )  # fmt: skip


def _boxes(view: View) -> list[tuple[int, Region]]:
    """Boxes of seen findings that are marked once in a picture or slice."""
    boxes = [
        (index, region)
        for index, region in enumerate(view.study.regions)
        if region.kind == "box" and region.concept in view.concepts
    ]
    return [
        (index, region)
        for index, region in boxes
        if sum(other.concept == region.concept and other.image == region.image for _, other in boxes) == 1
    ]


def _box(region: Region) -> Box:
    assert region.box is not None
    return region.box


def _label(region: Region) -> tuple[str, str, str]:
    return region.image, region.concept, "" if region.concept else region.anatomy


def _slice(region: Region) -> tuple[tuple[str, str], ...]:
    return () if region.frame is None else (("frame", str(region.frame)),)


def _size(image: Image) -> tuple[int, int]:
    return image.shape[-2], image.shape[-1]


def _numbers(*values: float) -> str:
    return f"[{', '.join(f'{value:g}' for value in values)}]"
