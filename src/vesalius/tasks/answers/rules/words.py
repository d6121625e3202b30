"""Scoring by words: token F1 as in SQuAD, SURE-VQA's categories and word precision, and a head's list of answers.

Sources: Rajpurkar et al. 2016, evaluate-v1.1; IML-DKFZ/sure-vqa (arXiv 2411.19688), eval_metrics.py; the scoring of
MEVF, QCR, PubMedCLIP and M3AE, by their code.
"""

from __future__ import annotations

import re
import string
from collections.abc import Mapping, Sequence

from vesalius.metrics.answers import plain_answer, word_overlap
from vesalius.tasks.answers.reply import Parsed, ScoredAnswer
from vesalius.tasks.answers.rules.base import Rule, read_as
from vesalius.tasks.answers.rules.llava_med import normalise, token_scores

__all__ = ["HEAD", "SURE_VQA", "TOKEN_F1", "score_soft"]

_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_MARKS = str.maketrans("", "", string.punctuation)
_TWO = ("yes", "no")


def squad_form(text: str) -> str:
    """Return a text in small letters without marks and articles, as SQuAD's script has it."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_MARKS)).split())


def _token_f1(gold: str, reply: str, *, closed: bool) -> ScoredAnswer:
    said, truth = squad_form(reply), squad_form(gold)
    shares = word_overlap(said.split(), truth.split())
    exact = float(said == truth)
    values = {"em": exact, "f1": shares.f1, "precision": shares.precision, "recall": shares.recall}
    parsed = read_as(said, "equality of normal forms" if closed else "token F1")
    return ScoredAnswer(correct=exact if closed else shares.f1, parsed=parsed, values=values)


def _categories(gold: str, reply: str, candidates: Sequence[str]) -> ScoredAnswer:
    """Match categories as whole words: the reply must have one alone; the item goes if the gold has not."""
    names = candidates or _TWO
    found = [
        [name for name in names if re.search(rf"\b{re.escape(name)}\b", text, re.IGNORECASE)]
        for text in (gold, reply)
    ]
    truth, said = found
    if len(said) == 1:
        parsed = Parsed(status="answered", value=said[0], rule="only category")
    else:
        parsed = Parsed(status="ambiguous" if said else "unparsed", rule=f"{len(said)} categories")
    if len(truth) != 1:
        return ScoredAnswer(correct=float("nan"), parsed=parsed)
    return ScoredAnswer(correct=float(said == truth), parsed=parsed)


def _sure_open(gold: str, reply: str, candidates: Sequence[str]) -> ScoredAnswer:
    truth, said = normalise(gold.lower()), normalise(reply.lower())
    values = token_scores(truth, said)
    return ScoredAnswer(correct=values["f1"], parsed=read_as(said, "token F1 of normal forms"), values=values)


def score_soft(answers: Mapping[str, float], reply: str, *, listed: Sequence[str] = ()) -> ScoredAnswer:
    """Score the answer that a head chose by how right each answer is.

    Args:
        answers: right answers and their soft scores, 0 to 1.
        reply: the answer chosen.
        listed: answers that the head can give; value "listed" says whether a right one is among them.
    """
    said = plain_answer(reply)
    scores = {plain_answer(answer): score for answer, score in answers.items()}
    values = {"listed": float(any(plain_answer(one) in scores for one in listed))} if listed else {}
    return ScoredAnswer(correct=scores.get(said, 0.0), parsed=read_as(said, "answer of the list"), values=values)


def _head(gold: str, reply: str, candidates: Sequence[str]) -> ScoredAnswer:
    return score_soft({gold: 1.0}, reply, listed=candidates)


TOKEN_F1 = Rule(
    does="closed: equality without case, marks and articles; open: F1 of words, counted as often as both have them.",
    closed=lambda gold, reply, candidates: _token_f1(gold, reply, closed=True),
    open=lambda gold, reply, candidates: _token_f1(gold, reply, closed=False),
)
SURE_VQA = Rule(
    does="closed: exactly one category as a whole word, else wrong; the item goes where the gold has not one; open: "
    "F1 on LLaVA-Med's normal forms; its exact match is a precision of words.",
    closed=_categories,
    open=_sure_open,
)
HEAD = Rule(
    does="the answer chosen from a fixed list gets its soft score, 1 for the gold; one outside the list never can.",
    closed=_head,
    open=_head,
)
