"""Lexical metrics by name, all of one form: a row of counts an item, and a value from sums of rows.

A set's score, a resample's and one text's are then the same function of different sums, so a bootstrap of all metrics
costs weighted sums and no second reading of a text. Metrics that are means of item scores keep the score and a one.
Exception: the rarities of CIDEr come from the references of the whole set and stay the same in its resamples.

Letters: N items, K counts, B resamples, … any leading axes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from vesalius.errors import ConfigError, DataError
from vesalius.metrics.bleu import nltk_bleu, nltk_counts, sacre_bleu
from vesalius.metrics.bootstrap import PatientWeights
from vesalius.metrics.chrf import chrf, chrf_counts
from vesalius.metrics.cider import cider
from vesalius.metrics.meteor import meteor, meteor_counts
from vesalius.metrics.ngrams import TokenPairs, references_of
from vesalius.metrics.overlap import exact_match, token_f1
from vesalius.metrics.rouge import package_rouge, rouge_longest, rouge_n, rouge_summary
from vesalius.metrics.text import bleu, bleu_counts, rouge_l_scores
from vesalius.metrics.tokens import TOKENISERS

__all__ = ["LEXICAL", "REPORT_METRICS", "LexicalMetric", "LexicalScores", "Texts", "for_language", "lexical_scores",
           "reward"]  # fmt: skip

Floats = NDArray[np.float64]


class Texts:
    """Texts beside their references, cut into words once for each tokeniser.

    Args:
        said: texts, N; an empty one scores 0 and stays in the denominator.
        truths: reference of each text, or several.

    Raises:
        DataError: lengths differ, a text is no text, or a reference is lacking or empty; names the item.
    """

    def __init__(self, said: Sequence[str], truths: Sequence[str | Sequence[str]]) -> None:
        if len(said) != len(truths):
            raise DataError(f"{len(said)} texts and {len(truths)} references; each text needs one")
        wrong = next((place for place, text in enumerate(said) if not isinstance(text, str)), None)
        if wrong is not None:
            raise DataError(f"item {wrong}: a text was expected and {type(said[wrong]).__name__} was given")
        self.said = list(said)
        self.truths = references_of(truths)
        self._pairs: dict[str, TokenPairs] = {}

    @property
    def num_empty(self) -> int:
        """Texts without a word: they score 0."""
        return sum(not text.strip() for text in self.said)

    def pairs(self, tokeniser: str) -> TokenPairs:
        """Return the words of both sides by a tokeniser of `TOKENISERS`.

        Raises:
            ConfigError: there is no such tokeniser.
        """
        if tokeniser not in TOKENISERS:
            raise ConfigError(f"no tokeniser {tokeniser!r}; there are {', '.join(TOKENISERS)}")
        if tokeniser not in self._pairs:
            cut = TOKENISERS[tokeniser]
            said = [cut(text) for text in self.said]
            self._pairs[tokeniser] = TokenPairs(said, [[cut(text) for text in given] for given in self.truths])
        return self._pairs[tokeniser]


@dataclass(frozen=True, kw_only=True)
class LexicalMetric:
    """One metric: what it counts in each item, and its value from sums of counts."""

    name: str
    label: str
    """Variant, tokeniser and smoothing: what a table must say of the score."""
    family: str
    """Metrics of one family share their counts."""
    tokeniser: str
    """One of `TOKENISERS`; empty where texts are compared as they are."""
    count: Callable[[Texts, str], Floats]
    value: Callable[[Floats], Floats]
    """Value of sums of rows, (…, K) → (…)."""
    top: float | None = 1.0
    """The best value there is; None where more is not better."""
    english: bool = False
    """Its words or stems are English ones."""
    alone: bool = True
    """One text can be scored without the others of its set."""

    def statistics(self, said: Sequence[str], truths: Sequence[str | Sequence[str]]) -> Floats:
        """Count every item, (N, K)."""
        return self.counts(Texts(said, truths))

    def counts(self, texts: Texts) -> Floats:
        """Count every item of texts that may be cut into words already, (N, K)."""
        return self.count(texts, self.tokeniser)


@dataclass(frozen=True, kw_only=True)
class LexicalScores:
    """Counts of some metrics over the same items."""

    metrics: tuple[LexicalMetric, ...]
    families: Mapping[str, Floats]
    """Counts of each family, (N, K)."""
    num_empty: int
    """Texts without a word."""

    def values(self) -> dict[str, float]:
        """Return each metric over all items; NaN where there is none."""
        sums = {name: table.sum(axis=0) for name, table in self.families.items()}
        empty = not len(next(iter(self.families.values()), ()))
        return {one.name: float("nan") if empty else float(one.value(sums[one.family])) for one in self.metrics}

    def items(self) -> dict[str, Floats]:
        """Return each metric of each item alone, (N,)."""
        return {one.name: one.value(self.families[one.family]) for one in self.metrics}

    def draws(self, weights: PatientWeights) -> dict[str, Floats]:
        """Return each metric in every resample of patients, (B,)."""
        widths = np.cumsum([table.shape[1] for table in self.families.values()])
        sums = weights.sums(np.concatenate(list(self.families.values()), axis=1))
        parts = dict(zip(self.families, np.split(sums, widths[:-1], axis=1), strict=True))
        return {one.name: one.value(parts[one.family]) for one in self.metrics}


def lexical_scores(
    said: Sequence[str],
    truths: Sequence[str | Sequence[str]],
    *,
    names: Sequence[str] | None = None,
    language: str = "en",
) -> LexicalScores:
    """Count metrics over a set of texts; each family of metrics is counted once.

    Args:
        said: texts, N.
        truths: reference of each, or several.
        names: names in `LEXICAL`; `REPORT_METRICS` that hold in the language if none is given.
        language: code of the language of the texts, such as ``en`` or ``zh``.
    """
    there = for_language(language)
    chosen = [name for name in REPORT_METRICS if name in there] if names is None else list(names)
    metrics = tuple(_named(name, there) for name in chosen)
    texts = Texts(said, truths)
    families: dict[str, Floats] = {}
    for metric in metrics:
        if metric.family not in families:
            families[metric.family] = metric.counts(texts)
    return LexicalScores(metrics=metrics, families=families, num_empty=texts.num_empty)


def for_language(language: str) -> Mapping[str, LexicalMetric]:
    """Return the metrics that hold in a language, their words cut as it needs.

    Chinese is cut by the character, other languages than English into lower-case words of any script; metrics of
    English stems or function words are left out.
    """
    if language == "en":
        return LEXICAL
    tokeniser = "characters" if language in ("zh", "yue") else "international"
    return {
        name: replace(metric, tokeniser=tokeniser, label=metric.label.replace(metric.tokeniser, tokeniser))
        if metric.tokeniser
        else metric
        for name, metric in LEXICAL.items()
        if not metric.english
    }


def reward(name: str, *, language: str = "en") -> Callable[[str, Sequence[str]], float]:
    """Return a metric as a function of one text and its references, its best value 1.

    Raises:
        ConfigError: there is no such metric, more of it is not better, or its scores depend on the other texts of a
            set (CIDEr).
    """
    metric = _named(name, for_language(language))
    top = metric.top
    if top is None:
        raise ConfigError(f"{name} is no reward: more of it is not better")
    if not metric.alone:
        raise ConfigError(
            f"{name} of one text is 0: its rarities come from a set of references; choose another reward"
        )

    def score(said: str, truths: Sequence[str]) -> float:
        given = [truths] if isinstance(truths, str) else truths
        return float(metric.value(metric.statistics([said], [given]))[0]) / top

    return score


def _named(name: str, there: Mapping[str, LexicalMetric]) -> LexicalMetric:
    if name not in there:
        what = "is not defined in this language" if name in LEXICAL else "is unknown"
        raise ConfigError(f"lexical metric {name!r} {what}; there are {', '.join(there)}")
    return there[name]


def _with_ones(scores: Floats) -> Floats:
    table = scores[:, None] if scores.ndim == 1 else scores
    return np.concatenate([table, np.ones((len(table), 1))], axis=1)


def _mean(sums: Floats, *, column: int = 0) -> Floats:
    """Mean of a column of scores whose ones are in the last."""
    mean: Floats = sums[..., column] / np.where(sums[..., -1] > 0, sums[..., -1], np.nan)
    return mean


def _of(formula: Callable[[Floats], Floats], sums: Floats, *, column: int) -> Floats:
    values: Floats = formula(sums)[..., column]
    return values


def _lower(texts: Texts) -> Texts:
    return Texts([text.lower() for text in texts.said], [[text.lower() for text in given] for given in texts.truths])


def _meteor(texts: Texts, tokeniser: str) -> Floats:
    pairs = texts.pairs(tokeniser)
    truths = iter(pairs.truths)
    lines = [[" ".join(next(truths)) for _ in given] for given in texts.truths]
    return meteor_counts([" ".join(words) for words in pairs.said], lines)


def _package(texts: Texts, tokeniser: str) -> Floats:
    lower = _lower(texts)
    best = [
        max((package_rouge(text, truth) for truth in given), key=lambda scores: scores[2])
        for text, given in zip(lower.said, lower.truths, strict=True)
    ]
    return _with_ones(np.array(best, dtype=np.float64).reshape(-1, 3))


def _rouge(texts: Texts, tokeniser: str) -> Floats:
    pairs = texts.pairs(tokeniser)
    parts = (rouge_n(pairs, order=1), rouge_n(pairs, order=2), rouge_longest(pairs))
    return _with_ones(np.stack([part[:, 2] for part in parts], axis=1))


def _rouge_lines(texts: Texts, tokeniser: str) -> Floats:
    return _with_ones(rouge_summary(texts.said, texts.truths, tokeniser=TOKENISERS[tokeniser])[:, 2])


def _sentence_bleu(texts: Texts, tokeniser: str) -> Floats:
    counts = nltk_counts(texts.pairs(tokeniser))
    scores = [nltk_bleu(counts, order=order) for order in range(1, 5)]
    return _with_ones(np.stack(scores, axis=1))


def _lengths(texts: Texts, tokeniser: str) -> Floats:
    pairs = texts.pairs(tokeniser)
    return np.stack([pairs.said_lengths, pairs.closest_lengths()], axis=1).astype(np.float64)


def _ratio(sums: Floats) -> Floats:
    ratio: Floats = sums[..., 0] / np.where(sums[..., 1] > 0, sums[..., 1], np.nan)
    return ratio


def _captions() -> list[LexicalMetric]:
    """What the COCO caption code reports, and plain CIDEr."""
    cut_by = "ptb_coco"
    found = [
        LexicalMetric(
            name=f"coco_bleu_{order}", family="coco_bleu", tokeniser=cut_by,
            label=f"BLEU-{order}, corpus, COCO form, {cut_by}", value=partial(_of, bleu, column=order - 1),
            count=lambda texts, cut: bleu_counts(texts.pairs(cut)),
        )
        for order in range(1, 5)
    ]  # fmt: skip
    return [
        *found,
        LexicalMetric(
            name="coco_rouge_l", family="coco_rouge_l", tokeniser=cut_by, value=_mean,
            label=f"ROUGE-L, F 1.2, mean, COCO form, {cut_by}",
            count=lambda texts, cut: _with_ones(rouge_l_scores(texts.pairs(cut))),
        ),
        LexicalMetric(
            name="meteor_es", family="meteor_es", tokeniser=cut_by, english=True, value=meteor, count=_meteor,
            label=f"METEOR 1.5, corpus, exact and stem, {cut_by}",
        ),
        LexicalMetric(
            name="cider_d", family="cider_d", tokeniser=cut_by, top=10.0, alone=False, value=_mean,
            label=f"CIDEr-D, mean, rarities of these references, {cut_by}",
            count=lambda texts, cut: _with_ones(cider(texts.pairs(cut))),
        ),
        LexicalMetric(
            name="cider", family="cider", tokeniser=cut_by, top=10.0, alone=False, value=_mean,
            label=f"CIDEr, mean, rarities of these references, {cut_by}",
            count=lambda texts, cut: _with_ones(cider(texts.pairs(cut), clipped=False)),
        ),
        LexicalMetric(
            name="length_ratio", family="length", tokeniser=cut_by, top=None, value=_ratio, count=_lengths,
            label=f"words said over words of the nearest reference, {cut_by}",
        ),
    ]  # fmt: skip


def _translations() -> list[LexicalMetric]:
    """What sacreBLEU and NLTK report."""
    return [
        LexicalMetric(
            name="sacrebleu", family="sacrebleu", tokeniser="13a", top=100.0, value=sacre_bleu,
            label="BLEU-4, corpus, sacreBLEU form, 13a, case kept, smoothing exp",
            count=lambda texts, cut: bleu_counts(texts.pairs(cut)),
        ),
        LexicalMetric(
            name="sacrebleu_lower", family="sacrebleu_lower", tokeniser="13a", top=100.0, value=sacre_bleu,
            label="BLEU-4, corpus, sacreBLEU form, 13a, lower case, smoothing exp",
            count=lambda texts, cut: bleu_counts(_lower(texts).pairs(cut)),
        ),
        LexicalMetric(
            name="radcliq_bleu_2", family="sentence_bleu", tokeniser="dot_split", value=partial(_mean, column=1),
            label="BLEU-2 of RadCliQ, mean of texts, no smoothing, dot_split", count=_sentence_bleu,
        ),
        *(
            LexicalMetric(
                name=f"medevalkit_bleu_{order}", family="sentence_bleu", tokeniser="dot_split", count=_sentence_bleu,
                label=f"BLEU-{order}, mean of texts, NLTK form, no smoothing, dot_split",
                value=partial(_mean, column=order - 1),
            )
            for order in range(1, 5)
        ),
        LexicalMetric(
            name="chrf", family="chrf", tokeniser="", top=100.0, value=chrf, label="chrF2, corpus, case kept",
            count=lambda texts, cut: chrf_counts(texts.said, texts.truths),
        ),
        LexicalMetric(
            name="chrf_pp", family="chrf_pp", tokeniser="", top=100.0, value=chrf,
            label="chrF++ (chrF2 with words), corpus, case kept",
            count=lambda texts, cut: chrf_counts(texts.said, texts.truths, word_orders=2),
        ),
    ]  # fmt: skip


def _summaries() -> list[LexicalMetric]:
    """ROUGE of three packages."""
    found = [
        LexicalMetric(
            name="rouge_lsum", family="rouge_lsum", tokeniser="rouge_alnum", value=_mean, count=_rouge_lines,
            label="ROUGE-Lsum F1, mean, rouge-score, rouge_alnum",
        ),
    ]  # fmt: skip
    for place, kind in enumerate("12l"):
        pick, title = partial(_mean, column=place), f"ROUGE-{kind.upper()} F1, mean"
        found += [
            LexicalMetric(
                name=f"rouge_{kind}", family="rouge", tokeniser="rouge_alnum", value=pick, count=_rouge,
                label=f"{title}, rouge-score, rouge_alnum",
            ),
            LexicalMetric(
                name=f"rouge_{kind}_stem", family="rouge_stem", tokeniser="rouge_stem", english=True, value=pick,
                label=f"{title}, rouge-score, Porter stems, rouge_stem", count=_rouge,
            ),
            LexicalMetric(
                name=f"medevalkit_rouge_{kind}", family="medevalkit_rouge", tokeniser="", english=True, value=pick,
                label=f"{title}, package rouge, n-grams as sets, lower case", count=_package,
            ),
        ]  # fmt: skip
    return found


def _answers() -> list[LexicalMetric]:
    """What short answers are compared by."""
    return [
        LexicalMetric(
            name="exact", family="exact", tokeniser="", value=_mean, label="exact match, spaces at the ends cut",
            count=lambda texts, cut: _with_ones(exact_match(texts.said, texts.truths)),
        ),
        LexicalMetric(
            name="token_f1", family="token_f1", tokeniser="squad", value=_mean,
            label="F1 of words as a multiset, mean, squad",
            count=lambda texts, cut: _with_ones(token_f1(texts.pairs(cut))[:, 2]),
        ),
    ]  # fmt: skip


LEXICAL: Mapping[str, LexicalMetric] = {
    metric.name: metric for metric in (*_captions(), *_translations(), *_summaries(), *_answers())
}
"""Lexical metrics by name."""
REPORT_METRICS = (
    "coco_bleu_1", "coco_bleu_2", "coco_bleu_3", "coco_bleu_4", "coco_rouge_l", "meteor_es", "cider_d", "rouge_1",
    "rouge_2", "rouge_l", "sacrebleu", "chrf", "token_f1", "exact", "length_ratio",
)  # fmt: skip
"""What a report is compared by unless a benchmark says otherwise."""
