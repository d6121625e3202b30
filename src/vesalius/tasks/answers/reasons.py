"""How far a reason gives the answer away: what a reader of its words alone, without image, would answer."""

from __future__ import annotations

from collections.abc import Sequence

from vesalius.errors import DataError
from vesalius.metrics.answers import plain_answer
from vesalius.tasks.answers import parse_closed

__all__ = ["leaked", "told_by"]

_YES_NO = {"yes", "no"}


def told_by(reason: str, options: Sequence[str]) -> str:
    """Return the option that a reason tells by its words; nothing where it tells none, or several.

    A yes or no is read with denials ("not present"); any other option where its words stand in the reason.
    """
    plain = {option: plain_answer(option) for option in options}
    if set(plain.values()) == _YES_NO:
        said = parse_closed(reason, negation=True).value
        return next((option for option, words in plain.items() if words == said), "")
    words = f" {plain_answer(reason)} "
    found = [option for option, own in plain.items() if own and f" {own} " in words]
    return found[0] if len(found) == 1 else ""


def leaked(reasons: Sequence[str], options: Sequence[Sequence[str]], answers: Sequence[str]) -> list[bool]:
    """Return for each reason whether it alone tells the right answer; their mean is the accuracy of such a reader.

    Raises:
        DataError: there are not as many reasons, options and answers.
    """
    if not len(reasons) == len(options) == len(answers):
        raise DataError(f"{len(reasons)} reasons, {len(options)} lists of options and {len(answers)} answers")
    return [told_by(reason, own) == answer for reason, own, answer in zip(reasons, options, answers, strict=True)]
