"""Pictures inside a page, as data addresses."""

from __future__ import annotations

import base64
import io
from html import escape

import numpy as np
from numpy.typing import NDArray

__all__ = ["thumbnail"]


def thumbnail(shown: NDArray[np.float32], *, side: int = 224, alt: str = "") -> str:
    """Return an img element with the picture inside, its longer side at most `side` pixels."""
    from PIL import Image

    image = Image.fromarray((np.clip(shown, 0, 1) * 255).round().astype(np.uint8))
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=82, optimize=True)
    data = base64.b64encode(file.getvalue()).decode("ascii")
    size = f'width="{image.width}" height="{image.height}"'
    return f'<img {size} alt="{escape(alt)}" src="data:image/jpeg;base64,{data}">'
