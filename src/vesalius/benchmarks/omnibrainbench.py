"""OmniBrainBench: brain imaging over the whole clinical path, one picture or several, closed and open.

Paper: Peng et al., CVPR 2026, arXiv 2511.00846. Code: CUHK-AIM-Group/OmniBrainBench, forked from MedEvalKit, no
licence.
New: 15 tasks in five clinical phases, 6823 questions with five options and 2704 free ones over 31706 pictures.
Differs here: letters are read by the one parser, and a right answer given as an option's text counts like its letter;
BERTScore needs weights and is not taken, so `text_mean` is over three of the release's four scores (its label there
says five); the judge's accuracy and exact match stand apart, where the release prints the one under the other's name;
all pictures are shown unless the arm says otherwise, and an item whose pictures are missing is left out by name. The
release names no patients: questions with the same first picture are one cluster. The questions come from public sets
that a model may have been trained on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from vesalius.benchmarks import _omnibrainbench_twin as twin
from vesalius.benchmarks.base import Arm, Benchmark, Headline, Item, Mark, Published
from vesalius.benchmarks.prompts import prompts
from vesalius.data.datasets.base import require_files
from vesalius.data.messages import Media, Message
from vesalius.data.releases.rows import Row, json_list
from vesalius.inference.requests import Decoding, Reply, Request
from vesalius.metrics.bleu import nltk_bleu, nltk_counts
from vesalius.metrics.lexical import LEXICAL
from vesalius.metrics.ngrams import TokenPairs
from vesalius.paper import Paper
from vesalius.tasks.answers import parse_choice, parse_judge, parse_open
from vesalius.tasks.answers.reply import final_content
from vesalius.tasks.answers.rules.base import read_as
from vesalius.tasks.answers.rules.medevalkit import score_lines, tagged

__all__ = ["BENCHMARK", "PAPER", "OmniBrainBench", "released_bleu", "text_scores"]

PAPER = Paper(
    slug="omnibrainbench",
    title="OmniBrainBench: A Comprehensive Multimodal Benchmark for Brain Imaging Analysis "
    "Across Multi-stage Clinical Tasks",
    year=2025,
    arxiv="2511.00846",
    venue="CVPR 2026",
    code="CUHK-AIM-Group/OmniBrainBench, no licence stated",
)

_LETTERS = "ABCDE"
_MOST_PICTURES = 6
"""Limit of the script for vLLM (eval.sh)."""
_ROUGE = ("rouge_1_stem", "rouge_l_stem")
_SOURCE = "abstract, arXiv 2511.00846"


class OmniBrainBench(Benchmark):
    """The closed and the open questions."""

    name = "omnibrainbench"
    parts = ("closed", "open")
    arms = (
        Arm(name="direct", words="all pictures, each behind its number; the letter or a concise answer"),
        Arm(name="reasoning", words="the same, with reasoning asked for and the answer in a box (REASONING=True)"),
        Arm(name="first-six", words="no more than the first six pictures, the script's limit for vLLM"),
        Arm(name="reversed", words="the pictures in the other order, each behind its own number"),
    )
    conventions = MappingProxyType(
        {
            "strict": "the one parser reads letter or option text; free answers are compared without tags",
            "as-released": "letter, option, else the likest option, the first for an empty reply; a right answer "
            "given as text is met by the bare text alone; free answers are the whole reply or its answer tags",
        }
    )
    headlines = (
        Headline(metric="accuracy", part="closed"),
        Headline(metric="accuracy", part="closed", over="task"),
        Headline(metric="accuracy", part="closed", over="phase"),
        Headline(metric="accuracy", part="open"),
        *(Headline(metric=metric, part="open") for metric in ("exact_match", "rouge_1", "rouge_l", "bleu")),
        Headline(metric="text_mean", part="open"),
    )
    published = (
        Published(model="physicians", metric="accuracy", part="closed", value=0.9135, source=_SOURCE),
        Published(model="GPT-5", metric="accuracy", part="closed", value=0.6337, source=_SOURCE),
        Published(
            model="Gemini-2.5-Pro", metric="accuracy", part="closed", value=0.6658, source="summary of 2511.00846"
        ),
    )

    def items(self, root: Path, *, parts: Sequence[str], split: str) -> Iterator[Item]:
        """Yield the questions of the two lists; all are test items."""
        for part in parts if split == "test" else ():
            folder = twin.FOLDERS[part]
            require_files(root, [f"{folder}.json"], twin.ABOUT)
            for row in json_list(root / f"{folder}.json"):
                yield _item(row, part, root.absolute() / folder)

    def write_twin(self, root: Path, *, patients: int, seed: int) -> None:
        """Ask about virtual heads in CT, MR and MR angiography."""
        twin.write(root, patients=patients, seed=seed)

    def ask(self, item: Item, said: Sequence[Reply], *, arm: str, shots: Sequence[Item]) -> Request | None:
        """Put the pictures with their numbers, then the question."""
        if said:
            return None
        numbered = list(enumerate(item.media, start=1))
        shown = {"first-six": numbered[:_MOST_PICTURES], "reversed": numbered[::-1]}.get(arm, numbered)
        tag = prompts(self.name)["picture"]
        parts = [part for number, media in shown for part in (tag.format(number=number), media)]
        way = "reasoning" if arm == "reasoning" else "direct"
        kind = "choice" if item.kind == "choice" else "open"
        words = _filled(f"{kind}_{way}", question=item.question, options="\n".join(_lines(item).values()))
        return Request(
            id=item.id,
            messages=(Message(role="user", parts=(*parts, words)),),
            decoding=Decoding(max_tokens=8192),
            question=item.question,
            option_texts=item.options,
        )

    def right(self, item: Item, said: Sequence[Reply]) -> str:
        """Return what the release holds: a letter, an option's text, or the free answer."""
        return str(item.more["answer"])

    def mark(self, item: Item, said: Sequence[Reply], *, convention: str) -> Mark:
        """Compare letters, or the words of a free answer."""
        reply, released = said[0].text, convention == "as-released"
        if item.kind == "open":
            return _open(item, reply, released=released)
        if released:
            gold = item.more["answer"].strip()
            scored = score_lines(gold.upper() if len(gold) == 1 else gold, tagged(reply), _lines(item))
            right, parsed = scored.correct, scored.parsed
        else:
            parsed = parse_choice(reply, item.options)
            right = float(parsed.value == item.truth)
        return Mark(values={"accuracy": right}, status=parsed.status, said=str(parsed.value or ""), rule=parsed.rule)

    def judge(self, item: Item, said: Sequence[Reply]) -> Request | None:
        """Ask whether a free answer means the right one."""
        if item.kind != "open":
            return None
        words = _filled("judge", question=item.question, truth=item.truth, reply=tagged(said[0].text))
        return Request(id=item.id, messages=(Message(role="user", parts=(words,)),))

    def judged(self, item: Item, mark: Mark, verdict: Reply) -> Mark:
        """Add the accuracy: 0 in the judge's tag is right, 1 is wrong, anything else is wrong and unparsed."""
        values = {**mark.values, "accuracy": 0.0}
        if tagged(verdict.text, "judge") not in ("0", "1"):
            return replace(mark, values=values, status="unparsed", rule="judge gave neither 0 nor 1")
        values["accuracy"] = float(parse_judge(verdict.text, judge="medevalkit").value)
        return replace(mark, values=values, status="answered" if mark.said else mark.status, rule="judge")


