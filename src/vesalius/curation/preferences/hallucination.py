"""Text dispreference: the same picture and question, and a worse answer that is plausible and wrong.

Source: MMedPO (arXiv 2412.06141), section 3.1. There a language model picks the most hallucinated of several answers
of the model itself, or rewrites the reference where none is clearly wrong. Here rules do both, for texts of the
virtual patients' grammar and for short answers; other texts give no pair and are counted.

The worse answer has about the length of the better one, so that length tells nothing: a model that learnt "shorter is
better" would learn no medicine.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from vesalius.config import Config
from vesalius.curation.base import Dropped, chance
from vesalius.curation.facts import sides_said
from vesalius.curation.preferences.base import NO_ANSWER, Outcome, pair_of
from vesalius.curation.preferences.rewriting import ERRORS, Error, Rewrite, Scene, rewrites
from vesalius.data.conversations.records import Conversation
from vesalius.data.records import Study
from vesalius.metrics.report_facts import read_facts, recorded_facts
from vesalius.virtual.text.disturbance import other_side
from vesalius.virtual.text.grammar import grammar
from vesalius.virtual.text.wording import SIZE, millimetres

__all__ = [
    "NOTHING",
    "Hallucination",
    "HallucinationConfig",
    "hallucinated",
    "hallucinated_pair",
    "most_hallucinated",
]

NOTHING = "no error of this length can be put in"
_SENTENCE = re.compile(r"(?<=[.])\s+")
_OPPOSITES = {"yes": "no", "present": "absent", "normal": "abnormal", "true": "false"}
_SHORT = 6
"""Words of an answer up to which it is taken as a whole."""
_NEAREST = 4
"""Rewrites that are drawn from, those nearest in length."""


@dataclass(frozen=True, kw_only=True)
class HallucinationConfig(Config):
    """How answers are made worse."""

    errors: tuple[Error, ...] = ERRORS
    changes: int = 1
    """Sentences of a report that are changed."""
    length_tolerance: float = 0.15
    """Largest difference in letters to the reference, as a share of it, for texts of several sentences."""
    region: str = "chest"
    """Whose words are read."""

    def __post_init__(self) -> None:
        unknown = [error for error in self.errors if error not in ERRORS]
        if unknown or not self.errors:
            raise ValueError(f"errors {list(self.errors)}: expected some of {', '.join(ERRORS)}")
        if self.changes < 1 or self.length_tolerance < 0:
            raise ValueError(
                f"changes {self.changes}, length_tolerance {self.length_tolerance}: expected 1 and 0 or more"
            )


@dataclass(frozen=True, kw_only=True)
class Hallucination:
    """A worse answer and what was done to it."""

    text: str
    errors: tuple[Error, ...]
    """One for each changed sentence; of a short answer "finding", "side" or "size", or "denied" and "invented"."""


def hallucinated_pair(
    conversation: Conversation, *, study: Study | None = None, settings: HallucinationConfig | None = None,
    seed: int = 0, candidates: Sequence[str] = (),
) -> Outcome:  # fmt: skip
    """Return a pair of the reference and a wrong answer, or why there is none.

    Args:
        conversation: ends in the reference.
        study: whose record says what else is true; the reference alone where not given.
        settings: how.
        seed: with the conversation's id, of the choice.
        candidates: what a model wrote; the worst of them is taken where it states something untrue.
    """
    settings = settings or HallucinationConfig()
    reference = conversation.answers[-1] if conversation.answers else ""
    if not reference.strip():
        return Dropped(NO_ANSWER, conversation.id)
    scene = _scene(reference, study, settings)
    worst = most_hallucinated(candidates, scene)
    if worst is not None:
        return pair_of(conversation, rejected=worst)
    made = hallucinated(reference, scene, settings=settings, rng=chance(seed, conversation.id, "hallucination"))
    return Dropped(NOTHING, conversation.id) if made is None else pair_of(conversation, rejected=made.text)


def most_hallucinated(candidates: Sequence[str], scene: Scene) -> str | None:
    """Return the candidate with the most untrue statements, the first of equals, or None where all are true."""
    faults = [sum(map(scene.untrue, read_facts(text, region=scene.region).facts)) for text in candidates]
    return candidates[int(np.argmax(faults))] if max(faults, default=0) else None


def hallucinated(
    reference: str, scene: Scene, *, settings: HallucinationConfig, rng: np.random.Generator
) -> Hallucination | None:
    """Return a wrong answer of about the reference's length, or None where no rule makes one.

    Args:
        reference: right answer.
        scene: what is true.
        settings: how.
        rng: of the choice.
    """
    if len(reference.split()) <= _SHORT and (short := _short(reference, scene, settings, rng)):
        return short
    sentences = _SENTENCE.split(reference)
    errors: list[Error] = []
    room = settings.length_tolerance * len(reference)
    untouched = list(range(len(sentences)))
    while len(errors) < settings.changes:
        found = _drawn([sentences[place] for place in untouched], scene, settings, room, errors, rng)
        if found is None:
            return None
        place = untouched.pop(found[0])
        room -= abs(len(found[1].text) - len(sentences[place]))
        sentences[place] = found[1].text
        errors.append(found[1].error)
    return Hallucination(text=" ".join(sentences), errors=tuple(errors))


def _drawn(
    sentences: Sequence[str], scene: Scene, settings: HallucinationConfig, room: float, used: Sequence[Error],
    rng: np.random.Generator,
) -> tuple[int, Rewrite] | None:  # fmt: skip
    """Draw an error, then a sentence and a rewrite of it among those that change the length least.

    Errors that were used come last. So every kind is about as common as its chances allow, whatever reports are full
    of, and no kind makes texts much longer or shorter.
    """
    kinds = sorted(rng.permutation(len(settings.errors)).tolist(), key=lambda kind: settings.errors[kind] in used)
    for kind in kinds:
        options = [
            (place, option)
            for place, sentence in enumerate(sentences)
            for option in rewrites(sentence, scene, errors=(settings.errors[kind],), room=room, most=_NEAREST)
        ]
        if options:
            options.sort(key=lambda one: abs(len(one[1].text) - len(sentences[one[0]])))
            return options[int(rng.integers(min(len(options), _NEAREST)))]
    return None


def _scene(reference: str, study: Study | None, settings: HallucinationConfig) -> Scene:
    told = read_facts(reference, region=settings.region).facts
    recorded = recorded_facts(study.findings) if study is not None else ()
    return Scene(region=settings.region, facts=(*recorded, *told))


def _short(
    reference: str, scene: Scene, settings: HallucinationConfig, rng: np.random.Generator
) -> Hallucination | None:
    """Turn a short answer round: yes and no, sides, findings by name, numbers with a unit."""
    plain = reference.strip().rstrip(".").lower()
    options: list[tuple[Error, str]] = []
    for one, other in _OPPOSITES.items():
        options += [("denied", other)] if plain == one else [("invented", one)] if plain == other else []
    # "left lung, right lung" with its sides exchanged is as right as before.
    if len(sides_said(plain)) == 1:
        options.append(("side", other_side(plain)))
    if plain in _concepts(scene.region):
        options += [("finding", name) for name, concept in _concepts(scene.region).items()
                    if concept not in scene.there | {_concepts(scene.region)[plain]}]  # fmt: skip
    if re.fullmatch(SIZE, plain):
        size = millimetres(plain)
        options += [("size", _like(plain, size * factor)) for factor in (0.5, 2.0)]
    options = [option for option in options if option[0] in settings.errors and option[1] != plain]
    if not options:
        return None
    error, text = options[int(rng.integers(len(options)))]
    return Hallucination(text=_dressed(text, reference), errors=(error,))


def _like(written: str, size_mm: float) -> str:
    return f"{size_mm / 10:.1f} cm" if written.endswith("cm") else f"{max(1, round(size_mm))} mm"


@cache
def _concepts(region: str) -> dict[str, str]:
    """First names of findings."""
    return {entry.names[0].lower(): concept for concept, entry in grammar(region).findings.items()}


def _dressed(text: str, like: str) -> str:
    """Write an answer with the capitals and the full stop of another, so that these tell nothing."""
    words = like.split()
    every = len(words) > 1 and all(word[0].isupper() for word in words if word[0].isalpha())
    parts = text.split(" ") if every else [text]
    capital = words[0][0].isupper()
    shown = " ".join(part[:1].upper() + part[1:] for part in parts) if capital else text
    return shown + ("." if like.rstrip().endswith(".") else "")
