"""MediConfusion: pairs of radiology pictures that models confuse, asked one question with opposite answers.

Paper: Sepehri et al., ICLR 2025, arXiv 2409.15477. Code: AIF4S/MediConfusion, MIT.
New: a pair counts when both pictures are told right (set accuracy); the same option for both is a confusion. The
pairs are near for a medical vision encoder and far for one trained on pictures alone (`confusing_pairs`).
Differs here: letters are read by the one parser, ``as-released`` has the authors' list of words; pairs, not
questions, are resampled; the arm ``swapped`` tells a liking of a letter from a confusion of pictures.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vesalius.benchmarks.base import Arm, Benchmark, Headline, Item, Mark, Published, Status
from vesalius.benchmarks.prompts import prompts
from vesalius.data.messages import Media, Message
from vesalius.data.records import Study
from vesalius.data.releases.rows import Row, json_value
from vesalius.data.releases.twins import save_picture, write_json
from vesalius.errors import DataError
from vesalius.inference.requests import Decoding, Reply, Request
from vesalius.paper import Paper
from vesalius.tasks.answers import parse_choice
from vesalius.virtual.twin import virtual_patients

__all__ = ["BENCHMARK", "PAPER", "MediConfusion", "choice_of_scores", "confusing_pairs", "released_letter"]

PAPER = Paper(
    slug="mediconfusion",
    title="MediConfusion: Can You Trust Your AI Radiologist? "
    "Probing the Reliability of Multimodal Medical Foundation Models",
    year=2024,
    arxiv="2409.15477",
    venue="ICLR 2025",
    code="AIF4S/MediConfusion, MIT",
)

THRESHOLD = 3
"""Points by which one option must lead, of ten."""
_FINDINGS = ("pleural_effusion", "pneumothorax", "cardiomegaly", "consolidation", "lung_nodule")
"""Findings of the twin's pairs."""
_SOURCE = "README of AIF4S/MediConfusion at 2eb1686"
"""Of the published leaderboard."""


