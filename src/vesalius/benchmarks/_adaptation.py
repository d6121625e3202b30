"""Closed questions put in a grammar of formats: what the two studies of medical adaptation have in common.

Source: taekb/eval-medical-dapt at 908bb86 (arXiv 2411.04118, 2411.08870). Every question is a choice; yes/no
questions about pictures have these two options, others those that the question names. The default prompt is that of
models that bring none. An arm is ``grammar`` (the answer is written) or ``constrained`` (the letters are weighed),
alone or with template and system prompt drawn by seed: ``grammar:17``, ``constrained:17+2``, ``grammar:default+2``.
"""

from __future__ import annotations

import math
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np

from vesalius.benchmarks._grammar import DEFAULT, Template, sampled_system, sampled_template
from vesalius.benchmarks._suite import Part, dialogues, folders_at, question_item, write_suite
from vesalius.benchmarks.base import Arm, Benchmark, Headline, Item, Mark
from vesalius.benchmarks.prompts import prompts
from vesalius.data.datasets.mmlu_med import MORE_SUBJECTS
from vesalius.data.datasets.mmlu_med import SUBJECTS as MMLU
from vesalius.data.datasets.mmmu_med import SUBJECTS as MMMU
from vesalius.data.messages import Message
from vesalius.data.records import Dialogue, Study
from vesalius.inference.requests import Decoding, Reply, Request
from vesalius.tasks.answers import score_choice

__all__ = ["TEXT_PARTS", "VISUAL_PARTS", "AdaptationStudy", "alternatives", "letter_probabilities"]

_VAL: Mapping[str, str] = MappingProxyType({"test": "val"})
_DEV: Mapping[str, str] = MappingProxyType({"train": "dev"})
TEXT_PARTS = (
    Part(name="medqa", dataset="medqa", settings={"options": 5}, fields=("country", "options", "step")),
    Part(name="medqa_usmle", dataset="medqa", settings={"options": 4}, fields=("country", "options", "step")),
    Part(name="medmcqa", dataset="medmcqa", splits=_VAL, fields=("choice_type", "subject")),
    Part(name="pubmedqa", dataset="pubmedqa"),
    *(
        Part(name=f"mmlu_{name}", dataset="mmlu_med", splits=_DEV, settings={"subjects": (name,)})
        for name in (*MMLU, *MORE_SUBJECTS)
    ),
)
VISUAL_PARTS = (
    Part(name="vqa_rad", dataset="vqa_rad", fields=("phrase_type", "question_type")),
    Part(name="path_vqa", dataset="path_vqa", fields=("question_type",)),
    Part(name="slake", dataset="slake", settings={"language": "en"}, fields=("base_type", "content_type")),
    *(
        Part(name=f"mmmu_{name.lower()}", dataset="mmmu_med", splits={**_VAL, **_DEV}, settings={"subjects": (name,)})
        for name in MMMU
    ),
)
_PROMPTS = "medical_adaptation_progress"
_SEED = 42
_SYSTEMS = 3
"""System prompts that are tried beside the default."""
_ARM = re.compile(r"(grammar|constrained)(?::(default|\d{1,9})(?:\+(\d{1,9}))?)?")
_PICTURE = re.compile(r"<image \d>")


@dataclass(frozen=True, kw_only=True)
class _Held:
    """Which part of a data set that has no validation part is cut, and what is left of it."""

    source: str
    rest: str
    share: float = 0.2
    most: int = 10**9


_HELD = {
    "medmcqa": _Held(source="train", rest="train"),
    "vqa_rad": _Held(source="train", rest="train"),
    "mmmu_med": _Held(source="val", rest="test", share=0.5, most=5),
}
"""MMMU gives five validation items a subject (half of them where there are fewer than ten), the others a fifth."""


@dataclass(frozen=True, kw_only=True)
class _Way:
    """An arm taken apart."""

    weighed: bool
    template: int | None
    system: int | None


