"""Yes or no in a reply.

The rule: whole words yes, no, true and false; the
first clause decides where it starts with one; both elsewhere is ambiguous; none is unparsed.
"""

from __future__ import annotations

import re

from vesalius.tasks.answers.reply import Parsed, empty, final_content, refusal

__all__ = ["closed_words", "parse_closed_text"]

_POLARITY = {"yes": "yes", "true": "yes", "no": "no", "false": "no"}
_WORD = re.compile(
    r"(?:(?P<denied>(?<!\w)not\s+|n['’]t\s+)|(?<![\w'’-]))(?P<word>yes|no|true|false)(?![\w'’-])(?!\.\s*\d)"
    r"(?!\s+(?:doubt|question|lumens?|lumina|ribs?|positives?|negatives?|lateral|aneurysms?|pelvis|vocal)\b)",
    re.IGNORECASE,
)
_ECHO = re.compile(r"\b(?:yes\s*(?:/|or)\s*no|no\s*(?:/|or)\s*yes|true\s*(?:/|or)\s*false)\b", re.IGNORECASE)
_CLAUSE = re.compile(r"[.,;:!?\n。，；：！？،؛؟]|\s[-–—]\s")
_FOREIGN = {
    "yes": "ja oui sí si sì sim да はい 예 네 vâng evet हाँ 是 是的 有 有的 对 對 正确 正確 存在 نعم أجل",
    "no": "nein non não нет いいえ 아니요 아니오 không hayır नहीं 否 不 不是 没有 沒有 无 無 不对 错误 不存在 لا كلا",
}
"""Words of other languages; they decide only as a clause of their own at the start: some are parts of others."""
_STARTING = {"yes": ("是的", "نعم "), "no": ("没有", "沒有", "不是", "لا ")}
"""Words that need no end of clause behind them at the start of a reply."""
_ABSENT = re.compile(
    r"\b(?:not|without|absent|absence\s+of|negative\s+for|free\s+of|neither|nor|no\s+longer|unremarkable|resolved)\b"
    r"|n['’]t\b|\bwithin\s+normal\s+limits\b|\bruled\s+out\b",
    re.IGNORECASE,
)
_PRESENT = re.compile(
    r"\bthere\s+(?:is|are|was|were)\b|\b(?:present|seen|visible|evident)\b"
    r"|\b(?:noted|identified|observed|shows?|demonstrates?)\b"
    r"|\bconsistent\s+with\b",
    re.IGNORECASE,
)
_UNSURE = re.compile(
    r"\b(?:cannot|can\s*not|can['’]t)\s+(?:be\s+)?(?:exclude|rule)|\bnot\s+excluded\b"
    r"|\bpossibl[ey]\b|\bmay\b|\bmight\b",
    re.IGNORECASE,
)
_PARTS = re.compile(r"[.;!?\n]|\b(?:but|however|although|except)\b", re.IGNORECASE)


def parse_closed_text(reply: str, *, negation: bool) -> Parsed:
    """Read yes or no by our rule; `negation` also maps statements such as "not seen" and "there is"."""
    nothing = empty(reply)
    if nothing:
        return nothing
    content = final_content(reply)
    text = content.text
    bare = _ECHO.sub(" ", text)
    text = bare if closed_words(bare) else text
    first = _CLAUSE.split(text.lstrip(" \t\n\"'“‘([-•*"), maxsplit=1)[0]
    start = _WORD.match(first)
    if start and len(closed_words(first)) == 1:
        return Parsed(status="answered", value=closed_words(first)[0], rule=f"{content.mark}: first clause")
    foreign = _foreign(text)
    if foreign:
        return Parsed(status="answered", value=foreign, rule=f"{content.mark}: first clause of another language")
    declined, rest = refusal(text)
    found = closed_words(rest if declined else text)
    if len(found) == 1:
        return Parsed(status="answered", value=found[0], rule=f"{content.mark}: only word")
    if found:
        return Parsed(status="ambiguous", rule=f"{content.mark}: yes and no")
    if declined:
        return Parsed(status="refused", rule="refusal")
    stated = _statement(text) if negation else None
    return stated or Parsed(status="unparsed", rule="neither yes nor no")


def closed_words(text: str) -> list[str]:
    """Return which of "yes" and "no" the words of a text say, each once; "not" before a word turns it round."""
    said = []
    for found in _WORD.finditer(text):
        value = _POLARITY[found["word"].lower()]
        said.append(value if not found["denied"] else {"yes": "no", "no": "yes"}[value])
    return sorted(set(said))


def _foreign(text: str) -> str | None:
    first = _CLAUSE.split(text.strip(" \t\n\"'“‘([-•*"), maxsplit=1)[0].strip().casefold()
    for value, words in _FOREIGN.items():
        if first in words.split() or text.strip().startswith(_STARTING[value]):
            return value
    return None


def _statement(text: str) -> Parsed | None:
    """Map clauses that deny or state something to no and yes; uncertain ones to nothing."""
    said = set()
    for part in _PARTS.split(text):
        if _UNSURE.search(part):
            return Parsed(status="ambiguous", rule="negation: uncertain statement")
        if _ABSENT.search(part):
            said.add("no")
        elif _PRESENT.search(part):
            said.add("yes")
    if len(said) > 1:
        return Parsed(status="ambiguous", rule="negation: states and denies")
    return Parsed(status="answered", value=said.pop(), rule="negation: statement") if said else None
