"""MedEvalKit: questions, reports and examinations of fifteen data sets, asked and scored alike.

Paper: Lingshu Team, 2025, arXiv 2506.07044 (Lingshu). Code: alibaba-damo-academy/MedEvalKit, no licence file.
New: shared prompts in two languages, direct or with the answer in a box; free answers go to a judge (0 is right).
Differs here: replies are read by the one parser and never guessed, each item counts once; ``medevalkit`` is the
release's reading. All pictures of an MMMU question are shown, not the first alone. MMLU's class of the release cannot
run; its questions are put as PubMedQA's without a context. A judge reads a rubric's line once and is not asked again.
Direct answers may have 1,024 tokens, not 8,192. Of its report metrics BLEU and ROUGE are here too; METEOR by WordNet
and CIDEr with COCO's rarities are not.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from vesalius.benchmarks._reports import finding_values, report_items, sentence_values, write_reports
from vesalius.benchmarks._rubrics import conversation_text, rubric_items, rubric_score, verdicts_of
from vesalius.benchmarks._suite import Part, folders_at, questions, write_suite
from vesalius.benchmarks.base import Arm, Benchmark, Headline, Item, Mark, Published
from vesalius.benchmarks.prompts import prompts
from vesalius.data.messages import Media, Message
from vesalius.errors import ConfigError
from vesalius.inference.requests import Decoding, Reply, Request
from vesalius.paper import Paper
from vesalius.tasks.answers import Parsed, ScoredAnswer, parse_closed, score_choice, score_closed, score_open
from vesalius.tasks.answers.reply import empty, refusal, without_reasoning
from vesalius.tasks.answers.rules.medevalkit import score_lines, tagged

__all__ = ["BENCHMARK", "PAPER", "MedEvalKit", "released_accuracy"]

PAPER = Paper(
    slug="medevalkit",
    title="Lingshu: A Generalist Foundation Model for Unified Multimodal Medical Understanding and Reasoning",
    year=2025,
    arxiv="2506.07044",
    code="alibaba-damo-academy/MedEvalKit, no licence file",
)

_VAL: Mapping[str, str] = MappingProxyType({"test": "val", "val": ""})
"""Test answers are hidden, or there is no test part: what is asked is the validation part."""
_REPORTS = ("mimic_cxr", "chexpert_plus", "iu_xray")
_SUITE = (
    Part(name="mmmu_med", dataset="mmmu_med", splits={**_VAL, "train": "dev"}, fields=("subject", "subfield")),
    Part(name="vqa_rad", dataset="vqa_rad", fields=("phrase_type", "question_type")),
    Part(name="slake_en", dataset="slake", settings={"language": "en"}, fields=("base_type", "content_type")),
    Part(name="slake_zh", dataset="slake", settings={"language": "zh"}, fields=("base_type", "content_type")),
    Part(name="path_vqa", dataset="path_vqa", fields=("question_type",)),
    Part(name="pmc_vqa", dataset="pmc_vqa", settings={"version": 2}),
    Part(name="omnimedvqa", dataset="omnimedvqa", settings={"access": "Open-access"},
         fields=("source", "question_type")),
    Part(name="medxpertqa_mm", dataset="medxpertqa", settings={"subset": "MM"}, splits={"train": "dev"},
         fields=("subset", "question_type", "medical_task", "body_system")),
    *(Part(name=name, dataset=name, splits=_VAL if name == "chexpert_plus" else {}) for name in _REPORTS),
    Part(name="mmlu_med", dataset="mmlu_med", settings={"more": True}, splits={"train": "dev"}, fields=("subject",)),
    Part(name="pubmedqa", dataset="pubmedqa"),
    Part(name="medmcqa", dataset="medmcqa", splits=_VAL, fields=("choice_type", "subject")),
    Part(name="medqa", dataset="medqa", settings={"options": 4}, fields=("country", "options", "step")),
    Part(name="medxpertqa_text", dataset="medxpertqa", settings={"subset": "Text"}, splits={"train": "dev"},
         fields=("subset", "question_type", "medical_task", "body_system")),
    Part(name="healthbench", dataset="healthbench"),
)  # fmt: skip
_LINES = {"mmmu_med": "({letter}) {text}", "pmc_vqa": "{letter}:{text}",
          "pubmedqa": "{letter}.{text}", "mmlu_med": "{letter}.{text}"}  # fmt: skip
"""How a prompt lists an option; ``A. text`` everywhere else."""
_LISTED = ("medxpertqa_mm", "mimic_cxr", "iu_xray")
"""Parts whose pictures the release gives as a list: even a single one has its number before it."""
_YES_NO = ("vqa_rad", "path_vqa")
"""Parts whose questions with the answer yes or no are asked for just that."""
_READERS = {"healthbench": rubric_items, **dict.fromkeys(_REPORTS, report_items)}
_PLACE = re.compile(r"\{(\w+)\}")
_SCORES = {"precision": "set_precision", "recall": "set_recall", "f1": "set_f1"}
_PRINTED = {name: f"printed_{name}" for name in _SCORES}
_SOURCE = "assets/mm_eval.png of alibaba-damo-academy/MedEvalKit at 9b12e3b, free answers judged by GPT-4.1"
_COLUMNS = ("mmmu_med", "vqa_rad", "slake_en and slake_zh", "path_vqa", "pmc_vqa", "omnimedvqa", "medxpertqa_mm")
_PUBLISHED = {
    "GPT-4.1": (75.2, 65.0, 72.2, 55.5, 55.2, 75.5, 45.2),
    "MedGemma-4B-IT": (43.7, 72.5, 76.4, 48.8, 49.9, 69.8, 22.3),
    "LLaVA-Med-7B": (29.3, 53.7, 48.0, 38.8, 30.5, 44.3, 20.3),
    "Qwen2.5VL-7B": (50.6, 64.5, 67.2, 44.1, 51.9, 63.6, 22.3),
    "Lingshu-7B": (54.0, 67.9, 83.1, 61.9, 56.3, 82.9, 26.7),
    "Lingshu-32B": (62.3, 76.5, 89.2, 65.9, 57.9, 83.4, 30.9),
}


class MedEvalKit(Benchmark):
    """The suite; a part whose folder is missing is left out where no part is named."""

    name = "medevalkit"
    parts = tuple(part.name for part in _SUITE)
    credentialed = ("mimic_cxr", "chexpert_plus")
    arms = (
        Arm(name="direct", words="the answer at once (REASONING=False of the release)"),
        Arm(name="reasoning", words="the answer in a box after any reasoning (REASONING=True)"),
    )
    conventions = MappingProxyType(
        {
            "strict": "the one parser, no guess; an open answer is right by its words, or by a judge",
            "medevalkit": "the release's scorers: substrings yes and no, equality, else the option most like the "
            "reply (the first for an empty one); SLAKE keeps the case of the answer; MMMU reads the last letter",
            "medevalkit-printed": "as medevalkit, with F1 printed as precision, precision as recall and recall as F1",
            "medevalkit-lost": "as medevalkit with its judge on PathVQA: closed questions count, and all as wrong",
        }
    )
    headlines = (
        *(Headline(metric="accuracy", part=name) for name in parts if name not in (*_REPORTS, "healthbench")),
        *(Headline(metric=metric, part=name) for name in _REPORTS for metric in ("coco_rouge_l", "f1_14")),
        Headline(metric="score", part="healthbench"),
    )
    text_metrics = ("coco_bleu_1", "coco_bleu_4", "coco_rouge_l", "meteor_es", "cider_d", "radcliq_bleu_2")
    published = tuple(
        Published(model=model, metric="accuracy", part=part, value=value / 100, source=_SOURCE, arm="direct")
        for model, values in _PUBLISHED.items()
        for part, value in zip(_COLUMNS, values, strict=True)
    )

    def parts_at(self, root: Path) -> tuple[str, ...]:
        """Return the parts whose folder, named after the data set, lies below the root."""
        return folders_at(root, _SUITE)

    def items(self, root: Path, *, parts: Sequence[str], split: str) -> Iterator[Item]:
        """Yield the items of each part from the folder of its data set."""
        for part in _SUITE:
            if part.name in parts:
                read = _READERS.get(part.name, questions)
                yield from read(part, root, split=split)

    def write_twin(self, root: Path, *, patients: int, seed: int) -> None:
        """Write the layout of every data set, and reports as the release lists them."""
        names = dict.fromkeys(part.dataset for part in _SUITE if part.name not in _REPORTS)
        write_suite(root, tuple(names), patients=patients, seed=seed)
        write_reports(root, _REPORTS, patients=patients, seed=seed)

    def ask(self, item: Item, said: Sequence[Reply], *, arm: str, shots: Sequence[Item]) -> Request | None:
        """Put one item in the words of the release, demonstrations of its kind as turns before it."""
        if said:
            return None
        messages: list[Message] = []
        for shot in (shot for shot in shots if shot.kind == item.kind):
            messages += [*_messages(shot, arm), Message(role="assistant", parts=(self.right(shot, ()),))]
        decoding = Decoding(max_tokens=8192 if arm == "reasoning" else 1024)
        return Request(id=item.id, messages=(*messages, *_messages(item, arm)), decoding=decoding)

    def right(self, item: Item, said: Sequence[Reply]) -> str:
        """Return the letter, the words, the report, or all that a rubric gives points for."""
        if item.kind == "rubric":
            return "\n".join(one.text for one in item.truth if one.points > 0)
        return _accepted(item)[0]

    def mark(self, item: Item, said: Sequence[Reply], *, convention: str) -> Mark:
        """Mark a reply; a rubric has no value before a judge's verdicts."""
        reply = said[0].text
        if item.kind in ("report", "rubric"):
            return _written(item, reply, convention)
        if convention == "strict":
            return _mark(_strict(item, reply), {name: name for name in _SCORES})
        scored = _released(item, reply)
        if convention == "medevalkit-lost" and item.part == "path_vqa" and _yes_or_no(item):
            scored = replace(scored, correct=0.0)
        return _mark(scored, _PRINTED if convention == "medevalkit-printed" else _SCORES)

    def judge(self, item: Item, said: Sequence[Reply]) -> Request | None:
        """Ask whether a free answer means the right one; MMMU's are not judged."""
        free = item.kind == "open" or (item.part in _YES_NO and not _yes_or_no(item))
        if not free or item.part == "mmmu_med":
            return None
        words = _filled("judge", question=item.question, truth=str(item.truth), reply=said[0].text)
        return Request(id=item.id, messages=(Message(role="user", parts=(words,)),))

    def judges(self, item: Item, said: Sequence[Reply]) -> tuple[Request, ...]:
        """Return the one request of `judge`, or one for each line of a rubric."""
        if item.kind != "rubric":
            return super().judges(item, said)
        conversation = conversation_text(item.more["turns"], said[0].text)
        asked = (_filled("rubric", conversation=conversation, criterion=f"[{one.points}] {one.text}")
                 for one in item.truth)  # fmt: skip
        return tuple(Request(id=item.id, messages=(Message(role="user", parts=(words,)),)) for words in asked)

    def judged(self, item: Item, mark: Mark, verdict: Reply) -> Mark:
        """Take 0 in the judge's tag as right and 1 as wrong; anything else is wrong and unparsed."""
        told = tagged(verdict.text, "judge").strip()
        values = {**mark.values, "accuracy": float(told == "0")}
        if told not in ("0", "1"):
            return replace(mark, values=values, status="unparsed", rule="judge gave neither 0 nor 1")
        return replace(mark, values=values, rule="judge")

    def judged_by(self, item: Item, mark: Mark, verdicts: Sequence[Reply]) -> Mark:
        """Add the points of a rubric; a line without a verdict is not met, and the item counts as unparsed."""
        if item.kind != "rubric":
            return super().judged_by(item, mark, verdicts)
        met = verdicts_of(verdicts)
        lost = met.count(None)
        values = {**mark.values, "score": rubric_score(item.truth, met)}
        if lost:
            return replace(mark, values=values, status="unparsed", rule=f"judge: {lost} of {len(met)} lines unread")
        return replace(mark, values=values, rule="judge")


