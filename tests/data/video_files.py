"""Small clips for tests, in which every frame says its number by its brightness."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

ROWS, COLUMNS = 48, 64


def picture(number: int) -> np.ndarray:
    """A frame of one grey level with a square that moves, (48, 64, 3) uint8."""
    frame = np.full((ROWS, COLUMNS, 3), 16 + 4 * (number % 55), np.uint8)
    left = (3 * number) % (COLUMNS - 8)
    frame[20:28, left : left + 8] = 250
    return frame


def write_clip(
    path: Path,
    *,
    frames: int = 60,
    codec: str = "libx264",
    rate: int = 25,
    times: Sequence[int] | None = None,
    options: dict[str, str] | None = None,
    pixel_format: str = "yuv420p",
) -> Path:
    """Write a clip; `times` are presentation times in units of 1 / (100 × rate) s for a variable rate."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, options=options or {})
        stream.width, stream.height, stream.pix_fmt = COLUMNS, ROWS, pixel_format
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 100 * rate)
            stream.time_base = Fraction(1, 100 * rate)
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(picture(number), format="rgb24").reformat(format=pixel_format)
            if times is not None:
                frame.pts, frame.time_base = times[number], Fraction(1, 100 * rate)
            else:
                frame.pts, frame.time_base = number, Fraction(1, rate)
            for packet in stream.encode(frame):
                container.mux(packet)
        for packet in stream.encode(None):
            container.mux(packet)
    return path


def all_frames(path: Path) -> np.ndarray:
    """Decode everything from the beginning, (T, H, W, 3)."""
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])
