"""Sources of a stage: several families, their weight, how often they are asked, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.methods.preference_batches import method
from tests.models.vlm.talking import conversation, picture

from vesalius.data.conversations.base import Source
from vesalius.data.conversations.records import Conversation
from vesalius.data.messages import Message
from vesalius.data.mixture import Draw, Mixture
from vesalius.training.conversing.batches import Chosen, ConversationSet, PackedBatches
from vesalius.training.conversing.settings import SourceSettings


class One(Source):
    """A single conversation of weight 2."""

    name = "one"

    def __len__(self) -> int:
        return 1

    def conversation(self, row: int, *, epoch: int = 0) -> Conversation:
        messages = (Message(role="user", parts=("Well?",)), Message(role="assistant", parts=("Yes.",)))
        return Conversation(id="only", messages=messages, weight=2.0)


def test_the_weight_of_a_source_multiplies_that_of_its_conversations() -> None:
    reader: Any = None
    held = ConversationSet(
        {"short": One(), "long": One()}, reader, rewrite=lambda row, rng: row, seed=0, unreadable_share=0.0,
        weights={"short": 3.0},
    )  # fmt: skip
    assert [held.sides(Chosen(Draw(name, 0), 0))[0].weight for name in ("short", "long")] == [6.0, 2.0]


def test_a_packed_conversation_is_asked_of_its_source_once(tmp_path: Path) -> None:
    asked: list[int] = []

    class Listed(Source):
        name = "listed"

        def __len__(self) -> int:
            return 6

        def conversation(self, row: int, *, epoch: int = 0) -> Conversation:
            asked.append(row)
            return conversation(picture(tmp_path, str(row), seed=row), id=str(row))

    _, reader = method()
    held = ConversationSet({"a": Listed()}, reader, rewrite=lambda one, rng: one, seed=0, unreadable_share=0.0)
    read = held.read(Chosen(Draw("a", 0), 0))
    assert read is not None
    batches = PackedBatches(
        held, Mixture({"a": 6}, seed=0), batch=2, batches=1, budget=3 * read.length, together=6, pack=True,
        too_long="error",
    )  # fmt: skip
    asked.clear()
    rows = [row for packs in batches for pack in packs for row in held[pack]]
    assert sorted(row.id for row in rows) == sorted(map(str, asked)) == list("012345")


def test_families_are_asked_in_their_order() -> None:
    assert SourceSettings(families=("presence", "report")).asked == ("presence", "report")
    assert SourceSettings(family="vqa").asked == ("vqa",)
    assert SourceSettings(path="rows.jsonl").asked == ()


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({}, "give one of family, families and path"),
        ({"family": "vqa", "families": ("report",)}, "give one of family, families and path"),
        ({"family": "vqa", "together": 4}, "together 4: expected 1 or more, beside families"),
        ({"families": ("report",), "together": 0.5}, "together 0.5: expected 1 or more"),
        ({"families": ("report", "counting")}, "family counting writes places in a form of its own"),
        ({"family": "vqa", "weight": 0}, "weight 0: expected a number above 0"),
    ],
)
def test_what_cannot_be_is_refused(values: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        SourceSettings(**values)
