"""Planted signs for models that see a picture whole and in tiles: what only the tiles show, and what they lose.

Letters: Y rows, X columns.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from vesalius.data.corpus import Corpus
from vesalius.data.records import Dialogue, Study, Text, Turn
from vesalius.evaluation.signs import Grey, Media, with_sign

__all__ = ["GRAINS", "PLACES", "bright_quarter", "grains", "grainy"]

PLACES = ("lower left", "lower right", "upper left", "upper right")
"""Quarters of a picture, by the sides of the picture."""
GRAINS = ("smooth", "rows", "columns", "checks")
"""Grains of two pixels a period: a picture that is halved has lost them, whatever it was."""
_GRAIN = 0.8
"""Share of a picture that the grain takes."""
_BRIGHT = 0.35
"""What the bright quarter has more, of black 0 to white 1."""


def grains(corpus: Corpus, study: Study, rng: np.random.Generator) -> tuple[Study, Media]:
    """Put one of four grains all over the picture, and ask which; the caption names it."""
    grain = GRAINS[int(rng.integers(len(GRAINS)))]
    changed = _asked(study, "Which grain does the picture have?", grain, f"A picture with {grain} grain.")
    return with_sign(corpus, changed, lambda grey: grainy(grey, grain))


def bright_quarter(corpus: Corpus, study: Study, rng: np.random.Generator) -> tuple[Study, Media]:
    """Brighten one quarter of the picture, and ask which; the caption names it."""
    where = PLACES[int(rng.integers(len(PLACES)))]
    changed = _asked(study, "Which quarter is bright?", where, f"A picture whose {where} quarter is bright.")
    return with_sign(corpus, changed, lambda grey: _brightened(grey, where))


def grainy(grey: Grey, grain: str) -> Grey:
    """Return a picture (…, Y, X) with a grain all over it.

    It fades out towards the rim: where it ends at once, halving leaves a trace of it.
    """
    rows, columns = np.indices(grey.shape[-2:])
    shown = {"smooth": 0.5, "rows": rows % 2, "columns": columns % 2, "checks": (rows + columns) % 2}[grain]
    fade = np.outer(*(np.sin(np.pi * (np.arange(length) + 0.5) / length) ** 2 for length in grey.shape[-2:]))
    return np.asarray((1 - _GRAIN) * grey + _GRAIN * (0.5 + (np.asarray(shown) - 0.5) * fade), np.float32)


def _brightened(grey: Grey, where: str) -> Grey:
    rows, columns = (length // 2 for length in grey.shape[-2:])
    down = slice(None, rows) if where.startswith("upper") else slice(rows, None)
    across = slice(None, columns) if where.endswith("left") else slice(columns, None)
    out = np.array((1 - _BRIGHT) * grey, np.float32)
    out[..., down, across] += _BRIGHT
    return out


def _asked(study: Study, question: str, answer: str, caption: str) -> Study:
    """Return the study with one question and one caption, and nothing else that is told of it."""
    turns = (Turn(role="user", text=question),)
    dialogue = Dialogue(id=f"{study.id}-0", turns=turns, answer=answer, answer_type="open", source="planted")
    texts = (Text(text=caption, role="caption"),)
    return replace(study, texts=texts, findings=(), regions=(), dialogues=(dialogue,))
