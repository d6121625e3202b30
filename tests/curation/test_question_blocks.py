"""Blocks of questions that a language model wrote: read, and held to the rules of the prompt."""

from __future__ import annotations

import pytest

from vesalius.curation.question_blocks import Block, check_blocks, parse_blocks

TEXT = """Here are the questions.

1. Q: Are drusen shown? A: Yes, large ones.
2. Q: Is there fluid?
   A: No, there is none.
   It was looked for.
3) Q: Which stage is it? A: Intermediate.
4. Q: An empty answer? A:
12. Q: Is the stage intermediate AMD? A: The stage is intermediate.
"""


@pytest.mark.evidence("retinavlm", "L2", "blocks are read by number, and questions that name their label are found")
def test_blocks_are_read_and_checked() -> None:
    blocks = parse_blocks(TEXT)
    assert blocks == [
        Block(1, "Are drusen shown?", "Yes, large ones."),
        Block(2, "Is there fluid?", "No, there is none.\n   It was looked for."),
        Block(3, "Which stage is it?", "Intermediate."),
        Block(12, "Is the stage intermediate AMD?", "The stage is intermediate."),
    ]
    checked = check_blocks(blocks, labels=("early", "intermediate"))
    assert (checked.yes, checked.no, checked.leaking) == (1, 1, (12,))
    assert not checked.sound
    assert check_blocks(blocks[:3], labels=("early", "intermediate")).sound


def test_silence_repeats_and_one_sided_answers_are_found() -> None:
    blocks = [
        Block(1, "Is there fluid?", "Yes."),
        Block(2, "is there FLUID", "yes"),
        Block(3, "Is there a hole?", "The report does not mention a hole."),
    ]
    checked = check_blocks(blocks)
    assert (checked.yes, checked.no, checked.silent, checked.repeated) == (2, 0, (3,), (2,))
    assert not check_blocks([*blocks[:1], Block(2, "Is there gas?", "Yes.")]).sound


@pytest.mark.parametrize("text", ["", "Q: no number? A: yes", "1. only text", "1. Q: no answer"])
def test_what_is_no_block_is_left_out(text: str) -> None:
    assert parse_blocks(text) == []