BENCHMARK = OmniBrainBench()


def released_bleu(reply: str, answer: str) -> float:
    """Return the release's BLEU of words between blanks: single words up to 2, pairs up to 4, else up to four.

    NLTK's sentence BLEU with smoothing method 4, at most 1 (`_compute_bleu_metrics`).
    """
    said, truth = reply.split(), answer.split()
    if not said or not truth:
        return 0.0
    order = 1 if len(said) <= 2 else 2 if len(said) <= 4 else 4
    counts = nltk_counts(TokenPairs([said], [[truth]]))
    return min(float(nltk_bleu(counts, order=order, smoothing=4)[0]), 1.0)


def text_scores(reply: str, answer: str) -> dict[str, float]:
    """Return exact match without case, F1 of ROUGE-1 and ROUGE-L of stems, BLEU, and the mean of the last three."""
    rouge = [LEXICAL[name] for name in _ROUGE]
    shares = [float(one.value(one.statistics([reply], [answer]))[0]) for one in rouge]
    scores = (*shares, released_bleu(reply, answer))
    exact = float(reply.strip().lower() == answer.strip().lower())
    named = dict(zip(("rouge_1", "rouge_l", "bleu"), scores, strict=True))
    return {"exact_match": exact, **named, "text_mean": sum(scores) / len(scores)}


