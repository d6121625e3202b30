"""TemMed-Bench: what changed between the last and the current chest film of a patient.

Paper: Zhang et al., 2025, arXiv 2509.25143. Code: Levi-ZJY/TemMed-Bench, no licence file.
New: yes/no questions on a change, the impression with its changes, and which of three pairs fits a statement; asked
alone, with the report of a retrieved pair, or with that pair and its report as a worked example.
Differs here: replies are read by the one parser and those that cannot be read are wrong and counted, where the
notebooks stop; beside the paper's arms stand two that take the time away (pictures exchanged, one picture twice);
selection with a report alone, which the paper leaves out, is put in its words. METEOR knows no synonyms.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from vesalius.benchmarks import _temmed_release as release
from vesalius.benchmarks._class_rows import class_rows
from vesalius.benchmarks._reports import finding_values
from vesalius.benchmarks._temmed_release import Release, Visits
from vesalius.benchmarks.base import Arm, Benchmark, Headline, Item, Mark, Published
from vesalius.benchmarks.prompts import prompts
from vesalius.data.messages import Media, Message
from vesalius.data.releases.rows import Row
from vesalius.inference.requests import Decoding, Reply, Request
from vesalius.metrics.bleu import brevity_penalty
from vesalius.metrics.subsequences import common_length
from vesalius.metrics.temporal import temporal_f1
from vesalius.metrics.tokens import stemmed_rouge_words
from vesalius.metrics.treebank import nltk_meteor, treebank_words
from vesalius.paper import Paper
from vesalius.tasks.answers import Parsed, parse_choice, parse_closed
from vesalius.tasks.answers.reply import empty, refusal, without_reasoning

__all__ = ["BENCHMARK", "PAPER", "TemMedBench", "report_values"]

PAPER = Paper(
    slug="temmed-bench",
    title="TemMed-Bench: Evaluating Temporal Medical Image Reasoning in Vision-Language Models",
    year=2025,
    arxiv="2509.25143",
    code="Levi-ZJY/TemMed-Bench, no licence file",
)

_LETTERS = ("A", "B", "C")
_TIMES = ("last", "current")
_PLACE = re.compile(r"\{(\w+)\}")
_SOURCE = "misc/Results.png of Levi-ZJY/TemMed-Bench at fd95f3e, table 4 of the paper"
_ARMS = ("alone", "text", "pair")
_TABLE: Mapping[str, tuple[tuple[float, ...], ...]] = {
    "LLaVA-Med": ((51.65, 35.23, 7.82), (54.45, 41.71, 16.21), (56.00, 44.70, 13.53)),
    "HuatuoGPT-Vision": ((53.00, 41.65, 10.61, 33.29), (59.50, 52.50, 12.09), (61.75, 56.73, 13.46, 32.02)),
    "HealthGPT": ((46.30, 43.49, 13.19, 33.64), (59.05, 57.13, 14.88), (69.90, 68.71, 15.61, 33.53)),
    "Qwen2.5-VL": ((59.90, 57.60, 13.64, 33.87), (63.15, 60.26, 15.75), (65.35, 63.03, 15.79, 35.15)),
    "Llama3.2-Vision": ((45.65, 45.48, 10.76, 33.06), (63.05, 58.76, 14.48), (64.10, 60.52, 16.03, 35.15)),
    "LLaVA-OneVision": ((63.90, 62.12, 8.12, 32.83), (78.25, 78.21, 12.74), (78.65, 78.35, 13.93, 33.64)),
    "Gemini 2.5 Flash": ((47.30, 47.30, 19.07, 39.33), (49.95, 49.20, 21.04), (51.40, 50.54, 22.71, 40.26)),
    "Claude 3.5 Sonnet": ((69.90, 69.49, 18.70, 33.53), (66.25, 65.50, 21.53), (74.15, 73.95, 22.21, 37.35)),
    "GPT-4o": ((51.65, 47.16, 16.17, 32.60), (60.10, 59.57, 21.66), (64.85, 64.42, 23.24, 34.69)),
    "GPT-4.1": ((57.90, 57.51, 14.69, 35.38), (58.50, 58.30, 20.04), (58.60, 58.55, 21.22, 33.87)),
    "o4-mini": ((79.15, 78.94, 20.67, 35.03), (81.80, 81.78, 24.06), (77.80, 77.69, 23.27, 34.69)),
    "o3": ((64.40, 64.40, 18.82, 38.05), (66.65, 66.60, 20.35), (65.65, 65.60, 20.44, 39.56)),
}  # fmt: skip
"""Accuracy and macro F1 of the questions, mean of the three text metrics, accuracy of selection, in percent."""
_COLUMNS = (("accuracy", "vqa"), ("f1", "vqa"), ("text_mean", "report"), ("accuracy", "selection"))


def _published() -> Iterator[Published]:
    for model, rows in _TABLE.items():
        for arm, values in zip(_ARMS, rows, strict=True):
            for (metric, part), value in zip(_COLUMNS, values, strict=False):
                yield Published(model=model, metric=metric, part=part, value=value / 100, source=_SOURCE, arm=arm)


class TemMedBench(Benchmark):
    """The 2,000 chosen questions, the 1,000 impressions and the selections among pairs."""

    name = "temmed_bench"
    parts = ("vqa", "report", "selection")
    credentialed = parts
    arms = (
        Arm(name="alone", words="the pictures of both visits (the templates noRAG)"),
        Arm(name="text", words="before them the report of a retrieved pair (RAG_Report); of selection ours"),
        Arm(name="pair", words="before them a retrieved pair with its report (RAG_imgReport)"),
        Arm(name="swapped", words="ours: as alone, last and current picture exchanged; truths stay"),
        Arm(name="current-only", words="ours: as alone, the current picture at both places"),
    )
    conventions = MappingProxyType(
        {
            "strict": "the one parser reads yes, no or the letter; reasoning is no part of a report",
            "as-released": "an answer is what its first letters are (Normal is no), a letter that of the closing "
            "phrase, A before B (as follows is A); what the notebooks stop at is unparsed; reports are whole replies",
        }
    )
    headlines = (
        Headline(metric="accuracy", part="vqa"),
        Headline(metric="f1", part="vqa", over="class"),
        Headline(metric="text_mean", part="report"),
        Headline(metric="temporal_f1", part="report"),
        Headline(metric="accuracy", part="selection"),
    )
    text_metrics = ("coco_bleu_1", "coco_bleu_4", "coco_rouge_l", "meteor_es")
    published = tuple(_published())

    def searched_arms(self, part: str, arm: str, count: int) -> tuple[str, ...]:
        """Return the paper's arms."""
        return _ARMS

    def items(self, root: Path, *, parts: Sequence[str], split: str) -> Iterator[Item]:
        """Yield questions, reports and selections in the order of their lists; all are test items."""
        if split != "test":
            return
        found = Release(root)
        for part in parts:
            yield from _READERS[part](found)

    def write_twin(self, root: Path, *, patients: int, seed: int) -> None:
        """Write two visits of each virtual patient; what changed is known from their bodies."""
        release.write(root, patients=patients, seed=seed)

    def ask(self, item: Item, said: Sequence[Reply], *, arm: str, shots: Sequence[Item]) -> Request | None:
        """Put both visits, each picture behind its name, in the words of the templates."""
        if said:
            return None
        parts = _filled(item, arm)
        decoding = Decoding(max_tokens=1024 if item.part == "report" else 512)
        return Request(id=item.id, messages=(Message(role="user", parts=tuple(parts)),), decoding=decoding)

    def right(self, item: Item, said: Sequence[Reply]) -> str:
        """Return yes or no, the report, or the closing phrase with the letter."""
        if item.part == "selection":
            return f"My answer is {item.truth}"
        return "Yes" if item.truth == "yes" else "No" if item.truth == "no" else str(item.truth)

    def mark(self, item: Item, said: Sequence[Reply], *, convention: str) -> Mark:
        """Read yes or no, a letter, or a report."""
        reply, mode = said[0].text, "strict" if convention == "strict" else "compat:temmed"
        if item.part == "report":
            return _written(item, reply, strict=convention == "strict")
        if item.part == "vqa":
            parsed = parse_closed(reply, mode=mode)
        else:
            parsed = parse_choice(reply, item.options, mode=mode)
        read = str(parsed.value or "")
        return Mark(
            values={"accuracy": float(read == item.truth)}, status=parsed.status, said=read, rule=parsed.rule,
            ids=(item.id,),
        )  # fmt: skip

    def gather(self, marks: Iterable[tuple[Item, Mark]], *, convention: str) -> Iterator[tuple[Item, Mark]]:
        """Yield each mark, and of answers and letters what F1 is made of."""
        for item, mark in marks:
            yield item, mark
            if item.part != "report":
                yield from class_rows(item, mark, truth=str(item.truth), said=mark.said)


