"""Ask questions of a corpus: every family, balanced over answers, worded without regard to them.

Of all that could be asked, as many items are kept for each key (what is asked) and kind (of answer) as the rarest
kind has, within each split. So no question tells its own answer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vesalius.data.corpus import Corpus
from vesalius.data.records import Dialogue, Study, Turn
from vesalius.data.writer import CorpusWriter
from vesalius.errors import ConfigError, did_you_mean
from vesalius.virtual.questions import about_findings, about_measures, about_pictures, about_places, conversations
from vesalius.virtual.questions.items import Item, Pool, View
from vesalius.virtual.questions.languages import families_in, said, worded, wordings_in
from vesalius.virtual.seeds import identifier, stream

__all__ = ["FAMILIES", "Family", "ask", "write_questions"]

Family = Callable[[View], Iterator[Item]]
FAMILIES: dict[str, Family] = {
    name: getattr(module, name)
    for module in (about_findings, about_measures, about_places, about_pictures, conversations)
    for name in module.__all__
}
"""All families by the name of their function."""
_SMALLEST_SHARE = 0.1
"""A kind of answer that is rarer than this share of the commonest is not asked for, where the kinds are not fixed."""
_TEST_ONLY = 2
"""Wordings of each family that only test patients are asked with; of other languages it is one."""

Key = tuple[str, str, str]
"""Split, family and key of an item."""


def ask(
    corpus: Corpus, *, per_study: float = 6.0, families: Sequence[str] = (), seed: int = 0, language: str = "en"
) -> Iterator[tuple[Study, tuple[Dialogue, ...]]]:
    """Yield every study with its questions, in the corpus's order.

    Args:
        corpus: with findings, regions and measurements, such as one of virtual patients.
        per_study: mean number of questions of a study; families that can be asked rarely give all they have.
        families: names of families; all where none is given.
        seed: of distractors, wordings and choice.
        language: BCP 47; en, zh, ar or hi-Latn. Not every family is worded in all of them.

    Raises:
        ConfigError: an unknown family, the nearest is named; or one that the language lacks.
    """
    chosen = _chosen(families, language)
    splits = _splits(corpus)
    pools = _pools(corpus, splits)
    how = _How(per_study, seed, language)
    limits = _limits(corpus, splits, pools, chosen, how)
    for study, view in _views(corpus, splits, pools):
        kept = []
        for family in chosen:
            for item, place in _items(study, view, family, how):
                allowed = limits.get((splits[study.id], item.family, item.key), {})
                if place <= allowed.get(item.kind, -1.0):
                    kept.append(_with_options(study, item, allowed, how))
        clear = [item for item in kept if not item.distractors or len(item.options) > 1]
        yield study, tuple(_dialogue(study, item, splits[study.id], language) for item in clear)


def write_questions(
    corpus: Corpus, out: str | Path, *, per_study: float = 6.0, families: Sequence[str] = (), seed: int = 0,
    language: str = "en", progress: Callable[[str, int], AbstractContextManager[Callable[[int], None]]] | None = None,
) -> Corpus:  # fmt: skip
    """Write the corpus with questions to another folder, files and split included, and return it; see `ask`."""
    asked = ask(corpus, per_study=per_study, families=families, seed=seed, language=language)
    bar = progress("questions", len(corpus)) if progress else nullcontext(lambda count: None)
    facts = corpus.manifest
    with bar as advance, CorpusWriter(out, name=corpus.name, licence=facts.licence, virtual=facts.virtual) as writer:
        for study, dialogues in asked:
            if study.id not in writer:
                writer.add(replace(study, dialogues=(*study.dialogues, *dialogues)), media=_media(corpus, study))
            advance(1)
    written = Corpus.open(out)
    if corpus.has_split and not written.has_split:
        written.set_split(_splits(corpus))
        written = Corpus.open(out)
    return written


def _media(corpus: Corpus, study: Study) -> dict[str, Path]:
    paths = [image.path for image in study.images] + [region.mask for region in study.regions if region.mask]
    return {path: corpus.path(path) for path in dict.fromkeys(paths)}


class _How(NamedTuple):
    per_study: float
    seed: int
    language: str


def _chosen(families: Sequence[str], language: str) -> tuple[str, ...]:
    """Return the functions whose items the language has words for; an item's family is that of its words."""
    worded_there = families_in(language)
    for name in families:
        if name not in FAMILIES:
            raise ConfigError(f"unknown family of questions {name!r}{did_you_mean(name, FAMILIES)}")
        if language != "en" and name not in worded_there:
            raise ConfigError(f"family {name!r} has no words in {language!r}; there are {', '.join(worded_there)}")
    return tuple(families) or tuple(FAMILIES)


def _splits(corpus: Corpus) -> dict[str, str]:
    return dict.fromkeys(corpus.ids, "") | corpus.parts()


def _pools(corpus: Corpus, splits: dict[str, str]) -> dict[str, Pool]:
    pools: dict[str, Pool] = defaultdict(Pool)
    for study in corpus:
        pools[splits[study.id]].add(study)
    return pools


