"""DICOM presentation state: boxes, points, outlines and words that a viewer lays over the stored images.

A grey source gets a grayscale softcopy presentation state (PS3.3 A.33.1), a colour source a colour one (A.33.2).
Coordinates are in pixels, the origin at the corner of the first pixel (C.10.5), which is the convention of
records, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from vesalius.data.readers.dicom_tags import whole
from vesalius.data.writers.finish import VIRTUAL, building, identity, moment_of, saved, settled, state_side
from vesalius.data.writers.overlay import Drawn
from vesalius.data.writers.source import Source
from vesalius.errors import DataError
from vesalius.optional import require

__all__ = ["write_presentation"]

_DEVICE_CLASS = slice(12, 16)
_MADE = slice(24, 36)
"""Bytes of a profile that hold the moment it was made at (ICC.1 7.2.8)."""


def write_presentation(
    marks: Mapping[int, Sequence[Drawn]], source: Source, path: str | Path, *, when: datetime | None = None
) -> Path:
    """Write marks as one presentation state.

    Args:
        marks: by slice of the source (0 for a picture); masks have no place in a presentation state.
        source: series that it is shown with.
        path: file to write; the same marks and source give the same bytes.
        when: moment of making; that of the source's study where it is not stated.

    Raises:
        DataError: nothing to draw.
    """
    highdicom = require("highdicom", purpose="writing a DICOM presentation state")
    layer = highdicom.pr.GraphicLayer(layer_name="FINDINGS", order=1, description="Findings")
    with building(Path(path)):
        annotations = [
            annotation
            for slice_number, drawn in sorted(marks.items())
            if (annotation := _annotation(highdicom, drawn, source, slice_number, layer)) is not None
        ]
    if not annotations:
        raise DataError("nothing to draw: a presentation state needs a box, a point or an outline")
    colour = (whole(source.first, "SamplesPerPixel") or 1) > 1
    kind = "ColorSoftcopyPresentationState" if colour else "GrayscaleSoftcopyPresentationState"
    known = identity(source.first, "PR", repr(sorted(_content(marks))))
    with building(Path(path)):
        dataset = getattr(highdicom.pr, kind)(
            referenced_images=list(source.datasets),
            content_label="FINDINGS",
            **known,
            content_description=VIRTUAL if source.virtual else "Findings",
            graphic_annotations=annotations,
            graphic_layers=[layer],
            **(_profile(source) if colour else {}),
            series_description=VIRTUAL if source.virtual else "Findings",
        )
    state_side(dataset)
    return saved(settled(dataset, moment=moment_of(source.first, when)), Path(path))


def _annotation(highdicom: Any, drawn: Sequence[Drawn], source: Source, slice_number: int, layer: Any) -> Any:
    """Return what is drawn on one slice, None where nothing is."""
    shapes = [shape for mark in drawn if (shape := _shape(highdicom, mark)) is not None]
    if not shapes:
        return None
    texts = [text for mark in drawn if (text := _text(highdicom, mark, source)) is not None]
    if source.virtual:
        texts.append(_words(highdicom, VIRTUAL, (1.0, 1.0), source))
    header, frame = source.instance(slice_number)
    return highdicom.pr.GraphicAnnotation(
        referenced_images=[header],
        referenced_frame_number=frame,
        graphic_layer=layer,
        graphic_objects=shapes,
        text_objects=texts or None,
    )


def _profile(source: Source) -> dict[str, bytes]:
    """Return the sRGB profile for a colour source that states none; colours of such files are sRGB by custom."""
    if "ICCProfile" in source.first or "OpticalPathSequence" in source.first:
        return {}
    from PIL import ImageCms

    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    data[_MADE] = bytes(_MADE.stop - _MADE.start)
    data[_DEVICE_CLASS] = b"scnr"  # DICOM wants that of an input device, which has the same tags (C.11.15)
    return {"icc_profile": bytes(data)}


def _content(marks: Mapping[int, Sequence[Drawn]]) -> list[str]:
    return [
        f"{number} {mark.label} {mark.box} {mark.points} {mark.closed}"
        for number, drawn in marks.items()
        for mark in drawn
    ]


def _shape(highdicom: Any, mark: Drawn) -> Any:
    """Return a graphic object: a closed polyline for a box or an outline, points for points."""
    if mark.box is not None:
        left, top, right, bottom = mark.box
        corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
        return _graphic(highdicom, "POLYLINE", corners)
    if mark.points and mark.closed:
        return _graphic(highdicom, "POLYLINE", [*mark.points, mark.points[0]])
    if len(mark.points) == 1:
        return _graphic(highdicom, "POINT", mark.points)
    return _graphic(highdicom, "POLYLINE", mark.points) if mark.points else None


def _graphic(highdicom: Any, kind: str, points: Sequence[tuple[float, float]]) -> Any:
    return highdicom.pr.GraphicObject(
        graphic_type=kind, graphic_data=np.array(points, dtype=np.float64), units="PIXEL"
    )


def _text(highdicom: Any, mark: Drawn, source: Source) -> Any:
    if not mark.label or (mark.box is None and not mark.points):
        return None
    place = (mark.box[0], mark.box[3]) if mark.box is not None else mark.points[0]
    return _words(highdicom, mark.label, place, source)


def _words(highdicom: Any, words: str, place: tuple[float, float], source: Source) -> Any:
    rows, columns = source.grid.shape[1:]
    inside = (min(max(place[0], 0.0), float(columns)), min(max(place[1], 0.0), float(rows)))
    return highdicom.pr.TextObject(text_value=words, units="PIXEL", anchor_point=inside, anchor_point_visible=False)
