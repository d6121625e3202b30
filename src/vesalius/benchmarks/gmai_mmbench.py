"""GMAI-MMBench: labels of 284 data sets asked as choices, on the whole picture or on a marked region.

Paper: Chen et al., NeurIPS Datasets and Benchmarks 2024, arXiv 2408.03361. Code: uni-medical/GMAI-MMBench, documents
only, Apache-2.0; scorer in open-compass/VLMEvalKit. Figures of version 6: 284 data sets, 38 modalities, 18 tasks, 18
departments; version 2 counts 285 and 39.
New: one label is asked at four granularities (whole picture, box, mask, contour), and five columns make a tree whose
branches are benchmarks of their own (`lexical_tree`, `write_branch`).
Differs here: only the validation table holds answers, and it is what is asked as "test"; the eleven test tables are
the split "hidden", whose replies are kept and unmarked. Rows without a group value are a group "None" of their own,
whose mean the released scorer does not find (`means_by_group`). The release names no patients, so a picture is the
unit of resampling; the twin's tables have a column of patients besides.
"""

from __future__ import annotations

import math
import string
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from vesalius.benchmarks import _gmai_mmbench_twin as twin
from vesalius.benchmarks.base import Benchmark, Headline, Item, Mark, Published
from vesalius.benchmarks.prompts import prompts
from vesalius.data.datasets.base import require_files
from vesalius.data.messages import Media, Message
from vesalius.data.releases.picture_tables import picture_rows, write_picture_table
from vesalius.data.releases.rows import Row
from vesalius.errors import ConfigError, DataError, did_you_mean
from vesalius.inference.requests import Reply, Request
from vesalius.paper import Paper
from vesalius.tasks.answers import parse_choice, parse_choices

__all__ = [
    "BENCHMARK", "LEVELS", "PAPER", "Branch", "GmaiMmBench", "lexical_tree", "means_by_group", "select_branch",
    "write_branch",
]  # fmt: skip

PAPER = Paper(
    slug="gmai-mmbench",
    title="GMAI-MMBench: A Comprehensive Multimodal Evaluation Benchmark Towards General Medical AI",
    year=2024,
    arxiv="2408.03361",
    venue="NeurIPS Datasets and Benchmarks 2024",
    code="uni-medical/GMAI-MMBench, Apache-2.0",
)

LEVELS = ("modality", "clinical vqa task", "department", "perceptual granularity", "category")
"""Columns of the tree, from the root; `category` is the label that is asked for."""
_GROUPS = ("clinical vqa task", "department", "perceptual granularity", "modality")
_NONE = "None"
"""Group of rows that have no value."""
_SOURCE = "README of uni-medical/GMAI-MMBench at df68547"
_FIGURES = {
    "Random": (0.2570, 0.2594), "GPT-4o": (0.5353, 0.5396), "Gemini 1.5": (0.4742, 0.4836),
    "GPT-4V": (0.4250, 0.4408), "MedDr": (0.4195, 0.4369), "RadFM": (0.2295, 0.2293),
    "LLaVA-Med": (0.2054, 0.1960), "Med-Flamingo": (0.1274, 0.1164),
}  # fmt: skip
"""Accuracy on validation and test."""


