"""Video files by PyAV: MP4 and MOV, Matroska and WebM, AVI, MPEG streams, ASF; and every DICOM cine, see `cine`.

The frames' times are listed by reading the packets without decoding them (16 bytes a frame). Frame i is found by its
time: decoding starts at the key picture at or before it, so that B-frames and a variable rate are right, and is the
frame that decoding everything gives. The container is named to the decoder by its first bytes, so that a playlist
can never make it open other files or addresses.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from vesalius.data.readers.clip import Clip, Rule, Sampled, choose_frames
from vesalius.data.readers.limits import DECODER_FAULTS, check_size
from vesalius.data.readers.pixels import Pixels, Presentation
from vesalius.data.readers.video_index import (
    HEAD_BYTES,
    FrameIndex,
    container_of,
    cut_off,
    index_by_decoding,
    index_by_packets,
)
from vesalius.data.records import Image
from vesalius.errors import DataError
from vesalius.optional import require

__all__ = [
    "Clip",
    "Rule",
    "Sampled",
    "choose_frames",
    "container_of",
    "describe_clip",
    "open_clip",
    "read",
    "read_stream",
]

# Codecs with packets that show nothing, so that packets cannot be counted for frames.
_HIDDEN_FRAMES = ("vp8",)
# A container's stated rate is taken where the frames' times agree with it this well; Matroska rounds to 1 ms.
_TIFF = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
_RATE_TOLERANCE = 0.01


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _VideoFrames:
    """Decodes frames of one file or of a stream in memory; opens it anew for every call."""

    name: str
    container: str
    path: Path
    data: bytes | None
    index: FrameIndex
    pixel_format: str

    def decode(self, wanted: Sequence[int]) -> Iterator[NDArray[Any]]:
        """Yield frames by number, ascending."""
        av = require("av", purpose=f"{self.name}: reading video")
        position: int | None = None
        seen, number = _Seen(), 0
        with ExitStack() as stack:
            try:
                run = _Run(stack, self)
                for number in wanted:
                    target = int(self.index.pts[number])
                    key = int(np.searchsorted(self.index.keys, target, side="right")) - 1
                    if position is None or (key >= 0 and self.index.keys[key] > position):
                        picture = run.search(key, target, seen)
                    else:
                        picture = _advanced(run.pictures, target, seen) or run.restart(target, seen)
                    if picture is None or picture.is_corrupt:
                        raise ValueError("it is damaged or not there")
                    position = target
                    yield picture.to_ndarray(format=self.pixel_format)
            except (av.error.FFmpegError, *DECODER_FAULTS) as error:
                raise DataError(
                    f"{self.name}: frame {number} of {len(self.index.pts)} cannot be decoded: {_reason(error)}; "
                    f"{self._last_good(seen)}; copy it again from its source"
                ) from None

    def _last_good(self, seen: _Seen) -> str:
        if seen.pts is None:
            return "no frame before it was decoded"
        return f"the last good frame is {int(np.searchsorted(self.index.pts, seen.pts, side='right')) - 1}"


@dataclass(slots=True)
class _Seen:
    """Time of the last whole picture."""

    pts: int | None = None


class _Run:
    """An open container and where decoding stands in it."""

    def __init__(self, stack: ExitStack, frames: _VideoFrames) -> None:
        self._stack = stack
        self._frames = frames
        self.pictures: Iterator[Any]
        """What comes next."""
        self._open()

    def search(self, key: int, target: int, seen: _Seen) -> Any:
        """Go to a key picture and decode up to a time; None where it does not come.

        Some containers are searched by presentation time and some by decoding time; where both come too late, the
        file is decoded from its beginning, which is right always.
        """
        index = self._frames.index
        places = dict.fromkeys([int(index.keys[key]), int(index.key_dts[key])]) if key > 0 else {}
        for place in places:
            self._container.seek(place, stream=self._stream, backward=True, any_frame=False)
            self.pictures = iter(self._container.decode(self._stream))
            picture = _advanced(self.pictures, target, seen)
            if picture is not None:
                return picture
        return self.restart(target, seen)

    def restart(self, target: int, seen: _Seen) -> Any:
        """Decode from the beginning up to a time; None where it does not come."""
        self._open()
        return _advanced(self.pictures, target, seen)

    def _open(self) -> None:
        self._stack.close()
        frames = self._frames
        _, self._container, self._stream = self._stack.enter_context(
            _opened(frames.path, frames.data, frames.container)
        )
        self.pictures = iter(self._container.decode(self._stream))


def _advanced(pictures: Iterator[Any], target: int, seen: _Seen) -> Any:
    """Decode up to the picture of a time; None where it does not come."""
    for picture in pictures:
        if picture.pts is not None and picture.pts > target:
            return None
        if not picture.is_corrupt:
            seen.pts = picture.pts
        if picture.pts == target:
            return picture
    return None


def open_clip(path: str | Path, *, partial: bool = False) -> Clip:
    """Open a video file, or a DICOM or TIFF file of several frames.

    Args:
        path: the file; its format is found from the content.
        partial: take what is there of a file that was cut off; otherwise that is an error.

    Raises:
        DataError: no such file, no video, or cut off; then it names the last good frame.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError as error:
        raise DataError(f"{path}: cannot be opened: {error.strerror}; give the path of a video file") from None
    if head[128:132] == b"DICM":
        from vesalius.data.readers.cine import open_cine

        return open_cine(path)
    if head[:4] in _TIFF:
        from vesalius.data.readers.pages import open_pages

        return open_pages(path)
    container = container_of(head)
    if not container:
        raise DataError(
            f"{path}: found content starting with {head[:8].hex()}; expected MP4, MOV, Matroska, WebM, AVI, MPEG, "
            "ASF, DICOM or TIFF"
        )
    return read_stream(path, container=container, partial=partial)


