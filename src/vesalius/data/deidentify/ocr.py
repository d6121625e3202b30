"""Text in pixels found by the detection network of RapidOCR (PP-OCR), which its package brings along."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vesalius.data.deidentify.strokes import Box, grey
from vesalius.optional import require

__all__ = ["find_text_by_network"]

_THRESHOLD, _SENSITIVE_THRESHOLD = 0.5, 0.3
"""Mean probability of a box; 0.5 is the network's own default."""
_MARGIN = 2


def find_text_by_network(frame: NDArray[Any], *, sensitive: bool = False) -> list[Box]:
    """Return boxes around text; the same signature as `strokes.find_text`."""
    picture = np.repeat(grey(frame).astype(np.uint8)[..., None], 3, axis=2)
    found, _ = _network(_SENSITIVE_THRESHOLD if sensitive else _THRESHOLD)(
        picture, use_det=True, use_cls=False, use_rec=False
    )
    boxes = []
    for corners in found or ():
        xs, ys = [point[0] for point in corners], [point[1] for point in corners]
        boxes.append(
            Box(
                max(0, int(min(ys)) - _MARGIN), max(0, int(min(xs)) - _MARGIN),
                min(frame.shape[0], int(max(ys)) + 1 + _MARGIN), min(frame.shape[1], int(max(xs)) + 1 + _MARGIN),
            )
        )  # fmt: skip
    return sorted(boxes)


@cache
def _network(threshold: float) -> Any:
    module = require("rapidocr_onnxruntime", purpose="finding text with a network")
    return module.RapidOCR(text_score=0.0, box_thresh=threshold)