BENCHMARK = TemMedBench()


def report_values(reply: str, truth: str) -> dict[str, float]:
    """Return BLEU-1, ROUGE-L and METEOR of a report as the notebook has them, and their mean.

    Words are NLTK's of lower-case text, BLEU has single words alone, ROUGE-L is of Porter stems, METEOR of equal
    words and stems; a mean over reports times 100 is what the paper prints.
    """
    said, wanted = (treebank_words(text.strip().lower()) for text in (reply, truth))
    stems, wanted_stems = (stemmed_rouge_words(" ".join(words)) for words in (said, wanted))
    common = common_length(wanted_stems, stems)
    values = {
        "bleu_1": _bleu_1(said, wanted),
        "rouge_l": 2 * common / (len(stems) + len(wanted_stems)) if common else 0.0,
        "meteor": nltk_meteor(said, wanted),
    }
    return values | {"text_mean": math.fsum(values.values()) / len(values)}


def _bleu_1(said: Sequence[str], truth: Sequence[str]) -> float:
    left: dict[str, int] = {}
    for word in truth:
        left[word] = left.get(word, 0) + 1
    shared = 0
    for word in said:
        shared += left.get(word, 0) > 0
        left[word] = left.get(word, 0) - 1
    return float(brevity_penalty(len(said), len(truth))) * shared / len(said) if shared else 0.0


