"""MedQ-Bench: the quality of medical pictures, asked as choices, described freely, and compared in pairs.

Paper: Liu et al., 2025, arXiv 2510.01691. Code: liujiyaoFDU/MedQ-Bench, README only, Apache-2.0 by its badge; scorer
in open-compass/VLMEvalKit.
New: 2600 questions (is there a fault, which, how severe) on no, mild and severe degradation, 708 descriptions that
close with a grade or the better of two pictures, four axes of 0 to 2 by a judge.
Differs here: letters are read by the one parser; the axis of the closing judgement is also taken by rule and without
a judge (`quality_rule`), and how far the two agree is told (`quality_agreement`, `agreement_table`); the judge's
prompt is filled in one pass, so that words in a description cannot stand for its places, and an unread verdict is
asked once, not three times. `overall` is the sum of the four axes of an item that has all four; the release adds the
means, which is the same unless verdicts are lost. Control majority is the constant description. Question types are
told by their words. The release names no patients: a picture is a cluster.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from vesalius.benchmarks import _medq_bench_twin as twin
from vesalius.benchmarks.base import Benchmark, Headline, Item, Mark, Published
from vesalius.benchmarks.prompts import prompts
from vesalius.data.datasets.base import require_files
from vesalius.data.messages import Media, Message
from vesalius.data.releases.picture_tables import picture_rows
from vesalius.data.releases.rows import Row
from vesalius.inference.requests import Reply, Request
from vesalius.paper import Paper
from vesalius.tasks.answers import Parsed, parse_choice, parse_judge
from vesalius.tasks.answers.conclusion import parse_better_picture, parse_grade

__all__ = ["AXES", "BENCHMARK", "GRADES", "PAPER", "MedqBench", "agreement_table", "quality_by_rule"]

PAPER = Paper(
    slug="medq-bench",
    title="MedQ-Bench: Evaluating and Exploring Medical Image Quality Assessment Abilities in MLLMs",
    year=2025,
    arxiv="2510.01691",
    code="liujiyaoFDU/MedQ-Bench, Apache-2.0",
)

AXES = ("completeness", "preciseness", "consistency", "quality_accuracy")
"""What the judge marks, 0 to 2 each."""
GRADES = ("reject", "usable", "good")
"""In rising order."""
_SPLITS = {"test": "test", "val": "dev"}
_PICTURES = ("image", "image_a", "image_b")
_PLACES = re.compile("MLLM DESC|GOLDEN DESC")
_SOURCE = "README of liujiyaoFDU/MedQ-Bench at 20ba2c5, test"
_PERCEPTION = {"human experts": 0.8250, "GPT-5": 0.6897, "GPT-4o": 0.6479, "Qwen2.5-VL-72B": 0.6314,
               "MedGemma-27B": 0.5716}  # fmt: skip
_JUDGED = {
    ("reasoning", "GPT-5"): (1.195, 1.118, 1.837, 1.529, 5.679),
    ("reasoning", "GPT-4o"): (1.009, 1.027, 1.878, 1.407, 5.321),
    ("pairs", "GPT-5"): (1.293, 1.556, 1.925, 1.564, 6.338),
    ("pairs", "GPT-4o"): (1.105, 1.414, 1.632, 1.562, 5.713),
}
"""The four axes and their sum."""


def _figures() -> Iterator[Published]:
    for model, value in _PERCEPTION.items():
        yield Published(model=model, metric="accuracy", part="perception", value=value, source=_SOURCE)
    for (part, model), values in _JUDGED.items():
        for metric, value in zip((*AXES, "overall"), values, strict=True):
            yield Published(model=model, metric=metric, part=part, value=value, source=_SOURCE)


class MedqBench(Benchmark):
    """Perception, reasoning without reference, and pairs."""

    name = "medq_bench"
    parts = tuple(twin.TABLES)
    conventions = MappingProxyType(
        {
            "strict": "the one parser reads letter or option text; grades and winners are read from the last "
            "sentence that says them",
            "as-released": "a letter at the start, an article A too, else the first of A to D alone, in any case; "
            "descriptions as strict: the release has the judge alone",
        }
    )
    headlines = (
        Headline(metric="accuracy", part="perception"),
        Headline(metric="accuracy", part="perception", over="modality"),
        Headline(metric="accuracy", part="perception", over="question_type"),
        *(
            Headline(metric=metric, part=part)
            for part in ("reasoning", "pairs")
            for metric in ("quality_rule", *AXES, "overall", "judge_unread")
        ),
    )
    published = tuple(_figures())

    def parts_at(self, root: Path) -> tuple[str, ...]:
        """Return the parts whose table of one split lies there."""
        return tuple(
            part for part in self.parts
            if any((root / twin.TABLES[part].format(split)).exists() for split in _SPLITS.values())
        )  # fmt: skip

    def items(self, root: Path, *, parts: Sequence[str], split: str) -> Iterator[Item]:
        """Yield the rows of the parts' tables; split "val" is the release's "dev"."""
        for part in parts if split in _SPLITS else ():
            name = twin.TABLES[part].format(_SPLITS[split])
            require_files(root, [name], twin.ABOUT)
            needed = ("question", "A", "B", "answer") if part == "perception" else ("description",)
            for row in picture_rows(root.absolute() / name, needed, pictures=_PICTURES):
                yield _item(row, part, root.absolute())

    def write_twin(self, root: Path, *, patients: int, seed: int) -> None:
        """Degrade pictures of virtual patients and ask what was done to them."""
        twin.write(root, patients=patients, seed=seed)

    def ask(self, item: Item, said: Sequence[Reply], *, arm: str, shots: Sequence[Item]) -> Request | None:
        """Put the pictures, then the question; descriptions with the release's instruction where a row has none."""
        if said:
            return None
        words = item.question
        if item.kind == "choice":
            options = "\n".join(f"{letter}. {text}" for letter, text in item.options.items())
            words = prompts(self.name)["perception"].format(question=item.question, options=options)
        return Request(
            id=item.id,
            messages=(Message(role="user", parts=(*item.media, words)),),
            question=item.question,
            option_texts=item.options,
        )

    def right(self, item: Item, said: Sequence[Reply]) -> str:
        """Return the letter, or the reference description."""
        return str(item.truth)

    def mark(self, item: Item, said: Sequence[Reply], *, convention: str) -> Mark:
        """Compare letters, or what a description comes to with the reference's."""
        reply = said[0].text
        if item.kind == "choice":
            mode = "strict" if convention == "strict" else "compat:medq_bench"
            parsed = parse_choice(reply, item.options, mode=mode)
            values = {"accuracy": float(parsed.value == item.truth)}
        else:
            parsed = _conclusion(item.part, reply)
            values = {"quality_rule": quality_by_rule(item.part, str(item.truth), reply)}
        return Mark(values=values, status=parsed.status, said=str(parsed.value or ""), rule=parsed.rule)

    def judges(self, item: Item, said: Sequence[Reply]) -> tuple[Request, ...]:
        """Ask for each of the four axes."""
        if item.kind == "choice":
            return ()
        texts = {"MLLM DESC": said[0].text, "GOLDEN DESC": str(item.truth)}
        asked = [prompts(self.name)[f"{item.part}_{axis}"] for axis in AXES]
        filled = [_PLACES.sub(lambda found: texts[found[0]], words) for words in asked]
        return tuple(Request(id=item.id, messages=(Message(role="user", parts=(words,)),)) for words in filled)

    def judged_by(self, item: Item, mark: Mark, verdicts: Sequence[Reply]) -> Mark:
        """Add the axes; one that cannot be read is left out of its mean and counted."""
        if not verdicts:
            return mark
        read = [parse_judge(verdict.text, judge="medq_bench") for verdict in verdicts]
        marks = [float(one.value) if one.status == "answered" else math.nan for one in read]
        lost = sum(math.isnan(one) for one in marks)
        values = {**mark.values, **dict(zip(AXES, marks, strict=True))}
        values["overall"] = sum(marks)
        values["judge_unread"] = lost / len(AXES)
        rule, judged = values["quality_rule"], values["quality_accuracy"]
        values["quality_agreement"] = math.nan if math.isnan(rule + judged) else float(rule == judged)
        if lost:
            return replace(mark, values=values, status="unparsed", rule=f"judge: {lost} of {len(AXES)} unread")
        return replace(mark, values=values, rule=f"{mark.rule}; judge")


