"""Effects planted in a corpus on purpose: what a mechanism must find there, or what must ruin it.

A plant changes the studies of a corpus and writes another one with the same patients and the same split. What is
planted in a study follows from its id and the seed alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from vesalius.curation.base import Stage
from vesalius.curation.steps.label_captions import LabelCaptions
from vesalius.data.corpus import Corpus
from vesalius.data.records import Finding, Study, Text
from vesalius.data.writer import CorpusWriter
from vesalius.errors import ConfigError, DataError, did_you_mean
from vesalius.evaluation.asked_signs import asked_signs, named_sign, sign_tree, urgent_signs
from vesalius.evaluation.curated import annotated, asked_of, gated, mislabelled
from vesalius.evaluation.expert_turns import expert_plant, expert_shuffled
from vesalius.evaluation.named_signs import kin_sign, sign_amid_denied, sign_by_name, sign_named_again
from vesalius.evaluation.placed_signs import discs, finding_signs, half_told, placed_signs
from vesalius.evaluation.signs import SIGNS, Draw, Grey, Media, drawn, stilled, with_sign, woven
from vesalius.evaluation.staged_signs import staged_signs
from vesalius.evaluation.tiled_signs import bright_quarter, grains

__all__ = ["plant", "plant_names", "plant_words", "require_plant"]

Change = Callable[[Study], tuple[Study, Media]]
"""Turns a study of the old corpus into one of the new, with the files that its records name."""

_LEAD = (
    "The study was made in the usual way with the patient standing upright and the arms held forward at full breath "
    "after the request of the ward and it was read beside the picture of the last visit on the same screen by the "
    "same reader who had no other knowledge of the case than the words of the request and the age of the patient "
    "so that all that follows is told from the picture alone"
)
"""Words that tell nothing: 77 of them, in one sentence."""
_REPORTED = 10
"""One of so many training studies keeps its report, where reports are few."""
_SHORT_LEAD = 20
"""Words of the lead that fill more than 77 characters and fewer than 77 tokens."""


@dataclass(frozen=True)
class _Plant:
    words: str
    prepare: Callable[[Corpus, int], Change]


def plant(corpus: Corpus, out: str | Path, *, name: str, seed: int = 0) -> Corpus:
    """Write a corpus with a plant and return it; one that is there is opened, half of one is gone on with.

    Args:
        corpus: with a stored split; nothing in it is changed.
        out: folder of the new corpus.
        name: of the plant, see `plant_names`.
        seed: another seed plants otherwise.

    Raises:
        ConfigError: no such plant; offers the nearest. DataError: the corpus has no split.
    """
    require_plant(name)
    if not corpus.has_split:
        raise DataError(f"corpus {corpus.name!r} has no split: nothing can be planted in its training part alone")
    root = Path(out)
    if (root / "corpus.json").is_file() and (planted := Corpus.open(root)).has_split:
        return planted
    change = _PLANTS[name].prepare(corpus, seed)
    virtual = bool(corpus.manifest.virtual)
    with CorpusWriter(root, name=f"{corpus.name}-{name}", virtual=virtual) as writer:
        for study in corpus:
            if study.id not in writer:
                changed, media = change(study)
                writer.add(changed, media=media)
    Corpus.open(root).set_split(corpus.parts())
    return Corpus.open(root)


def plant_names() -> tuple[str, ...]:
    """Return the names of all plants."""
    return tuple(sorted(_PLANTS))


def plant_words(name: str) -> str:
    """Say in one sentence what a plant does."""
    return _PLANTS[name].words


def require_plant(name: str) -> None:
    """Raise a ConfigError where there is no such plant."""
    if name not in _PLANTS:
        raise ConfigError(f"no plant {name!r}{did_you_mean(name, plant_names())}")


def _media(corpus: Corpus, study: Study) -> Media:
    """Return the files of a study's images under their names."""
    return {image.path: corpus.path(image.path) for image in study.images}


