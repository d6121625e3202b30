"""What a reply cost: words in and out, and time, as an endpoint reports them."""

from __future__ import annotations

from vesalius.inference.requests import Reply

__all__ = ["cost_values"]

_NOT_KNOWN = float("nan")


def cost_values(reply: Reply) -> dict[str, float]:
    """Return tokens in and out and seconds of a reply; NaN where nobody counted, seconds also of a cached one."""
    return {
        "tokens_in": float(reply.tokens_in) or _NOT_KNOWN,
        "tokens_out": float(reply.tokens_out) or _NOT_KNOWN,
        "seconds": _NOT_KNOWN if reply.cached else reply.seconds or _NOT_KNOWN,
    }
