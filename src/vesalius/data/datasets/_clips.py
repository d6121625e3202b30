"""Videos of a release: described from the container, written small for twins, and runs of labels made events.

A frame's number divided by the container's frame rate is its time in seconds from the first frame.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vesalius.data.readers.limits import DECODER_FAULTS
from vesalius.data.records import Event, Image
from vesalius.errors import DataError
from vesalius.optional import require

__all__ = ["clip", "runs", "write_clip"]


def clip(path: Path, *, like: Image) -> Image:
    """Return `like` with the path, (frames, rows, columns) and frame rate that the container states.

    Raises:
        DataError: no such file, no video in it, or a video without a frame rate.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such video, though the release names it; download it, or drop its row")
    av = require("av", purpose=f"{path}: reading video")
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            rate = float(stream.average_rate or 0)
            frames = int(stream.frames) or sum(packet.pts is not None for packet in container.demux(stream))
            shape = (frames, int(stream.height), int(stream.width))
    except (av.FFmpegError, *DECODER_FAULTS) as error:
        raise DataError(f"{path}: no video that opens ({error}); download it again") from None
    if rate <= 0 or 0 in shape:
        raise DataError(f"{path}: video of shape {shape} at {rate} frames a second; expected all above 0")
    return replace(like, path=str(path), kind="video", shape=shape, channels=3, units="rgb", frames_per_second=rate)


def runs(
    labels: Iterable[Sequence[str]], *, image: str, kind: str, step_s: float, source: str, end_s: float
) -> Iterator[Event]:
    """Join rows that follow each other with the same label into events, in the order in which they end.

    Args:
        labels: what holds at each row, none or several.
        image: id of the clip.
        kind: of the events.
        step_s: seconds from row to row; the first row is at 0.
        source: who says so.
        end_s: length of the clip; no event goes beyond it, and one that starts there is left out.
    """
    open_: dict[str, int] = {}
    number = -1
    for number, row in enumerate(labels):
        for name in [name for name in open_ if name not in row]:
            yield from _event(name, open_.pop(name), number, image, kind, step_s, source, end_s)
        for name in row:
            open_.setdefault(name, number)
    for name, start in open_.items():
        yield from _event(name, start, number + 1, image, kind, step_s, source, end_s)


def _event(
    name: str, start: int, end: int, image: str, kind: str, step_s: float, source: str, end_s: float
) -> Iterator[Event]:
    first, last = start * step_s, min(end * step_s, end_s)
    if first < last:
        yield Event(image=image, kind=kind, label=name, start_s=first, end_s=last, source=source)


def write_clip(path: Path, frames: NDArray[np.uint8], *, frames_per_second: int) -> None:
    """Write frames (T, H, W, 3) as a small MPEG-4 video; one thread, so that the bytes are always the same."""
    av = require("av", purpose="writing the video of a twin")
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = (side - side % 2 for side in frames.shape[1:3])
    with av.open(str(path), "w") as container:
        container.metadata["comment"] = "VIRTUAL: rendered virtual patient, not a person"
        stream = container.add_stream("mpeg4", rate=frames_per_second)
        stream.width, stream.height, stream.pix_fmt, stream.thread_count = width, height, "yuv420p", 1
        stream.codec_context.bit_rate = 800_000
        for frame in frames[:, :height, :width]:
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
