"""SMMILE and SMMILE++: tasks that are to be learnt from a few pictures with answers, then one picture to answer for.

Paper: Rieff et al., NeurIPS Datasets and Benchmarks 2025, arXiv 2506.21355. Code: eth-medical-ai-lab/smmile.
New: 111 problems of a few demonstrations and one query by clinicians; SMMILE++ orders the demonstrations in other
ways, 1038 problems. Asked with and without demonstrations, freely or with the problem's own answers as options.
Differs here: options and their letters come in the order of their texts, so that no order of demonstrations changes
them (the release letters them by first occurrence and shows them in a drawn order); all permutations of a problem are
one cluster; beside each mark stand those of copying the most frequent, a random and the last demonstration's answer.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from types import MappingProxyType

from vesalius.benchmarks import _smmile_release as release
from vesalius.benchmarks.base import Arm, Benchmark, Headline, Item, Mark, Published
from vesalius.benchmarks.prompts import prompts
from vesalius.data.messages import Media, Message
from vesalius.errors import DataError
from vesalius.inference.requests import Decoding, Reply, Request
from vesalius.metrics.answers import word_overlap
from vesalius.paper import Paper
from vesalius.tasks.answers import parse_choice, parse_judge, parse_open
from vesalius.tasks.answers.reply import Parsed, final_content
from vesalius.tasks.answers.rules.base import read_as

__all__ = ["BENCHMARK", "PAPER", "Smmile", "choices_of", "normal_form", "through_csv"]

PAPER = Paper(
    slug="smmile",
    title="SMMILE: An Expert-Driven Benchmark for Multimodal Medical In-Context Learning",
    year=2025,
    arxiv="2506.21355",
    venue="NeurIPS Datasets and Benchmarks 2025",
    code="eth-medical-ai-lab/smmile, no licence stated; data CC BY 4.0",
)

_PARTS = {
    "open": "SMMILE",
    "choice": "SMMILE",
    "plusplus-open": "SMMILE-plusplus",
    "plusplus-choice": "SMMILE-plusplus",
}
"""Part to the folder of its data set."""
_RULES = {
    "as-released": "compat:smmile_qwen",
    "openai-script": "compat:smmile",
    "medgemma-script": "compat:smmile_medgemma",
    "medvlm-r1-script": "compat:smmile_medvlm_r1",
}
_MISSING = frozenset(
    ("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA",
     "NULL", "NaN", "None", "n/a", "nan", "null")
)  # fmt: skip
"""Texts that pandas.read_csv takes for a missing value."""
_MARKS = str.maketrans("", "", string.punctuation)
_SOURCE = "eth-medical-ai-lab/smmile at ab004d2, results"


def _figures() -> Iterator[Published]:
    judged = {
        "GPT-4o": (0.324, 0.495), "Qwen2.5-VL-72B": (0.297, 0.432), "Qwen2.5-VL-32B": (0.252, 0.414),
        "MedGemma-4B": (0.279, 0.369), "Claude 3.7 Sonnet": (0.369, 0.360), "Qwen2.5-VL-3B": (0.270, 0.333),
        "LLaVA-Med-7B": (0.225, 0.099),
    }  # fmt: skip
    for model, values in judged.items():
        for arm, value in zip(("zero-shot", "icl"), values, strict=True):
            yield Published(model=model, metric="accuracy", part="open", value=value, source=_SOURCE, arm=arm)
    for model, metric, value in (
        ("majority", "accuracy", 0.270),
        ("random", "accuracy", 0.234),
        ("Qwen2.5-VL-32B", "exact_match", 0.315),
        ("majority", "exact_match", 0.270),
    ):
        yield Published(model=model, metric=metric, part="open", value=value, source=_SOURCE, arm="icl")


class Smmile(Benchmark):
    """Both sets, each asked freely and with options; the accuracy of free answers is a judge's."""

    name = "smmile"
    parts = tuple(_PARTS)
    arms = (
        Arm(name="icl", words="each demonstration as a turn of the user and the answer, then the query (ICL)"),
        Arm(name="zero-shot", words="the query alone (0-shot)"),
    )
    conventions = MappingProxyType(
        {
            "strict": "the one parser reads the letter; a free answer is compared without reasoning and tags",
            "as-released": "letters as inference_qwen.py and four more scripts read them; free answers pass through "
            "a CSV file, where None, N/A and an empty reply are one and the same missing value",
            "openai-script": "as-released, but letters as inference_openai.py and _anthropic.py read them",
            "medgemma-script": "as-released, but letters as inference_medgemma.py and _llama32v.py read them",
            "medvlm-r1-script": "as-released, but letters as inference_medr1.py reads them",
        }
    )
    headlines = (
        Headline(metric="accuracy"),
        Headline(metric="exact_match", part="open"),
        Headline(metric="exact_match", part="plusplus-open"),
        Headline(metric="order_sensitivity", part="plusplus-open"),
        Headline(metric="order_sensitivity", part="plusplus-choice"),
    )
    published = tuple(_figures())

    def items(self, root: Path, *, parts: Sequence[str], split: str) -> Iterator[Item]:
        """Yield one item a problem, in the order of their first rows; all are test items, though called train."""
        if split != "test":
            return
        for part in parts:
            for problem in release.problems(root.absolute(), _PARTS[part]):
                yield _item(problem, part)

    def write_twin(self, root: Path, *, patients: int, seed: int) -> None:
        """Write both sets: problems about one finding each, with up to four orders of their demonstrations."""
        release.write(root, patients=patients, seed=seed)

    def ask(self, item: Item, said: Sequence[Reply], *, arm: str, shots: Sequence[Item]) -> Request | None:
        """Put the demonstrations, the answers as the model's own, and the query; options stand at the query only."""
        if said:
            return None
        shown = item.media or (None,) * (len(item.more["demonstrations"]) + 1)
        turns = list(zip(shown, item.more["demonstrations"], strict=False)) if arm == "icl" else []
        messages = [message for media, shot in turns for message in _demonstration(media, shot)]
        question = item.question
        if item.options:
            options = "\n".join(f"{letter}. {text}" for letter, text in item.options.items())
            question = prompts(self.name)["mcqa"].format(question=item.question, options=options)
        return Request(
            id=item.id,
            messages=(*messages, _user(shown[-1], question)),
            decoding=Decoding(max_tokens=512),
        )

    def right(self, item: Item, said: Sequence[Reply]) -> str:
        """Return the letter, or the answer in its own words."""
        return str(item.truth)

    def mark(self, item: Item, said: Sequence[Reply], *, convention: str) -> Mark:
        """Compare letters or normal forms; the answers of the demonstrations are marked alike."""
        if item.kind == "choice":
            mode = _RULES.get(convention, "strict")
            parsed = parse_choice(said[0].text, item.options, mode=mode)
            read = str(parsed.value or "")
            values = {"accuracy": float(read == item.truth)}
        else:
            parsed, read, values = _compared(item, said[0].text, released=convention != "strict")
        return Mark(values=values | _copying(item), status=parsed.status, said=read, rule=parsed.rule)

    def group(self, item: Item) -> str:
        """Return the item, of a part of permutations the problem."""
        return f"{item.part}-{item.cluster}" if item.part.startswith("plusplus") else item.id

    def gather(self, marks: Iterable[tuple[Item, Mark]], *, convention: str) -> Iterator[tuple[Item, Mark]]:
        """Yield the marks, and after a part of permutations what their order does to each problem."""
        families: dict[tuple[str, str], list[tuple[Item, Mark]]] = {}
        for item, mark in marks:
            yield item, mark
            if item.part.startswith("plusplus"):
                families.setdefault((item.part, item.cluster), []).append((item, mark))
        for family in families.values():
            if len(family) > 1:
                yield family[-1][0], _order(family)

    def judge(self, item: Item, said: Sequence[Reply]) -> Request | None:
        """Ask whether a free answer is right; every one, also where the words are the same."""
        if item.kind == "choice":
            return None
        words = prompts(self.name)["judge"]
        asked = words.format(question=item.question, answer=item.truth, response=said[0].text)
        return Request(id=item.id, messages=(Message(role="user", parts=(asked,)),))

    def judged(self, item: Item, mark: Mark, verdict: Reply) -> Mark:
        """Add the accuracy; all but a single digit 0 or 1 is wrong and counted."""
        parsed = parse_judge(verdict.text, judge="smmile")
        if parsed.status != "answered":
            return replace(
                mark, values={**mark.values, "accuracy": 0.0}, status="unparsed", rule="judge gave no digit"
            )
        return replace(mark, values={**mark.values, "accuracy": float(parsed.value)}, rule="judge")


