"""What filled sheets say: how raters agree, how systems stand, and which metric ranks answers as people do.

Letters: A answers, R raters, B resamples.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vesalius.config import validate
from vesalius.errors import DataError
from vesalius.evaluation.rating.records import KEY_FILE, RatingSettings
from vesalius.metrics import resampled
from vesalius.metrics.agreement import TwoRaters, krippendorff, two_raters, two_raters_draws
from vesalius.metrics.bootstrap import Interval, PatientWeights, patient_weights, percentile

__all__ = ["Ratings", "rating_scores", "ratings_text", "read_ratings"]

Floats = NDArray[np.float64]
_LARGEST = 64 * 2**20


@dataclass(frozen=True, kw_only=True)
class Ratings:
    """Filled sheets beside their key."""

    settings: RatingSettings
    answers: tuple[Mapping[str, Any], ...]
    """Item, system, cluster and metrics of each, A."""
    grades: Mapping[str, Floats]
    """Of each criterion, (R, A); NaN where a rater gave none."""


def read_ratings(key: str | Path, sheets: Sequence[str | Path]) -> Ratings:
    """Read the filled tables of raters, as a spreadsheet or the page saves them.

    Args:
        key: what `write_sheets` wrote beside the sheets.
        sheets: tables with the column ``code`` and one for each criterion, one or several of a rater.

    Raises:
        DataError: a table is unreadable, a code is unknown or graded twice, or a grade is none of the scale; says
            where. Empty grades are no fault.
    """
    document = _key(Path(key))
    settings = validate(RatingSettings, document["settings"], where=str(key))
    names = sorted({(one["item"], one["system"]) for one in document["answers"].values()})
    places = {name: place for place, name in enumerate(names)}
    known = {(one["item"], one["system"]): one for one in document["answers"].values()}
    grades = {name: np.full((len(settings.raters), len(names)), np.nan) for name in settings.criteria}
    for path in map(Path, sheets):
        for line, row in _rows(path, settings):
            answer = document["answers"].get(row["code"])
            if answer is None:
                raise DataError(
                    f"{path}: line {line}: no answer has the code {row['code']!r}; take the sheet of this key"
                )
            rater, place = settings.raters.index(answer["rater"]), places[answer["item"], answer["system"]]
            for name in settings.criteria:
                grade = _grade(row.get(name, ""), settings, f"{path}: line {line}, {name}")
                if not np.isnan(grade) and not np.isnan(grades[name][rater, place]):
                    raise DataError(f"{path}: line {line}: {answer['rater']} graded this answer twice; keep one row")
                if not np.isnan(grade):
                    grades[name][rater, place] = grade
    return Ratings(settings=settings, answers=tuple(known[name] for name in names), grades=grades)


def rating_scores(ratings: Ratings, *, resamples: int = 1000, seed: int = 0) -> dict[str, Any]:
    """Score systems, raters and metrics by what people said; resamples draw clusters, all answers to them together.

    Returns:
        For each criterion: ``systems`` (mean grade), ``pairs`` (difference of two systems on the items of both),
        ``raters`` (agreement, kappa with quadratic weights and AC1 of each two), ``alpha`` (Krippendorff's of all,
        ordinal) and ``metrics`` (correlation of ranks of each metric with the mean grade). Intervals are of 95 %.

    Raises:
        DataError: nothing was graded.
    """
    clusters = [str(one["cluster"]) for one in ratings.answers]
    weights = patient_weights(clusters, resamples=resamples, seed=seed)
    return {name: _criterion(ratings, table, weights) for name, table in ratings.grades.items()}


def ratings_text(scores: Mapping[str, Any]) -> str:
    """Return the scores as text."""
    lines: list[str] = []
    for criterion, found in scores.items():
        lines.append(f"{criterion}: {found['graded']} grades of {found['asked']}")
        for kind in ("systems", "pairs", "raters", "metrics"):
            lines += [f"  {row['name']:<44} {_words(row)}" for row in found[kind]]
        lines.append(f"  {'all raters, Krippendorff alpha':<44} {_number(found['alpha'])}")
    return "\n".join(lines)


def _criterion(ratings: Ratings, table: Floats, weights: PatientWeights) -> dict[str, Any]:
    given = np.isfinite(table)
    if not given.any():
        raise DataError("no answer was graded; fill the sheets first")
    counts = given.sum(axis=0)
    mean = np.where(counts > 0, np.where(given, table, 0).sum(axis=0) / np.maximum(counts, 1), np.nan)
    systems = np.array([one["system"] for one in ratings.answers])
    twice = table[:, counts >= 2]
    return {
        "asked": int(table.size),
        "graded": int(given.sum()),
        "systems": [
            _row(str(name), _mean(mean, np.flatnonzero((systems == name) & (counts > 0)), weights))
            for name in dict.fromkeys(systems.tolist())
        ],
        "pairs": list(_pairs(ratings, mean, weights)),
        "raters": list(_raters(ratings.settings, table, weights)),
        "alpha": krippendorff(twice, level="ordinal") if twice.size else float("nan"),
        "metrics": list(_metrics(ratings, mean, weights)),
    }


def _mean(values: Floats, rows: NDArray[np.intp], weights: PatientWeights) -> Interval:
    chosen = weights.select(rows)
    if not len(rows):
        return percentile(float("nan"), np.full(weights.num_draws, np.nan), weights=chosen)
    return percentile(float(values[rows].mean()), resampled.mean(values[rows], chosen), weights=chosen)


def _pairs(ratings: Ratings, mean: Floats, weights: PatientWeights) -> Iterator[dict[str, Any]]:
    places = {(one["item"], one["system"]): place for place, one in enumerate(ratings.answers)}
    for first, second in combinations(sorted({system for _, system in places}), 2):
        items = [item for item, system in places if system == first and (item, second) in places]
        rows = np.array([(places[item, first], places[item, second]) for item in items], dtype=np.intp).reshape(-1, 2)
        rows = rows[np.isfinite(mean[rows]).all(axis=1)]
        apart = np.full(len(mean), np.nan)
        apart[rows[:, 0]] = mean[rows[:, 0]] - mean[rows[:, 1]]
        told = apart[rows[:, 0]]
        counts = {"wins": int((told > 0).sum()), "ties": int((told == 0).sum()), "losses": int((told < 0).sum())}
        yield {**_row(f"{first} less {second}", _mean(apart, rows[:, 0], weights)), **counts}


def _raters(settings: RatingSettings, table: Floats, weights: PatientWeights) -> Iterator[dict[str, Any]]:
    scale = np.array(settings.scale, dtype=np.float64)
    for one, other in combinations(range(len(table)), 2):
        rows = np.flatnonzero(np.isfinite(table[one]) & np.isfinite(table[other]))
        if not len(rows):
            continue
        chosen, pair = weights.select(rows), (table[one][rows], table[other][rows])
        found = two_raters(*pair, labels=scale, weights="quadratic")
        draws = two_raters_draws(*pair, chosen, labels=scale, weights="quadratic")
        for place, name in enumerate(TwoRaters._fields):
            if name != "prevalence":
                words = f"{settings.raters[one]} and {settings.raters[other]}, {name}"
                yield _row(words, percentile(found[place], draws[:, place], weights=chosen))


def _metrics(ratings: Ratings, mean: Floats, weights: PatientWeights) -> Iterator[dict[str, Any]]:
    """Correlate ranks of each metric with those of the mean grade; the ranks are those of all answers."""
    from scipy.stats import rankdata

    for name in sorted({metric for one in ratings.answers for metric in one["metrics"]}):
        values = np.array([one["metrics"].get(name, np.nan) for one in ratings.answers], dtype=np.float64)
        rows = np.flatnonzero(np.isfinite(values) & np.isfinite(mean))
        if len(rows) < 3 or np.ptp(values[rows]) == 0 or np.ptp(mean[rows]) == 0:
            continue
        x, y = rankdata(values[rows]), rankdata(mean[rows])
        columns = np.stack([x, y, x * y, x * x, y * y, np.ones(len(rows))], axis=1)
        chosen = weights.select(rows)
        value = float(_correlation(columns.sum(axis=0)[None])[0])
        yield _row(
            f"{name} with the mean grade", percentile(value, _correlation(chosen.sums(columns)), weights=chosen)
        )


def _correlation(sums: Floats) -> Floats:
    """Pearson's correlation from sums of x, y, xy, xx, yy and 1, (B, 6) to (B,)."""
    x, y, xy, xx, yy, n = sums.T
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Floats = (n * xy - x * y) / np.sqrt((n * xx - x * x) * (n * yy - y * y))
    return found


