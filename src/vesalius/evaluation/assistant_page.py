"""What a page shows of the assistant: its learning curves, and what it says about patients that it has never seen."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from vesalius.data.corpus import Corpus
from vesalius.data.messages import Media, Message
from vesalius.evaluation.report.charts import Frame, chart, polyline
from vesalius.inference.pointing import Pointed, draw, pointer_of
from vesalius.inference.predictor import Predictor
from vesalius.inference.requests import Decoding, Request
from vesalius.training.run import Run

__all__ = ["Curve", "Said", "answers_about", "curve_of", "draw_places", "learning_chart"]

_STYLE = (
    "svg{background:#fff;font:11px sans-serif}text{fill:#5d6870}.axis{stroke:#e4e2dc;fill:none}"
    ".line{fill:none;stroke-width:1.8}.m{stroke:#0f6b74}.c{stroke:#9a8f80}"
)
_WIDTH, _HEIGHT = 300, 210


class Curve(NamedTuple):
    """One value over the steps of a run, in training and in validation; stages follow each other."""

    title: str
    training: list[tuple[float, float]]
    validation: list[tuple[float, float]]


class Said(NamedTuple):
    """A question about a study, and the answer."""

    question: str
    answer: str
    places: Pointed | None


def curve_of(run: Run, name: str, *, title: str) -> Curve:
    """Read a value of a run's metrics, such as loss; the steps of a later stage are counted on."""
    lines = run.metrics()
    before, reached, stage = 0, 0, lines[0].get("stage") if lines else None
    training, validation = [], []
    for line in lines:
        if line.get("stage") != stage:
            before, stage = reached, line.get("stage")
        reached = before + int(line.get("step", 0))
        if isinstance(line.get(name), int | float):
            training.append((float(reached), float(line[name])))
        if isinstance(line.get(f"eval_{name}"), int | float):
            validation.append((float(reached), float(line[f"eval_{name}"])))
    return Curve(title, training, validation)


def learning_chart(curves: Sequence[Curve]) -> str:
    """Return an SVG file of curves beside each other: training dark, validation pale."""
    parts = []
    for place, curve in enumerate(curves):
        points = np.array([*curve.training, *curve.validation])
        top = float(np.ceil(points[:, 1].max() * 10) / 10)
        frame = Frame(x_range=(0, float(points[:, 0].max())), y_range=(0, top), width=_WIDTH, height=_HEIGHT)
        layers = [
            polyline(frame, *np.array(line).T, kind=kind)
            for line, kind in ((curve.training, "m"), (curve.validation, "c"))
            if line
        ]
        drawn = chart(frame, layers, x_label="step", y_label=curve.title, title=curve.title)
        size = f'x="{place * _WIDTH}" y="0" width="{_WIDTH}" height="{_HEIGHT}"'
        parts.append(drawn.replace("<svg ", f"<svg {size} ", 1))
    width = _WIDTH * len(curves)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {_HEIGHT}" width="{width}">'
    return f"{head}<style>{_STYLE}</style>{''.join(parts)}</svg>\n"


def answers_about(predictor: Predictor, corpus: Corpus, study: str, questions: Sequence[str]) -> list[Said]:
    """Ask questions about the main image of a study, each by itself.

    Args:
        predictor: that writes answers.
        corpus: of the study.
        study: its id.
        questions: in words.
    """
    shown = corpus.study(study)
    media = Media(path=str(corpus.path(shown.main_image.path)))
    asked = [Message(role="user", parts=(media, f"\n{question}")) for question in questions]
    requests = [
        Request(id=str(place), messages=(message,), decoding=Decoding(max_tokens=256))
        for place, message in enumerate(asked)
    ]
    texts = {reply.id: reply.text for reply in predictor.generate(requests)}
    pointer: Any = pointer_of(predictor)
    return [
        Said(question, texts[str(place)], pointer.read(texts[str(place)], (asked[place],)) if pointer else None)
        for place, question in enumerate(questions)
    ]


def draw_places(said: Sequence[Said], path: Path) -> None:
    """Draw all places that answers name into one picture."""
    named = [one.places for one in said if one.places is not None]
    if named:
        draw(Pointed(named[0].media, tuple(thing for one in named for thing in one.objects)), path)
