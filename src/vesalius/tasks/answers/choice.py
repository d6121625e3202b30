"""The option that a reply chooses, or the options.

The rule: forms of a letter first, then an option's
text where it is the only one in the reply; nothing is matched by likeness.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from vesalius.errors import DataError
from vesalius.metrics.answers import word_spans
from vesalius.tasks.answers.closed import parse_closed_text
from vesalius.tasks.answers.letters import find_letters, lone_letter, read_letters
from vesalius.tasks.answers.reply import Parsed, empty, final_content, refusal

__all__ = ["check_options", "parse_choice_text", "parse_choices_text", "parse_order_text"]

_DENIAL = {"not", "no", "without", "never", "neither", "nor", "excluding", "excludes", "isn't", "isn’t"}
_REACH = 3
"""Words behind a denial that it still denies, within its clause."""
_BREAK = re.compile(r"[.,;:!?\n]|\b(?:but|however|although)\b", re.IGNORECASE)
_GLUED = re.compile(r"^\W*([A-Z]{2,26})\W*$")


def check_options(options: Mapping[str, str]) -> None:
    """See that there are options and that each has a label of one character.

    Raises:
        DataError: there is none, or a label is longer.
    """
    wrong = [label for label in options if len(label) != 1 or not label.isalnum()]
    if not options or wrong:
        raise DataError(f"options need labels of one letter or digit, such as A and B; found {sorted(options)}")


def parse_choice_text(reply: str, options: Mapping[str, str]) -> Parsed:
    """Read one letter by our rule; a text that is denied ("not normal") does not count."""
    check_options(options)
    nothing = empty(reply)
    if nothing:
        return nothing
    content = final_content(reply)
    whole = _whole(content.text, options)
    if whole:
        return Parsed(status="answered", value=whole, rule=f"{content.mark}: whole text")
    lone = lone_letter(content.text, list(options))
    declined, rest = (False, "") if lone else refusal(content.text)
    if declined and not rest:
        return Parsed(status="refused", rule="refusal")
    found = _chosen(rest if declined else content.text, options)
    if declined and found.status != "answered":
        return Parsed(status="refused", rule="refusal")
    return Parsed(status=found.status, value=found.value, rule=f"{content.mark}: {found.rule}")


def parse_choices_text(reply: str, options: Mapping[str, str]) -> Parsed:
    """Read a set of letters: a list of them, several claims, letters set together (``ACD``), or options' texts."""
    check_options(options)
    nothing = empty(reply)
    if nothing:
        return nothing
    content = final_content(reply)
    labels = list(options)
    glued = _GLUED.match(content.text)
    if glued and set(glued.group(1)) <= set(labels) and len(set(glued.group(1))) == len(glued.group(1)):
        return Parsed(
            status="answered", value=frozenset(glued.group(1)), rule=f"{content.mark}: letters set together"
        )
    lone = lone_letter(content.text, labels)
    declined, _ = (False, "") if lone else refusal(content.text)
    if declined:
        return Parsed(status="refused", rule="refusal")
    letters = find_letters(content.text, labels)
    chosen = {lone} if lone else {*letters.concluded, *letters.claimed, *letters.named} - set(letters.ruled_out)
    rule = "letters"
    if not chosen:
        chosen, rule = set(_texts(content.text, options)), "texts"
    if not chosen:
        return Parsed(status="unparsed", rule="neither letter nor text")
    return Parsed(status="answered", value=frozenset(chosen), rule=f"{content.mark}: {rule}")


def parse_order_text(reply: str, labels: Sequence[str]) -> Parsed:
    """Read an order of all labels, such as ``B > A > C`` or ``2, 1, 3``; each must stand there once."""
    nothing = empty(reply)
    if nothing:
        return nothing
    text = final_content(reply).text
    every = sorted(labels, key=len, reverse=True)
    found = re.findall(r"(?<![\w])(?:" + "|".join(re.escape(label) for label in every) + r")(?![\w])", text)
    if not found and all(len(label) == 1 for label in labels):
        run = re.fullmatch(r"\W*(\w+)\W*", text)
        found = list(run.group(1)) if run else []
    if sorted(found) == sorted(labels):
        return Parsed(status="answered", value=tuple(found), rule="order of labels")
    if refusal(text)[0]:
        return Parsed(status="refused", rule="refusal")
    known = set(found)
    if known == set(labels):
        return Parsed(status="ambiguous", rule="labels stand more than once")
    return Parsed(status="unparsed", rule=f"{len(known)} of {len(labels)} labels named")


def _chosen(text: str, options: Mapping[str, str]) -> Parsed:
    letters, rule = read_letters(text, list(options))
    if len(letters) == 1:
        others = [label for label in _texts(text, options) if label != letters[0]] if rule == "letter first" else []
        against = f", against the text of {', '.join(others)}" if others else ""
        return Parsed(status="answered", value=letters[0], rule=rule + against)
    if letters:
        return Parsed(status="ambiguous", rule=f"letters {', '.join(letters)}")
    words = {label: " ".join(word for word, _, _ in word_spans(said)) for label, said in options.items()}
    if set(words.values()) == {"yes", "no"}:
        read = parse_closed_text(text, negation=False)
        value = next((label for label, said in words.items() if said == read.value), None)
        return Parsed(status=read.status, value=value, rule=f"text, {read.rule}")
    texts = _texts(text, options)
    if len(texts) == 1:
        return Parsed(status="answered", value=texts[0], rule="text")
    if texts:
        return Parsed(status="ambiguous", rule=f"texts of {', '.join(texts)}")
    return Parsed(status="unparsed", rule="neither letter nor text")


def _whole(text: str, options: Mapping[str, str]) -> str | None:
    """Return the only option whose text is all that is said."""
    said = [word for word, _, _ in word_spans(text)]
    found = [label for label, words in options.items() if said and [word for word, _, _ in word_spans(words)] == said]
    return found[0] if len(found) == 1 else None


def _texts(text: str, options: Mapping[str, str]) -> list[str]:
    """Return the options whose text stands in a reply, not denied, and not merely as a part of a longer one's."""
    spans = word_spans(text)
    joined = " " + " ".join(word for word, _, _ in spans) + " "
    starts = _word_numbers(joined)
    found = []
    for label, said in options.items():
        words = [word for word, _, _ in word_spans(said)]
        place = joined.find(" " + " ".join(words) + " ") if words else -1
        while place >= 0:
            first = starts[place]
            found.append((first, first + len(words), label))
            place = joined.find(" " + " ".join(words) + " ", place + 1)
    longest: dict[int, int] = {}
    for first, last, _ in found:
        for number in range(first, last):
            longest[number] = max(longest.get(number, 0), last - first)
    kept = {
        label
        for first, last, label in found
        if last - first >= max(longest[number] for number in range(first, last)) and not _denied(text, spans, first)
    }
    return [label for label in options if label in kept]


def _word_numbers(joined: str) -> dict[int, int]:
    """Return the number of the word behind each space of a text of words joined by single spaces."""
    return {place: number for number, place in enumerate(found.start() for found in re.finditer(" ", joined))}


def _denied(text: str, spans: Sequence[tuple[str, int, int]], first: int) -> bool:
    """Say whether a denial stands just before a word, in its clause."""
    for back in range(1, min(_REACH, first) + 1):
        word, _, end = spans[first - back]
        if _BREAK.search(text, end, spans[first - back + 1][1]) or word in ("but", "however"):
            return False
        if word in _DENIAL:
            return True
    return False