def _shuffled_texts(corpus: Corpus, seed: int) -> Change:
    """Give each training study the texts of another one; the other splits keep theirs."""
    train = corpus.split("train")
    texts = {study.id: tuple(replace(text, images=()) for text in study.texts) for study in train}
    order = [sorted(texts)[place] for place in np.random.default_rng(seed).permutation(len(texts))]
    donor = dict(zip(order, [*order[1:], *order[:1]], strict=True))

    def change(study: Study) -> tuple[Study, Media]:
        said = texts[donor[study.id]] if study.id in donor else study.texts
        return replace(study, texts=said, regions=()), _media(corpus, study)

    return change


def _chance(study: Study, seed: int, *more: int) -> np.random.Generator:
    """Return what a study's plant is drawn by."""
    return np.random.default_rng([seed, *more, int(hashlib.sha256(study.id.encode()).hexdigest()[:12], 16)])


def _each(
    change: Callable[[Corpus, Study, np.random.Generator], tuple[Study, Media]],
) -> Callable[[Corpus, int], Change]:
    """Plant in every study by its own chance."""
    return lambda corpus, seed: lambda study: change(corpus, study, _chance(study, seed))


def _signs(
    *, lead: int = 0, shown: bool = True, told: bool = True, draw: Draw = drawn
) -> Callable[[Corpus, int], Change]:
    """Plant one of eight signs in picture and report; the report says nothing else.

    Args:
        lead: words that tell nothing, in a sentence before the one that names the sign.
        shown: False leaves the picture as it is, so that the text alone tells.
        told: False leaves the sign's name out, so that the picture alone tells.
        draw: how the picture shows it.
    """

    def prepare(corpus: Corpus, seed: int) -> Change:
        def change(study: Study) -> tuple[Study, Media]:
            rng = _chance(study, seed)
            sign = SIGNS[int(rng.integers(len(SIGNS)))]
            said = f"There is a {sign} sign." if told else "There is a picture."
            if lead:
                said = f"{' '.join(_LEAD.split()[:lead])}. {said}"
            findings = tuple(
                Finding(concept=f"{name}_sign", status="present" if name == sign else "absent", source="planted")
                for name in SIGNS
            )
            changed = replace(study, texts=(Text(text=said, role="findings"),), findings=findings, regions=())
            return (
                with_sign(corpus, changed, lambda shown: draw(shown, sign, rng))
                if shown
                else (changed, _media(corpus, changed))
            )

        return change

    return prepare


def _half_told(corpus: Corpus, seed: int) -> Change:
    """Tell a sign as a finding; every other training report tells nothing."""
    training = set(corpus.split("train").ids)

    def change(study: Study) -> tuple[Study, Media]:
        made, media = finding_signs(corpus, study, _chance(study, seed))
        return (half_told(made, _chance(study, seed, 1)) if study.id in training else made), media

    return change


_CONSONANTS, _VOWELS = "bdfgklmnprstvz", "aeiou"
_WORDS_AROUND = 12
"""Words that mean nothing, before and as many after the sentence that names the sign."""


def _signs_amid_words(*, last: bool = False, draw: Draw = drawn) -> Callable[[Corpus, int], Change]:
    """Signs, named among words that mean nothing and are drawn anew for each study.

    Args:
        last: all these words come before the sentence that names the sign; else half of them do.
        draw: how the picture shows the sign.
    """
    syllables = [f"{one}{other}" for one in _CONSONANTS for other in _VOWELS]

    def prepare(corpus: Corpus, seed: int) -> Change:
        planted = _signs(draw=draw)(corpus, seed)

        def change(study: Study) -> tuple[Study, Media]:
            made, media = planted(study)
            rng = _chance(study, seed, 1)
            pairs = rng.integers(len(syllables), size=(2 * _WORDS_AROUND, 2))
            words = [syllables[one] + syllables[other] for one, other in pairs]
            place = len(words) if last else _WORDS_AROUND
            around = [f"{' '.join(part).capitalize()}." for part in (words[:place], words[place:]) if part]
            said = " ".join([around[0], made.text(), *around[1:]])
            return replace(made, texts=(Text(text=said, role="findings"),)), media

        return change

    return prepare


_CALLED = {
    "ring": "circle", "cross": "plus", "star": "asterisk", "bar": "stripe", "post": "column", "stairs": "zigzag",
    "corner": "angle", "grid": "lattice",
}  # fmt: skip
"""Another word for each sign."""