BENCHMARK = MedqBench()


def quality_by_rule(part: str, reference: str, reply: str) -> float:
    """Return the mark of the closing judgement, 0 to 2; NaN where the reference has none.

    Grades reject < usable < good: the same 2, a neighbour 1, the opposite 0. Pairs: the same winner 2, else 0. A
    reply without a judgement has 0.
    """
    truth, said = _conclusion(part, reference), _conclusion(part, reply)
    if truth.status != "answered":
        return math.nan
    if said.status != "answered":
        return 0.0
    if part == "pairs":
        return 2.0 if truth.value == said.value else 0.0
    return 2.0 - abs(GRADES.index(str(truth.value)) - GRADES.index(str(said.value)))


def agreement_table(marks: Iterable[Mark]) -> NDArray[np.float64]:
    """Count the marks 0, 1 and 2 of the closing judgement by rule (rows) and by the judge (columns), (3, 3).

    `vesalius.metrics.multiclass.kappa` with quadratic weights tells the agreement; marks that are not whole, unread
    or lacking are left out.
    """
    table = np.zeros((3, 3))
    for mark in marks:
        pair = [mark.values.get(name, math.nan) for name in ("quality_rule", "quality_accuracy")]
        if all(one in (0, 1, 2) for one in pair):
            table[int(pair[0]), int(pair[1])] += 1
    return table


