"""What a de-identification may keep: the options of PS3.15 Annex E, and our own for pixels and texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vesalius.errors import ConfigError, did_you_mean

__all__ = ["CLEAN", "RETAIN", "Options", "options_from"]

RETAIN = {
    "full-dates": "full_dates",
    "modified-dates": "modified_dates",
    "patient-characteristics": "patient_characteristics",
    "device": "device",
    "uids": "uids",
    "institution": "institution",
}
"""Names of the retain options on the command line, and the columns of the profile that they stand for."""
CLEAN = {"descriptors": "descriptors", "structured-content": "structured_content", "graphics": "graphics"}
"""Names of the clean options; what they name is removed without them."""


_WIDEST_BORDER = 0.4


@dataclass(frozen=True, kw_only=True)
class Options:
    """Choices of one run; the plain ones are the Basic Profile with Clean Pixel Data."""

    full_dates: bool = False
    """Keep dates and times as they are."""
    modified_dates: bool = False
    """Shift dates by the patient's own number of days; times of day stay unless `coarse_times`."""
    patient_characteristics: bool = False
    """Keep sex, age (90 and more as 90), size, weight and the like."""
    device: bool = False
    """Keep names and serial numbers of devices."""
    uids: bool = False
    """Keep UIDs as they are."""
    institution: bool = False
    """Keep names of institutions."""
    safe_private: tuple[str, ...] = ()
    """Private creators whose elements are safe, such as "GEMS_PARM_01", or "CREATOR:ggggxxee" for one element."""
    descriptors: bool = False
    """Keep descriptions and comments, scrubbed as text."""
    structured_content: bool = False
    """Keep the content of structured reports, scrubbed as text."""
    graphics: bool = False
    """Keep overlays and annotations; text that is found in them is removed."""
    coarse_times: bool = False
    """Cut times of day to the hour where dates are shifted."""
    keep_weekdays: bool = False
    """Shift dates by whole weeks."""
    pixels: Literal["mask", "drop", "review", "keep"] = "mask"
    """Images with burned-in text: mask the text, leave the image out, or mask nothing and list it for people;
    "keep" does not look at pixels."""
    border: float = 0.0
    """Part of the height and width (0.15 for 15 %) that is blanked at every edge of an image that is likely to hold
    text and tells no regions; only what a rule has blanked is declared free of text."""
    detector: Literal["strokes", "ocr"] = "strokes"
    """Finder of text in pixels: our own, or the network of rapidocr-onnxruntime."""
    texts: Literal["tag", "surrogate"] = "tag"
    """Put "[NAME]" or an invented name in the place of a name in a text."""
    day_first: bool = False
    """Read 03/04/2020 as the third of April."""
    names: tuple[str, ...] = ()
    """Further names to remove from texts."""
    places: tuple[str, ...] = ()
    """Further places to remove from texts."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.border < _WIDEST_BORDER:
            raise ConfigError(
                f"border is {self.border}, expected a part of the image from 0 to below {_WIDEST_BORDER}"
            )
        if self.border and self.pixels != "mask":
            raise ConfigError(f"border has no effect with pixels {self.pixels!r}; use it with mask")
        if self.full_dates and self.modified_dates:
            raise ConfigError("dates are kept in full or shifted, not both; drop full-dates or modified-dates")
        if self.keep_weekdays and not self.modified_dates:
            raise ConfigError("keep_weekdays has no effect without modified-dates; add --retain modified-dates")
        if self.coarse_times and not self.modified_dates:
            raise ConfigError("coarse_times has no effect without modified-dates; add --retain modified-dates")

    def columns(self) -> frozenset[str]:
        """Return the columns of the profile that are in force."""
        named = (*RETAIN.values(), *CLEAN.values())
        return frozenset(name for name in named if getattr(self, name))


def options_from(*, retain: str = "", clean: str = "", **others: object) -> Options:
    """Make options from comma-separated names of the command line.

    Raises:
        ConfigError: a name is not known; tells the nearest ones.
    """
    chosen: dict[str, object] = dict(others)
    for text, known, flag in ((retain, RETAIN, "--retain"), (clean, CLEAN, "--clean")):
        for name in filter(None, (part.strip() for part in text.split(","))):
            if name not in known:
                raise ConfigError(f"{flag}: unknown name {name!r}{did_you_mean(name, known)}")
            chosen[known[name]] = True
    return Options(**chosen)  # type: ignore[arg-type]
