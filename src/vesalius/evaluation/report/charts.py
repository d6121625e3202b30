"""Small charts as SVG text; colours come from the page's classes and so follow its light or dark mode."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["Dot", "Frame", "band", "bars", "chart", "dots", "interval_bar", "polyline", "whiskers"]


@dataclass(frozen=True, kw_only=True)
class Frame:
    """Data ranges and the place of the plotting area, in units of the SVG's view box."""

    x_range: tuple[float, float]
    y_range: tuple[float, float]
    width: float = 300
    height: float = 210
    left: float = 36
    right: float = 8
    top: float = 8
    bottom: float = 32

    def x(self, value: float) -> float:
        """Horizontal place of a value."""
        low, high = self.x_range
        return self.left + (value - low) / (high - low) * (self.width - self.left - self.right)

    def y(self, value: float) -> float:
        """Vertical place of a value; SVG counts downwards."""
        low, high = self.y_range
        return self.height - self.bottom - (value - low) / (high - low) * (self.height - self.top - self.bottom)


@dataclass(frozen=True, kw_only=True)
class Dot:
    """A value with its interval, one row of a dot plot."""

    name: str
    value: float | None
    low: float | None
    high: float | None
    model: bool = False
    parts: tuple[float, ...] = ()
    """What the value is the mean of, such as one number a seed: small hollow dots above the interval."""


def chart(frame: Frame, layers: Sequence[str], *, x_label: str, y_label: str, title: str, ticks: int = 3) -> str:
    """Return a chart: axes with ticks and labels around the layers.

    Args:
        frame: ranges and sizes.
        layers: SVG text from the functions of this module, the lowest first.
        x_label: words under the axis.
        y_label: words at the top left.
        title: read aloud by screen readers.
        ticks: number of ticks on each axis.
    """
    x_low, x_high = frame.x(frame.x_range[0]), frame.x(frame.x_range[1])
    y_low, y_high = frame.y(frame.y_range[0]), frame.y(frame.y_range[1])
    axes = f'<path class="axis" d="M{x_low:.1f} {y_high:.1f}V{y_low:.1f}H{x_high:.1f}"/>'
    labels = [
        _text((x_low + x_high) / 2, frame.height - 3, x_label),
        f'<g transform="translate(9 {(y_low + y_high) / 2:.1f}) rotate(-90)">{_text(0, 0, y_label)}</g>',
    ]
    labels += [_text(frame.x(value), y_low + 13, _tick(value)) for value in np.linspace(*frame.x_range, ticks)]
    labels += [
        _text(x_low - 4, frame.y(value) + 4, _tick(value), anchor="end")
        for value in np.linspace(*frame.y_range, ticks)
    ]
    return _svg(frame.width, frame.height, [axes, *layers, *labels], title)


def polyline(frame: Frame, x: ArrayLike, y: ArrayLike, *, kind: str = "m") -> str:
    """Return a line through points; `kind` is a class: m model, c control, ref reference."""
    return f'<path class="line {kind}" d="{_path(frame, x, y)}"/>'


def band(frame: Frame, x: ArrayLike, low: ArrayLike, high: ArrayLike) -> str:
    """Return the area between two lines over the same places."""
    along = np.asarray(x, dtype=float)
    there = _path(frame, along, low)
    back = _path(frame, along[::-1], np.asarray(high, dtype=float)[::-1]).replace("M", "L", 1)
    return f'<path class="band" d="{there}{back}Z"/>'


def bars(frame: Frame, edges: Sequence[float], heights: Sequence[float]) -> str:
    """Return bars from the bottom of the frame; heights are shares of its height."""
    base, top = frame.y(frame.y_range[0]), frame.y(frame.y_range[1])
    return "".join(
        f'<rect class="bars" x="{frame.x(left) + 1:.1f}" width="{frame.x(right) - frame.x(left) - 2:.1f}" '
        f'y="{base - height * (base - top):.1f}" height="{height * (base - top):.1f}"/>'
        for left, right, height in zip(edges[:-1], edges[1:], heights, strict=True)
    )


