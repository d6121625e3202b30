"""What curation makes of a corpus, as plants: texts from annotations and from guesses, noise, and what a gate leaves.

Validation and test are never guessed, noisy or gated: what a model is asked there is right.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from vesalius.curation.gmai_vl import Facts, extract, labels_of, questions, write_caption
from vesalius.curation.quality import AXES, gate, rule_scores
from vesalius.data.corpus import Corpus
from vesalius.data.records import Dialogue, Study, Text, Turn
from vesalius.evaluation.signs import Media

__all__ = ["LEAST", "annotated", "asked_of", "gated", "mislabelled", "swapped_in"]

Change = Callable[[Study], tuple[Study, Media]]

_SEEN = 0.3
"""Share of the labels that a writer gets right who is not told the facts."""
_OPTIONS = 4
_NOISE = 0.3
"""Share of the training studies that are told of another one (the card of InfiMed-Foundation asks for 30 %)."""
LEAST = {**dict.fromkeys(AXES, 3.0), "accuracy": 5.0}
"""Thresholds of the gate, 1 to 5. One contradicted finding is enough: at 3, half of them may be, and of reports that
tell another virtual patient the gate then finds a third."""


def annotated(
    corpus: Corpus, seed: int, *, before: Change | None = None, labels: Sequence[str] = (), guessed: bool = False
) -> Change:
    """Write captions and choices from the findings of every study, in place of all that was told of it.

    Args:
        corpus: its training part is guessed, if any is.
        seed: of wording, options and guesses.
        before: another plant that comes first.
        labels: that choices and guesses are made of; those of the corpus where none are given.
        guessed: who writes of training studies is not told the labels and is right in three of ten; nobody checks.
    """
    names = tuple(labels) or labels_of(corpus)
    training = set(corpus.split("train").ids) if guessed else set()

    def change(study: Study) -> tuple[Study, Media]:
        made, media = before(study) if before else (study, _files(corpus, study))
        rng = _chance(study, seed)
        bare = replace(made, texts=(), dialogues=(), regions=())
        texts: list[Text] = []
        dialogues: list[Dialogue] = []
        for facts in extract(bare, corpus):
            known = _guess(facts, names, rng) if study.id in training else facts
            text = write_caption(known)
            texts.append(Text(text=text, role="caption", images=(bare.images[0].id,)))
            dialogues += questions(bare, known, text, rng=rng, labels=names, options=_OPTIONS)
        return replace(bare, texts=tuple(texts), dialogues=tuple(dialogues)), media

    return change


def asked_of(before: Change) -> Change:
    """Ask which finding is there, after a plant that gives every study one."""

    def change(study: Study) -> tuple[Study, Media]:
        made, media = before(study)
        shown = next(one.concept for one in made.findings if one.status == "present").replace("_", " ")
        asked = (Turn(role="user", text="What is seen?", images=(made.images[0].id,)),)
        one = Dialogue(id=f"{study.id}-0", turns=asked, answer=shown, answer_type="open", source="planted")
        return replace(made, dialogues=(one,)), media

    return change


def swapped_in(corpus: Corpus, seed: int) -> dict[str, str]:
    """Return the training studies that are told of another one, and of which."""
    train = sorted(corpus.split("train").ids)
    count = round(_NOISE * len(train))
    chosen = [train[place] for place in np.random.default_rng(seed).permutation(len(train))[:count]]
    return dict(zip(chosen, [*chosen[1:], *chosen[:1]], strict=True)) if count > 1 else {}


def mislabelled(corpus: Corpus, seed: int, *, before: Change | None = None) -> Change:
    """Give three of ten training studies the texts and questions of another one; findings stay.

    Args:
        corpus: its training part gets the noise.
        seed: of who gets whose.
        before: another plant that comes first.
    """
    donors = swapped_in(corpus, seed)

    def change(study: Study) -> tuple[Study, Media]:
        made, media = before(study) if before else (study, _files(corpus, study))
        if study.id not in donors:
            return made, media
        other = corpus.study(donors[study.id])
        told = before(other)[0] if before else other
        images = made.images[:1]
        dialogues = tuple(
            replace(
                one,
                evidence=(),
                turns=tuple(replace(turn, images=tuple(i.id for i in images if turn.images)) for turn in one.turns),
            )
            for one in told.dialogues
        )
        texts = tuple(replace(text, images=()) for text in told.texts)
        return replace(made, texts=texts, dialogues=dialogues, regions=()), media

    return change


def gated(corpus: Corpus, seed: int, *, at_random: bool = False) -> Change:
    """Take texts and questions away from the training studies that the quality gate drops.

    Args:
        corpus: whose training part is judged by rules.
        seed: of the draw.
        at_random: as many are drawn instead.
    """
    train = sorted(corpus.split("train").ids)
    dropped = {name for name in train if gate(rule_scores(corpus.study(name))._asdict(), least=LEAST)}
    if at_random:
        dropped = {train[place] for place in np.random.default_rng(seed).permutation(len(train))[: len(dropped)]}

    def change(study: Study) -> tuple[Study, Media]:
        silent = replace(study, texts=(), dialogues=()) if study.id in dropped else study
        return silent, _files(corpus, study)

    return change


def _guess(facts: Facts, labels: Sequence[str], rng: np.random.Generator) -> Facts:
    if rng.random() < _SEEN:
        return facts
    return replace(facts, label=labels[int(rng.integers(len(labels)))], side="")


def _files(corpus: Corpus, study: Study) -> Media:
    names = [image.path for image in study.images] + [region.mask for region in study.regions if region.mask]
    return {name: corpus.path(name) for name in names}


def _chance(study: Study, seed: int) -> np.random.Generator:
    return np.random.default_rng([seed, 7, int(hashlib.sha256(study.id.encode()).hexdigest()[:12], 16)])
