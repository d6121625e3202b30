"""DICOM files of several frames as clips: ultrasound, endoscopy, angiography, and MPEG streams inside DICOM.

Times follow PS3.3 C.7.6.5: FrameTime (0018,1063) or the steps of FrameTimeVector (0018,1065), whichever
FrameIncrementPointer (0028,0009) names, else CineRate (0018,0040) or RecommendedDisplayFrameRate (0008,2144).
A file without any of them has no times: they are not invented.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vesalius.data.readers import dicom
from vesalius.data.readers.clip import Clip
from vesalius.data.readers.dicom_tags import number, numbers, text
from vesalius.data.readers.limits import check_size
from vesalius.errors import DataError

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["open_cine"]

_MPEG2 = ("1.2.840.10008.1.2.4.100", "1.2.840.10008.1.2.4.101")
_H264 = tuple(f"1.2.840.10008.1.2.4.{number}" for number in (102, 103, 104, 105, 106))
_HEVC = tuple(f"1.2.840.10008.1.2.4.{number}" for number in (107, 108))
_ELEMENTARY = dict.fromkeys(_MPEG2, "mpegvideo") | dict.fromkeys(_H264, "h264") | dict.fromkeys(_HEVC, "hevc")
_FRAME_TIME_VECTOR = 0x00181065


@dataclass(frozen=True, slots=True)
class _CineFrames:
    """Decodes the frames of a DICOM file one by one."""

    path: Path

    def decode(self, wanted: Sequence[int]) -> Iterator[NDArray[Any]]:
        """Yield frames by number."""
        for index in wanted:
            try:
                yield dicom.read(self.path, frame=index).array
            except DataError as error:
                raise DataError(f"{error}; the last good frame is {index - 1}") from None


def open_cine(path: Path) -> Clip:
    """Open a DICOM file of frames that are no volume.

    Raises:
        DataError: no DICOM, one frame only, or broken.
    """
    with dicom.guarded(str(path)):
        dataset = dicom.open_dataset(path, defer=True)
        total = int(number(dataset, "NumberOfFrames") or 1)
        syntax = text(dataset.file_meta, "TransferSyntaxUID").split("\\")[0]
        times, end, source = _times(dataset, total)
        modality = text(dataset, "Modality")
        container = next((name for uid, name in _ELEMENTARY.items() if syntax in (uid, f"{uid}.1")), "")
    info = {"format": "dicom", "modality": modality} | ({"times_source": source} if source else {})
    if container:
        return _encapsulated(path, container, info, times=times, end=end)
    if total < 2:
        raise DataError(f"{path}: a DICOM file with one frame; open it with readers.read(path)")
    first = dicom.read(path, frame=0)
    return Clip(
        path=path,
        shape=(total, *first.shape),  # type: ignore[arg-type]
        channels=first.channels,
        times_s=times,
        duration_s=end,
        frames_per_second=total / end if end else None,
        info=info | {"units": first.units},
        dtype=str(first.array.dtype),
        source=_CineFrames(path),
    )


def _encapsulated(
    path: Path, container: str, info: dict[str, str], *, times: NDArray[np.float64] | None, end: float | None
) -> Clip:
    """Open an MPEG stream inside a DICOM file; its compressed bytes are held in memory."""
    from pydicom.encaps import generate_fragments

    from vesalius.data.readers.video import container_of, read_stream

    check_size(str(path), path.stat().st_size)
    with dicom.guarded(str(path)):
        dataset = dicom.open_dataset(path)
        # The first item is the offset table.
        data = b"".join(list(generate_fragments(dataset.PixelData))[1:])
    clip = read_stream(path, container=container_of(data[:400]) or container, data=data)
    clip = replace(clip, info={**clip.info, **info})
    if times is None or len(times) != len(clip):
        return clip
    return replace(clip, times_s=times, duration_s=end, frames_per_second=len(clip) / end if end else None)


def _times(dataset: Dataset, total: int) -> tuple[NDArray[np.float64] | None, float | None, str]:
    """Return the frames' times, when the last ends, and the tag that states them."""
    steps = numbers(dataset, "FrameTimeVector")
    pointer = dataset.get("FrameIncrementPointer")
    milliseconds = number(dataset, "FrameTime") or 0.0
    if len(steps) == total and total > 1 and (pointer == _FRAME_TIME_VECTOR or milliseconds <= 0):
        if min(steps[1:]) <= 0:
            raise DataError("FrameTimeVector (0018,1065) does not ascend")
        # The first entry is the step to the first frame itself, which is 0; the last frame lasts as long as others.
        times = np.array([*accumulate([0.0, *steps[1:]])], np.float64) / 1000.0
        return times, float(times[-1] + np.median(steps[1:]) / 1000.0), "FrameTimeVector (0018,1065)"
    source = "FrameTime (0018,1063)"
    if milliseconds <= 0:
        for keyword, tag in (("CineRate", "(0018,0040)"), ("RecommendedDisplayFrameRate", "(0008,2144)")):
            rate = number(dataset, keyword) or 0.0
            if rate > 0:
                milliseconds, source = 1000.0 / rate, f"{keyword} {tag}"
                break
        else:
            return None, None, ""
    seconds = milliseconds / 1000.0
    return np.arange(total, dtype=np.float64) * seconds, total * seconds, source