BENCHMARK = MedEvalKit()


def released_accuracy(
    part: str, *, closed: Sequence[float], open_judged: Sequence[float], closed_judged: Sequence[float] = ()
) -> float:
    """Return the total accuracy that the release prints with its judge on, its faults kept.

    PathVQA forgets the closed items that the rule found right; SLAKE counts a closed item once by the rule and again
    by the judge, so that the total may pass 1; VQA-RAD counts each item once.

    Args:
        part: of the suite.
        closed: 1 or 0 by the rule, of every closed item.
        open_judged: 1 or 0 by the judge, of every open item.
        closed_judged: 1 or 0 by the judge, of every closed item; SLAKE only.

    Raises:
        ConfigError: the part has no judge.
    """
    right = sum(open_judged)
    if part in ("slake_en", "slake_zh"):
        right += sum(closed) + sum(closed_judged)
    elif part == "vqa_rad":
        right += sum(closed)
    elif part != "path_vqa":
        raise ConfigError(f"part {part!r} has no judge; vqa_rad, path_vqa, slake_en and slake_zh have one")
    return right / (len(closed) + len(open_judged))


def _filled(name: str, **words: str) -> str:
    """Fill the places of a prompt that are named; other braces stay, also those of what is filled in."""
    return _PLACE.sub(lambda place: words.get(place[1], place[0]), prompts("medevalkit")[name])


