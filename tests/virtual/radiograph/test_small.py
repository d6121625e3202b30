"""Films of few pixels: what is smaller than a pixel shows changes nothing and breaks nothing."""

from __future__ import annotations

from vesalius.virtual.exams.chest_radiograph import render
from vesalius.virtual.patient import draw_patient


def test_spicules_thinner_than_a_pixel_shows() -> None:
    # A spiculated nodule whose spicules reach no pixel of a film of 32 × 32.
    [picture] = render(draw_patient(11, 414, preset="chest"), 32)
    assert picture.pixels.shape == (32, 32)
