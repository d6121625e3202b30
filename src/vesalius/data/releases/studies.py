"""Studies from questions that stand one a row: all of one picture and part of the split are one study.

A release may put questions of one picture in several parts. Then each part has a study of its own with the same
patient, so that a corpus can count what is shared. A picture whose file is missing or broken is not among the images
of its study; its texts and questions stay, and their turns still name it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from vesalius.data.datasets.base import About, unpacked
from vesalius.data.records import Dialogue, Image, Provenance, Region, Study, Text
from vesalius.data.releases.pictures import suffix_of
from vesalius.data.releases.questions import asked
from vesalius.data.releases.rows import Row, parquet_rows
from vesalius.data.releases.twins import digest
from vesalius.data.samples import Sample
from vesalius.errors import DataError

__all__ = ["PARTS", "Item", "by_picture", "captioned", "hub_files", "hub_questions"]

PARTS = {
    "train": "train", "training": "train", "validate": "val", "validation": "val", "valid": "val", "val": "val",
    "dev": "val", "test": "test",
}  # fmt: skip
"""Names that releases give to parts, and ours."""
_YES_NO = ("yes", "no")


@dataclass(frozen=True, kw_only=True)
class Item:
    """A question about a picture."""

    part: str
    path: Path
    """Of the picture."""
    dialogue: Dialogue
    name: str
    """Of the picture, unique in the release; the dialogue's turns name it so."""
    patient: str = ""
    """What a split must not part, such as an article; the picture where nothing is given."""
    facts: tuple[tuple[str, str], ...] = ()
    """Further fields of the image's record."""


def by_picture(
    items: Iterable[Item], describe: Callable[[Item], Image | None], origin: Provenance, *,
    regions: Callable[[Image], tuple[Region, ...]] = lambda image: (),
) -> Iterator[Sample]:  # fmt: skip
    """Gather the questions of each picture and part, in the order in which they begin.

    Args:
        items: questions; all of a release are held, as their rows may stand in any order.
        describe: gives the record of the picture of an item, None where the file is missing or broken.
        origin: of every study.
        regions: what a release knows of a picture.
    """
    groups: dict[tuple[str, str], list[Item]] = {}
    for item in items:
        groups.setdefault((item.part, item.name), []).append(item)
    for (part, name), group in groups.items():
        image = describe(group[0])
        study = Study(
            id=f"{name}_{part}" if part else name, patient=group[0].patient or name, images=(image,) if image else (),
            regions=regions(image) if image else (), dialogues=_distinct(group), provenance=origin,
        )  # fmt: skip
        yield Sample(study, part)


def _distinct(group: list[Item]) -> tuple[Dialogue, ...]:
    """Refuse two questions of one id, which could not be told apart in scores."""
    found = {item.dialogue.id: item.dialogue for item in group}
    if len(found) < len(group):
        raise DataError(f"picture {group[0].name}: two of its questions have the same id; the release has it once")
    return tuple(found.values())


def captioned(
    name: str, captions: Iterable[Text], image: Image | None, *, patient: str, origin: Provenance,
    dialogues: tuple[Dialogue, ...] = (),
) -> Study:  # fmt: skip
    """Return the study of one figure with its texts."""
    texts = tuple(text for text in captions if text.text)
    return Study(
        id=name,
        patient=patient,
        images=(image,) if image else (),
        texts=texts,
        dialogues=dialogues,
        provenance=origin,
    )


def hub_files(root: Path) -> list[tuple[str, Path]]:
    """Return the Parquet files of a copy on the Hugging Face hub with their part: ``data/<part>-*.parquet``."""
    found = [(PARTS.get(path.name.partition("-")[0], ""), path) for path in sorted(root.glob("data/*.parquet"))]
    order = ["train", "val", "test"]
    return sorted(((part, path) for part, path in found if part), key=lambda pair: order.index(pair[0]))


def hub_questions(root: Path, about: About) -> Iterator[Item]:
    """Yield the questions of a copy with the columns image, question and answer.

    The copy names no picture and no type: pictures with the same bytes are one, and yes and no are closed answers.
    """
    counts = dict.fromkeys(("train", "val", "test"), 0)
    for part, path in hub_files(root):
        for row in parquet_rows([path], ("image", "question", "answer")):
            place = _unpacked_picture(root, row)
            answer = row.text("answer")
            closed = answer.strip().casefold() in _YES_NO
            dialogue = asked(
                f"{part}-{counts[part]}", row.text("question"), answer, images=(place.stem,),
                answer_type="closed" if closed else "open", source=about.slug,
            )  # fmt: skip
            counts[part] += 1
            yield Item(part=part, path=place, dialogue=dialogue, name=place.stem)


def _unpacked_picture(root: Path, row: Row) -> Path:
    value = row.cells["image"]
    content = value.get("bytes") if isinstance(value, dict) else value
    if not isinstance(content, bytes):
        raise row.fault("image holds no bytes of a picture; expected the Parquet files of the hub with the pictures")
    return unpacked(root, f"{digest(content.hex())}{suffix_of(content)}", content)
