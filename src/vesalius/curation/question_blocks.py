"""Questions and answers that a language model wrote in numbered blocks, read and checked.

Source: Holland et al. 2024 (RetinaVLM, arXiv 2407.08410): blocks "1. Q: … A: …", and rules for their content.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from vesalius.curation.text_keys import words

__all__ = ["Block", "BlockCheck", "check_blocks", "parse_blocks"]

_BLOCK = re.compile(
    r"^\s*(?P<number>\d{1,3})[.)]\s*Q:\s*(?P<question>.*?)\s*\n?\s*A:\s*(?P<answer>.*?)(?=^\s*\d{1,3}[.)]\s*Q:|\Z)",
    re.MULTILINE | re.DOTALL,
)
_SILENT = re.compile(r"\breport (?:does not|doesn't|did not) (?:mention|state|say|specify)|\bnot mentioned\b", re.I)
_YES, _NO = ("yes",), ("no",)


class Block(NamedTuple):
    """One question with its answer."""

    number: int
    question: str
    answer: str


@dataclass(frozen=True, kw_only=True)
class BlockCheck:
    """What the rules say of a list of blocks; numbers are those of the blocks."""

    yes: int
    no: int
    leaking: tuple[int, ...]
    """Questions that name a label of their answer."""
    silent: tuple[int, ...]
    """Answers that tell what a report does not mention."""
    repeated: tuple[int, ...]
    """Questions that stand before in the same words."""

    @property
    def sound(self) -> bool:
        """Whether nothing leaks, is silent or repeated, and yes and no differ by one at most."""
        return not (self.leaking or self.silent or self.repeated) and abs(self.yes - self.no) <= 1


def parse_blocks(text: str) -> list[Block]:
    """Read blocks "n. Q: … A: …"; what stands before the first one and blocks without both parts are left out."""
    found = (
        Block(int(one["number"]), one["question"].strip(), one["answer"].strip()) for one in _BLOCK.finditer(text)
    )
    return [block for block in found if block.question and block.answer]


def check_blocks(blocks: Sequence[Block], *, labels: Sequence[str] = ()) -> BlockCheck:
    """Check blocks by the rules.

    Args:
        blocks: of one image.
        labels: words that may be in an answer and then must not be in its question, such as stages.
    """
    leaking, silent, repeated = [], [], []
    before: set[tuple[str, ...]] = set()
    for block in blocks:
        asked, told = tuple(words(block.question)), tuple(words(block.answer))
        if any(_holds(told, label) and _holds(asked, label) for label in labels) and told[:1] not in (_YES, _NO):
            leaking.append(block.number)
        if _SILENT.search(block.answer):
            silent.append(block.number)
        if asked in before:
            repeated.append(block.number)
        before.add(asked)
    first = [tuple(words(block.answer))[:1] for block in blocks]
    return BlockCheck(
        yes=first.count(_YES), no=first.count(_NO), leaking=tuple(leaking), silent=tuple(silent),
        repeated=tuple(repeated),
    )  # fmt: skip


def _holds(said: tuple[str, ...], label: str) -> bool:
    wanted = tuple(words(label))
    return any(said[place : place + len(wanted)] == wanted for place in range(len(said) - len(wanted) + 1))
