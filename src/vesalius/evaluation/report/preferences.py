"""preferences.html: judge against length, a metric that never judged, and what was unlearnt."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vesalius import __version__
from vesalius.evaluation.preferences import PreferenceReport, Progress, Tax
from vesalius.evaluation.report import VIRTUAL_NOTICE, write_page
from vesalius.evaluation.report.charts import Dot, Frame, chart, interval_bar, polyline, whiskers
from vesalius.metrics.bootstrap import Interval
from vesalius.page import Cell, Section, card, number, page, paragraph, table

__all__ = ["PREFERENCE_PAGE", "preference_page", "write_preference_page"]

PREFERENCE_PAGE = "preferences.html"


def write_preference_page(report: PreferenceReport, folder: Path, *, virtual: bool = False) -> Path:
    """Write preferences.html into a folder."""
    return write_page(folder / PREFERENCE_PAGE, preference_page(report, virtual=virtual))


def preference_page(report: PreferenceReport, *, virtual: bool = False) -> str:
    """Return the page as HTML.

    Args:
        report: as `preference_report` gives it.
        virtual: whether the items are virtual patients.
    """
    head = paragraph(VIRTUAL_NOTICE, kind="notice") if virtual else ""
    head += "".join(
        paragraph(f"{one.algorithm}: {one.verdict}." + (" " + _caution(one) if one.is_extrapolated else ""))
        for one in _last(report)
    )
    sections = [_lengths(report), _courses(report), _numbers(report), _tax(report.tax)]
    return page(
        f"Preference tuning of {report.start.algorithm}", eyebrow="Preference tuning", head=head, sections=sections,
        foot=f"Made by Vesalius {__version__}. Intervals: 95 %, bootstrap over patients, the same resamples for all.",
    )  # fmt: skip


def _caution(one: Progress) -> str:
    share = f"{one.alike:.0%} of its texts are about as long as the start's"
    return f"Its length-controlled gain is an extrapolation: {share}."


def _algorithms(report: PreferenceReport) -> list[str]:
    return list(dict.fromkeys(one.algorithm for one in report.progress))


def _of(report: PreferenceReport, algorithm: str) -> list[Progress]:
    return [one for one in report.progress if one.algorithm == algorithm]


def _last(report: PreferenceReport) -> list[Progress]:
    return [_of(report, algorithm)[-1] for algorithm in _algorithms(report)]


def _lengths(report: PreferenceReport) -> Section:
    """Judge over mean length, one chart an algorithm, the others grey."""
    start = (float(np.mean(report.start.length)), float(np.mean(report.start.judge)))
    courses = {
        name: [start, *((one.length, one.judge.value) for one in _of(report, name))] for name in _algorithms(report)
    }
    points = [point for course in courses.values() for point in course]
    ends = [end for one in report.progress for end in (one.judge.low, one.judge.high) if np.isfinite(end)]
    frame = _frame([x for x, _ in points], [*(y for _, y in points), *ends])
    cards = []
    for name, course in courses.items():
        grey = [polyline(frame, *_columns(other), kind="c") for key, other in courses.items() if key != name]
        own = [polyline(frame, *_columns(course)), _dots(frame, course[1:], _of(report, name))]
        picture = chart(
            frame, [*grey, *own], x_label=f"mean length, {report.unit}", y_label=report.judge,
            title=f"{report.judge} over mean length of {name}",
        )  # fmt: skip
        cards.append(card(picture, title=name))
    lead = "Each line begins at the start and goes through the steps. Up and to the right: the judge may like length."
    return Section(
        anchor="lengths", title="Judge and length", lead=lead, body=f'<div class="grid">{"".join(cards)}</div>'
    )


def _dots(frame: Frame, course: Sequence[tuple[float, float]], progress: Sequence[Progress]) -> str:
    x, y = _columns(course)
    low, high = ([getattr(one.judge, end) for one in progress] for end in ("low", "high"))
    return whiskers(frame, x, y, low=low, high=high, hollow=[one.is_extrapolated for one in progress])


def _courses(report: PreferenceReport) -> Section:
    """Gains of the judge and of each held-out metric over the steps."""
    gains = [
        gain.value
        for one in report.progress
        for gain in (one.judge_gain, *one.held_out_gain.values(), one.controlled)
    ]
    steps = [one.step for one in report.progress]
    frame = _frame([0, *steps], [0, *gains])
    cards = []
    for name in _algorithms(report):
        own = _of(report, name)
        along = [0, *(one.step for one in own)]
        layers = [polyline(frame, [frame.x_range[0], frame.x_range[1]], [0, 0], kind="ref")]
        layers += [
            polyline(frame, along, [0, *(one.held_out_gain[metric].value for one in own)], kind="c")
            for metric in report.start.held_out
        ]
        layers.append(polyline(frame, along, [0, *(one.judge_gain.value for one in own)]))
        picture = chart(frame, layers, x_label="step", y_label="gain over the start", title=f"Gains of {name}")
        cards.append(card(picture, title=name))
    held_out = ", ".join(report.start.held_out)
    lead = f"Dark: the judge, {report.judge}. Grey: {held_out}, never a judge. A gap that opens is over-optimisation."
    return Section(
        anchor="steps", title="Judge and held-out metrics", lead=lead,
        body=f'<div class="grid">{"".join(cards)}</div>',
    )  # fmt: skip


def _numbers(report: PreferenceReport) -> Section:
    heads = [
        Cell("Algorithm"), Cell("Step", kind="n"), Cell(report.judge, kind="n"), Cell("Gain", kind="n"),
        Cell("Gain at the start's length", kind="n"), Cell("Texts of about that length", kind="n"),
        Cell("Mean length", kind="n"), Cell("Times the start's", kind="n"),
        Cell("Judge with length, Spearman", kind="n"),
        *(Cell(f"Gain in {name}", kind="n") for name in report.start.held_out), Cell("Verdict", kind="words"),
    ]  # fmt: skip
    rows = [
        [
            Cell(one.algorithm), Cell(str(one.step), kind="n"), Cell(number(one.judge.value), kind="n"),
            Cell(_told(one.judge_gain), kind="n"), Cell(_told(one.controlled), kind="n"),
            Cell(f"{one.alike:.0%}", kind="n"), Cell(f"{one.length:.1f}", kind="n"),
            Cell(_told(one.length_ratio, signed=False, places=2), kind="n"),
            Cell(number(one.bias, places=2), kind="n"),
            *(Cell(_told(one.held_out_gain[name]), kind="n") for name in report.start.held_out),
            Cell(one.verdict, kind="words"),
        ]
        for one in report.progress
    ]  # fmt: skip
    lead = (
        "Gain at the start's length: the intercept of the items' gains over the logarithm of their ratio of lengths. "
        "It is an extrapolation where few texts are of about that length."
    )
    return Section(anchor="numbers", title="Numbers", lead=lead, body=table(heads, rows))


def _tax(tax: Sequence[Tax]) -> Section:
    if not tax:
        return Section(anchor="tax", title="Alignment tax", body="")
    heads = [Cell("Model"), Cell("Task"), Cell("Start", kind="n"), Cell("Tuned", kind="n"),
             Cell("Difference", kind="n"), Cell(""), Cell("p, Holm", kind="n"), Cell("Items", kind="n")]  # fmt: skip
    ends = [abs(end) for one in tax for end in (one.case.low, one.case.high, one.case.difference) if np.isfinite(end)]
    limit = next((end for end in (0.05, 0.1, 0.2, 0.5, 1.0) if max(ends) <= end), max(ends))
    rows = []
    for one in tax:
        case = one.case
        dot = Dot(name=case.part, value=case.difference, low=_finite(case.low), high=_finite(case.high), model=True)
        bar = interval_bar(dot, x_range=(-limit, limit), reference=0.0)
        bounds = f"{case.difference:+.3f} ({number(case.low)} to {number(case.high)})"
        rows.append([Cell(case.adapted), Cell(case.part), Cell(number(case.base_value), kind="n"),
                     Cell(number(case.adapted_value), kind="n"), Cell(bounds, kind="n"), Cell(html=bar),
                     Cell(number(one.p_holm), kind="n"), Cell(str(case.n), kind="n")])  # fmt: skip
    lead = "Tasks that were not tuned for: left of the line, something was unlearnt. p is adjusted over all rows."
    return Section(anchor="tax", title="Alignment tax", lead=lead, body=table(heads, rows))


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _told(interval: Interval, *, signed: bool = True, places: int = 3) -> str:
    value = f"{interval.value:{'+' if signed else ''}.{places}f}" if np.isfinite(interval.value) else "–"
    return f"{value} ({number(interval.low, places=places)} to {number(interval.high, places=places)})"


def _columns(points: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [x for x, _ in points], [y for _, y in points]


def _frame(x: Sequence[float], y: Sequence[float]) -> Frame:
    """Return a frame whose axes hold all values and end at round numbers."""
    return Frame(x_range=_range(x), y_range=_range(y), left=56, right=18)


def _range(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    span = high - low or abs(high) or 1.0
    step = 10 ** np.floor(np.log10(span)) / 5
    return float(np.floor(low / step) * step), float(np.ceil(high / step + (high == low)) * step)
