"""Penn-Treebank words as the COCO caption code cuts them: Stanford CoreNLP 3.4.1 in lower case, marks dropped.

Written from the behaviour of that tokeniser. Each piece between spaces is cut alone and remembered, for a set of
reports holds few different pieces; what a piece becomes depends on the next one only for abbreviations that need a
number (``No. 5``) and for letters that end a sentence. Phone numbers and other words with spaces in them are cut.
"""

from __future__ import annotations

import html
import re
from functools import lru_cache
from itertools import chain

__all__ = ["penn_tokens"]

_ALWAYS = (
    "Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec|Mon|Tues?|Wed|Thu|Thurs|Fri|Ala|Ariz|Calif|Colo|Conn|Ct|Dak|Fla|Ga|Ind|"
    "Kans?|Ky|Md|Mich|Minn|Mo|Mont|Neb|Nev|Okla|Penn|Tenn|Va|Vt|Wis|Wyo|Inc|Cos?|Corp|P[pt]y|Ltd|Plc|Bros|Assn|Univ|"
    "Intl|Jr|Sr|Esq|tel|est|ext|sq|etc|al|Mr|Mrs|Ms|Drs?|Profs?|Sens?|Reps?|Attys?|Lt|Col|Gen|Messrs|Govs?|Adm|Rev|"
    "Maj|Sgt|Cpl|Pvt|Capt|Ste?|Ave|Pres|Lieut|Rt|Hon|Brig|Co?mdr|Pfc|Spc|Supts?|Det|Mt|Ft|Adj|Adv|Asst|Assoc|Ens|"
    "Insp|Mlle|Mme|Msgr|Sfc|Invt|Elec|Natl|Mfg|Dept|Blvd|Rd|vs|Bldg|Cie|cf"
)
"""Keep their point in any case; ``mass``, ``ill``, ``pa`` and the like only with a capital (`_CAPITAL`)."""
_CAPITAL = "Ark|Del|Ill|La|Mass|Miss|Ore|Pa|Tex|Wash"
_BEFORE_NUMBER = re.compile(r"(?:ca|figs?|prop|nos?|arts?|bldg|pp|op)\.\Z", re.IGNORECASE)
"""Keep their point before a number alone."""
_INITIAL = re.compile(r"[A-Za-z]\.\Z")
_NEW_SENTENCE = re.compile(
    "(?:The|There|This|In|It|He|A|An|But|If|At|We|You|Her|She|They|What|When|Our|As|So|That|These|After|Some)\\Z"
)
"""After these a letter with a point ends a sentence and is no initial."""
_LETTER = r"[^\W\d_]"
_NUMBER = r"[-+]?(?:\d*(?:[.,]\d+)+|\d+(?:[.:,]\d+)*)"
_WORD = rf"{_LETTER}[^\W_]*(?:[.!?]{_LETTER}[^\W_]*)*"
_PATTERNS = tuple(
    re.compile(pattern, flags)
    for pattern, flags in (
        (r"<[!?]?/?[A-Za-z][^<>]*>", 0),
        (r"(?:ftp|https?)://[^\s<>|\"()\[\]{}]+[^\s<>|.!?,;:&\"'()\[\]{}-]", re.IGNORECASE),
        (r"www\.(?:[^\s<>|.!?,\"()\[\]{}]+\.)+[a-z]{2,4}(?:/[^\s<>|\"()]*[^\s<>|.!?,;:&\"'()-])?", re.IGNORECASE),
        (r"[a-z0-9][^\s\"<>|()]*@(?:[^\s\"<>|(){}.]+\.)*[^\s\"<>|(){}.,;:]+", re.IGNORECASE),
        (r"\d{1,2}[-/]\d{1,2}[-/]\d{2,4}", 0),
        (r"(?:\d{1,4}[-\s])?\d{1,4}/\d{1,4}", 0),
        (_NUMBER, 0),
        (rf"(?:{_ALWAYS})\.(?![^\W_])", re.IGNORECASE),
        (rf"(?:{_CAPITAL})\.(?![^\W_])", 0),
        (rf"(?<!\d){_LETTER}(?:\.{_LETTER})*\.(?![^\W_])", 0),
        (r"(?:Ph|Ed)\.D\.", re.IGNORECASE),
        (r"[A-Z]+(?:[+&][A-Z]+)+", 0),
        (_WORD, 0),
        (rf"(?:[^\W_]+|{_NUMBER})(?:[-_](?:[^\W_]+|{_NUMBER}))+", 0),
        (r"[^\W_][^\W_.,]*(?:[-_](?:[^\W_]+(?:\.\d+)?))+", 0),
        (r"[^\W_][^\W_.,]*(?:[.,][^\W_.,]+)*(?:-[^\W_]+(?:\.\d+)?)+", 0),
        (r"[^\W_]+(?:-[^\W\d_]+){0,2}(?:/[^\W_]+(?:-[^\W\d_]+){0,2}){1,2}", 0),
        (r"[dDoOlL]'[^\W_]+(?:-[^\W_]+)*", 0),
        (r"'(?:em|till?|cause|[2-9]0s)(?![^\W_])", re.IGNORECASE),
        (r"\d+(?:[^\W\d_])[^\W_]*", 0),
        (r"\.{2,}|(?:\.\s)+\.", 0),
        (r"-{2,}|[!?]+|''|_+|\*+|#+|=+|\++", 0),
    )
)
_CLITIC = re.compile(r"'(?:s|d|m|re|ve|ll|em)(?![^\W_])", re.IGNORECASE)
_NOT = re.compile(rf"({_LETTER}*[^\Wn\d_N])(n't)(?![^\W_])", re.IGNORECASE)
_UNIT = re.compile(r"(\d*\.\d+)([A-Za-z].*)\Z")
_TWO = {"cannot": ("can", "not"), "gonna": ("gon", "na"), "gotta": ("got", "ta"), "lemme": ("lem", "me"),
        "gimme": ("gim", "me"), "wanna": ("wan", "na"), "whaddya": ("whadd", "ya"),
        "'tis": ("'t", "is"), "'twas": ("'t", "was")}  # fmt: skip