class GmaiMmBench(Benchmark):
    """The validation table; the hidden test tables are asked and not marked."""

    name = "gmai_mmbench"
    parts = ("validation",)
    conventions = MappingProxyType(
        {
            "strict": "the one parser reads the letter or the option's text; both or none is no answer",
            "vlmevalkit": "the only option letter among the words, an article A too, if it first stands among the "
            "last four, else the only option's text in a reply that is not long; several right letters never count",
        }
    )
    headlines = (
        Headline(metric="accuracy"),
        *(Headline(metric="accuracy", over=group) for group in _GROUPS[:3]),
        Headline(metric="recall"),
    )
    published = tuple(
        Published(model=model, metric="accuracy", part=part, value=value, source=_SOURCE)
        for model, values in _FIGURES.items()
        for part, value in zip(("validation", "test"), values, strict=True)
    )

    def items(self, root: Path, *, parts: Sequence[str], split: str) -> Iterator[Item]:
        """Yield the rows of the validation table, or those of the eleven test tables for split "hidden"."""
        names = {"test": [twin.VALIDATION], "hidden": list(twin.HIDDEN)}.get(split, [])
        require_files(root, names, twin.ABOUT)
        for name in names:
            for row in picture_rows(root.absolute() / name, ("question", "A", "B")):
                yield _item(row, hidden=split == "hidden")

    def write_twin(self, root: Path, *, patients: int, seed: int) -> None:
        """Ask for findings and structures of virtual patients at every granularity."""
        twin.write(root, patients=patients, seed=seed)

    def ask(self, item: Item, said: Sequence[Reply], *, arm: str, shots: Sequence[Item]) -> Request | None:
        """Put the picture, the hint if there is one, question and options."""
        if said:
            return None
        words = prompts(self.name)
        hint = words["hint"].format(hint=item.more["hint"]) if item.more["hint"] else ""
        text = hint + words["question"].format(question=item.question, options=_listed(item))
        return Request(
            id=item.id,
            messages=(Message(role="user", parts=(*item.media, text)),),
            question=item.question,
            option_texts=item.options,
        )

    def right(self, item: Item, said: Sequence[Reply]) -> str:
        """Return the letter, or the letters with commas."""
        return ", ".join(item.truth)

    def mark(self, item: Item, said: Sequence[Reply], *, convention: str) -> Mark:
        """Compare the set of letters; `recall` is the share of the right ones that were named."""
        if item.kind == "multi_choice" and convention == "strict":
            parsed = parse_choices(said[0].text, item.options)
            letters = "".join(sorted(parsed.value or ()))
        else:
            mode = "strict" if convention == "strict" else "compat:vlmevalkit"
            parsed = parse_choice(said[0].text, item.options, mode=mode)
            letters = str(parsed.value or "")
        read = _marked(item, letters)
        return Mark(values=read, status=parsed.status, said=", ".join(letters), rule=parsed.rule)

    def judge(self, item: Item, said: Sequence[Reply]) -> Request | None:
        """Ask which option a reply means where the kit's rule reads none, as the kit does."""
        parsed = parse_choice(said[0].text, item.options, mode="compat:vlmevalkit")
        if item.kind != "choice" or parsed.status != "unparsed" or not said[0].text.strip():
            return None
        words = prompts(self.name)
        options = words["judge_options"].format(options=_listed(item))
        asked = words["judge"].format(question=item.question, options=options, reply=said[0].text)
        return Request(id=item.id, messages=(Message(role="user", parts=(asked,)),))

    def judged(self, item: Item, mark: Mark, verdict: Reply) -> Mark:
        """Take the judge's letter where a rule read none; Z and nonsense are wrong, where the kit draws one."""
        if mark.status == "answered":
            return mark
        parsed = parse_choice(verdict.text, item.options, mode="compat:vlmevalkit")
        if parsed.status != "answered":
            told = "none of the options" if parsed.status == "refused" else "no letter"
            return replace(mark, values=_marked(item, ""), status="unparsed", said="", rule=f"judge gave {told}")
        return Mark(values=_marked(item, parsed.value), said=parsed.value, rule="judge")


BENCHMARK = GmaiMmBench()


@dataclass(frozen=True, kw_only=True)
class Branch:
    """A node of the lexical tree: how many questions lie below it."""

    name: str
    """Value of its level; empty for the root."""
    count: int
    children: Mapping[str, Branch]


def lexical_tree(items: Iterable[Item], *, levels: Sequence[str] = LEVELS, name: str = "") -> Branch:
    """Count the questions below every node; the counts of its children add up to that of a node.

    Args:
        items: questions.
        levels: fields from the root on.
        name: of the node.

    Raises:
        ConfigError: a level is no column of the tree.
    """
    for level in levels:
        _require_level(level)
    held = list(items)
    groups: dict[str, list[Item]] = {}
    for item in held if levels else ():
        groups.setdefault(item.fields[levels[0]], []).append(item)
    children = {value: lexical_tree(groups[value], levels=levels[1:], name=value) for value in sorted(groups)}
    return Branch(name=name, count=len(held), children=MappingProxyType(children))