def _row(name: str, interval: Interval) -> dict[str, Any]:
    return {"name": name, "value": interval.value, "low": interval.low, "high": interval.high, "n": interval.n}


def _words(row: Mapping[str, Any]) -> str:
    counts = f", {row['wins']} better, {row['ties']} alike, {row['losses']} worse" if "wins" in row else ""
    return f"{_number(row['value'])} [{_number(row['low'])}, {_number(row['high'])}] of {row['n']}{counts}"


def _number(value: float) -> str:
    return f"{value:.3f}" if np.isfinite(value) else "not defined"


def _key(path: Path) -> dict[str, Any]:
    path = path / KEY_FILE if path.is_dir() else path
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if not {"settings", "systems", "answers"} <= set(document):
            raise ValueError("settings, systems or answers are missing")
    except (OSError, ValueError, TypeError) as error:
        raise DataError(
            f"{path} is no key of rating sheets ({error}); name what vesalius rate sheets wrote"
        ) from None
    found: dict[str, Any] = document
    return found


def _rows(path: Path, settings: RatingSettings) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the rows of a table with their lines; commas, semicolons or tabs between the cells."""
    try:
        if path.stat().st_size > _LARGEST:
            raise DataError(f"{path} is larger than {_LARGEST // 2**20} MiB and no sheet of ratings")
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read ({type(error).__name__}); save the sheet as CSV in UTF-8") from None
    head = text.partition("\n")[0]
    mark = max(",;\t", key=head.count)
    reader = csv.DictReader(io.StringIO(text), delimiter=mark)
    lacking = [name for name in ("code", *settings.criteria) if name not in (reader.fieldnames or ())]
    if lacking:
        raise DataError(f"{path} has no column {lacking[0]!r}; expected code and {', '.join(settings.criteria)}")
    try:
        for row in reader:
            if any((value or "").strip() for name, value in row.items() if name is not None):
                yield reader.line_num, {name: value or "" for name, value in row.items() if name is not None}
    except csv.Error as error:
        raise DataError(f"{path}: line {reader.line_num}: {error}; save the sheet as CSV") from None


def _grade(text: str, settings: RatingSettings, where: str) -> float:
    if not text.strip():
        return float("nan")
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if value not in settings.scale:
        raise DataError(f"{where}: {text.strip()[:20]!r} is no grade; expected {', '.join(map(str, settings.scale))}")
    return value
