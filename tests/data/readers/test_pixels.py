"""Windows, lookup tables and display against numbers worked out by hand (DICOM PS3.3 C.11.2.1)."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vesalius.data.geometry import Geometry
from vesalius.data.readers import LookupTable, Pixels, Presentation, Window
from vesalius.errors import DataError


def pixels(values: list, **fields) -> Pixels:
    fields = {"units": "stored", "axes": "YX", "source": "a.dcm", **fields}
    return Pixels(array=np.array([values]), **fields)


@pytest.mark.parametrize(
    ("window", "value", "expected"),
    [
        # C.11.2.1.2.1, centre 2048, width 4096: ((x - 2047.5) / 4095 + .5)
        (Window(2048, 4096), 0, 0.0),
        (Window(2048, 4096), 2047, (2047 - 2047.5) / 4095 + 0.5),
        (Window(2048, 4096), 4095, 1.0),
        # centre 0, width 100: black up to -50, white from 49 on, by the example of the standard
        (Window(0, 100), -50, 0.0),
        (Window(0, 100), 49, 1.0),
        (Window(0, 100), 0, 0.5 / 99 + 0.5),
        # width 1 is a threshold: black up to -.5
        (Window(0, 1), -1, 0.0),
        (Window(0, 1), 0, 1.0),
        # C.11.2.1.3.2: (x - c) / w + .5
        (Window(0, 100, "LINEAR_EXACT"), -50, 0.0),
        (Window(0, 100, "LINEAR_EXACT"), 0, 0.5),
        (Window(0, 100, "LINEAR_EXACT"), 25, 0.75),
        (Window(0, 100, "LINEAR_EXACT"), 50, 1.0),
        # C.11.2.1.3.1: 1 / (1 + exp(-4 (x - c) / w))
        (Window(10, 100, "SIGMOID"), 10, 0.5),
        (Window(10, 100, "SIGMOID"), 35, 1 / (1 + math.exp(-1))),
        (Window(10, 100, "SIGMOID"), -90, 1 / (1 + math.exp(4))),
    ],
)
def test_window_formulas(window: Window, value: float, expected: float) -> None:
    # float32 rounding of values below 1
    assert window(np.array([value]))[0] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("centre", "width", "shape"),
    [
        (0, 0.5, "LINEAR"),
        (0, 0, "LINEAR_EXACT"),
        (0, -1, "SIGMOID"),
        (math.nan, 10, "LINEAR"),
        (0, math.inf, "LINEAR"),
    ],
)
def test_wrong_window(centre: float, width: float, shape: str) -> None:
    with pytest.raises(DataError, match="width"):
        Window(centre, width, shape)


@settings(max_examples=50, deadline=None)
@given(
    st.floats(-2000, 2000),
    st.floats(1, 4000),
    st.sampled_from(["LINEAR", "LINEAR_EXACT", "SIGMOID"]),
    st.lists(st.integers(-3000, 3000), min_size=2, max_size=20),
)
def test_windows_rise_from_0_to_1(centre: float, width: float, shape: str, values: list[int]) -> None:
    shown = Window(centre, width, shape)(np.sort(np.array(values)))
    assert (np.diff(shown) >= 0).all()
    assert shown.min() >= 0
    assert shown.max() <= 1


def test_lookup_table_ends() -> None:
    table = LookupTable(np.array([10, 20, 30], dtype=np.uint16), first=-1, bits=8)
    # -1 is the first entry; what lies beyond takes the end's entry
    assert table(np.array([-5, -1, 0, 1, 9])).tolist() == [10, 10, 20, 30, 30]


def test_display_prefers_table_then_window_then_argument_over_both() -> None:
    table = LookupTable(np.array([0, 255], dtype=np.uint16), first=0, bits=8)
    both = pixels([0, 1], presentation=Presentation(windows=(Window(0.5, 4, "LINEAR_EXACT"),), lookup=table))
    assert both.display().tolist() == [[0.0, 1.0]]
    # (0 - .5) / 2 + .5 and (1 - .5) / 2 + .5
    assert both.display(Window(0.5, 2, "LINEAR_EXACT")).tolist() == [[0.25, 0.75]]
    windowed = pixels([0, 1], presentation=Presentation(windows=(Window(0.5, 4, "LINEAR_EXACT"),)))
    assert windowed.display().tolist() == [[0.375, 0.625]]
    assert windowed.display((0, 100)).tolist() == [[pytest.approx(0.5 / 99 + 0.5), pytest.approx(1.5 / 99 + 0.5)]]


def test_monochrome1_is_turned_over() -> None:
    plain = Presentation(windows=(Window(50, 100, "LINEAR_EXACT"),))
    turned = Presentation(windows=plain.windows, inverted=True)
    assert pixels([0, 25, 100], presentation=plain).display().tolist() == [[0.0, 0.25, 1.0]]
    assert pixels([0, 25, 100], presentation=turned).display().tolist() == [[1.0, 0.75, 0.0]]


def test_display_without_a_window() -> None:
    assert pixels([0, 51, 255], units="display", presentation=Presentation(white=255.0)).display().tolist() == [
        [0.0, pytest.approx(0.2), 1.0]
    ]
    # HU: -1000 black, 1000 white
    assert pixels([-2000, -1000, 0, 1000, 3000], units="HU").display().tolist() == [[0.0, 0.0, 0.5, 1.0, 1.0]]
    assert pixels([7, 7]).display().tolist() == [[0.0, 0.0]]
    shown = pixels(list(range(1001))).display()[0]
    # percentiles .5 and 99.5 of 0..1000 are 5 and 995
    assert shown[5] == 0
    assert shown[995] == 1
    assert shown[500] == pytest.approx(0.5)


def test_what_is_not_a_number_is_black() -> None:
    odd = pixels([math.nan, 0.0, 1.0, math.inf])
    assert odd.display().tolist()[0][0] == 0.0
    assert np.isfinite(odd.display()).all()
    assert pixels([math.nan, math.nan]).display().tolist() == [[0.0, 0.0]]
    assert pixels([math.nan, 0.0]).display((0, 100)).tolist()[0][0] == 0.0


def test_display_leaves_the_array_alone() -> None:
    image = pixels([0, 100], presentation=Presentation(windows=(Window(50, 100),), inverted=True))
    before = image.array.copy()
    image.display()
    assert (image.array == before).all()


def test_require_geometry_names_file_and_field() -> None:
    missing = pixels([0], info={"geometry_missing": "PixelSpacing (0028,0030) is 0 by 0 mm"})
    with pytest.raises(DataError, match=r"a\.dcm: no geometry: PixelSpacing \(0028,0030\) is 0 by 0 mm"):
        missing.require_geometry()
    flat = pixels(
        [0], geometry=Geometry(spacing_mm=(1.0, 1.0)), info={"position_missing": "(0020,0037) is not stated"}
    )
    assert flat.require_geometry().spacing_mm == (1.0, 1.0)
    with pytest.raises(DataError, match=r"a\.dcm: no position in the patient: \(0020,0037\)"):
        flat.require_geometry(position=True)


def test_shape_counts_no_colours() -> None:
    colour = Pixels(array=np.zeros((4, 5, 3), np.uint8), axes="YXC", units="rgb")
    assert (colour.shape, colour.channels) == ((4, 5), 3)
    with pytest.raises(DataError, match="axes"):
        Pixels(array=np.zeros((4, 5, 3), np.uint8), axes="YX", units="rgb")


def test_pixels_travel_between_processes() -> None:
    image = pixels([1, 2], info={"format": "png"}, presentation=Presentation(windows=(Window(0, 2),)))
    again = pickle.loads(pickle.dumps(image))
    assert (again.array == image.array).all()
    assert again.presentation.windows == image.presentation.windows
