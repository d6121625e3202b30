"""MedMax: mixed-modal instructions, text and pictures in either direction, as one sequence of ids.

Paper: Bansal et al., 2024, arXiv 2412.12661. Code: Hritikbansal/medmax, MIT (carries Chameleon code under its
licence).
New: one mixture of tasks in which a picture may stand in the question or in the answer, for a model with one
vocabulary of words and picture codes.
Differs here: the data half alone: rows, sequences, labels. Words and codes come from a tokenizer and a quantiser
that are handed in. A sequence that is too long is refused as a whole, so a picture's block is never cut; the
authors' truncation at 2048 cuts the second of two pictures always. Masking is decided for each row, not by the
first of a batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from vesalius.curation.base import Dropped, Outcome, Stage, StudyStep, chance
from vesalius.curation.terms import modality_name
from vesalius.curation.wordings import wording
from vesalius.data.records import Dialogue, Study, Turn
from vesalius.errors import ConfigError, DataError
from vesalius.paper import Paper

__all__ = [
    "BEGIN_IMAGE", "CODES", "END_IMAGE", "PAPER", "PLACEHOLDER", "STEP", "MedMax", "Row", "allowed", "codes_of",
    "ids_of", "labels_of", "rows_of", "sequence",
]  # fmt: skip

PAPER = Paper(
    slug="medmax",
    title="MedMax: Mixed-Modal Instruction Tuning for Training Biomedical Assistants",
    year=2024,
    arxiv="2412.12661",
    code="Hritikbansal/medmax, MIT; carries Chameleon and Transformers code with their own licences",
)

BOS, PAD, EOS = 0, 1, 2
FIRST_CODE, CODES = 4, 8192
"""A picture code c is the id c + 4."""
BEGIN_IMAGE, END_IMAGE = 8197, 8196
SEPARATOR, PLACEHOLDER = 8710, 8711
BLOCK = 1024
"""Codes of a picture: 512 × 512 in a grid of 32 × 32."""
IGNORED = -100
LONGEST = 2048

Task = Literal["captioning", "generation", "vqa", "report", "chat", "interleaved"]
TASKS: tuple[Task, ...] = ("captioning", "generation", "vqa", "report", "chat", "interleaved")


class Row(NamedTuple):
    """A row of the release: text with ``<image>`` for each picture, in order."""

    question: str
    answer: str
    images: tuple[str, ...]
    task: Task
    source: str
    credential: bool
    """True where the pictures need an agreement and do not come with the row."""


def ids_of(codes: Sequence[int]) -> list[int]:
    """Return a picture's block: begin, 1024 ids, end.

    Raises:
        DataError: not 1024 codes of 0 to 8191.
    """
    if len(codes) != BLOCK or not all(0 <= code < CODES for code in codes):
        wrong = next((code for code in codes if not 0 <= code < CODES), None)
        found = f"{len(codes)} codes" if wrong is None else f"code {wrong}"
        raise DataError(f"a picture has {found}, expected {BLOCK} codes of 0 to {CODES - 1}")
    return [BEGIN_IMAGE, *(code + FIRST_CODE for code in codes), END_IMAGE]


def codes_of(ids: Sequence[int]) -> list[list[int]]:
    """Return the codes of every picture in a sequence.

    Raises:
        DataError: a block is cut, nested, or holds an id that is no code.
    """
    pictures: list[list[int]] = []
    inside: list[int] | None = None
    for place, one in enumerate(ids):
        if one == BEGIN_IMAGE:
            if inside is not None:
                raise DataError(f"id {place}: a picture begins inside a picture")
            inside = []
        elif one == END_IMAGE:
            if inside is None or len(inside) != BLOCK:
                raise DataError(f"id {place}: a picture ends after {len(inside or [])} codes, expected {BLOCK}")
            pictures.append(inside)
            inside = None
        elif inside is not None:
            if not FIRST_CODE <= one < FIRST_CODE + CODES:
                raise DataError(
                    f"id {place}: {one} stands inside a picture, expected {FIRST_CODE} to {FIRST_CODE + CODES - 1}"
                )
            inside.append(one - FIRST_CODE)
    if inside is not None:
        raise DataError(f"the last picture is cut after {len(inside)} of {BLOCK} codes")
    return pictures


def sequence(text_ids: Sequence[int], pictures: Sequence[Sequence[int]], *, longest: int = LONGEST) -> list[int]:
    """Return bos, the text with every placeholder replaced by its picture's block, and eos.

    Args:
        text_ids: of the row, `PLACEHOLDER` for each picture and `SEPARATOR` before the answer.
        pictures: 1024 codes each, in the order of the placeholders.
        longest: ids of a sequence.

    Raises:
        DataError: other numbers of placeholders and pictures, or too long: a block is never cut.
    """
    wanted = sum(one == PLACEHOLDER for one in text_ids)
    if wanted != len(pictures):
        raise DataError(f"{wanted} placeholders for {len(pictures)} pictures, expected one for each")
    blocks = iter(pictures)
    ids = [BOS]
    for one in text_ids:
        ids += ids_of(next(blocks)) if one == PLACEHOLDER else [one]
    ids.append(EOS)
    if len(ids) > longest:
        raise DataError(f"{len(ids)} ids, expected at most {longest}: leave a picture out or raise the limit")
    return ids


def labels_of(ids: Sequence[int]) -> list[int]:
    """Return the ids to be learnt: -100 through the first separator and for pads; a row without one learns all."""
    first = next((place for place, one in enumerate(ids) if one == SEPARATOR), -1)
    return [IGNORED if place <= first or one == PAD else one for place, one in enumerate(ids)]


def allowed(ids: Sequence[int]) -> range | None:
    """Return the ids that may follow in decoding: codes inside a picture, its end after 1024, None for words.

    Words are all ids but those of codes and of the end of a picture.
    """
    begun = next((place for place in range(len(ids) - 1, -1, -1) if ids[place] in (BEGIN_IMAGE, END_IMAGE)), None)
    if begun is None or ids[begun] == END_IMAGE:
        return None
    done = len(ids) - begun - 1
    return range(FIRST_CODE, FIRST_CODE + CODES) if done < BLOCK else range(END_IMAGE, END_IMAGE + 1)


def rows_of(study: Study) -> Iterator[Row]:
    """Yield a row for each dialogue that this step made; others are not of the mixture."""
    for dialogue in study.dialogues:
        prefix, _, task = dialogue.source.partition("/")
        if prefix == "medmax" and task in TASKS:
            asked = [turn for turn in dialogue.turns if turn.role == "user"]
            told = [turn for turn in dialogue.turns if turn.role == "assistant"]
            if len(asked) != 1 or len(told) != 1:
                raise DataError(f"study {study.id!r}, dialogue {dialogue.id!r}: expected one question and one answer")
            yield Row(
                asked[0].text, told[0].text, (*asked[0].images, *told[0].images), next(t for t in TASKS if t == task),
                study.provenance.source, credential="credential" in study.provenance.licence.lower(),
            )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class MedMax(StudyStep):
    """Add a dialogue for each task that a study has the material for; ``<image>`` stands where a picture is meant."""

    tasks: tuple[Task, ...] = TASKS
    language: str = "en"

    def __post_init__(self) -> None:
        if not self.tasks:
            raise ConfigError(f"medmax needs a task, known are {', '.join(TASKS)}")

    def apply(self, study: Study, stage: Stage) -> Outcome:
        """Make the dialogues of a study; only plain pictures can be written as codes."""
        if not any(image.kind == "image" for image in study.images):
            return Dropped("no plain picture")
        made = [replace(one, id=f"medmax-{number}") for number, one in enumerate(self._made(study, stage.seed))]
        return replace(study, dialogues=(*study.dialogues, *made)) if made else Dropped("no text for any task")

    def _made(self, study: Study, seed: int) -> Iterator[Dialogue]:
        image = next(one for one in study.images if one.kind == "image")
        picture = modality_name(image)
        report = study.text("findings", "report", language=self.language)
        impression = study.text("impression", language=self.language)
        caption = study.text("caption", language=self.language) or impression or report
        answered = [one for one in study.dialogues if one.answer and len(one.turns) == 2 and one.turns[0].images]
        rng = chance(seed, study.id, "medmax")
        for task in self.tasks:
            if task == "captioning" and caption:
                asked = wording("describe_briefly", rng, picture=picture)
                yield _dialogue(f"<image> {asked}", caption, task, asked_with=image.id)
            elif task == "generation" and caption:
                asked = f"Make a {picture} that fits this description: {caption}"
                yield _dialogue(asked, "<image>", task, told_with=image.id)
            elif task == "report" and report and impression:
                yield _dialogue(f"Findings: {report} {wording('impression', rng, picture=picture)}", impression, task)
            elif task == "interleaved" and report and caption != report:
                asked = f"Show a {picture} with the following and explain it: {caption}"
                yield _dialogue(asked, f"<image> {report}", task, told_with=image.id)
            elif task in ("vqa", "chat") and answered:
                kinds = ("closed", "choice") if task == "vqa" else ("open",)
                fitting = [one for one in answered if one.answer_type in kinds]
                if fitting:
                    one = fitting[int(rng.integers(len(fitting)))]
                    asked = " ".join([one.turns[0].text, *one.options])
                    yield _dialogue(f"<image> {asked}", one.answer, task, asked_with=one.turns[0].images[0])


def _dialogue(asked: str, told: str, task: Task, *, asked_with: str = "", told_with: str = "") -> Dialogue:
    turns = (
        Turn(role="user", text=asked, images=(asked_with,) if asked_with else ()),
        Turn(role="assistant", text=told, images=(told_with,) if told_with else ()),
    )
    return Dialogue(id=task, turns=turns, answer=told, answer_type="open", source=f"medmax/{task}")


STEP = MedMax