class MediConfusion(Benchmark):
    """The 176 pairs, each picture shown alone."""

    name = "mediconfusion"
    parts = ("pairs",)
    arms = (
        Arm(name="mc", words="a letter is written (MC)"),
        Arm(
            name="opened",
            words="a letter is written, the answer already opened by a bracket (MC of the local models)",
        ),
        Arm(name="gd", words="the likelier of the letters A and B (GD)"),
        Arm(name="ps", words="the likelier option text, per token (PS)"),
        Arm(name="ff", words="free answer, rated against both options by a judge (FF)"),
        Arm(name="swapped", words="a letter is written, the options in the other order"),
    )
    conventions = MappingProxyType(
        {
            "strict": "the one parser reads the letter or the option's text; both or none is no answer",
            "as-released": "only the authors' eleven spellings of a letter between blanks count",
        }
    )
    headlines = (Headline(metric="set_accuracy"), Headline(metric="confusion"), Headline(metric="accuracy"))
    published = (
        Published(model="Gemini 2.0 Pro", metric="set_accuracy", part="pairs", value=0.2841, source=_SOURCE),
        Published(model="GPT o1", metric="set_accuracy", part="pairs", value=0.2443, source=_SOURCE),
        Published(model="GPT-4o", metric="set_accuracy", part="pairs", value=0.1875, source=_SOURCE),
        Published(model="LLaVA-Med v1.5", metric="set_accuracy", part="pairs", value=0.0114, source=_SOURCE),
        Published(model="LLaVA-Med v1.5", metric="confusion", part="pairs", value=0.9716, source=_SOURCE),
    )

    def items(self, root: Path, *, parts: Sequence[str], split: str) -> Iterator[Item]:
        """Yield two items a pair; the release has test items only."""
        if split != "test":
            return
        table = root / "data" / "dataset.json"
        for name, cells in json_value(table).items():
            row = Row(cells, f"{table}: {name}")
            for place in (1, 2):
                yield Item(
                    id=f"{name}-{place}",
                    part="pairs",
                    kind="choice",
                    question=row.text("question"),
                    options={"A": row.text("option_A"), "B": row.text("option_B")},
                    truth=row.text(f"im_{place}_correct"),
                    cluster=name,
                    media=(Media(path=str(root / "data" / "images" / f"{row.text(f'im_{place}_local')}.jpg")),),
                    fields={"category": " and ".join(row.items(f"category_{place}"))},
                )

    def write_twin(self, root: Path, *, patients: int, seed: int) -> None:
        """Pair virtual chest films that a finding tells apart, each patient at most once."""
        with virtual_patients("chest", patients=patients, seed=seed) as corpus:
            rows: dict[str, dict[str, Any]] = {}
            for one, other, finding in _apart([study for study in corpus if study.images]):
                number = len(rows)
                for place, study in ((1, one), (2, other)):
                    save_picture(corpus, study, root / "data" / "images" / f"{2 * number + place}.jpg", mode="L")
                rows[str(number)] = _row(number, finding, order=number % 2)
        write_json(root / "data" / "dataset.json", rows)

    def ask(self, item: Item, said: Sequence[Reply], *, arm: str, shots: Sequence[Item]) -> Request | None:
        """Put one picture with the words of the arm."""
        if said:
            return None
        options = _shown(item, arm)
        words = prompts(self.name)["mc" if arm == "swapped" else arm].format(question=item.question, **options)
        weighed = {"gd": tuple(options), "ps": tuple(options.values())}.get(arm, ())
        return Request(
            id=item.id,
            messages=(Message(role="user", parts=(*item.media, words)),),
            choices=weighed or (() if arm == "ff" else tuple(options)),
            by_likelihood=bool(weighed),
            decoding=Decoding(max_tokens=256 if arm == "ff" else 32),
        )

    def right(self, item: Item, said: Sequence[Reply]) -> str:
        """Return the letter."""
        return str(item.truth)

    def mark(self, item: Item, said: Sequence[Reply], *, convention: str) -> Mark:
        """Read the option of one picture; pairs are made by `gather`."""
        chosen, status, rule = _chosen(item, said[0], convention)
        return Mark(
            values={"accuracy": float(chosen == item.truth)}, status=status, said=chosen, rule=rule, ids=(item.id,)
        )

    def gather(self, marks: Iterable[tuple[Item, Mark]], *, convention: str) -> Iterator[tuple[Item, Mark]]:
        """Yield each picture's mark, and after the second of a pair what the pair is worth."""
        before: tuple[Item, Mark] | None = None
        for item, mark in marks:
            yield item, mark
            if before is not None and before[0].cluster == item.cluster:
                yield _pair(item, before[1], mark)
                before = None
            else:
                before = (item, mark)

    def judge(self, item: Item, said: Sequence[Reply]) -> Request | None:
        """Ask how near a free answer comes to each option."""
        words = prompts(self.name)
        asked = words["judge"].format(question=item.question, reply=said[0].text, **item.options)
        system = Message(role="system", parts=(words["judge_system"],))
        return Request(id=item.id, messages=(system, Message(role="user", parts=(asked,))))

    def judged(self, item: Item, mark: Mark, verdict: Reply) -> Mark:
        """Choose the option that leads by three points."""
        scores = [re.search(rf"^\s*{letter}:\s*(\d+)", verdict.text, re.MULTILINE) for letter in "AB"]
        if scores[0] is None or scores[1] is None:
            return Mark(
                values={"accuracy": 0.0}, status="unparsed", rule="the judge gave no two scores", ids=mark.ids
            )
        chosen = choice_of_scores(int(scores[0][1]), int(scores[1][1]))
        status: Status = "answered" if chosen else "ambiguous"
        return Mark(
            values={"accuracy": float(chosen == item.truth)}, status=status, said=chosen, rule="judge", ids=mark.ids
        )


BENCHMARK = MediConfusion()


def choice_of_scores(a: float, b: float, *, threshold: float = THRESHOLD) -> str:
    """Return the option whose score leads by `threshold`, or nothing where neither does (`check_answer`)."""
    if a >= b + threshold:
        return "A"
    return "B" if b >= a + threshold else ""


def released_letter(reply: str) -> str:
    """Return A or B where just one of them stands between blanks in one of the authors' spellings, else nothing."""
    words = set(reply.replace("\n", " ").split(" "))
    forms = ("{0}", "{0}:", ".{0}", ".{0}:", "{0}.", '{0}")', '("{0}":', '("{0}")', '("{0}").')
    found = [letter for letter in "AB" if words & {form.format(letter) for form in forms}]
    return found[0] if len(found) == 1 else ""


