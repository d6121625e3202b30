"""Planted experts: conversations in which one was asked about a sign that only a good eye sees.

The expert is right with a stated share; the sign is so faint in the picture that a small model needs the expert.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from vesalius.data.corpus import Corpus
from vesalius.data.records import Dialogue, Study, Turn
from vesalius.evaluation.signs import SIGNS, Grey, Media, drawn, with_sign
from vesalius.tasks.grammar.calls import Call, Expert, format_call
from vesalius.tasks.instructions.guidance import ExpertCard, cards_text, classified, result_text

__all__ = ["CARD", "expert_plant", "expert_shuffled"]

CARD = ExpertCard(
    expert=Expert(name="SIGNS"),
    modality="any picture",
    task="classification",
    overview="which of eight signs is shown",
    accuracy="stated by nobody",
)
_FAINT = 0.15
"""Share of the sign in the grey values: the rest is the picture."""

Change = Callable[[Study], tuple[Study, Media]]


def expert_plant(corpus: Corpus, seed: int, *, right: float) -> Change:
    """Plant a faint sign, and two questions before which an expert was asked, who is right in a share of cases."""
    return partial(_told, corpus, seed, right)


def expert_shuffled(corpus: Corpus, seed: int) -> Change:
    """Give every training study the expert's words about another one; the other splits keep theirs."""
    training = frozenset(corpus.split("train").ids)
    return partial(_reshuffled, corpus, seed, training)


def _told(corpus: Corpus, seed: int, right: float, study: Study) -> tuple[Study, Media]:
    rng = _chance(study, seed)
    own, other = (SIGNS[place] for place in rng.choice(len(SIGNS), size=2, replace=False))
    said = own if rng.random() < right else str(rng.choice([name for name in SIGNS if name != own]))
    changed = replace(
        study,
        texts=(),
        findings=(),
        regions=(),
        dialogues=tuple(_asked(study, said, own, name) for name in (own, other)),
    )
    return with_sign(corpus, changed, lambda grey: _faint(grey, own, rng))


def _reshuffled(corpus: Corpus, seed: int, training: frozenset[str], study: Study) -> tuple[Study, Media]:
    files: Media = {image.path: corpus.path(image.path) for image in study.images}
    study = replace(study, regions=())
    if study.id not in training:
        return study, files
    rng = _chance(study, seed, 1)
    dialogues = tuple(
        replace(one, turns=(*one.turns[:2], replace(one.turns[2], text=_results(str(rng.choice(SIGNS)), one))))
        for one in study.dialogues
    )
    return replace(study, dialogues=dialogues), files


def _results(said: str, dialogue: Dialogue) -> str:
    return result_text(
        classified({name: float(name == said) for name in SIGNS}), dialogue.turns[2].text.split("\n")[-1]
    )


def _asked(study: Study, said: str, own: str, name: str) -> Dialogue:
    question = f"Is there a {name} sign?"
    turns = (
        Turn(role="user", text=f"{cards_text([CARD])}{question}", images=(study.main_image.id,)),
        Turn(role="assistant", text=format_call(Call(CARD.expert.name), [CARD.expert])),
        Turn(role="user", text=result_text(classified({sign: float(sign == said) for sign in SIGNS}), question)),
    )
    return Dialogue(
        id=f"{study.id}-{name}", turns=turns, answer="yes" if name == own else "no", answer_type="closed",
        source="planted",
    )  # fmt: skip


def _faint(grey: Grey, sign: str, rng: np.random.Generator) -> Grey:
    return ((1 - _FAINT) * grey + _FAINT * drawn(grey, sign, rng)).astype(np.float32)


def _chance(study: Study, seed: int, *more: int) -> np.random.Generator:
    """Return what a study's plant is drawn by."""
    return np.random.default_rng([seed, *more, *study.id.encode()])