def read(path: Path, *, frame: int | None = None) -> Pixels:
    """Read all frames of a video, or the one asked for; a long clip is better opened with `open_clip`.

    Raises:
        DataError: as `open_clip`; or all frames together are too much for the memory.
    """
    clip = open_clip(path)
    array = clip.frames(range(len(clip)) if frame is None else [frame])
    axes = ("TYX" if frame is None else "YX") + ("C" if clip.channels > 1 else "")
    rate = {"frames_per_second": f"{clip.frames_per_second:g}"} if clip.frames_per_second else {}
    return Pixels(
        array=array if frame is None else array[0],
        axes=axes,  # type: ignore[arg-type]
        units="rgb" if clip.channels > 1 else "display",
        info={**clip.info, **rate, "frames": str(len(clip)), "geometry_missing": "a video states no spacing"},
        source=str(path),
        presentation=Presentation(white=float(np.iinfo(array.dtype).max)),
    )


def describe_clip(path: str | Path, *, id: str, modality: str = "OT") -> Image:
    """Return the record of a clip of kind "video".

    Args:
        path: a video file or DICOM file of several frames.
        id: name of the image in its study.
        modality: DICOM code, such as ES; a video file does not state one.
    """
    clip = open_clip(path)
    return Image(
        id=id,
        path=str(path),
        modality=clip.info.get("modality", modality),
        kind="video",
        shape=clip.shape,
        channels=clip.channels,
        units="rgb" if clip.channels == 3 else clip.info.get("units", "display"),
        frames_per_second=clip.frames_per_second,
    )


