"""MediConfusion: pairs of radiology pictures that models confuse, asked one question with opposite answers.

Paper: Sepehri et al., ICLR 2025, arXiv 2409.15477. Code: AIF4S/MediConfusion, MIT.
New: a pair counts when both pictures are told right (set accuracy); the same option for both is a confusion. The
pairs are near for a medical vision encoder and far for one trained on pictures alone (`confusing_pairs`).
Differs here: letters are read by the one parser, ``as-released`` has the authors' list of words; the 176 pairs share
pictures (228 in all), so what is resampled are the 60 groups of pairs with a picture in common; the part ``swapped``
tells a liking of a letter from a confusion of pictures.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
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
from vesalius.tasks.answers import parse_choice, parse_judge
from vesalius.virtual.twin import virtual_patients

__all__ = ["BENCHMARK", "PAPER", "MediConfusion", "choice_of_scores", "confusing_pairs"]

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
CATEGORIES = (
    "Cerebral", "Vascular", "Head and Neck", "Spinal", "Musculoskeletal", "Cardiac", "Gastrointestinal", "Pulmonary",
    "Nuclear Medicine",
)  # fmt: skip
"""Of the score table; a picture has one or several."""
_LEADERBOARD = {
    "Gemini 2.0 Pro": (29.55, 61.93), "GPT o1": (24.43, 70.52), "Gemini 1.5 Pro": (19.89, 58.52),
    "GPT-4o": (18.75, 75.00), "DeepSeek VL2": (15.91, 77.19), "Llama 3.2 90B": (15.34, 78.41),
    "InstructBLIP Vicuna 7B": (12.50, 80.35), "Molmo 7B": (9.66, 86.21), "LLaVA v1.6 Mistral 7B": (9.09, 85.80),
    "Claude 3 Opus": (8.52, 84.09), "BLIP-2 Opt 2.7B": (6.82, 86.93), "Molmo 72B": (6.82, 85.80),
    "RadFM": (5.68, 85.80), "Janus Pro 7B": (4.55, 92.05), "Med-Flamingo": (4.55, 98.30),
    "LLaVA-Med v1.5": (1.14, 97.16),
}  # fmt: skip
"""Set accuracy and confusion in percent."""


def _published() -> Iterator[Published]:
    source = "README of AIF4S/MediConfusion at a3045b0, its best way of asking for each model"
    for model, values in _LEADERBOARD.items():
        for metric, value in zip(("set_accuracy", "confusion"), values, strict=True):
            yield Published(model=model, metric=metric, part="pairs", value=value / 100, source=source)


class MediConfusion(Benchmark):
    """The 176 pairs, each picture shown alone."""

    name = "mediconfusion"
    parts = ("pairs", "swapped")
    arms = (
        Arm(name="mc", words="a letter is written (MC)"),
        Arm(
            name="opened",
            words="a letter is written, the answer already opened by a bracket (MC of the local models)",
        ),
        Arm(name="gd", words="the likelier of the letters A and B (GD)"),
        Arm(name="ps", words="the likelier option text, per token (PS)"),
        Arm(name="ff", words="free answer, rated against both options by a judge (FF)"),
    )
    conventions = MappingProxyType(
        {
            "strict": "the one parser reads the letter or the option's text; both or none is no answer",
            "as-released": "only the authors' spellings of a letter between blanks count; a tie of likelihoods is A "
            "between letters and B between texts; a pair counts for each of its pictures, which changes only rows of "
            "categories",
        }
    )
    headlines = (
        Headline(metric="set_accuracy"),
        Headline(metric="confusion"),
        Headline(metric="accuracy"),
        Headline(metric="precision", part="pairs"),
    )
    published = tuple(_published())

    def items(self, root: Path, *, parts: Sequence[str], split: str) -> Iterator[Item]:
        """Yield two items a pair, in the part ``swapped`` with its options changed over; all are test items."""
        if split != "test":
            return
        rows = _rows(root)
        groups = _groups(rows)
        for part in parts:
            for name, row in rows.items():
                for place in (1, 2):
                    yield _item(root, row, name, place, part=part, cluster=groups[name])

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
        options = item.options
        words = prompts(self.name)[arm].format(question=item.question, **options)
        weighed = {"gd": tuple(options), "ps": tuple(options.values())}.get(arm, ())
        return Request(
            id=item.id,
            messages=(Message(role="user", parts=(*item.media, words)),),
            choices=weighed,
            by_likelihood=bool(weighed),
            decoding=Decoding(max_tokens=256 if arm == "ff" else 32),
        )

    def right(self, item: Item, said: Sequence[Reply]) -> str:
        """Return the letter."""
        return str(item.truth)

    def mark(self, item: Item, said: Sequence[Reply], *, convention: str) -> Mark:
        """Read the option of one picture; pairs are made by `gather`."""
        chosen, status, rule = _chosen(item, said[0], convention)
        return Mark(values=_single(item, chosen), status=status, said=chosen, rule=rule, ids=(item.id,))

    def group(self, item: Item) -> str:
        """Return the pair."""
        return f"{item.part}-{item.more['pair']}"

    def gather(self, marks: Iterable[tuple[Item, Mark]], *, convention: str) -> Iterator[tuple[Item, Mark]]:
        """Yield each picture's mark, and after the second of a pair what the pair is worth."""
        before: tuple[Item, Mark] | None = None
        for item, mark in marks:
            yield item, mark
            if before is not None and before[0].more["pair"] == item.more["pair"] and before[0].part == item.part:
                yield from _pair(before, (item, mark), twice=convention == "as-released")
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
        scores = parse_judge(verdict.text, judge="mediconfusion")
        if scores.status != "answered":
            return replace(
                mark, values=_single(item, ""), status="unparsed", said="", rule="judge gave no two scores"
            )
        chosen = choice_of_scores(*scores.value)
        status: Status = "answered" if chosen else "ambiguous"
        return replace(mark, values=_single(item, chosen), status=status, said=chosen, rule="judge")