def _views(
    corpus: Corpus, splits: dict[str, str], pools: dict[str, Pool]
) -> Iterator[tuple[Study, Callable[[np.random.Generator], View]]]:
    for study in corpus:
        prior = None
        if study.priors:
            last = min(study.priors, key=lambda prior: prior.days_before).study
            prior = corpus.study(last) if last in splits else None
        pool = pools[splits[study.id]]
        yield study, lambda rng, study=study, pool=pool, prior=prior: View(study, pool, rng, prior)  # type: ignore[misc]


def _items(
    study: Study, view: Callable[[np.random.Generator], View], family: str, how: _How
) -> Iterator[tuple[Item, float]]:
    """Yield the items of one family with a number from 0 to 1 that knows nothing of the answer."""
    numbers: dict[str, int] = defaultdict(int)
    for item in FAMILIES[family](view(stream(how.seed, study.id, "ask", family))):
        if how.language != "en" and not _sayable(item, how.language):
            continue
        numbers[item.key] += 1
        digits = identifier(how.seed, study.id, "place", item.family, item.key, numbers[item.key], length=12)
        yield item, int(digits, 16) / 16**12


def _limits(
    corpus: Corpus, splits: dict[str, str], pools: dict[str, Pool], families: Sequence[str],
    how: _How,
) -> dict[Key, dict[str, float]]:  # fmt: skip
    """Return up to which number items are kept, by key and kind: equally many of each kind."""
    places: dict[Key, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    fixed: dict[Key, tuple[str, ...]] = {}
    for study, view in _views(corpus, splits, pools):
        for family in families:
            for item, place in _items(study, view, family, how):
                key = (splits[study.id], item.family, item.key)
                places[key][item.kind].append(place)
                fixed[key] = item.kinds
    least = {
        key: _least({kind: len(found) for kind, found in kinds.items()}, fixed[key]) for key, kinds in places.items()
    }
    shares = _shares(least, how.per_study * len(corpus))
    return {
        key: {
            kind: sorted(places[key][kind])[count - 1]
            for kind, number in kinds.items()
            if (count := round(number * shares[key[1]])) > 0
        }
        for key, kinds in least.items()
    }


def _least(counts: dict[str, int], fixed: tuple[str, ...]) -> dict[str, int]:
    """Return how many of each kind are kept for one key; nothing where a kind that must occur is missing."""
    if "" in counts:
        return counts
    if any(kind not in counts for kind in fixed):
        return {}
    kinds = list(counts) if fixed else [k for k, n in counts.items() if n >= _SMALLEST_SHARE * max(counts.values())]
    if len(kinds) < 2:
        return {}
    fewest = min(counts[kind] for kind in kinds)
    return dict.fromkeys(kinds, fewest)


def _shares(least: dict[Key, dict[str, int]], total: float) -> dict[str, float]:
    """Return the share of each family's items that is kept, so that families are as even as they can be."""
    sizes: dict[str, int] = defaultdict(int)
    for (_, family, _), kinds in least.items():
        sizes[family] += sum(kinds.values())
    left, each, waiting = total, 0.0, dict(sizes)
    while waiting:
        each = left / len(waiting)
        small = {family: size for family, size in waiting.items() if size <= each}
        if not small:
            break
        left -= sum(small.values())
        waiting = {family: size for family, size in waiting.items() if family not in small}
    return {family: each / size if family in waiting else 1.0 for family, size in sizes.items() if size} | {
        family: 0.0 for family, size in sizes.items() if not size
    }


def _with_options(study: Study, item: Item, allowed: Collection[str], how: _How) -> Item:
    """Offer at most three wrong options, of those that are right as often when this very question is asked."""
    if not item.distractors:
        return item
    known = [name for name in item.distractors if name in allowed and said(name, how.language) is not None]
    rng = stream(how.seed, study.id, "options", item.family, item.key, item.answer)
    chosen = [item.answer, *(known[place] for place in rng.permutation(len(known))[:3])]
    return replace(item, options=tuple(chosen[place] for place in rng.permutation(len(chosen))))


def _sayable(item: Item, language: str) -> bool:
    """Say whether the language has words for an item's family and names for all that it names."""
    templates = wordings_in(language).get(item.family)
    return templates is not None and not item.before and worded(item, language, templates[0]) is not None


def _dialogue(study: Study, item: Item, split: str, language: str) -> Dialogue:
    """Word an item; which wording is used depends on the study and the family only."""
    known = wordings_in(language)[item.family]
    usable = known if split == "test" else known[: -_TEST_ONLY if language == "en" else -1]
    name = identifier(0, study.id, item.family, item.key, item.answer, length=16)
    number = int(identifier(0, study.id, "wording", item.family, length=8), 16)
    spoken = worded(item, language, usable[number % len(usable)])
    assert spoken is not None
    question, answer, options = spoken
    turns: list[Turn] = []
    for place, (asked, answered) in enumerate(item.before):
        turns.append(Turn(role="user", text=asked, images=() if place else item.images))
        turns.append(Turn(role="assistant", text=answered))
    question = question[0].upper() + question[1:]
    turns.append(Turn(role="user", text=question, images=() if item.before else item.images))
    return Dialogue(
        id=name, turns=tuple(turns), answer=answer, options=options, answer_type=item.answer_type,
        rationale=item.rationale, evidence=item.evidence, steps=item.steps, language=language,
        source=f"virtual/{item.family}",
    )  # fmt: skip