def _messages(item: Item, arm: str) -> tuple[Message, ...]:
    if item.kind == "rubric":
        return tuple(item.more["turns"])
    numbered = len(item.media) > 1 or item.part in _LISTED
    parts: list[str | Media] = []
    for number, media in enumerate(item.media, start=1):
        parts += [_filled("picture", number=str(number)), media] if numbered else [media]
    return (Message(role="user", parts=(*parts, _words(item, arm))),)


def _words(item: Item, arm: str) -> str:
    """Return the prompt of an item: by the kind of its answer, its language and its part."""
    if item.kind == "report":
        return _filled("report_mimic_cxr" if item.part == "mimic_cxr" else "report")
    if item.part == "mmmu_med":
        return _filled(f"mmmu_{item.kind}_{arm}", question=item.question, options="\n".join(_lines(item).values()))
    question = item.question
    context = ""
    if item.part == "pubmedqa":
        told, _, question = question.rpartition("\n")
        context = _filled("context", context=told)
    kind = "yes_no" if item.part in _YES_NO and _yes_or_no(item) else item.kind
    if item.part in _YES_NO and kind == "closed":
        kind = "open"
    options = "\n".join(_lines(item).values())
    return context + _filled(f"{kind}_{item.language}_{arm}", question=question, options=options)


