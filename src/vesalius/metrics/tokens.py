"""Tokenisers of text metrics, pure functions from a text to its words, by the names that scores are labelled with.

A score without its tokeniser says little: BLEU of one pair of reports moves by a quarter between two of them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import lru_cache
from itertools import chain

from vesalius.metrics.penn import penn_tokens
from vesalius.metrics.stems import porter

__all__ = ["TOKENISERS", "Tokeniser", "characters", "cleaned_iu", "cleaned_mimic", "dot_split", "international",
           "mteval", "plain_words", "rouge_words", "stemmed_rouge_words", "wordpunct"]  # fmt: skip

Tokeniser = Callable[[str], list[str]]

_HALVED = ("__", "  ", "..")
_NUMBERED = tuple(f"{number}. " for number in range(1, 6))
_SPECIAL = re.compile(r"[.,?;*!%^&_+():-\[\]{}]")
"""With R2Gen's range ``:-[``, which takes ``: ; < = > ? @ A-Z [`` and leaves hyphens."""
_QUOTES = str.maketrans("", "", "\"'\\/")
_ENTITIES = (("&quot;", '"'), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">"))
_MTEVAL = tuple(
    (re.compile(pattern), new)
    for pattern, new in (
        (r"([\{-\~\[-\` -\&\(-\+\:-\@\/])", r" \1 "),
        (r"([^0-9])([\.,])", r"\1 \2 "),
        (r"([\.,])([^0-9])", r" \1 \2"),
        (r"([0-9])(-)", r"\1 \2 "),
    )
)
_NOT_ALNUM = re.compile(r"[^a-z0-9]+")
_WORDPUNCT = re.compile(r"\w+|[^\w\s]+")
_CHINESE = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002fa1f"
_CHARACTERS = re.compile(rf"[{_CHINESE}]|[^\s{_CHINESE}\W]+|[^\w\s]")
_KANA = "\u3040-\u30ff"
_INTERNATIONAL = re.compile(rf"[{_CHINESE}{_KANA}]|[^\W_{_CHINESE}{_KANA}]+(?:[.,](?=\d)\d+)*")
_ARTICLES = re.compile(r"\b(?:a|an|the)\b")


def dot_split(text: str) -> list[str]:
    """Lower, a space before each point, cut at spaces: RadCliQ's BLEU-2 and the reports of MedEvalKit."""
    return text.lower().replace(".", " .").split()


def cleaned_mimic(text: str) -> list[str]:
    """Cut a report as R2Gen cleans MIMIC-CXR: list numbers and marks go, a sentence ends with a point of its own."""
    joined = _halved(text.replace("\n", " "), _HALVED)
    return _sentences(joined)


def cleaned_iu(text: str) -> list[str]:
    """Cut a report as R2Gen cleans IU X-ray: as `cleaned_mimic` without line ends and underscores."""
    return _sentences(_halved(text, _HALVED[2:]))


def mteval(text: str) -> list[str]:
    """Cut a text as mteval-v13a does, sacreBLEU's default; case is kept."""
    plain = text.replace("<skipped>", "").replace("-\n", "").replace("\n", " ")
    if "&" in plain:
        for entity, mark in _ENTITIES:
            plain = plain.replace(entity, mark)
    return list(chain.from_iterable(map(_mteval_piece, plain.split())))


def rouge_words(text: str) -> list[str]:
    """Lower, keep runs of ``a-z0-9``: rouge-score without stemming. Nothing is left of text in other scripts."""
    return _NOT_ALNUM.sub(" ", text.lower()).split()


def stemmed_rouge_words(text: str) -> list[str]:
    """Cut as `rouge_words` and stem words of more than three letters (Porter): rouge-score with stemming."""
    return [_stemmed(word) for word in rouge_words(text)]


def wordpunct(text: str) -> list[str]:
    """Runs of word characters, or runs of other marks: what RadGraph-XL reads."""
    return _WORDPUNCT.findall(text)


def characters(text: str) -> list[str]:
    """Cut Chinese by the character, other words whole, marks alone; lower case."""
    return _CHARACTERS.findall(unicodedata.normalize("NFKC", text).lower())


def international(text: str) -> list[str]:
    """Cut any script: lower-case words without marks, numbers whole, Chinese and kana by the character."""
    return _INTERNATIONAL.findall(unicodedata.normalize("NFKC", text).casefold())


def plain_words(text: str) -> list[str]:
    """Cut as SQuAD compares answers: lower case, without marks and English articles."""
    lower = "".join(mark for mark in text.lower() if mark.isalnum() or mark.isspace())
    return _ARTICLES.sub(" ", lower).split()


TOKENISERS: Mapping[str, Tokeniser] = {
    "ptb_coco": penn_tokens,
    "whitespace": str.split,
    "dot_split": dot_split,
    "13a": mteval,
    "rouge_alnum": rouge_words,
    "rouge_stem": stemmed_rouge_words,
    "wordpunct": wordpunct,
    "r2gen_mimic": cleaned_mimic,
    "r2gen_iu": cleaned_iu,
    "characters": characters,
    "international": international,
    "squad": plain_words,
}
"""Tokenisers by name; a score's label holds the name."""


def _halved(text: str, runs: tuple[str, ...]) -> str:
    for run in runs:
        while run in text:
            text = text.replace(run, run[0])
    return text


def _sentences(text: str) -> list[str]:
    for number in _NUMBERED:
        text = text.replace(number, "")
    cut = text.strip().lower().split(". ")
    cleaned = (_SPECIAL.sub("", sentence.translate(_QUOTES).strip()) for sentence in cut)
    return f"{' . '.join(cleaned)} .".split()


@lru_cache(maxsize=65536)
def _mteval_piece(piece: str) -> tuple[str, ...]:
    """Cut what stands between spaces: no rule looks further than one character."""
    padded = f" {piece} "
    for pattern, new in _MTEVAL:
        padded = pattern.sub(new, padded)
    return tuple(padded.split())


@lru_cache(maxsize=65536)
def _stemmed(word: str) -> str:
    return porter(word) if len(word) > 3 else word