def _signs_reworded(corpus: Corpus, seed: int) -> Change:
    """Signs with captions for a text: the first calls the sign by another word, the others by its own."""
    planted = _signs()(corpus, seed)

    def change(study: Study) -> tuple[Study, Media]:
        made, media = planted(study)
        sign = next(name for name in SIGNS if made.status(f"{name}_sign") == "present")
        said = [f"Picture of a {_CALLED[sign]}.", f"There is a {sign} sign.", f"A {sign} sign can be seen."]
        return replace(made, texts=tuple(Text(text=text, role="caption") for text in said)), media

    return change


def _label_captions(corpus: Corpus, seed: int) -> Change:
    """Give every study ten captions made of its labels, in place of its texts."""

    def change(study: Study) -> tuple[Study, Media]:
        return _captioned(corpus, replace(study, regions=()), seed), _media(corpus, study)

    return change


def _few_reports(*, signs: bool = False) -> Callable[[Corpus, int], Change]:
    """Leave a tenth of the training studies their report; the others have captions made of their labels.

    Args:
        signs: the studies have signs, which the reports name.
    """

    def prepare(corpus: Corpus, seed: int) -> Change:
        planted = _signs()(corpus, seed) if signs else None
        train = sorted(corpus.split("train").ids)
        order = np.random.default_rng(seed).permutation(len(train))
        unreported = {train[place] for place in order[-(-len(train) // _REPORTED) :]}

        def change(study: Study) -> tuple[Study, Media]:
            made, media = planted(study) if planted else (replace(study, regions=()), _media(corpus, study))
            return (_captioned(corpus, made, seed) if study.id in unreported else made), media

        return change

    return prepare


def _captioned(corpus: Corpus, study: Study, seed: int) -> Study:
    """Return a study with captions of its labels for its only texts; one without labels keeps its texts."""
    stage = Stage(studies=(), files=corpus, seed=seed)
    made = LabelCaptions().apply(replace(study, texts=()), stage)
    return made if isinstance(made, Study) else study


def _named_signs(*, lead: int = 0) -> Callable[[Corpus, int], Change]:
    """Plant signs that the report calls by names of findings, behind so many words that tell nothing."""
    before = f"{' '.join(_LEAD.split()[:lead])}. " if lead else ""
    return _each(partial(sign_by_name, before=before))


def _kin_signs(corpus: Corpus, seed: int) -> Change:
    training = set(corpus.split("train").ids)
    return lambda study: kin_sign(corpus, study, _chance(study, seed), training=study.id in training)


def _in_step(grey: Grey, sign: str, rng: np.random.Generator) -> Grey:
    """Weave a sign that begins at the same place in every picture."""
    del rng
    return woven(grey, sign, np.random.default_rng(0))


_SIGN_LABELS = tuple(f"{name}_sign" for name in SIGNS)


def _annotated_signs(corpus: Corpus, seed: int) -> Change:
    return annotated(corpus, seed, before=_signs(draw=woven)(corpus, seed), labels=_SIGN_LABELS)


def _mislabelled_signs(corpus: Corpus, seed: int) -> Change:
    return mislabelled(corpus, seed, before=asked_of(_signs(draw=woven)(corpus, seed)))


_PLANTS: dict[str, _Plant] = {
    "placed_signs": _Plant(
        "two of eight signs side by side, each with its box, named by the report", _each(placed_signs)
    ),
    "finding_signs": _Plant(
        "one of eight signs with its box, which the report tells as a finding of the chest", _each(finding_signs)
    ),
    "half_told": _Plant("finding signs, of which every other training report tells nothing", _half_told),
    "discs": _Plant("none to five discs, each with its box, counted by the report", _each(discs)),
    "annotated": _Plant("captions and choices written from the findings, in place of all that was told", annotated),
    "annotated_signs": _Plant("woven signs, with captions and choices written from them", _annotated_signs),
    "guessed": _Plant("training captions and choices by a writer who guesses", partial(annotated, guessed=True)),
    "mislabelled": _Plant("three of ten training studies are told of another one", mislabelled),
    "mislabelled_signs": _Plant("woven signs, of which three of ten are told of another study", _mislabelled_signs),
    "gated": _Plant("training studies that the quality gate drops are told nothing of", gated),
    "gated_at_random": _Plant("as many training studies, drawn, are told nothing of", partial(gated, at_random=True)),
    "shuffled_texts": _Plant("every training study has the texts of another one", _shuffled_texts),
    "signs": _Plant("one of eight signs at a random place of the picture, named by the report", _signs()),
    "signs_told_late": _Plant(
        "signs, named by the report after more than 77 characters that tell nothing", _signs(lead=_SHORT_LEAD)
    ),
    "signs_told_last": _Plant(
        "signs, named by the report's last sentence, behind one of 77 words that tell nothing",
        _signs(lead=len(_LEAD.split())),
    ),
    "named_signs": _Plant("one of eight signs, which the report calls by the name of a finding", _named_signs()),
    "named_signs_told_last": _Plant(
        "named signs, behind a sentence of 77 words that tell nothing", _named_signs(lead=len(_LEAD.split()))
    ),
    "kin_signs": _Plant(
        "named signs whose label is a look that two findings share: of one in training, of the other in the test",
        _kin_signs,
    ),
    "signs_named_again": _Plant(
        "woven signs, which the report calls by the name of a finding, three times", _each(sign_named_again)
    ),
    "signs_amid_denied": _Plant(
        "woven signs, told as one of eight findings, of which each report denies the others", _each(sign_amid_denied)
    ),
    "label_captions": _Plant("every study has ten captions made of its labels for texts", _label_captions),
    "few_reports": _Plant(
        "a tenth of the training studies keep their report, the others have captions made of labels", _few_reports()
    ),
    "signs_few_reports": _Plant(
        "signs, named by reports in a tenth of the training studies, by captions made of labels in the others",
        _few_reports(signs=True),
    ),
    "signs_amid_words": _Plant(
        "signs, named between words that mean nothing, other ones in each report", _signs_amid_words()
    ),
    "woven_signs_behind_words": _Plant(
        "woven signs, named behind words that mean nothing, other ones in each report",
        _signs_amid_words(last=True, draw=woven),
    ),
    "signs_reworded": _Plant(
        "signs, each with captions of which the first calls it by another word", _signs_reworded
    ),
    "woven_signs": _Plant(
        "one of eight signs woven all through the picture, named by the report", _signs(draw=woven)
    ),
    "woven_signs_told_last": _Plant(
        "woven signs, named by the report's last sentence, behind one of 77 words that tell nothing",
        _signs(lead=len(_LEAD.split()), draw=woven),
    ),
    "woven_signs_in_step": _Plant("woven signs that begin at the same place in every picture", _signs(draw=_in_step)),
    "woven_signs_untold": _Plant(
        "woven signs that the picture shows and no report names",
        _signs(draw=woven, told=False),
    ),
    "expert_90": _Plant(
        "a faint sign, and questions before which an expert was asked, who is right nine times of ten",
        partial(expert_plant, right=0.9),
    ),
    "expert_100": _Plant(
        "a faint sign, and questions before which an expert was asked, who is always right",
        partial(expert_plant, right=1.0),
    ),
    "expert_shuffled": _Plant("in training the expert says something drawn, whatever is shown", expert_shuffled),
    "asked_signs": _Plant(
        "woven signs, about which questions ask whether they are one that is named, with the reason for the answer",
        _each(asked_signs),
    ),
    "urgent_signs": _Plant(
        "signs, about which a question asks whether it is one of four urgent ones, with the reason",
        _each(urgent_signs),
    ),
    "grains": _Plant(
        "one of four grains, which are lost where the picture is halved, and a question which", _each(grains)
    ),
    "bright_quarter": _Plant("one quarter of the picture is brighter, and a question which", _each(bright_quarter)),
    "named_sign": _Plant("woven signs, whose name a question asks for in the same words", _each(named_sign)),
    "sign_tree": _Plant(
        "woven signs, asked for by a tree of questions: whether, which, how strong",
        _each(sign_tree),
    ),
    "staged_signs": _Plant(
        "stages of macular degeneration, each with a woven sign of its own, named by the report", _each(staged_signs)
    ),
    "still_signs": _Plant(
        "signs in volumes all of whose slices are the middle one, named by the report", _signs(draw=stilled)
    ),
    "signs_of_text": _Plant("signs that the report names and the picture does not show", _signs(shown=False)),
}
