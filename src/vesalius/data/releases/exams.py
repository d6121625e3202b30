"""Questions of examinations: letters, options, and text-only studies of one question each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from vesalius.data.corpus import Corpus
from vesalius.data.records import Dialogue, Image, Provenance, Study
from vesalius.data.releases.rows import Row
from vesalius.data.releases.twins import Asked, asked_of, identity, options_of
from vesalius.data.samples import Sample

__all__ = ["FILLERS", "examined", "letter_options", "padded_options", "right_of", "stated", "text_questions"]

FILLERS = (
    "cannot be told", "not stated", "none of these", "not described", "all of these", "never seen", "no answer",
    "something else", "not applicable", "unclear",
)  # fmt: skip
"""Wrong options of twins where there are not enough others."""


def letter_options(row: Row, column: str) -> dict[str, str]:
    """Return options by letter in the order of the letters; letters without a text are left out.

    Raises:
        DataError: no object of letters.
    """
    options = row.part(column)
    return {letter: options.text(letter) for letter in sorted(options.cells) if options.has(letter)}


def right_of(row: Row, options: Mapping[str, str], letter: str) -> str:
    """Return the text of the option that a letter names.

    Raises:
        DataError: none has that letter.
    """
    if letter not in options:
        raise row.fault(f"the answer is {letter!r}, expected one of {', '.join(options)}")
    return options[letter]


def examined(
    name: str, dialogue: Dialogue, part: str, origin: Provenance, *, patient: str = "",
    images: Sequence[Image] = (),
) -> Sample:  # fmt: skip
    """Return the study of one question; a question without a patient is one of its own."""
    study = Study(id=name, patient=patient or name, images=tuple(images), dialogues=(dialogue,), provenance=origin)
    return Sample(study, part)


def text_questions(corpus: Corpus) -> Iterator[tuple[Study, str, Asked]]:
    """Yield study, question with the text that answers it, and what was asked, for twins without pictures."""
    for _, study in identity(corpus):
        for asked in asked_of(study):
            yield study, f"A virtual patient is described so. {stated(study)} {asked.question}", asked


def stated(study: Study) -> str:
    """Return all findings of a study in plain words, so that a question about them can be decided from the text."""
    present = [
        " ".join(
            word for word in (part.severity, part.laterality, _words(part.concept), _words(part.anatomy)) if word
        )
        for part in study.findings
        if part.status == "present" and part.concept != "no_finding"
    ]
    absent = [_words(part.concept) for part in study.findings if part.status == "absent"]
    found = f"Present: {'; '.join(present) or 'nothing abnormal'}."
    return f"{found} Absent: {'; '.join(dict.fromkeys(absent))}." if absent else found


def _words(name: str) -> str:
    return name.replace("_", " ")


def padded_options(asked: Asked, others: Sequence[Asked], count: int, *, seed: str) -> tuple[str, ...]:
    """Return exactly `count` options, the right one among them."""
    found = options_of(asked, others, count, seed=seed)
    return (*found, *FILLERS[: count - len(found)])