BENCHMARK = Smmile()


def normal_form(text: str) -> str:
    """Return a text in small letters without ASCII marks, spaces squeezed (normalize_answer of evaluate_EM.py)."""
    return re.sub(r"\s+", " ", text.lower().translate(_MARKS)).strip()


def through_csv(text: str) -> str:
    """Return what is left of an answer that was written to a CSV file and read again: "nan" for a missing value."""
    return "nan" if text in _MISSING else text


def choices_of(answers: Iterable[str]) -> dict[str, str]:
    """Letter the different answers of a problem by first occurrence.

    Raises:
        DataError: more than 26 different answers.
    """
    different = list(dict.fromkeys(answers))
    if len(different) > len(string.ascii_uppercase):
        raise DataError(f"{len(different)} different answers in one problem; letters reach for 26")
    return dict(zip(string.ascii_uppercase, different, strict=False))


def _item(problem: release.Problem, part: str) -> Item:
    answers = [shot.answer for shot in problem.demonstrations]
    query = problem.query
    options = choices_of(sorted({*answers, query.answer})) if part.endswith("choice") else {}
    letters = {text: letter for letter, text in options.items()}
    same = [normal_form(answer) == normal_form(query.answer) for answer in answers]
    said = {True: "yes", False: "no"}
    return Item(
        id=f"{part}-{problem.id}",
        part=part,
        kind="choice" if options else "open",
        question=query.question,
        options=options,
        truth=letters.get(query.answer, query.answer),
        cluster=problem.family,
        media=tuple(Media(path=str(one.picture)) for one in (*problem.demonstrations, query)),
        fields={
            **problem.flags,
            "demonstrations": str(len(answers)),
            "first_is_right": said[same[0]],
            "last_is_right": said[same[-1]],
            "any_is_right": said[any(same)],
        },
        more={
            "demonstrations": tuple((one.question, one.answer) for one in problem.demonstrations),
            "copied": tuple(letters.get(answer, answer) for answer in answers),
        },
    )


