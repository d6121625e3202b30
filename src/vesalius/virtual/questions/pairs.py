"""Pairs of studies that differ in one fact, with the same question and different answers.

Counterfactual: one body with and without a finding. Confusing: one body with one of two findings that look alike.
Only a model that looks can be right on both.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import cache
from pathlib import Path

from vesalius.config import read_yaml
from vesalius.data.corpus import Corpus
from vesalius.data.records import Dialogue, Turn
from vesalius.data.writer import CorpusWriter
from vesalius.errors import ConfigError
from vesalius.virtual.findings.base import Case, Disease
from vesalius.virtual.patient import Patient, draw_patient
from vesalius.virtual.preset import Preset, finding, load_preset
from vesalius.virtual.questions.items import named
from vesalius.virtual.seeds import identifier, stream
from vesalius.virtual.study import LICENCE, MadeStudy, make_study

__all__ = ["confusing_pair", "counterfactual_pair", "write_pairs"]

_VISIBLE = 4.0
_DRAWS = 8


@cache
def _alike() -> tuple[tuple[str, str], ...]:
    """Findings that look alike, two and two."""
    values = read_yaml(Path(__file__).with_name("alike.yaml"))
    return tuple((first, second) for first, second in values["alike"])


def counterfactual_pair(
    preset: Preset, *, seed: int, index: int, size: int | None = None
) -> tuple[MadeStudy, MadeStudy]:
    """Return one patient with a finding and without it, asked whether it is there: first yes, then no."""
    patient = draw_patient(seed, index, preset=preset)
    able = [name for name in patient.asked if finding(name).sex in ("", patient.body.sex)]
    concepts = [name for name in able if name not in patient.concepts]
    rng = stream(seed, patient.id, "pair")
    concept = concepts[int(rng.integers(len(concepts)))]
    both = patient.having((*patient.diseases, *_drawn(patient, concept)))
    question = f"Is there {named(concept)} in this picture?"
    return (
        _asked(both, f"{concept}+", size, _dialogue(patient, question, "yes", (), "counterfactual")),
        _asked(patient, f"{concept}-", size, _dialogue(patient, question, "no", (), "counterfactual")),
    )


def confusing_pair(preset: Preset, *, seed: int, index: int, size: int | None = None) -> tuple[MadeStudy, MadeStudy]:
    """Return one patient with the first or the second of two findings that look alike, asked which it is.

    Raises:
        ConfigError: the population has no two such findings.
    """
    pairs = [pair for pair in _alike() if set(pair) <= preset.prevalence.keys()]
    if not pairs:
        raise ConfigError("this population has no two findings that are known to look alike")
    patient = draw_patient(seed, index, preset=preset).having(())
    rng = stream(seed, patient.id, "pair")
    pair = pairs[int(rng.integers(len(pairs)))]
    options = (named(pair[0]), named(pair[1]))[:: 1 if rng.random() < 0.5 else -1]
    question = f"Is it {options[0]} or {options[1]}?"
    first, second = (
        _asked(patient.having(_drawn(patient, concept)), concept, size,
               _dialogue(patient, question, named(concept), options, "confusing"))
        for concept in pair
    )  # fmt: skip
    return first, second


def write_pairs(
    out: str | Path, *, preset: str, pairs: int, kind: str = "counterfactual", seed: int = 0,
    size: int | None = None,
    progress: Callable[[str, int], AbstractContextManager[Callable[[int], None]]] | None = None,
) -> Corpus:  # fmt: skip
    """Write a corpus of pairs, two studies a patient, and return it.

    Args:
        out: folder of the corpus.
        preset: population.
        pairs: how many.
        kind: "counterfactual" or "confusing".
        seed: of the patients.
        size: rows of the pictures; each examination's own where none is given.
        progress: shows how far it is.
    """
    makers = {"counterfactual": counterfactual_pair, "confusing": confusing_pair}
    if kind not in makers:
        raise ConfigError(f"unknown kind of pairs {kind!r}; known: {', '.join(makers)}")
    population = load_preset(preset)
    bar = progress("pairs", pairs) if progress else nullcontext(lambda count: None)
    with bar as advance, CorpusWriter(out, name=f"virtual-{preset}-{kind}", licence=LICENCE, virtual=True) as writer:
        for index in range(pairs):
            for made in makers[kind](population, seed=seed, index=index, size=size):
                if made.study.id not in writer:
                    writer.add(made.study, media=made.media)
            advance(1)
    return Corpus.open(out)


def _drawn(patient: Patient, concept: str) -> tuple[Disease, ...]:
    """Draw a finding until it can be seen; of some draws the most visible where none can."""
    best: tuple[Disease, ...] = ()
    for draw in range(_DRAWS):
        rng = stream(patient.seed, patient.id, "pair", concept, draw)
        found = finding(concept).draw(rng, Case(patient.body, ()))
        if found and (not best or found[0].visibility > best[0].visibility):
            best = found
        if best and best[0].visibility >= _VISIBLE:
            return best
    return best


def _asked(patient: Patient, name: str, size: int | None, dialogue: Dialogue) -> MadeStudy:
    made = make_study(patient, size)
    study = identifier(patient.seed, patient.id, "pair", name, length=16)
    media = {path.replace(made.study.id, study): data for path, data in made.media.items()}
    images = tuple(replace(image, path=image.path.replace(made.study.id, study)) for image in made.study.images)
    regions = tuple(replace(part, mask=part.mask.replace(made.study.id, study)) for part in made.study.regions)
    changed = replace(made.study, id=study, images=images, regions=regions, dialogues=(dialogue,))
    return MadeStudy(changed, media)


def _dialogue(patient: Patient, question: str, answer: str, options: tuple[str, ...], kind: str) -> Dialogue:
    return Dialogue(
        id=identifier(patient.seed, patient.id, "pair", kind, length=16), turns=(Turn(role="user", text=question),),
        answer=answer, options=options, answer_type="choice" if options else "closed", steps=2,
        source=f"virtual/{kind}",
    )  # fmt: skip