def select_branch(
    items: Iterable[Item], where: Mapping[str, Iterable[str]], *, complement: bool = False
) -> tuple[Item, ...]:
    """Return the questions of a branch, or all others.

    Args:
        items: questions.
        where: column to the values that are wished, all of which a question must meet.
        complement: return what is not in the branch.

    Raises:
        ConfigError: a name is no column of the tree.
        DataError: nothing is left; says which values there are.
    """
    wished = {_require_level(level): set(values) for level, values in where.items()}
    held = list(items)
    found = tuple(
        item for item in held
        if all(item.fields[level] in values for level, values in wished.items()) != complement
    )  # fmt: skip
    if not found:
        known = "; ".join(f"{level}: {', '.join(sorted({one.fields[level] for one in held}))}" for level in wished)
        raise DataError(f"no question in this branch of {len(held)}; there are {known or 'no questions'}")
    return found


def write_branch(root: Path, out: Path, where: Mapping[str, Iterable[str]]) -> int:
    """Write a branch of the validation table as a release of its own and return its number of questions.

    Args:
        root: folder of the release.
        out: folder of the branch, which ``--data`` then names.
        where: as of `select_branch`.

    Raises:
        DataError: nothing is left, or `out` holds a table already.
    """
    target = out / twin.VALIDATION
    if target.exists():
        raise DataError(f"{target} is there already; choose another folder")
    ids = {item.id for item in select_branch(BENCHMARK.items(root, parts=BENCHMARK.parts, split="test"), where)}
    rows = (row for row in picture_rows(root.absolute() / twin.VALIDATION, ("question",)) if _id(row) in ids)
    write_picture_table(target, ({**row.cells, "image": _picture(row)} for row in rows))
    return len(ids)


def means_by_group(hits: Sequence[float], groups: Sequence[str], *, released: bool = False) -> dict[str, float]:
    """Return the mean hit of every group, in the order of their names.

    Args:
        hits: 1 or 0 of each row.
        groups: value of each row; empty where it has none.
        released: as `report_acc_by_groups` has it, where the group of rows without a value is listed as "None", yet
            its rows are not found again and its mean is NaN.
    """
    found: dict[str, list[float]] = {}
    for hit, group in zip(hits, groups, strict=True):
        held = found.setdefault(group or _NONE, [])
        if group or not released:
            held.append(hit)
    return {group: sum(held) / len(held) if held else math.nan for group, held in sorted(found.items())}


def _require_level(level: str) -> str:
    if level not in LEVELS:
        raise ConfigError(f"{level!r} is no column of the tree{did_you_mean(level, LEVELS)}")
    return level


def _item(row: Row, *, hidden: bool) -> Item:
    options = {letter: row.text(letter) for letter in string.ascii_uppercase if row.has(letter)}
    answer = "" if hidden else row.text("answer")
    truth = tuple(letter for letter in answer if letter not in ", ")
    if not hidden and (not truth or not set(truth) <= set(options) or len(set(truth)) < len(truth)):
        raise row.fault(f"answer is {answer!r}, expected one letter or several of {', '.join(options)}")
    shown = row.cells.get("image") or [f"/missing picture of row {row.text('index')}"]
    return Item(
        id=_id(row),
        part="validation",
        kind="multi_choice" if len(truth) > 1 else "choice",
        question=row.text("question"),
        options=options,
        truth="".join(sorted(truth)),
        cluster=row.optional("patient") or Path(shown[0]).stem,
        media=tuple(Media(path=path) for path in shown),
        fields={level: row.optional(level) or _NONE for level in dict.fromkeys((*_GROUPS, *LEVELS))},
        more={"hint": row.optional("hint")},
    )


def _picture(row: Row) -> bytes | None:
    return Path(row.cells["image"][0]).read_bytes() if row.cells["image"] else None


def _id(row: Row) -> str:
    return row.text("index").replace("/", "_")


def _listed(item: Item) -> str:
    line = prompts(BENCHMARK.name)["option"]
    return "".join(line.format(letter=letter, text=text) for letter, text in item.options.items())


def _marked(item: Item, letters: str) -> dict[str, float]:
    """Return what letters are worth; a hidden answer leaves only whether some were read."""
    if not item.truth:
        return {"read": float(bool(letters))}
    values = {"accuracy": float(letters == item.truth)}
    if item.kind == "multi_choice":
        values["recall"] = len(set(letters) & set(item.truth)) / len(item.truth)
    return values
