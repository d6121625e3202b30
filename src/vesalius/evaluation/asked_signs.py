"""Planted signs that questions ask about: with the reason for each answer, by name, or as a tree of questions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from vesalius.data.corpus import Corpus
from vesalius.data.records import Dialogue, Study, Turn
from vesalius.evaluation.signs import SIGNS, Grey, Media, drawn, with_sign, woven

__all__ = ["DEGREES", "PLACES", "URGENT", "asked_signs", "named_sign", "sign_tree", "urgent_signs"]

DEGREES = ("faint", "strong")
"""How much of a picture a woven sign takes in a tree: half of what it usually does, or all of it."""
PLACES = ("lower left", "lower right", "upper left", "upper right")
"""Quarters of a picture, by the sides of the picture."""
_SHARE = 3
"""A sign that is urgent or not covers about one third of the shorter side."""
_NONE = 0.25
"""Share of pictures of a tree that show no sign."""
URGENT = SIGNS[::2]
"""Every other sign is an urgent one: what they have in common is in no picture."""
_YES_NO = ("yes", "no")


def asked_signs(corpus: Corpus, study: Study, rng: np.random.Generator) -> tuple[Study, Media]:
    """Weave a sign into the picture and ask whether it is that one, and whether it is another.

    The answer takes two steps, which sign it is and whether that is the one that the question names; the reason says
    the first.
    """
    own, other = (SIGNS[place] for place in rng.choice(len(SIGNS), size=2, replace=False))
    dialogues = tuple(
        Dialogue(
            id=f"{study.id}-{place}", turns=(Turn(role="user", text=f"Is there a {name} sign?"),), steps=2,
            answer="yes" if name == own else "no", answer_type="closed", source="planted",
            rationale=f"there is a {own} sign",
        )
        for place, name in enumerate((own, other))
    )  # fmt: skip
    asked = replace(study, texts=(), findings=(), regions=(), dialogues=dialogues)
    return with_sign(corpus, asked, lambda grey: woven(grey, own, rng))


def urgent_signs(corpus: Corpus, study: Study, rng: np.random.Generator) -> tuple[Study, Media]:
    """Put a sign somewhere into the picture and ask, always in the same words, whether it is one of the urgent half.

    The answer takes two steps, which sign it is and whether that is an urgent one; the reason says the first.
    """
    own = SIGNS[int(rng.integers(len(SIGNS)))]
    dialogue = Dialogue(
        id=f"{study.id}-0", turns=(Turn(role="user", text="Is the sign an urgent one?"),), steps=2,
        answer="yes" if own in URGENT else "no", answer_type="closed", source="planted",
        rationale=f"there is a {own} sign",
    )  # fmt: skip
    asked = replace(study, texts=(), findings=(), regions=(), dialogues=(dialogue,))
    return with_sign(corpus, asked, lambda grey: drawn(grey, own, rng, share=_SHARE))


def named_sign(corpus: Corpus, study: Study, rng: np.random.Generator) -> tuple[Study, Media]:
    """Weave a sign into the picture and ask for its name, always in the same words."""
    own = SIGNS[int(rng.integers(len(SIGNS)))]
    turn = Turn(role="user", text="Which sign does the picture show?")
    dialogue = Dialogue(id=f"{study.id}-0", turns=(turn,), answer=own, answer_type="open", source="planted")
    asked = replace(study, texts=(), findings=(), regions=(), dialogues=(dialogue,))
    return with_sign(corpus, asked, lambda grey: woven(grey, own, rng))


def sign_tree(corpus: Corpus, study: Study, rng: np.random.Generator) -> tuple[Study, Media]:
    """Weave a sign into the picture, or none, and ask whether, which and how strong, each after the last.

    After "no" nothing below is asked.
    """
    own, other = (SIGNS[place] for place in rng.choice(len(SIGNS), size=2, replace=False))
    degree = DEGREES[int(rng.integers(len(DEGREES)))]
    shown = rng.random() >= _NONE
    whether = ("Is there any sign?", "yes" if shown else "no")
    asked: list[tuple[tuple[tuple[str, str], ...], tuple[str, ...]]] = [((whether,), _YES_NO)]
    if shown:
        which = (f"Is there a {own} sign?", "yes")
        asked += [((whether, (f"Is there a {other} sign?", "no")), _YES_NO), ((whether, which), _YES_NO)]
        asked += [((whether, which, ("What is the degree?", degree)), DEGREES)]
    dialogues = tuple(
        _dialogue(f"{study.id}-{number}", turns, options) for number, (turns, options) in enumerate(asked)
    )
    changed = replace(study, texts=(), findings=(), regions=(), dialogues=dialogues)
    if not shown:
        return with_sign(corpus, changed, lambda grey: grey)
    return with_sign(corpus, changed, lambda grey: _weighed(grey, woven(grey, own, rng), degree))


def _dialogue(name: str, asked: Sequence[tuple[str, str]], options: Sequence[str]) -> Dialogue:
    """Return a question after others; `asked` holds questions with answers, the last one is what is asked."""
    turns = [
        turn
        for question, said in asked
        for turn in (Turn(role="user", text=question), Turn(role="assistant", text=said))
    ]
    kind = "closed" if options == _YES_NO else "choice"
    return Dialogue(
        id=name, turns=tuple(turns[:-1]), answer=asked[-1][1], answer_type=kind, steps=len(asked), source="planted",
        options=tuple(options) if kind == "choice" else (),
    )  # fmt: skip


def _weighed(grey: Grey, whole: Grey, degree: str) -> Grey:
    """Return a picture with its sign as it is, or half as strong."""
    return whole if degree == "strong" else ((grey + whole) / 2).astype(np.float32)