def read_stream(path: Path, *, container: str, data: bytes | None = None, partial: bool = False) -> Clip:
    """Open a video of a known container, in a file or in memory.

    Args:
        path: the file, or the name for messages where `data` is given.
        container: FFmpeg's name of it.
        data: the stream, where it is not a file of its own.
        partial: take what is there of a stream that was cut off.
    """
    with _opened(path, data, container) as (av, opened, stream):
        try:
            context = stream.codec_context
            size = len(data) if data is not None else path.stat().st_size
            check_size(str(path), 3 * int(context.width) * int(context.height), size)
            whole = context.name not in _HIDDEN_FRAMES
            index, packets = index_by_packets(opened, stream) if whole else (index_by_decoding(opened, stream), 0)
            first = _first_frame(path, data, container)
            missing = cut_off(path, data, opened, stream, index=index, packets=packets)
            if missing or first.pts != index.pts[0]:
                with _opened(path, data, container) as (_, again, pictures):
                    index = index_by_decoding(again, pictures)
        except (av.error.FFmpegError, *DECODER_FAULTS) as error:
            raise DataError(f"{path}: broken or truncated video: {_reason(error)}; copy it again") from None
        facts, base, rate = _facts(stream, container), Fraction(stream.time_base), stream.average_rate
    if missing and not partial:
        raise DataError(
            f"{path}: the file was cut off: {missing}; the last good frame is {len(index.pts) - 1}; copy it again "
            "from its source, or read what is there with open_clip(path, partial=True)"
        )
    grey, deep = first.format.name.startswith("gray"), first.format.components[0].bits > 8
    frames = _VideoFrames(
        name=str(path),
        container=container,
        path=path,
        data=data,
        index=index,
        pixel_format="rgb24" if not grey else "gray16le" if deep else "gray",
    )
    facts |= {"cut_off": missing} if missing else {}
    return _clip(frames, first, base=base, rate=float(rate) if rate else None, info=facts)


def _clip(frames: _VideoFrames, first: Any, *, base: Fraction, rate: float | None, info: dict[str, str]) -> Clip:
    index = frames.index
    times = (index.pts - index.pts[0]).astype(np.float64) * float(base)
    measured = (len(times) - 1) / times[-1] if len(times) > 1 else None
    if rate is None or (measured and abs(rate - measured) > _RATE_TOLERANCE * measured):
        rate = measured
    steps = np.diff(index.pts)
    # Times are whole numbers of the base, so that the steps of an even rate differ by one at most.
    if len(steps) and steps.max() - steps.min() > 1:
        info["variable_rate"] = (
            f"{1 / (steps.max() * float(base)):.4g} to {1 / (steps.min() * float(base)):.4g} a second"
        )
    return Clip(
        path=frames.path,
        shape=(len(index.pts), first.height, first.width),
        channels=3 if frames.pixel_format == "rgb24" else 1,
        times_s=times,
        duration_s=float((index.end - index.pts[0]) * base),
        frames_per_second=rate,
        rotation=int(first.rotation) % 360,
        info=info,
        dtype="uint16" if frames.pixel_format == "gray16le" else "uint8",
        source=frames,
    )


@contextmanager
def _opened(path: Path, data: bytes | None, container: str) -> Iterator[tuple[Any, Any, Any]]:
    """Open a container and its first stream of pictures; a file object knows no other protocol."""
    av = require("av", purpose=f"{path}: reading video")
    try:
        file: BinaryIO = BytesIO(data) if data is not None else path.open("rb")
    except OSError as error:
        raise DataError(f"{path}: cannot be opened: {error.strerror}") from None
    with file:
        try:
            opened = av.open(file, mode="r", format=container)
        except (av.error.FFmpegError, *DECODER_FAULTS) as error:
            raise DataError(
                f"{path}: broken or truncated video: {_reason(error)}; no frame can be read, copy it again from its "
                "source"
            ) from None
        with opened:
            cover = av.stream.Disposition.attached_pic
            streams = [stream for stream in opened.streams.video if not stream.disposition & cover]
            if not streams:
                raise DataError(f"{path}: a container without a stream of pictures; expected a video")
            yield av, opened, streams[0]


def _first_frame(path: Path, data: bytes | None, container: str) -> Any:
    with _opened(path, data, container) as (_, opened, stream):
        for frame in opened.decode(stream):
            return frame
    raise DataError(f"{path}: no frame can be decoded; copy it again from its source")


def _facts(stream: Any, container: str) -> dict[str, str]:
    context = stream.codec_context
    facts = {"format": "video", "container": container, "codec": str(context.name)}
    name = str(context.format.name) if context.format is not None else ""
    if name and not name.startswith("gray") and any(part.bits > 8 for part in context.format.components):
        facts["reduced"] = f"{name} is given with 8 bits a colour"
    return facts


def _reason(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