def confusing_pairs(
    alike: ArrayLike, unlike: ArrayLike, *, above: float = 0.9, below: float = 0.75
) -> NDArray[np.intp]:
    """Return pairs of pictures that are near for one encoder and far for another, (K, 2), the first number smaller.

    Args:
        alike: unit-norm features of the encoder under suspicion, (N, D).
        unlike: unit-norm features of the other encoder, (N, E).
        above: smallest cosine of the first encoder.
        below: largest cosine of the second one.

    Raises:
        DataError: the encoders saw different numbers of pictures.
    """
    first, second = np.asarray(alike, dtype=np.float64), np.asarray(unlike, dtype=np.float64)
    if len(first) != len(second):
        raise DataError(f"{len(first)} and {len(second)} pictures; both encoders must see the same")
    found = (first @ first.T > above) & (second @ second.T < below)
    pairs: NDArray[np.intp] = np.argwhere(np.triu(found, k=1))
    return pairs


def _shown(item: Item, arm: str) -> Mapping[str, str]:
    return {"A": item.options["B"], "B": item.options["A"]} if arm == "swapped" else item.options


def _chosen(item: Item, reply: Reply, convention: str) -> tuple[str, Status, str]:
    """Return the letter of the release that a reply means, how it went, and which rule read it."""
    weighed = reply.log_probabilities
    if weighed:
        best = _likeliest(item, reply)
        return best, "answered" if best else "ambiguous", "likelihood"
    if convention == "as-released":
        letter = released_letter(reply.text)
        return letter, "answered" if letter else "unparsed", "list of spellings"
    parsed = parse_choice(reply.text, item.options)
    return str(parsed.value or ""), parsed.status, parsed.rule


def _likeliest(item: Item, reply: Reply) -> str:
    """Return the likelier letter, or the letter of the likelier text by the geometric mean over its tokens."""
    values = dict(reply.log_probabilities)
    if not set(values) <= set(item.options):
        texts = {text: letter for letter, text in item.options.items()}
        values = {texts[text]: value / max(reply.tokens.get(text, 1), 1) for text, value in values.items()}
    first, second = values.get("A", -math.inf), values.get("B", -math.inf)
    return "" if first == second else "AB"[second > first]


def _pair(item: Item, one: Mark, other: Mark) -> tuple[Item, Mark]:
    valid = bool(one.said) and bool(other.said)
    confused = valid and one.said == other.said
    both = one.values["accuracy"] == other.values["accuracy"] == 1
    values = {
        "set_accuracy": float(both),
        "confusion": float(confused) if valid else math.nan,
        "precision": float(both) if valid and not confused else math.nan,
    }
    return item, Mark(
        values=values, said=f"{one.said or '-'}{other.said or '-'}", rule="pair", ids=one.ids + other.ids
    )


def _apart(studies: Sequence[Study]) -> Iterator[tuple[Study, Study, str]]:
    """Pair studies of which one shows a finding and the other does not."""
    waiting: dict[tuple[str, bool], list[Study]] = {}
    for study in studies:
        present = {one.concept for one in study.findings if one.status == "present"}
        for finding in _FINDINGS:
            has = finding in present
            partners = waiting.get((finding, not has), [])
            if partners:
                partner = partners.pop()
                for group in waiting.values():
                    group[:] = [one for one in group if one.id != partner.id]
                yield (study, partner, finding) if has else (partner, study, finding)
                break
        else:
            for finding in _FINDINGS:
                waiting.setdefault((finding, finding in present), []).append(study)


def _row(number: int, finding: str, *, order: int) -> dict[str, Any]:
    """Write a row of the release; the first picture has the finding, and its option is A where `order` is 0."""
    words = finding.replace("_", " ")
    present, absent = f"There is {words}", f"There is no {words}"
    options = (absent, present) if order else (present, absent)
    return {
        "im_1": f"virtual/{2 * number + 1}", "im_2": f"virtual/{2 * number + 2}",
        "im_1_local": 2 * number + 1, "im_2_local": 2 * number + 2,
        "cap_1": present, "cap_2": absent, "category_1": ["pulmonary"], "category_2": ["pulmonary"],
        "BiomedCLIP_sim": None, "DINO_sim": None, "question": f"What is true of {words} in this film?",
        "option_A": options[0], "option_B": options[1],
        "im_1_correct": "AB"[order], "im_2_correct": "BA"[order],
    }  # fmt: skip
