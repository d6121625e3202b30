"""What a judging model says: the pair of marks of LLaVA-Med's chat, and the verdicts and marks of single benchmarks.

Sources: LLaVA-Med, summarize_gpt_review.py; IML-DKFZ/sure-vqa, gemma_eval.py; open-compass/VLMEvalKit,
medqbench_caption.py; MedEvalKit, utils.py; the cards of SMMILE and MediConfusion. Where a release stops with an error
on a reply, it is unparsed here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping

from vesalius.errors import ConfigError, did_you_mean
from vesalius.tasks.answers.reply import Parsed
from vesalius.tasks.answers.rules.medevalkit import tagged

__all__ = ["JUDGES", "parse_judge"]

_PAIR = re.compile(r"\d+(?:\.\d+)?")
_SURE = re.compile(r'"score":\s*(\d*\.?\d*)')
_MEDQ = re.compile(r"Score\s*[:：]\s*([0-2](?:\.\d+)?)")
_MARK = re.compile(r"\s*([0-2](?:\.\d+)?)\s*")
_CLOSENESS = re.compile(r"A: ([+-]?\d+)\n+B: ([+-]?\d+)\n+")


def parse_judge(reply: str, *, judge: str) -> Parsed:
    """Read the verdict of a judge by the rule of a benchmark, a key of ``JUDGES``.

    Raises:
        ConfigError: no such judge; offers the nearest.
    """
    if judge not in JUDGES:
        raise ConfigError(f"unknown judge {judge!r}{did_you_mean(judge, JUDGES)}")
    if not reply.strip():
        return Parsed(status="empty", rule="no word")
    value = JUDGES[judge](reply)
    if value is None:
        return Parsed(status="unparsed", rule=f"no verdict by the rule of {judge}")
    return Parsed(status="answered", value=value, rule=judge)


def _llava_med(reply: str) -> tuple[float, float] | None:
    """First line: the marks of the reference and of the candidate, parted by one space."""
    marks = reply.strip().split("\n")[0].split(" ")
    if len(marks) != 2 or not all(_PAIR.fullmatch(mark) for mark in marks):
        return None
    return float(marks[0]), float(marks[1])


def _sure_vqa(reply: str) -> float | None:
    """The number behind "score", quoted or not."""
    found = _SURE.search(reply if '"' in reply else reply.replace("score", '"score"'))
    try:
        return float(json.loads(found.group(1))) if found else None
    except ValueError:
        return None


def _medq_bench(reply: str) -> float | None:
    """A mark from 0 to 2: behind "Score:", as JSON, or alone."""
    text = reply.strip()
    found = _MEDQ.search(text)
    if found:
        return float(found.group(1))
    try:
        value = json.loads(text)
        if isinstance(value, Mapping):
            marks = (float(value[key]) for key in ("score", "Score") if key in value)
            value = next((mark for mark in marks if 0 <= mark <= 2), None)
        if isinstance(value, int | float) and 0 <= value <= 2:
            return float(value)
    except (ValueError, TypeError, RecursionError):
        pass
    alone = _MARK.fullmatch(text)
    return float(alone.group(1)) if alone else None


def _medevalkit(reply: str) -> float:
    """1 where the judge's tag holds 0, its code for correct; anything else is wrong there, never unparsed."""
    return float(tagged(reply, "judge") == "0")


def _digit(reply: str) -> float | None:
    """A single 0 or 1, with nothing around it."""
    return float(reply) if reply in ("0", "1") else None


def _mediconfusion(reply: str) -> tuple[float, float] | None:
    """How close the reply is to options A and B, each on a line of its own, with an explanation behind."""
    found = _CLOSENESS.match(reply)
    return (float(found.group(1)), float(found.group(2))) if found else None


JUDGES: Mapping[str, Callable[[str], float | tuple[float, float] | None]] = {
    "gpt_score": _llava_med,
    "sure_vqa": _sure_vqa,
    "medq_bench": _medq_bench,
    "medevalkit": _medevalkit,
    "smmile": _digit,
    "mediconfusion": _mediconfusion,
}
"""Benchmark to the reader of its judge's replies; a pair is (reference, candidate) or (A, B)."""
