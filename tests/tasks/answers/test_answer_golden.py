"""Ours equal what the releases gave on replies drawn at random; each golden file says how it was made."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vesalius.tasks.answers import parse_choice, parse_judge, parse_number, parse_numbers
from vesalius.tasks.answers import score_choice as choice
from vesalius.tasks.answers import score_closed as closed
from vesalius.tasks.answers import score_open as opened
from vesalius.tasks.answers.rules.llava_med import normalise
from vesalius.tasks.answers.rules.lmms_slake import normalise as slake_form

GOLDEN = Path(__file__).parents[2] / "golden"
PLAIN = {"A": "Effusion", "B": "Pneumonia", "C": "Normal", "D": "Fracture"}


def values(found: Any, *names: str) -> list[float]:
    return [found.correct, *(found.values[name] for name in names)]


def kit(name: str) -> str:
    return f"compat:{name}"


def vlm(options: dict[str, str], reply: str) -> Any:
    parsed = parse_choice(reply, options, mode=kit("vlmevalkit"))
    return "Z" if parsed.status == "refused" else parsed.value or False


def llava(gold: str, reply: str, candidates: list[str]) -> list[float]:
    found = opened(gold, reply, mode=kit("llava_med"), candidates=candidates).values
    return [found[name] for name in ("recall", "precision", "f1", "exact_match", "bleu_1", "open_accuracy")]


def letter(name: str, none: str) -> Callable[..., str]:
    return lambda reply: parse_choice(reply, PLAIN, mode=kit(name)).value or none


OURS: dict[str, Callable[..., Any]] = {
    "normalize_word": normalise,
    "llava_med closed": lambda gold, reply: closed(gold, reply, mode=kit("llava_med")).correct,
    "llava_med_prefix2023 closed": lambda gold, reply: closed(gold, reply, mode=kit("llava_med_prefix2023")).correct,
    "llava_med open": llava,
    "medevalkit closed": lambda gold, reply: closed(gold, reply, mode=kit("medevalkit")).correct,
    "medevalkit open": lambda gold, reply: values(
        opened(gold, reply, mode=kit("medevalkit")), "set_f1", "set_precision", "set_recall"
    ),
    "medevalkit_slake closed": lambda gold, reply: closed(gold, reply, mode=kit("medevalkit_slake")).correct,
    "medevalkit_slake open": lambda gold, reply: opened(gold, reply, mode=kit("medevalkit_slake")).correct,
    "medevalkit choice": lambda options, gold, reply: (
        choice(gold, reply, options=options, mode=kit("medevalkit")).correct
    ),
    "judge medevalkit": lambda reply: parse_judge(reply, judge="medevalkit").value or 0.0,
    "lmms_slake": lambda gold, reply: [opened(gold, reply, mode=kit("lmms_slake")).correct, slake_form(reply)],
    "vlmevalkit": vlm,
    "omnimed_qa": lambda options, gold, reply: choice(gold, reply, options=options, mode=kit("omnimed_qa")).correct,
    "pmcvqa": lambda options, gold, reply: choice(gold, reply, options=options, mode=kit("pmcvqa")).correct,
    "pmcvqa_te": lambda options, gold, reply: choice(gold, reply, options=options, mode=kit("pmcvqa_te")).correct,
    "medrega open": lambda gold, reply: values(opened(gold, reply, mode=kit("medrega")), "recall", "precision", "f1"),
    "medrega closed": lambda gold, reply: closed(gold, reply, mode=kit("medrega")).correct,
    "sure_vqa closed": lambda gold, reply, names: closed(gold, reply, mode=kit("sure_vqa"), candidates=names).correct,
    "sure_vqa open": lambda gold, reply: values(opened(gold, reply, mode=kit("sure_vqa")), "exact_match", "bleu_1"),
    "judge sure_vqa": lambda reply: parse_judge(reply, judge="sure_vqa").value,
    "token_f1": lambda gold, reply: values(opened(gold, reply, mode=kit("token_f1")), "em"),
    "smmile": lambda options, reply: parse_choice(reply, options, mode=kit("smmile")).value or "EXTRACTION_FAILED",
    "mediconfusion": lambda reply: parse_choice(reply, {"A": "", "B": ""}, mode=kit("mediconfusion")).value,
    "medq_bench": letter("medq_bench", ""),
    "judge medq": lambda reply: parse_judge(reply, judge="medq_bench").value,
    "deeptumorvqa choice": letter("deeptumorvqa", ""),
    "deeptumorvqa closed": lambda gold, reply: closed(gold, reply, mode=kit("deeptumorvqa")).correct,
    "deeptumorvqa open": lambda gold, reply: opened(gold, reply, mode=kit("deeptumorvqa")).correct,
    "medvision": lambda count, reply: parse_numbers(reply, count, mode=kit("medvision")).value,
    "deeptumorvqa number": lambda reply: parse_number(reply, mode=kit("deeptumorvqa")).value,
}
FILES = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(GOLDEN.glob("answers_*.json"))}
CASES = [(kind, rows) for held in FILES.values() for kind, rows in held.items() if isinstance(rows, list)]


def same(ours: Any, theirs: Any) -> bool:
    if isinstance(theirs, list):
        return len(ours) == len(theirs) and all(same(one, other) for one, other in zip(ours, theirs, strict=True))
    if isinstance(ours, float) and math.isnan(ours):
        return theirs is None
    if isinstance(theirs, float) and isinstance(ours, float):
        return abs(ours - theirs) < 1e-9  # the file keeps twelve digits
    return bool(ours == theirs)


def test_every_golden_kind_has_its_function() -> None:
    assert {kind for kind, _ in CASES} == set(OURS)
    assert len(FILES) == 11
    assert all(len(rows) >= 20 for _, rows in CASES)


@pytest.mark.parametrize(("kind", "rows"), CASES, ids=[kind for kind, _ in CASES])
def test_equal_to_the_release(kind: str, rows: list[list[Any]]) -> None:
    for *case, theirs in rows:
        ours = OURS[kind](*case)
        assert same(ours, theirs), f"{kind} {case}: ours {ours!r}, theirs {theirs!r}"