_QUOTED = str.maketrans({"’": "'", "‘": "'", "`": "'", "“": '"', "”": '"', "–": " -- ", "—": " -- ", "£": "#",
                         "½": "1/2", "¼": "1/4", "¾": "3/4", "…": "...", "\u00a0": " "})  # fmt: skip
_DROPPED = frozenset(("'", '"', "''", "``", ".", "?", "!", ",", ":", "-", "--", "...", ";"))
_BRACKETS = {"(": "-lrb-", ")": "-rrb-", "[": "-lsb-", "]": "-rsb-", "{": "-lcb-", "}": "-rcb-"}


def penn_tokens(text: str) -> list[str]:
    """Cut a text into lower-case Penn-Treebank words; brackets stay as ``-lrb-``, a case of that code's drop list."""
    pieces = html.unescape(text).translate(_QUOTED).split()
    if not any(piece[-1] == "." and (len(piece) == 2 or _BEFORE_NUMBER.match(piece)) for piece in pieces):
        return list(chain.from_iterable(map(_cut, pieces)))
    tokens: list[str] = []
    for place, piece in enumerate(pieces):
        following = pieces[place + 1] if place + 1 < len(pieces) else ""
        if following[:1].isdigit() and _BEFORE_NUMBER.match(piece):
            tokens.append(piece.lower())
        elif _NEW_SENTENCE.match(following) and _INITIAL.match(piece):
            tokens.append(piece[0].lower())
        else:
            tokens.extend(_cut(piece))
    return tokens


@lru_cache(maxsize=65536)
def _cut(piece: str) -> tuple[str, ...]:
    tokens: list[str] = []
    place = 0
    while place < len(piece):
        token = _longest(piece, place)
        place += len(token)
        tokens.extend(_parts(token))
    return tuple(token for token in tokens if token not in _DROPPED and token.strip("."))


def _longest(piece: str, place: int) -> str:
    """Return the longest token that begins here; a contraction ends a word before its mark."""
    clitic = _CLITIC.match(piece, place)
    if clitic:
        return clitic.group()
    negated = _NOT.match(piece, place)
    if negated:
        return negated.group(1)
    if piece[place : place + 3].lower() == "n't":
        return piece[place : place + 3]
    found = (pattern.match(piece, place) for pattern in _PATTERNS)
    return max((match.group() for match in found if match), key=len, default=piece[place])


def _parts(token: str) -> tuple[str, ...]:
    lower = token.lower()
    return _TWO.get(lower) or (_BRACKETS.get(lower, lower),)