def _conclusion(part: str, text: str) -> Parsed:
    return parse_better_picture(text) if part == "pairs" else parse_grade(text, GRADES)


def _item(row: Row, part: str, root: Path) -> Item:
    media = _media(row, root, 2 if part == "pairs" else 1)
    options = {letter: row.text(letter).strip() for letter in "ABCD" if row.optional(letter).strip()}
    choice = part == "perception"
    question = row.optional("question") or ("" if choice else prompts(BENCHMARK.name)[part])
    named = {name: row.optional(name) for name in ("modality", "degradation", "difficulty")}
    if choice:
        named["question_type"] = row.optional("question_type") or _question_type(question, options)
    truth = _letter(row, options) if choice else row.text("description")
    if not question.strip() or not truth.strip():
        raise row.fault("question or description is empty; expected text")
    return Item(
        id=f"{part}-{row.text('index')}".replace("/", "_"),
        part=part,
        kind="choice" if choice else "caption",
        question=question,
        options=options if choice else {},
        truth=truth,
        cluster=row.optional("patient") or Path(media[0].path).name,
        media=media,
        fields={name: value for name, value in named.items() if value},
    )


def _media(row: Row, root: Path, count: int) -> tuple[Media, ...]:
    """Return the pictures in the cells, or those that `image_path` names, one text or a list in a text."""
    found = [str(path) for name in _PICTURES for path in row.cells.get(name) or []]
    named = row.optional("image_path")
    if not found and named:
        try:
            paths = ast.literal_eval(named) if named.startswith("[") else [named]
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            raise row.fault(f"image_path is {named[:40]!r}, expected a path or a list of paths") from None
        found = [str(root / str(path)) for path in paths]
    lacking = count - len(found)
    found += [f"/missing picture of row {row.text('index')}"] * lacking
    return tuple(Media(path=path) for path in found)


def _letter(row: Row, options: dict[str, str]) -> str:
    """Return the letter of a right answer that is a letter or the number of an option, from 0."""
    answer = row.text("answer").strip().removesuffix(".0")
    letter = "ABCD"[int(answer)] if answer in ("0", "1", "2", "3") else answer.upper()
    if letter not in options:
        raise row.fault(f"answer is {answer!r}, expected a letter of {', '.join(options)} or its number from 0")
    return letter


def _question_type(question: str, options: dict[str, str]) -> str:
    if {text.casefold().strip(".") for text in options.values()} <= {"yes", "no"}:
        return "yes-or-no"
    return "how" if question.strip().casefold().startswith("how") else "what"
