"""Tiny batches of preference pairs, and a method that learns from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.models.vlm.talking import built, conversation, picture

from vesalius.data.conversations.records import Conversation
from vesalius.methods._preferring import PreferringConfig, PreferringMethod
from vesalius.models.vlm.reading import ConversationReader
from vesalius.training.conversing.batches import collated

ANSWERS = (
    ("Yes, a small effusion on the left side.", "No. The lungs are clear; the heart is of 12 cm."),
    ("No.", "Yes, a small effusion."),
    ("The heart is of 12 cm.", "The heart is small."),
    ("The lungs are clear.", "An effusion on the left side is of 12 cm; the heart is clear."),
)
"""Better and worse, of unlike lengths."""


def method(algorithm: str = "dpo", **options: Any) -> tuple[PreferringMethod, ConversationReader]:
    """Return a method on a tiny model of fixed weights, and its reader."""
    model, reader = built()
    return PreferringMethod(PreferringConfig(algorithm=algorithm, options=options), model), reader


def pairs(folder: Path, number: int = 3) -> list[Conversation]:
    """Return pairs of texts about pictures of noise."""
    made = []
    for place, (better, worse) in enumerate(ANSWERS[:number]):
        asked = conversation(picture(folder, f"p{place}", seed=place), answer=better, id=f"pair-{place}")
        made.append(replace(asked, rejected=worse))
    return made


def visual(folder: Path, number: int = 2) -> list[Conversation]:
    """Return pairs of one answer about two pictures."""
    made = []
    for place in range(number):
        asked = conversation(picture(folder, f"v{place}", seed=place), answer=ANSWERS[place][0], id=f"visual-{place}")
        made.append(replace(asked, rejected_media=(picture(folder, f"w{place}", seed=100 + place),)))
    return made


def batch(
    reader: ConversationReader, made: Sequence[Conversation], *, together: int = 2, mismatched: bool = False,
    apart: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """Return a batch as the loader makes it, so many pairs in a row."""
    packs: list[list[Any]] = []
    for place, pair in enumerate(made):
        sides = [pair.side("chosen"), pair.side("rejected")]
        if mismatched:
            other = made[(place + 1) % len(made)]
            sides.append(replace(sides[0], messages=(*sides[0].messages[:-1], other.messages[-1])))
        if place % together == 0:
            packs.append([])
        packs[-1] += [reader.row(side) for side in sides]
    padding = int(reader.tokenizer.pad_token_id)
    return collated(packs, padding=padding, sides=3 if mismatched else 2, apart=apart)
