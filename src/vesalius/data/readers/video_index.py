"""Which frames a video file holds and when they are shown, found without decoding; and what a cut file lacks."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["FrameIndex", "container_of", "cut_off", "index_by_decoding", "index_by_packets"]

HEAD_BYTES = 400
"""Bytes from the beginning of a file that `container_of` looks at."""
_PICTURE_BRANDS = (b"heic", b"heix", b"hevc", b"mif1", b"msf1", b"avif", b"avis")
_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
_SEGMENT = b"\x18\x53\x80\x67"
_MAGIC = {
    b"\x1a\x45\xdf\xa3": "matroska",
    b"\x00\x00\x01\xba": "mpeg",
    b"\x00\x00\x01\xb3": "mpegvideo",
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11": "asf",
}
# A stated duration may pass the last frame by so many of the longest step, before the file counts as cut off.
_MISSING_STEPS = 3


@dataclass(frozen=True, slots=True, eq=False)
class FrameIndex:
    """Where the frames are, in units of the stream's time base."""

    pts: NDArray[np.int64]
    """Presentation times, ascending."""
    keys: NDArray[np.int64]
    """Presentation times of key pictures, ascending; empty where the file cannot be searched."""
    key_dts: NDArray[np.int64]
    end: int


def container_of(head: bytes) -> str:
    """Return FFmpeg's name of the container from the first bytes of a file, empty where it is no video."""
    if head[4:8] in _BOXES:
        return "" if head[4:8] == b"ftyp" and head[8:12] in _PICTURE_BRANDS else "mov"
    if head[:4] == b"RIFF" and head[8:11] == b"AVI":
        return "avi"
    if head[:1] == b"\x47" and head[188:189] == b"\x47":
        return "mpegts"
    return next((name for magic, name in _MAGIC.items() if head.startswith(magic)), "")


def index_by_packets(container: Any, stream: Any) -> tuple[FrameIndex, int]:
    """List the frames by their packets; where these state no times, by decoding all. Also return the packets."""
    pts: list[int] = []
    keys: list[tuple[int, int]] = []
    packets, end, stated = 0, 0, True
    # What breaks off here is found by counting.
    with suppress(OSError, ValueError):
        for packet in container.demux(stream):
            if packet.size == 0 or packet.is_corrupt:
                continue
            packets += 1
            if packet.is_discard:
                continue
            if packet.pts is None:
                stated = False
                break
            pts.append(packet.pts)
            end = max(end, packet.pts + (packet.duration or 0))
            if packet.is_keyframe:
                # Most containers are searched by decoding time; Matroska, which may not state it, by presentation.
                keys.append((packet.pts, packet.pts if packet.dts is None else packet.dts))
    if not stated or len(set(pts)) < len(pts):
        container.seek(0)
        return index_by_decoding(container, stream), packets
    return _index(pts, sorted(keys), end), packets


def index_by_decoding(container: Any, stream: Any) -> FrameIndex:
    """List the frames by decoding all, one in memory at a time; the file is then read from its beginning always."""
    pts, end = [], 0
    with suppress(OSError, ValueError):
        for frame in container.decode(stream):
            if frame.pts is None:
                raise RuntimeError("frames without a time; convert the video to MP4 or Matroska")
            pts.append(int(frame.pts))
            end = max(end, int(frame.pts) + int(frame.duration or 0))
    return _index(pts, [], end)


def _index(pts: list[int], keys: list[tuple[int, int]], end: int) -> FrameIndex:
    if not pts:
        raise ValueError("no frame can be read")
    times = np.array(sorted(pts), np.int64)
    if len(times) > 1 and np.diff(times).min() == 0:
        raise ValueError("two frames have one time, so that a frame cannot be told by it; convert the video to MP4")
    last_step = int(times[-1] - times[-2]) if len(times) > 1 else 0
    pairs = np.array(keys, np.int64).reshape(-1, 2)
    return FrameIndex(times, pairs[:, 0], pairs[:, 1], end if end > times[-1] else int(times[-1]) + last_step)


def cut_off(path: Path, data: bytes | None, container: Any, stream: Any, *, index: FrameIndex, packets: int) -> str:
    """Say what the header promises and the file lacks; empty where it is whole or promises nothing."""
    missing = _missing_frames(container, stream, index, packets=packets)
    return missing or (_short_segment(path) if data is None and container.format.name.startswith("matroska") else "")


def _missing_frames(container: Any, stream: Any, index: FrameIndex, *, packets: int) -> str:
    if packets and stream.frames:
        return f"its header states {stream.frames} frames, {packets} are there" if packets < stream.frames else ""
    stated = None if stream.duration is None else stream.duration * stream.time_base
    if container.format.name == "asf" and len(container.streams) == 1 and container.duration:
        stated = Fraction(container.duration, 10**6)
    if stated is None or len(index.pts) < 2 or container.format.name in ("mpeg", "mpegts"):
        return ""
    short = stated / stream.time_base + int(stream.start_time or 0) - index.end
    if short <= _MISSING_STEPS * int(np.diff(index.pts).max()):
        return ""
    return (
        f"its header states {float(stated):.4g} s, the last frame ends {float(short * stream.time_base):.4g} s before"
    )


def _short_segment(path: Path) -> str:
    """Say how much of a Matroska file is missing: its segment states its length (RFC 8794, RFC 9559)."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    width, length = _vint(head[4:12])
    place = 4 + width + length
    if head[place : place + 4] != _SEGMENT:
        return ""
    width, length = _vint(head[place + 4 : place + 12])
    end, there = place + 4 + width + length, path.stat().st_size
    # All bits set stand for a length that the writer did not know.
    unknown = length == (1 << (7 * width)) - 1
    return "" if unknown or end <= there else f"its header states {end} bytes, {there} are there"


def _vint(head: bytes) -> tuple[int, int]:
    """Read a number of variable length; return its bytes and its value."""
    if not head or not head[0]:
        return 0, 0
    width = 9 - head[0].bit_length()
    return width, int.from_bytes(head[:width], "big") & ((1 << (7 * width)) - 1)