def _questions(found: Release) -> Iterator[Item]:
    for row in found.rows("vqa"):
        place, number = row.whole("img_id"), row.whole("question_id")
        test = found.test(row, place)
        asked = test.parts("VQA_Final")
        if not 0 <= number < len(asked):
            raise row.fault(f"question {number} of {len(asked)} of pair {place}; take lists of the same release")
        told = asked[number]
        answer = told.text("VQA_answer").strip().rstrip(".").lower()
        if answer not in ("yes", "no"):
            raise told.fault(f"VQA_answer is {told.text('VQA_answer')!r}, expected Yes or No")
        yield _item(found, test, f"vqa-{place}-{number}", kind="closed", question=told.text("VQA_question"),
                    truth=answer, fields={"answer": answer})  # fmt: skip


def _reports(found: Release) -> Iterator[Item]:
    for place, row in enumerate(found.tests):
        report = found.visits(row).report
        yield _item(found, row, f"report-{place}", kind="report", question="What is the impression?", truth=report)


def _item(found: Release, row: Row, name: str, *, kind: str, question: str, truth: str,
          fields: Mapping[str, str] = MappingProxyType({})) -> Item:  # fmt: skip
    visits = found.visits(row)
    return Item(
        id=name, part=name.partition("-")[0], kind=kind, question=question, truth=truth, cluster=visits.patient,
        media=_media(visits), fields=fields, more={"reference": found.reference(row)},
    )  # fmt: skip


def _selections(found: Release) -> Iterator[Item]:
    rows = found.rows("selection")
    corpus = found.corpus(
        row.whole("Retrieval_TrainSet_now_idx") for row in rows if row.has("Retrieval_TrainSet_now_idx")
    )
    for number, row in enumerate(rows):
        options, truth = row.part("option"), row.text("right_option")
        if truth not in _LETTERS:
            raise row.fault(f"right_option is {truth!r}, expected one of {', '.join(_LETTERS)}")
        pairs = [found.visits(found.test(row, options.whole(letter))) for letter in _LETTERS]
        place = row.whole("Retrieval_TrainSet_now_idx") if row.has("Retrieval_TrainSet_now_idx") else -1
        yield Item(
            id=f"selection-{number}", part="selection", kind="choice", question=row.text("condition_change"),
            truth=truth, options={letter: f"pair {letter}" for letter in _LETTERS},
            cluster=pairs[_LETTERS.index(truth)].patient,
            media=tuple(media for visits in pairs for media in _media(visits)),
            fields={"position": truth}, more={"reference": corpus.get(place)},
        )  # fmt: skip


_READERS = {"vqa": _questions, "report": _reports, "selection": _selections}


def _media(visits: Visits) -> tuple[Media, Media]:
    return Media(path=str(visits.last)), Media(path=str(visits.current))


def _filled(item: Item, arm: str) -> list[str | Media]:
    """Fill the words and pictures of a prompt; a place whose picture was taken away stays empty."""
    reference: Visits | None = item.more["reference"]
    own = arm if arm in ("text", "pair") and reference is not None else "alone"
    words = {"question": item.question, "report": reference.report if reference else ""}
    pictures = _pictures(item, arm)
    if reference is not None:
        pictures |= dict(zip(("reference_last", "reference_current"), _media(reference), strict=True))
    parts: list[str | Media] = []
    template, begin, text = prompts("temmed_bench")[f"{item.part}_{own}"], 0, ""
    for place in _PLACE.finditer(template):
        text += template[begin : place.start()] + words.get(place[1], "")
        begin = place.end()
        if place[1] in pictures:
            parts += [text, pictures[place[1]]]
            text = ""
    return [*parts, text + template[begin:]]


def _pictures(item: Item, arm: str) -> dict[str, Media]:
    """Return the pictures of an item by their places, as an arm shows them."""
    if not item.media:
        return {}
    order = {"swapped": (1, 0), "current-only": (1, 1)}.get(arm, (0, 1))
    if item.part != "selection":
        return {time: item.media[place] for time, place in zip(_TIMES, order, strict=True)}
    shown: dict[str, Media] = {}
    for letter, text in item.options.items():
        begin = 2 * _LETTERS.index(text.rpartition(" ")[2])
        shown |= {f"{time}_{letter}": item.media[begin + place] for time, place in zip(_TIMES, order, strict=True)}
    return shown


def _written(item: Item, reply: str, *, strict: bool) -> Mark:
    """Mark a report by its words, the words of change in it, and what it states."""
    text = without_reasoning(reply).strip() if strict else reply
    declined, rest = refusal(text)
    parsed = empty(text) or Parsed(status="refused" if declined and not rest else "answered", rule="text")
    values = report_values(text, item.truth)
    if strict:
        values |= finding_values(text, item.truth) | {"temporal_f1": temporal_f1(text, item.truth)}
    return Mark(
        values=values, status=parsed.status, said=text, rule=parsed.rule, written=text, references=(item.truth,)
    )
