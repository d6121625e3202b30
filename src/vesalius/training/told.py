"""Numbers, bytes and seconds in words."""

from __future__ import annotations

__all__ = ["counted", "lasting", "sized"]


def counted(number: int) -> str:
    """Return a number to three digits, with its thousand, million or billion."""
    for size, unit in ((10**9, " billion"), (10**6, " million"), (10**3, " thousand")):
        if number >= size:
            return f"{number / size:.3g}{unit}"
    return str(number)


def sized(number: int) -> str:
    """Return bytes in GiB or MiB."""
    return f"{number / 2**30:.2f} GiB" if number >= 2**30 else f"{number / 2**20:.0f} MiB"


def lasting(seconds: float) -> str:
    """Return a duration in seconds, minutes or hours."""
    if seconds < 90:
        return f"about {seconds:.0f} s"
    return f"about {seconds / 60:.0f} min" if seconds < 5400 else f"about {seconds / 3600:.1f} h"
