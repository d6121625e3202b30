"""One parser for the replies of models: what does a reply say, under our own rule or a published one.

``mode`` is "strict", our rule, or "compat:<name>", a key of ``COMPAT``. Parsing is pure: the same reply gives the
same answer, nothing is drawn at random, and what cannot be read is said to be so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from vesalius.errors import ConfigError, did_you_mean
from vesalius.metrics.answers import answer_words
from vesalius.tasks.answers.choice import check_options, parse_choice_text, parse_choices_text, parse_order_text
from vesalius.tasks.answers.closed import parse_closed_text
from vesalius.tasks.answers.number import first_number, last_numbers, parse_number_text, quantities
from vesalius.tasks.answers.regions import Corners, Scale, parse_regions
from vesalius.tasks.answers.reply import Parsed, empty, final_content, refusal
from vesalius.tasks.answers.rules import RULES
from vesalius.tasks.answers.rules.base import Rule
from vesalius.tasks.answers.structured import parse_confidence_text, parse_json_text

__all__ = [
    "COMPAT",
    "modes",
    "parse_boxes",
    "parse_choice",
    "parse_choices",
    "parse_closed",
    "parse_confidence",
    "parse_json",
    "parse_number",
    "parse_numbers",
    "parse_open",
    "parse_order",
    "parse_points",
    "published_rule",
]

STRICT = "strict"
_PREFIX = "compat:"
_LIKELIHOOD = "omnimed_prefix"
_JUDGED = "gpt_score"

COMPAT: Mapping[str, str] = MappingProxyType(
    {name: rule.does for name, rule in RULES.items()}
    | {
        _LIKELIHOOD: "choice: the option that the model finds likeliest; needs log-probabilities (score_likelihood).",
        _JUDGED: "a judge marks reference and candidate from 1 to 10; needs the judge's replies (parse_judge).",
        "medvision": "numbers: the last k of the reply, a range's second one negative.",
    }
)
"""Published rule to one sentence of what it does."""


def modes(kind: str) -> tuple[str, ...]:
    """Return the modes that score items of a kind ("closed", "open" or "choice"), "strict" first."""
    return (STRICT, *(f"{_PREFIX}{name}" for name, rule in RULES.items() if getattr(rule, kind) is not None))


def published_rule(mode: str, kind: str) -> Rule | None:
    """Return the published rule of a mode, None for "strict".

    Raises:
        ConfigError: no such mode, or its rule says nothing of items of this kind.
    """
    if mode == STRICT:
        return None
    name = mode.removeprefix(_PREFIX)
    if name == mode or name not in COMPAT:
        known = [STRICT, *(f"{_PREFIX}{known}" for known in COMPAT)]
        raise ConfigError(f"unknown mode {mode!r} of the answer parser{did_you_mean(mode, known)}")
    if name not in RULES or getattr(RULES[name], kind) is None:
        raise ConfigError(
            f"mode {mode!r} has no rule for {kind} items from replies; those that do: {', '.join(modes(kind))}"
        )
    return RULES[name]


def parse_choice(reply: str, options: Mapping[str, str], *, mode: str = STRICT) -> Parsed:
    """Read the letter of one option.

    Args:
        reply: what the model wrote.
        options: letter to text, in the order shown.
        mode: "strict" or a published rule.
    """
    rule = published_rule(mode, "choice")
    if rule is None:
        return parse_choice_text(reply, options)
    check_options(options)
    if rule.parse is not None:
        return rule.parse(reply, options)
    assert rule.choice is not None
    return rule.choice(next(iter(options)), reply, options).parsed


def parse_choices(reply: str, options: Mapping[str, str]) -> Parsed:
    """Read a frozenset of letters of an item that may have several right options."""
    return parse_choices_text(reply, options)


def parse_closed(reply: str, *, mode: str = STRICT, negation: bool = False) -> Parsed:
    """Read "yes" or "no"; a published rule that compares texts gives the text that it compares.

    `negation`, of the strict mode, also maps statements such as "not seen" and "there is"; report it apart.
    """
    rule = published_rule(mode, "closed")
    if rule is None:
        return parse_closed_text(reply, negation=negation)
    assert rule.closed is not None
    return rule.closed("yes", reply, ()).parsed


def parse_open(reply: str, *, mode: str = STRICT) -> Parsed:
    """Read a free answer as the words by which it is compared."""
    rule = published_rule(mode, "open")
    if rule is not None:
        assert rule.open is not None
        return rule.open("", reply, ()).parsed
    nothing = empty(reply)
    if nothing:
        return nothing
    content = final_content(reply)
    declined, rest = refusal(content.text)
    words = answer_words(rest if declined else content.text)
    if declined and not words:
        return Parsed(status="refused", rule="refusal")
    if not words:
        return Parsed(status="unparsed", rule="no word but reasoning or articles")
    return Parsed(status="answered", value=" ".join(words), rule=f"{content.mark}: words")


def parse_number(reply: str, *, unit: str | None = None, mode: str = STRICT) -> Parsed:
    """Read a number, converted to `unit` where one is asked for.

    Modes are strict, "compat:deeptumorvqa" (the first number) and "compat:medvision" (the last), which know no units.
    """
    if mode == STRICT:
        return parse_number_text(reply, unit=unit)
    if mode == "compat:deeptumorvqa":
        return first_number(reply)
    if mode == "compat:medvision":
        found = last_numbers(reply, 1)
        return found if found.value is None else Parsed(status="answered", value=found.value[0], rule=found.rule)
    raise ConfigError(f"mode {mode!r} has no rule for numbers; use strict, compat:deeptumorvqa or compat:medvision")


def parse_numbers(reply: str, count: int, *, mode: str = STRICT) -> Parsed:
    """Read a tuple of so many numbers; strict wants no more and no fewer, "compat:medvision" takes the last."""
    if mode == "compat:medvision":
        return last_numbers(reply, count)
    if mode != STRICT:
        raise ConfigError(f"mode {mode!r} has no rule for several numbers; use strict or compat:medvision")
    nothing = empty(reply)
    if nothing:
        return nothing
    content = final_content(reply)
    found = tuple(one.value for one in quantities(content.text))
    if len(found) == count:
        return Parsed(status="answered", value=found, rule=f"{content.mark}: {count} numbers")
    if not found and refusal(content.text)[0]:
        return Parsed(status="refused", rule="refusal")
    rule = f"{len(found)} numbers where {count} are asked for"
    return Parsed(status="ambiguous" if len(found) > count else "unparsed", rule=rule)


def parse_boxes(reply: str, *, size: tuple[int, int], scale: Scale, corners: Corners = "xyxy") -> Parsed:
    """Read boxes as pixels (x1, y1, x2, y2), (n, 4).

    Args:
        reply: what the model wrote.
        size: width and height of the image in pixels.
        scale: what the model's coordinates mean: pixels, shares of the side (0 to 1) or thousandths of it.
        corners: two corners, or a corner with width and height.
    """
    return parse_regions(reply, size=size, scale=scale, numbers=4, corners=corners)


def parse_points(reply: str, *, size: tuple[int, int], scale: Scale) -> Parsed:
    """Read points as pixels (x, y), (n, 2); see ``parse_boxes``."""
    return parse_regions(reply, size=size, scale=scale, numbers=2)


def parse_order(reply: str, labels: Sequence[str]) -> Parsed:
    """Read an order of labels as a tuple of all of them."""
    return parse_order_text(reply, labels)


def parse_confidence(reply: str) -> Parsed:
    """Read a stated confidence as a share from 0 to 1."""
    return parse_confidence_text(reply)


def parse_json(reply: str, *, keys: Sequence[str] = ()) -> Parsed:
    """Read the JSON of a reply; an object must hold all of `keys`."""
    return parse_json_text(reply, keys=keys)