def _open(item: Item, reply: str, *, released: bool) -> Mark:
    if released:
        words = tagged(reply)
        return Mark(
            values=text_scores(words, item.truth), status=read_as(words, "").status, said=words,
            rule="whole reply or answer tags", written=words, references=(item.truth,),
        )  # fmt: skip
    parsed = parse_open(reply)
    words = "" if parsed.status in ("empty", "refused") else final_content(reply).text
    return Mark(
        values=text_scores(words, item.truth), status=parsed.status, said=words, rule=parsed.rule,
        written=words, references=(item.truth,),
    )  # fmt: skip


def _item(row: Row, part: str, folder: Path) -> Item:
    answer = row.text("answer")
    options = _options(row) if part == "closed" else {}
    truth = _letter(row, answer, options) if options else answer
    if not answer.strip():
        raise row.fault("answer is empty; expected the right one")
    shown = row.cells.get("image_path")
    names = shown if isinstance(shown, list) else [row.text("image_path")]
    media = tuple(Media(path=str(folder / str(name))) for name in names if name)
    return Item(
        id=f"{part}-{row.text('id')}".replace("/", "_"),
        part=part,
        kind="choice" if options else "open",
        question=row.text("question"),
        options=options,
        truth=truth,
        cluster=str(names[0]) if names else row.text("id"),
        media=media,
        fields={
            "task": row.text("task_label"),
            "phase": row.text("clinical_phase"),
            "pictures": "one" if len(media) == 1 else "several" if media else "none",
            "beyond_limit": "yes" if len(media) > _MOST_PICTURES else "no",
            "source": row.optional("source_file"),
        },
        more={"answer": answer},
    )


def _options(row: Row) -> dict[str, str]:
    texts = [str(text) for text in row.items("options")]
    if len(texts) != len(_LETTERS):
        raise row.fault(f"options has {len(texts)} entries, expected {len(_LETTERS)}")
    return dict(zip(_LETTERS, texts, strict=True))


def _letter(row: Row, answer: str, options: Mapping[str, str]) -> str:
    """Return the letter of a right answer that is a letter or an option's text."""
    plain = answer.strip().casefold()
    texts = [letter for letter, text in options.items() if text.strip().casefold() == plain]
    if len(plain) == 1 and plain.upper() in options and not texts:
        return plain.upper()
    if len(texts) != 1:
        raise row.fault(f"answer is {answer!r}, expected a letter of A to E or the text of one of the options")
    return texts[0]


def _lines(item: Item) -> dict[str, str]:
    return {letter: f"{letter}. {text}" for letter, text in item.options.items()}


def _filled(name: str, **words: str) -> str:
    """Put words into a prompt in one pass, so that braces in them stay."""
    return re.sub(r"\{(question|options|truth|reply)\}", lambda found: words[found[1]], prompts(BENCHMARK.name)[name])