def _lines(item: Item) -> dict[str, str]:
    form = _LINES.get(item.part, "{letter}. {text}")
    return {letter: form.format(letter=letter, text=text) for letter, text in item.options.items()}


def _yes_or_no(item: Item) -> bool:
    return str(item.truth).strip().lower() in ("yes", "no")


def _accepted(item: Item) -> tuple[str, ...]:
    """Return the answers that count as right: several where MMMU writes a list of them."""
    truth = str(item.truth)
    if item.part == "mmmu_med" and truth.startswith("["):
        return tuple(str(one) for one in ast.literal_eval(truth))
    return (truth,)


def _strict(item: Item, reply: str) -> ScoredAnswer:
    """Read by the one parser: a letter, yes or no in either language, or words that must be the answer's."""
    if item.kind == "choice":
        return score_choice(item.truth, reply, options=item.options)
    if item.kind == "closed":
        polar = parse_closed(str(item.truth))
        if polar.status == "answered":
            parsed = parse_closed(reply)
            return ScoredAnswer(correct=float(parsed.value == polar.value), parsed=parsed)
        return score_closed(str(item.truth), reply)
    scored = max((score_open(one, reply) for one in _accepted(item)), key=lambda one: one.correct)
    return replace(scored, correct=scored.values["em"])


def _released(item: Item, reply: str) -> ScoredAnswer:
    """Read as the release does, without its judge."""
    if item.part == "mmmu_med":
        scorer = score_choice(item.truth, reply, options=item.options, mode="compat:mmmu") if item.options else None
        return scorer or score_open(str(item.truth), reply, mode="compat:mmmu")
    if item.kind == "choice":
        inside = reply if item.part == "pmc_vqa" else tagged(reply)
        return score_lines(item.truth, inside, _lines(item))
    mode = "compat:medevalkit_slake" if item.part.startswith("slake") else "compat:medevalkit"
    score = score_closed if item.kind == "closed" else score_open
    return score(str(item.truth), reply, mode=mode)


def _mark(scored: ScoredAnswer, names: Mapping[str, str]) -> Mark:
    values = {"accuracy": scored.correct}
    values |= {name: scored.values[theirs] for name, theirs in names.items() if theirs in scored.values}
    parsed = scored.parsed
    return Mark(values=values, status=parsed.status, said=str(parsed.value or ""), rule=parsed.rule)


def _written(item: Item, reply: str, convention: str) -> Mark:
    """Mark a text: its words, what they state, and whether it is one at all."""
    text = without_reasoning(reply).strip() if convention == "strict" else reply
    declined, rest = refusal(text)
    parsed = empty(text) or Parsed(status="refused" if declined and not rest else "answered", rule="text")
    values: dict[str, Any] = {}
    if item.kind == "rubric":
        values = {"score": float("nan"), "words": float(len(text.split()))}
        return Mark(values=values, status=parsed.status, said=text, rule=parsed.rule)
    values = finding_values(text, item.truth) if convention == "strict" else sentence_values(text, item.truth)
    return Mark(
        values=values, status=parsed.status, said=text, rule=parsed.rule, written=text, references=(item.truth,)
    )
