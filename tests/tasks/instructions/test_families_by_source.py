"""Dialogues of chosen sources: ``vqa:ONE+OTHER``."""

from __future__ import annotations

import pytest

from vesalius.data.records import Dialogue, Image, Study, Turn
from vesalius.errors import ConfigError
from vesalius.tasks.instructions.families import families


def dialogue(source: str) -> Dialogue:
    return Dialogue(id=source, turns=(Turn(role="user", text="Which?"),), answer="this", source=source)


STUDY = Study(
    id="s", patient="p", images=(Image(id="a", path="a.png", modality="DX"),),
    dialogues=tuple(dialogue(source) for source in ("virtual/side", "virtual/site", "virtual/count")),
)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "places"),
    [("vqa", [0, 1, 2]), ("vqa:virtual/site", [1]), ("vqa:virtual/side+virtual/count", [0, 2]), ("vqa:nothing", [])],
)
def test_only_dialogues_of_the_named_sources_are_asked(name: str, places: list[int]) -> None:
    [family] = families([name])
    assert family.name == "vqa"
    assert [spot.place for spot in family.spots(STUDY)] == places


def test_a_family_that_asks_its_own_questions_has_no_sources() -> None:
    with pytest.raises(ConfigError, match="family 'presence:virtual/side': presence asks its own questions"):
        families(["presence:virtual/side"])