class AdaptationStudy(Benchmark):
    """Parts with closed questions only; each model is asked in the way that validation chooses for it."""

    arms = (
        Arm(
            name="grammar",
            words="the answer is written, default prompt; grammar:17+2 has template 17, system prompt 2",
        ),
        Arm(name="constrained", words="the likeliest of the letters, weighed at the first place of the answer"),
    )
    conventions = MappingProxyType(
        {
            "strict": "the one parser reads the letter or the option's text; weighed letters are compared",
            "as-released": "the first letter between marks, the article A too, else the right option's text alone",
        }
    )
    suite: tuple[Part, ...]
    visual: frozenset[str]
    """Parts with pictures: they keep their own system prompt in the search."""
    headlines = (Headline(metric="accuracy"),)

    def arm(self, name: str) -> Arm | None:
        """Return an arm of the grammar by its name."""
        if _ARM.fullmatch(name) is None:
            return None
        return super().arm(name) or Arm(name=name, words="template and system prompt drawn from the grammar by seed")

    def searched_arms(self, part: str, arm: str, count: int) -> tuple[str, ...]:
        """Return default and three system prompts times default and `count` templates; visual parts keep theirs."""
        manner = arm.partition(":")[0]
        systems = ["", *(f"+{seed}" for seed in range(_SYSTEMS))] if part not in self.visual else [""]
        templates = ["default", *map(str, range(count))]
        return tuple(f"{manner}:{template}{system}" for system in systems for template in templates)

    def parts_at(self, root: Path) -> tuple[str, ...]:
        """Return the parts whose folder, named after the data set, lies below the root."""
        return folders_at(root, self.suite)

    def items(self, root: Path, *, parts: Sequence[str], split: str) -> Iterator[Item]:
        """Yield the closed questions of each part as choices."""
        for part in self.suite:
            if part.name in parts:
                for study, dialogue in _cut(part, root, split):
                    chosen = _as_choice(part, dialogue)
                    if chosen is not None:
                        yield question_item(part, study, chosen)

    def write_data_sets(self, root: Path, *, patients: int, seed: int) -> None:
        """Write the layouts of all data sets; subjects of MMLU that its twin lacks get the questions of others."""
        write_suite(root, tuple(dict.fromkeys(part.dataset for part in self.suite)), patients=patients, seed=seed)
        for more, subject in zip(MORE_SUBJECTS, MMLU, strict=False):
            for part in ("dev", "val", "test"):
                folder = root / "mmlu_med" / part
                shutil.copyfile(folder / f"{subject}_{part}.csv", folder / f"{more}_{part}.csv")

    def ask(self, item: Item, said: Sequence[Reply], *, arm: str, shots: Sequence[Item]) -> Request | None:
        """Put system prompt, demonstrations as turns, and the question with the beginning of its answer."""
        if said:
            return None
        way = _way(arm)
        template = DEFAULT if way.template is None else sampled_template(way.template)
        messages = [Message(role="system", parts=(self.system(item, way.system),))]
        for shot in shots:
            messages.append(Message(role="user", parts=(*shot.media, template.asked(shot.question, shot.options))))
            messages.append(Message(role="assistant", parts=(template.answered(shot.truth, shot.options),)))
        words = self.words(item, template)
        messages.append(Message(role="user", parts=(*item.media, words)))
        return Request(
            id=item.id,
            messages=tuple(messages),
            decoding=Decoding(max_tokens=64),
            choices=tuple(item.options) if way.weighed else (),
            by_likelihood=way.weighed,
        )

    def system(self, item: Item, seed: int | None) -> str:
        """Return the system prompt of an item: drawn by a seed, or the default one."""
        if seed is not None:
            words = sampled_system(seed)
        else:
            words = prompts(_PROMPTS)["default_visual_system" if item.part in self.visual else "default_system"]
        return words.replace("{}", list(item.options)[-1])

    def words(self, item: Item, template: Template) -> str:
        """Return the question as a template has it."""
        return template.opened(item.question, item.options)

    def right(self, item: Item, said: Sequence[Reply]) -> str:
        """Return the letter."""
        return str(item.truth)

    def mark(self, item: Item, said: Sequence[Reply], *, convention: str) -> Mark:
        """Read a letter, or take the likeliest."""
        weights = letter_probabilities(said[0].log_probabilities)
        if weights:
            best = max(weights, key=lambda letter: weights[letter])
            return Mark(
                values={"accuracy": float(best == item.truth)}, said=best, rule="likeliest letter",
                confidence=weights[best],
            )  # fmt: skip
        mode = "compat:medical_adaptation" if convention == "as-released" else "strict"
        scored = score_choice(item.truth, said[0].text, options=item.options, mode=mode)
        parsed = scored.parsed
        return Mark(
            values={"accuracy": scored.correct}, status=parsed.status, said=str(parsed.value or ""), rule=parsed.rule
        )