def _user(media: Media | None, words: str) -> Message:
    return Message(role="user", parts=(words,) if media is None else (media, words))


def _demonstration(media: Media | None, shot: tuple[str, str]) -> tuple[Message, Message]:
    return _user(media, shot[0]), Message(role="assistant", parts=(shot[1],))


def _compared(item: Item, reply: str, *, released: bool) -> tuple[Parsed, str, dict[str, float]]:
    """Compare a free answer with the truth; F1 of words is ours."""
    if released:
        said, truth = (normal_form(through_csv(text)) for text in (reply, str(item.truth)))
        parsed = read_as(said, "equality of normal forms")
    else:
        parsed = parse_open(reply)
        said, truth = normal_form(final_content(reply).text), normal_form(str(item.truth))
        if said == truth and said:
            parsed = Parsed(status="answered", value=said, rule="equality of normal forms")
    f1 = word_overlap(said.split(), truth.split()).f1
    wrong = parsed.status in ("empty", "refused")
    return parsed, said, {"exact_match": 0.0 if wrong else float(said == truth), "f1": 0.0 if wrong else f1}


def _copying(item: Item) -> dict[str, float]:
    """Mark answers of the demonstrations as replies: the last, the first of the most frequent, the mean of all."""
    right = [float(normal_form(answer) == normal_form(str(item.truth))) for answer in item.more["copied"]]
    frequent = Counter(item.more["copied"]).most_common(1)[0][0]
    return {
        "copy_last": right[-1],
        "copy_most_frequent": right[item.more["copied"].index(frequent)],
        "copy_random": sum(right) / len(right),
    }


def _order(family: Sequence[tuple[Item, Mark]]) -> Mark:
    """Say how much the order of the demonstrations changes what is answered, and whether it is right."""
    said = [mark.said for _, mark in family]
    metric = "accuracy" if "accuracy" in family[0][1].values else "exact_match"
    right = {mark.values[metric] for _, mark in family}
    pairs = list(combinations(said, 2))
    values = {
        "order_sensitivity": sum(one != other for one, other in pairs) / len(pairs),
        "order_flips": float(len(right) > 1),
    }
    return Mark(values=values, rule="permutations", ids=tuple(item.id for item, _ in family))