BENCHMARK = MediConfusion()


def choice_of_scores(a: float, b: float) -> str:
    """Return the option whose score leads by `THRESHOLD`, or nothing where neither does (`check_answer`)."""
    if a >= b + THRESHOLD:
        return "A"
    return "B" if b >= a + THRESHOLD else ""


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


def _rows(root: Path) -> dict[str, Row]:
    table = root / "data" / "dataset.json"
    if not table.is_file():
        raise DataError(
            f"{root} is no MediConfusion release: no data/dataset.json. Clone github.com/AIF4S/MediConfusion (MIT) "
            "and run its scripts/download.py for the pictures, whose licences are their sources'"
        )
    found = json_value(table)
    if not isinstance(found, dict):
        raise DataError(f"{table}: a {type(found).__name__}, expected an object of pairs by their number")
    whole = Row(found, str(table))
    return {name: whole.inside(name, cells) for name, cells in found.items()}


def _groups(rows: Mapping[str, Row]) -> dict[str, str]:
    """Return for each pair a name that it shares with all pairs linked to it by pictures in common."""
    group: dict[str, str] = {}
    first: dict[str, str] = {}
    for name, row in rows.items():
        group[name] = name
        joined = {first[picture] for picture in _pictures(row) if picture in first}
        for other in joined:
            group = {one: name if held == group[other] else held for one, held in group.items()}
        first |= dict.fromkeys(_pictures(row), name)
    return group


def _pictures(row: Row) -> tuple[str, str]:
    return row.text("im_1_local"), row.text("im_2_local")


