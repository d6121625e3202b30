"""SURE-VQA: what is left of a fine-tuned model's answers when the patients, organs or questions are others.

Paper: Kahl, Erkan et al., TMLR 2025, arXiv 2411.19688. Code: IML-DKFZ/sure-vqa.
New: shifts that the data sets hold themselves, parted by the value of a field; relative robustness, the o.o.d. score
over the i.i.d. one; a judge instead of equality; a model without pictures beside every number; pictures made worse as
the synthetic contrast.
Differs here: seven shifts of three public sets, each side a part; accuracy and F1 by the one parser, ``as-released``
has the authors' categories and their "exact match", which is a precision of words and so called; what closed
questions allow is read from their words where the release does not tell it; of MIMIC-CXR-VQA the rows that the
authors' seed draws, without the questions about sex that their shift by sex means to drop.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from vesalius.benchmarks import _sure_vqa_sets as sets
from vesalius.benchmarks.base import Arm, Benchmark, Headline, Item, Mark, Ratio
from vesalius.benchmarks.prompts import prompts
from vesalius.data.messages import Media, Message
from vesalius.errors import DataError
from vesalius.inference.requests import Decoding, Reply, Request
from vesalius.paper import Paper
from vesalius.tasks.answers import parse_judge, score_closed, score_open

__all__ = [
    "BENCHMARK", "PAPER", "SeedRobustness", "SureVqa", "corruptions", "frequent_answers", "multilabel_credit",
    "over_seeds", "relative_robustness",
]  # fmt: skip

PAPER = Paper(
    slug="sure-vqa",
    title="SURE-VQA: Systematic Understanding of Robustness Evaluation in Medical VQA Tasks",
    year=2024,
    arxiv="2411.19688",
    venue="TMLR 2025",
    code="IML-DKFZ/sure-vqa, no licence stated",
)

LEVELS = ("low", "medium", "high")
_SIZES = dict(zip(LEVELS, (5, 7, 11), strict=True))
"""Windows of the blur."""
_FACTORS = dict(zip(LEVELS, ((1.1, 2.0), (2.5, 4.0), (4.5, 6.0)), strict=True))
"""Of the brightness."""
_MEANS = dict(zip(LEVELS, ((0.0, 0.06), (0.09, 0.15), (0.18, 0.25)), strict=True))
"""Of the noise, white being 1."""
_CHANCE = 0.5
"""Of each corruption."""
_BOTH, _NONE = "both", "none"


class SureVqa(Benchmark):
    """Seven shifts, the i.i.d. and the o.o.d. test of each a part."""

    name = "sure_vqa"
    parts = tuple(f"{shift}-{side}" for shift in sets.SHIFTS for side in ("iid", "ood"))
    credentialed = tuple(
        f"mimic-{shift}-{side}" for shift in ("gender", "ethnicity", "age") for side in ("iid", "ood")
    )
    arms = (
        Arm(name="direct", words="the question, of yes/no questions with the two options"),
        *(
            Arm(name=level, words=f"the same, the picture blurred, too bright or noisy: {level} corruption")
            for level in LEVELS
        ),
    )
    conventions = MappingProxyType(
        {
            "strict": "the one parser: closed answers by their word, open ones by F1 of words and true equality",
            "as-released": "closed: exactly one of the question's categories as a whole word, items whose truth has "
            "not just one left out; open: F1 on LLaVA-Med's normal forms, where repeated words count",
        }
    )
    headlines = (Headline(metric="accuracy"), Headline(metric="f1"))
    ratios = tuple(
        Ratio(name=shift, metric=metric, over=f"{shift}-ood", under=f"{shift}-iid")
        for metric in ("accuracy", "f1")
        for shift in sets.SHIFTS
    )

    def items(self, root: Path, *, parts: Sequence[str], split: str) -> Iterator[Item]:
        """Yield the rows of each side; what an o.o.d. part is fitted to ("train") are i.i.d. rows of its shift."""
        for part in parts:
            shift, _, side = part.rpartition("-")
            for row in sets.asked(root, sets.SHIFTS[shift], side=side if split == "test" else "iid", fold=split):
                yield Item(
                    id=f"{part}-{row.fold}-{row.id}",
                    part=part,
                    kind="closed" if row.closed else "open",
                    question=row.question,
                    truth=row.answer,
                    cluster=row.patient,
                    media=(Media(path=str(row.picture)),),
                    fields=row.fields,
                    more={"categories": row.categories},
                )

    def write_twin(self, root: Path, *, patients: int, seed: int) -> None:
        """Write the twins of the three data sets, with the values of the shifts dealt out."""
        sets.write(root, patients=patients, seed=seed)

    def ask(self, item: Item, said: Sequence[Reply], *, arm: str, shots: Sequence[Item]) -> Request | None:
        """Show the picture, made worse where the arm says so, and put the question."""
        if said:
            return None
        media = item.media
        if arm in LEVELS:
            media = tuple(one.edited(*corruptions(f"{item.cluster}/{Path(one.path).name}", arm)) for one in media)
        return Request(
            id=item.id,
            messages=(Message(role="user", parts=(*media, _words(item))),),
            decoding=Decoding(max_tokens=100),
        )

    def right(self, item: Item, said: Sequence[Reply]) -> str:
        """Return the answer."""
        return str(item.truth)

    def mark(self, item: Item, said: Sequence[Reply], *, convention: str) -> Mark:
        """Mark by categories or by words."""
        mode = "compat:sure_vqa" if convention == "as-released" else "strict"
        truth, reply = str(item.truth), said[0].text
        if item.kind == "open":
            scored = score_open(truth, reply, mode=mode)
            names = {"em": "exact_match", "exact_match": "word_precision"}
            values = {names.get(name, name): value for name, value in scored.values.items()}
        else:
            scored = score_closed(truth, reply, mode=mode, candidates=_candidates(item, mode))
            values = {"accuracy": scored.correct}
            if set(item.more["categories"]) >= {_BOTH, _NONE}:
                values["partial_credit"] = multilabel_credit(truth, str(scored.parsed.value or ""))
        read = scored.parsed
        return Mark(values=values, status=read.status, said=str(read.value or ""), rule=read.rule)

    def judge(self, item: Item, said: Sequence[Reply]) -> Request | None:
        """Ask for one to five stars, of closed answers for none or one; nothing where the texts are the same."""
        if said[0].text == item.truth:
            return None
        line = {
            "qid": item.id, "question": f"<image>\n{_words(item)}", "gt": item.truth, "pred": said[0].text,
            "answer_type": item.kind.upper(), "img_name": Path(item.media[0].path).name if item.media else "",
        }  # fmt: skip
        name = "open" if item.kind == "open" else "multilabel" if len(item.more["categories"]) > 2 else "closed"
        asked = prompts(self.name)[f"judge_{name}"].format(line=line)
        return Request(
            id=item.id, messages=(Message(role="user", parts=(asked,)),), decoding=Decoding(max_tokens=256)
        )

    def judged_by(self, item: Item, mark: Mark, verdicts: Sequence[Reply]) -> Mark:
        """Add the stars; full ones where no judge was asked, none where it gave no number, which is counted."""
        metric = "stars" if item.kind == "open" else "judged_accuracy"
        if not verdicts:
            return replace(mark, values={**mark.values, metric: 5.0 if item.kind == "open" else 1.0})
        parsed = parse_judge(verdicts[0].text, judge="sure_vqa")
        if parsed.status != "answered":
            values = {**mark.values, metric: math.nan}
            return replace(mark, values=values, status="unparsed", rule="judge gave no number")
        return replace(mark, values={**mark.values, metric: float(parsed.value)})


BENCHMARK = SureVqa()


class SeedRobustness(NamedTuple):
    """Relative robustness over runs of several seeds."""

    mean: float
    spread: float
    """Standard deviation over seeds (n - 1); NaN of one seed."""
    each: tuple[float, ...]
    left_out: int
    """Seeds whose i.i.d. score is 0."""


def relative_robustness(iid: float, ood: float) -> float:
    """Return 1 - (iid - ood) / iid, which is ood / iid; NaN where the i.i.d. score is 0."""
    return ood / iid if iid else math.nan


def over_seeds(iid: Sequence[float], ood: Sequence[float]) -> SeedRobustness:
    """Take the relative robustness of each seed and then mean and spread.

    Raises:
        DataError: not as many o.o.d. as i.i.d. scores, or none.
    """
    if len(iid) != len(ood) or not len(iid):
        raise DataError(f"{len(iid)} i.i.d. and {len(ood)} o.o.d. scores; expected one of each a seed")
    each = tuple(relative_robustness(one, other) for one, other in zip(iid, ood, strict=True))
    known = [value for value in each if not math.isnan(value)]
    middle = float(np.mean(known)) if known else math.nan
    spread = float(np.std(known, ddof=1)) if len(known) > 1 else math.nan
    return SeedRobustness(middle, spread, each, len(each) - len(known))


def frequent_answers(items: Iterable[Item]) -> dict[str, str]:
    """Return the most frequent answer to each question, the first of equal ones: what needs no picture."""
    answers: dict[str, Counter[str]] = {}
    for item in items:
        answers.setdefault(item.question, Counter())[str(item.truth)] += 1
    return {question: counted.most_common(1)[0][0] for question, counted in answers.items()}


def corruptions(picture: str, level: str, *, seed: int = 0) -> tuple[str, ...]:
    """Return the edits of a picture at a level: each of three by chance, one at least, the same ones at all levels.

    Args:
        picture: name by which it is drawn.
        level: low, medium or high.
        seed: of the draws.
    """
    digest = hashlib.sha256(f"{seed}/{picture}".encode()).digest()
    draw = np.random.default_rng(int.from_bytes(digest[:8], "big"))
    chosen, one, shares = draw.random(3) < _CHANCE, int(draw.integers(3)), draw.random(2)
    edits = (
        f"gaussian-blur:{_SIZES[level]}",
        f"brightness:{_between(_FACTORS[level], shares[0]):.6f}",
        f"gaussian-noise:{_between(_MEANS[level], shares[1]):.6f}:{digest.hex()[:12]}",
    )
    return tuple(edit for edit, taken in zip(edits, chosen, strict=True) if taken) or (edits[one],)


def multilabel_credit(truth: str, said: str) -> float:
    """Return what an answer of two options, both or none is worth: 1 for the same, 0 for opposites, else .5.

    One option against the other and both against none are opposites; an answer that was not read is worth nothing.
    """
    if not said:
        return 0.0
    if truth.lower() == said.lower():
        return 1.0
    whole = {truth.lower(), said.lower()} & {_BOTH, _NONE}
    return 0.5 if len(whole) == 1 else 0.0


def _words(item: Item) -> str:
    if item.kind == "closed" and item.truth in ("Yes", "No", "yes", "no"):
        return prompts("sure_vqa")["two"].format(question=item.question)
    return item.question


def _candidates(item: Item, mode: str) -> tuple[str, ...]:
    """Return the categories of an item; our rule takes those without the truth for none."""
    categories = tuple(item.more["categories"])
    if mode != "strict":
        return categories or (str(item.truth),)
    return categories if str(item.truth).lower() in {one.lower() for one in categories} else ()


def _between(ends: tuple[float, float], share: float) -> float:
    return ends[0] + (ends[1] - ends[0]) * share
