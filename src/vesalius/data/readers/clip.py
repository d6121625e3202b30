"""Moving pictures, whatever file they come from: frames by number or time, a few in memory at once.

A clip holds no picture and no open file, only when each frame is shown; frames are decoded when they are asked for.
Frames are as stored: a rotation that the file wants is stated in `rotation` and not applied, because boxes and masks
speak of the pixels of the original file.
"""

# T frames, H rows, W columns, C colours

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from vesalius.data.readers.limits import check_size
from vesalius.errors import DataError

__all__ = ["Clip", "Frames", "Rule", "Sampled", "choose_frames"]

Rule = Literal["uniform", "random", "fps"]


class Frames(Protocol):
    """What decodes the frames of a clip."""

    def decode(self, wanted: Sequence[int]) -> Iterator[NDArray[Any]]:
        """Yield the frames of these numbers, which ascend without repeats: (H, W) or (H, W, C)."""


class Sampled(NamedTuple):
    """Frames that a rule chose."""

    frames: NDArray[Any]
    """(T, H, W) or (T, H, W, C)."""
    indices: tuple[int, ...]
    """Number of each frame in the clip."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Clip:
    """A clip by reference; it may be sent to worker processes."""

    path: Path
    shape: tuple[int, int, int]
    """(T, H, W) as stored."""
    channels: int
    """1 for grey, 3 for RGB."""
    times_s: NDArray[np.float64] | None
    """When each frame is shown, in seconds from the first, (T,); None where the file does not state it."""
    duration_s: float | None
    """Until the last frame ends, where the file states it."""
    frames_per_second: float | None
    """Mean rate; times are in `times_s`, as a rate may vary."""
    rotation: int = 0
    """Degrees counter-clockwise by which a viewer turns the frames; `np.rot90(frame, rotation // 90)` does."""
    info: Mapping[str, str] = field(default_factory=dict)
    """Format, codec, and what else is to be known; no names."""
    dtype: str = "uint8"
    """Type of a sample."""
    source: Frames

    def __len__(self) -> int:
        return self.shape[0]

    def stream(self, start: int = 0, stop: int | None = None, step: int = 1) -> Iterator[NDArray[Any]]:
        """Yield frames in order, (H, W) or (H, W, C), one in memory at a time."""
        return self.source.decode(range(len(self))[start:stop:step])

    def frames(self, indices: Sequence[int]) -> NDArray[Any]:
        """Return frames by number, in the order asked for, repeats allowed: (T, H, W) or (T, H, W, C).

        Each is what decoding from the beginning gives; only the groups of pictures that hold them are decoded.

        Raises:
            DataError: no such frame, too many for the memory, or a broken file; names the last good frame.
        """
        wrong = [index for index in indices if not 0 <= index < len(self)]
        if wrong or not len(indices):
            found = f"frame {wrong[0]}" if wrong else "no frame"
            raise DataError(f"{self.path}: {found} asked for, the clip has frames 0 to {len(self) - 1}")
        colours = (self.channels,) if self.channels > 1 else ()
        size = int(np.prod(self.shape[1:])) * self.channels * np.dtype(self.dtype).itemsize
        check_size(str(self.path), size * len(indices))
        result = np.empty((len(indices), *self.shape[1:], *colours), self.dtype)
        wanted = sorted(set(indices))
        places: dict[int, list[int]] = {}
        for place, index in enumerate(indices):
            places.setdefault(index, []).append(place)
        for index, frame in zip(wanted, self.source.decode(wanted), strict=True):
            result[places[index]] = frame
        return result

    def sample(
        self,
        num: int,
        rule: Rule = "uniform",
        *,
        rate: float | None = None,
        rng: np.random.Generator | None = None,
    ) -> Sampled:
        """Return frames that `choose_frames` chooses by their times."""
        if self.times_s is None and rule == "fps":
            raise DataError(f"{self.path}: the file states no frame times, so frames a second have no meaning")
        times = np.arange(len(self), dtype=np.float64) if self.times_s is None else self.times_s
        end = self.duration_s if self.times_s is not None and self.duration_s else times[-1] + 1.0
        indices = choose_frames(times, num=num, rule=rule, end_s=float(end), rate=rate, rng=rng)
        return Sampled(self.frames(indices), indices)


def choose_frames(
    times_s: NDArray[np.float64],
    *,
    num: int,
    rule: Rule = "uniform",
    end_s: float,
    rate: float | None = None,
    rng: np.random.Generator | None = None,
) -> tuple[int, ...]:
    """Choose frames by the time at which they are shown, ascending; a short clip gives the same frame repeatedly.

    Args:
        times_s: when each frame is shown, ascending from 0, (T,).
        num: frames wanted; with "fps" at most so many.
        rule: "uniform": the middle of each of `num` equal parts of the duration. "random": one moment drawn in each
            part (as temporal segment networks do). "fps": every 1 / `rate` seconds from the beginning.
        end_s: when the last frame ends.
        rate: frames a second for "fps".
        rng: needed by "random".
    """
    if num < 1:
        raise DataError(f"{num} frames asked for; expected at least 1")
    if rule == "uniform":
        moments = (np.arange(num) + 0.5) / num * end_s
    elif rule == "random":
        if rng is None:
            raise DataError("rule 'random' needs rng=, so that the choice can be repeated")
        moments = (np.arange(num) + rng.random(num)) / num * end_s
    elif rule == "fps":
        if rate is None or not rate > 0:
            raise DataError(f"rule 'fps' needs rate= above 0, found {rate}")
        moments = np.arange(num) / rate
        moments = moments[moments < end_s]
    else:
        raise DataError(f"unknown rule {rule!r}; known: fps, random, uniform")
    # A moment that falls on a frame's time by arithmetic alone belongs to that frame.
    chosen = np.searchsorted(times_s, moments + 1e-9, side="right") - 1
    return tuple(np.clip(chosen, 0, len(times_s) - 1).tolist())
