"""Peak memory of this process, on the device that it computes on."""

from __future__ import annotations

import resource
from pathlib import Path

import torch

__all__ = ["peak_bytes", "reset_peak"]


def reset_peak() -> None:
    """Begin a new peak of memory; where the system does not allow it, the peak of the whole process counts."""
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
        return
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return


def peak_bytes() -> int:
    """Return the most bytes since the last reset: of the GPU where there is one, else of the process."""
    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated())
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