def _item(root: Path, row: Row, name: str, place: int, *, part: str, cluster: str) -> Item:
    truth, options = row.text(f"im_{place}_correct"), (row.text("option_A"), row.text("option_B"))
    if truth not in ("A", "B"):
        raise row.fault(f"im_{place}_correct is {truth!r}, expected A or B")
    swapped = part == "swapped"
    categories = row.items(f"category_{place}")
    return Item(
        id=f"{'swapped-' if swapped else ''}{name}-{place}",
        part=part,
        kind="choice",
        question=row.text("question"),
        options=dict(zip("AB", options[::-1] if swapped else options, strict=True)),
        truth="AB"[(truth == "B") != swapped],
        cluster=cluster,
        media=(Media(path=str(root.absolute() / "data" / "images" / f"{_pictures(row)[place - 1]}.jpg")),),
        fields={one: "yes" if one in categories else "no" for one in CATEGORIES},
        more={"pair": name},
    )


def _single(item: Item, chosen: str) -> dict[str, float]:
    """Return what one picture is worth; the mean of `chose_a` tells a liking of a letter."""
    return {"accuracy": float(chosen == item.truth), "chose_a": float(chosen == "A") if chosen else math.nan}


def _chosen(item: Item, reply: Reply, convention: str) -> tuple[str, Status, str]:
    """Return the letter that a reply means, how it went, and which rule read it."""
    if reply.log_probabilities:
        best = _likeliest(item, reply, released=convention == "as-released")
        return best, "answered" if best else "ambiguous", "likelihood"
    mode = "compat:mediconfusion" if convention == "as-released" else "strict"
    parsed = parse_choice(reply.text, item.options, mode=mode)
    return str(parsed.value or ""), parsed.status, parsed.rule


def _likeliest(item: Item, reply: Reply, *, released: bool) -> str:
    """Return the likelier letter, or the letter of the likelier text by the geometric mean over its tokens."""
    values, tie = dict(reply.log_probabilities), "A"
    if not set(values) <= set(item.options):
        texts = {text: letter for letter, text in item.options.items()}
        values = {texts[text]: value / max(reply.tokens.get(text, 1), 1) for text, value in values.items()}
        tie = "B"
    first, second = values.get("A", -math.inf), values.get("B", -math.inf)
    if first == second:
        return tie if released else ""
    return "AB"[second > first]


def _pair(one: tuple[Item, Mark], other: tuple[Item, Mark], *, twice: bool) -> Iterator[tuple[Item, Mark]]:
    """Yield what a pair is worth, once with the categories of both pictures, or for each picture with its own."""
    said = (one[1].said, other[1].said)
    both = one[1].values["accuracy"] == other[1].values["accuracy"] == 1
    confused = said[0] == said[1]
    values = {
        "set_accuracy": float(both),
        "confusion": float(confused) if all(said) else math.nan,
        "precision": float(both) if all(said) and not confused else math.nan,
    }
    words = "".join(letter or "-" for letter in said)
    mark = Mark(values=values, said=words, rule="pair", ids=one[1].ids + other[1].ids)
    if twice:
        yield from ((one[0], mark), (other[0], mark))
        return
    fields = {
        name: "yes" if "yes" in (value, other[0].fields[name]) else "no" for name, value in one[0].fields.items()
    }
    yield replace(other[0], fields=fields), mark


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
    words, category = finding.replace("_", " "), "Cardiac" if finding == "cardiomegaly" else "Pulmonary"
    present, absent = f"There is {words}", f"There is no {words}"
    options = (absent, present) if order else (present, absent)
    return {
        "im_1": f"virtual/{2 * number + 1}", "im_2": f"virtual/{2 * number + 2}",
        "im_1_local": 2 * number + 1, "im_2_local": 2 * number + 2,
        "cap_1": present, "cap_2": absent, "category_1": [category], "category_2": [category],
        "BiomedCLIP_sim": None, "DINO_sim": None, "question": f"What is true of {words} in this film?",
        "option_A": options[0], "option_B": options[1],
        "im_1_correct": "AB"[order], "im_2_correct": "BA"[order],
    }  # fmt: skip
