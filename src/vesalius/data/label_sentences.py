"""A sentence of what a study states as present, so that an image with labels alone has a text."""

from __future__ import annotations

from collections.abc import Iterable

from vesalius.data.records import Finding

__all__ = ["label_sentence"]

_NOTHING = "no abnormal finding"
_NO_FINDING = "no_finding"


def label_sentence(findings: Iterable[Finding], template: str) -> str:
    """Return the template with the names of what is present, in order of these names, in the place of ``{}``.

    Where all is absent it says so; without any label there is no sentence, but an empty text.
    """
    stated = list(findings)
    if not stated:
        return ""
    present = sorted({one.concept for one in stated if one.status == "present"} - {_NO_FINDING})
    names = [concept.replace("_", " ") for concept in present] or [_NOTHING]
    named = " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
    return template.replace("{}", named)