def letter_probabilities(log_probabilities: Mapping[str, float]) -> dict[str, float]:
    """Return the probabilities of letters, restricted to them and renormalised."""
    if not log_probabilities:
        return {}
    highest = max(log_probabilities.values())
    weights = {letter: math.exp(value - highest) for letter, value in log_probabilities.items()}
    return {letter: weight / math.fsum(weights.values()) for letter, weight in weights.items()}


def alternatives(question: str, answer: str) -> tuple[str, ...]:
    """Return what a closed question offers: yes and no, or what stands around "or", about as long as the answer.

    "Is it hyperdense or hypodense?" offers both words; "spleen, left kidney or liver" three. Nothing is returned
    where the answer is not among what is found.
    """
    said = answer.strip().lower()
    if said in ("yes", "no"):
        return ("yes", "no")
    before, found, after = question.lower().strip().rstrip("?. ").rpartition(" or ")
    if not found:
        return ()
    length = len(said.split())
    listed = [part.strip() for part in before.split(",")]
    words = listed[-1].split()
    last = listed[-1] if len(words) <= length + 1 else " ".join(words[-length:])
    first = " ".join(after.replace(",", " ").split()[:length])
    options = tuple(dict.fromkeys([*(part for part in listed[1:-1] if part), last, first]))
    return options if said in options and len(options) > 1 else ()


def _way(arm: str) -> _Way:
    found = _ARM.fullmatch(arm)
    assert found is not None, arm
    template, system = found[2], found[3]
    drawn = None if template in (None, "default") else int(template)
    return _Way(weighed=found[1] == "constrained", template=drawn, system=None if system is None else int(system))


def _cut(part: Part, root: Path, split: str) -> Iterator[tuple[Study, Dialogue]]:
    """Yield the questions of a split; where a data set has no validation part it is cut from another, by seed 42."""
    held = _HELD.get(part.dataset)
    if part.dataset == "pubmedqa" and split in ("train", "val"):
        yield from _pubmedqa(part, root, split)
        return
    if held is None or split not in ("val", held.rest):
        yield from dialogues(part, root, split=split)
        return
    source = replace(part, splits={})
    count = sum(1 for _ in dialogues(source, root, split=held.source))
    size = min(held.most, math.ceil(held.share * count))
    order = np.random.default_rng(_SEED).permutation(count)
    chosen = set(order[:size].tolist())
    for number, found in enumerate(dialogues(source, root, split=held.source)):
        if (number in chosen) == (split == "val"):
            yield found


def _pubmedqa(part: Part, root: Path, split: str) -> Iterator[tuple[Study, Dialogue]]:
    """Validate on the labelled questions that are not asked, and demonstrate by those made by rules.

    Where the file of the latter is not there, the first fold's parts serve for both.
    """
    made = (root / part.dataset / "ori_pqaa.json").exists() or (root / part.dataset / "data/ori_pqaa.json").exists()
    if not made:
        yield from dialogues(part, root, split=split)
    elif split == "train":
        yield from dialogues(replace(part, settings={"artificial": True}), root, split="train")
    else:
        for theirs in ("train", "val"):
            yield from dialogues(part, root, split=theirs)


def _as_choice(part: Part, dialogue: Dialogue) -> Dialogue | None:
    """Return a question as a choice, in the study's wording; None where it is open."""
    text = dialogue.turns[-1].text
    if dialogue.answer_type == "choice":
        if part.dataset == "pubmedqa":
            context, _, asked = text.rpartition("\n")
            text = f"{context}\n\n{asked}"
        return _with_text(dialogue, _PICTURE.sub("", text).strip())
    if dialogue.answer_type != "closed":
        return None
    options = alternatives(text, dialogue.answer)
    if not options:
        return None
    changed = replace(dialogue, options=options, answer=dialogue.answer.strip().lower(), answer_type="choice")
    return _with_text(changed, " ".join(text.split()).replace(" ?", "?").capitalize())


def _with_text(dialogue: Dialogue, text: str) -> Dialogue:
    return replace(dialogue, turns=(*dialogue.turns[:-1], replace(dialogue.turns[-1], text=text)))
