"""A grammar of formats for questions with options: a seed draws a template, another one a system prompt.

Source: taekb/eval-medical-dapt at 908bb86, sample_llm_prompt_template and sample_llm_system_prompt (after Sclar et
al. 2024, arXiv 2310.11324). A seed gives the very template that it gives there; the lists are in
``prompts/medical_adaptation_progress.yaml``.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

from vesalius.benchmarks.prompts import prompts

__all__ = ["DEFAULT", "Template", "sampled_system", "sampled_template"]


@dataclass(frozen=True, kw_only=True)
class Template:
    """How a question, its options and its answer are written."""

    question: str
    """What stands before a question, its separator with it; empty for nothing."""
    options: str
    """What stands before the options."""
    answer: str
    """What stands before the answer, where the model goes on."""
    space: str
    """Between the blocks."""
    option_space: str
    """Between two options."""
    wrapper: str
    """Form of an option's letter, such as ``({})``."""

    def asked(self, question: str, options: Mapping[str, str]) -> str:
        """Return a question with its options."""
        listed = self.option_space.join(f"{self.wrapper.format(letter)} {text}" for letter, text in options.items())
        return f"{self.question}{question}{self.space}{self.options}{listed}"

    def opened(self, question: str, options: Mapping[str, str]) -> str:
        """Return a question with its options and the beginning of the answer."""
        asked = self.asked(question, options)
        return f"{asked}{self.space}{self.answer}" if self.answer else asked

    def answered(self, letter: str, options: Mapping[str, str]) -> str:
        """Return the whole answer, as a demonstration gives it."""
        return f"{self.answer}{self.wrapper.format(letter)} {options[letter]}"


DEFAULT = Template(question="Question: ", options="", answer="", space="\n", option_space="\n", wrapper="({})")
"""Template of models with turns that bring none of their own (get_llm_prompt_template)."""


@cache
def sampled_template(seed: int) -> Template:
    """Draw a template by its seed; without a line break between blocks there is none inside them."""
    lists = cast(Mapping[str, Any], prompts("medical_adaptation_progress"))
    draw = random.Random(seed)
    space = draw.choice(lists["spaces"])
    fitting = {name: _fitting(lists[name], space) for name in ("separators", "option_spaces")}
    separator = draw.choice(fitting["separators"])
    option_space = draw.choice(fitting["option_spaces"])
    case = draw.choice(lists["cases"])
    question = draw.choice(lists["question_words"])
    options = draw.choice(lists["option_words"])
    draw.choice(["letters"])
    wrapper = draw.choice(lists["wrappers"])
    answer = draw.choice(lists["answer_words"])
    before = {
        name: f"{_cased(words, case)}{separator}" if words else ""
        for name, words in (("question", question), ("options", options), ("answer", answer))
    }
    return Template(**before, space=space, option_space=option_space, wrapper=wrapper)


def sampled_system(seed: int) -> str:
    """Draw a system prompt by its seed; ``{}`` stands for the last letter."""
    lists = cast(Mapping[str, Any], prompts("medical_adaptation_progress"))
    return str(random.Random(seed).choice(lists["systems"]))


def _fitting(texts: Sequence[str], space: str) -> list[str]:
    return [text for text in texts if "\n" in space or "\n" not in text]


def _cased(words: str, case: str) -> str:
    changed = {"as is": words, "title": words.title(), "upper": words.upper(), "lower": words.lower()}
    return changed[case] if case in changed else case.format(words)