def whiskers(
    frame: Frame, x: ArrayLike, y: ArrayLike, *, low: ArrayLike, high: ArrayLike, hollow: Sequence[bool]
) -> str:
    """Return points with vertical intervals; hollow ones rest on few items."""
    parts = []
    columns = (np.asarray(values, dtype=float) for values in (x, y, low, high))
    for place, value, bottom, top, is_hollow in zip(*columns, hollow, strict=True):
        if np.isfinite(bottom) and np.isfinite(top):
            parts.append(
                f'<line class="m span" x1="{frame.x(place):.1f}" x2="{frame.x(place):.1f}" '
                f'y1="{frame.y(bottom):.1f}" y2="{frame.y(top):.1f}"/>'
            )
        kind = "m hollow" if is_hollow else "mf"
        parts.append(f'<circle class="{kind}" cx="{frame.x(place):.1f}" cy="{frame.y(value):.1f}" r="3.4"/>')
    return "".join(parts)


def dots(rows: Sequence[Dot], *, title: str, reference: float | None = None, x_range: tuple[float, float]) -> str:
    """Return a dot plot with one row a system: name, interval, value."""
    height = 25 * len(rows) + 22
    frame = Frame(x_range=x_range, y_range=(0, 1), width=320, height=height, left=84, right=42, top=2, bottom=20)
    parts = [f'<path class="axis" d="M{frame.left} {height - 18}H{frame.width - frame.right}"/>']
    if reference is not None:
        parts.append(f'<path class="ref" d="M{frame.x(reference):.1f} 4V{height - 18}"/>')
    for number, row in enumerate(rows):
        parts += _dot_row(frame, row, 16 + 25 * number)
    ends = (x_range[0], (x_range[0] + x_range[1]) / 2, x_range[1])
    parts += [_text(frame.x(value), height - 5, _tick(value)) for value in ends]
    return _svg(frame.width, height, parts, title)


def interval_bar(row: Dot, *, x_range: tuple[float, float], reference: float | None = None) -> str:
    """Return one interval as a strip for a table."""
    frame = Frame(x_range=x_range, y_range=(0, 1), width=150, height=18, left=4, right=4, top=1, bottom=1)
    parts = ['<path class="axis" d="M4 9H146"/>']
    if reference is not None:
        parts.append(f'<path class="ref" d="M{frame.x(reference):.1f} 1V17"/>')
    return _svg(150, 18, [*parts, *_mark(frame, row, 9)], f"{row.name}: {_spoken(row)}")


def _dot_row(frame: Frame, row: Dot, y: float) -> list[str]:
    weight = ' font-weight="650"' if row.model else ""
    label = f'<text class="name" x="0" y="{y + 4}"{weight}>{escape(row.name)}</text>'
    value = "–" if row.value is None else f"{row.value:.2f}"
    shown = f'<text class="name" x="{frame.width}" y="{y + 4}" text-anchor="end"{weight}>{value}</text>'
    return [label, *_mark(frame, row, y), shown]


def _mark(frame: Frame, row: Dot, y: float) -> list[str]:
    stroke, fill = ("m", "mf") if row.model else ("c", "cf")
    low, high = frame.x_range
    parts = []
    if row.low is not None and row.high is not None:
        left, right = (frame.x(min(max(value, low), high)) for value in (row.low, row.high))
        parts.append(f'<line class="span {stroke}" x1="{left:.1f}" x2="{right:.1f}" y1="{y}" y2="{y}"/>')
    if row.value is not None:
        place = frame.x(min(max(row.value, low), high))
        parts.append(f'<circle class="{fill}" cx="{place:.1f}" cy="{y}" r="4.6"/>')
    for part in row.parts:
        place = frame.x(min(max(part, low), high))
        parts.append(f'<circle class="{stroke} hollow" cx="{place:.1f}" cy="{y - 8}" r="2.2"/>')
    return parts


def _spoken(row: Dot) -> str:
    if row.value is None:
        return "undefined"
    return f"{row.value:.2f}" + ("" if row.low is None else f", {row.low:.2f} to {row.high:.2f}")


def _path(frame: Frame, x: ArrayLike, y: ArrayLike) -> str:
    points = zip(np.asarray(x, dtype=float), np.asarray(y, dtype=float), strict=True)
    return "".join(
        f"{'L' if number else 'M'}{frame.x(a):.1f} {frame.y(b):.1f}"
        for number, (a, b) in enumerate((a, b) for a, b in points if np.isfinite(a) and np.isfinite(b))
    )


def _text(x: float, y: float, words: str, *, anchor: str = "middle") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def _tick(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}".replace(",", " ")


def _svg(width: float, height: float, parts: Sequence[str], title: str) -> str:
    inside = f"<title>{escape(title)}</title>{''.join(parts)}"
    return f'<svg viewBox="0 0 {width:g} {height:g}" role="img">{inside}</svg>'
