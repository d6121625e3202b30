"""Burned-in text: found, masked in every frame, and nothing else touched."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from pydicom import Dataset, dcmread
from pydicom.sequence import Sequence
from scipy.ndimage import gaussian_filter

from vesalius.data.deidentify import Options, Secret, masking, ocr
from vesalius.data.deidentify.bands import find_text_in_bands
from vesalius.data.deidentify.dicom_file import treat_dicom
from vesalius.data.deidentify.masking import boxes_of, finder, mask
from vesalius.data.deidentify.pixel_rules import Expectation
from vesalius.data.deidentify.rasters import treat_raster
from vesalius.data.deidentify.second_look import shows_text
from vesalius.data.deidentify.strokes import Box, find_text
from vesalius.data.readers.dicom import stored
from vesalius.errors import ConfigError, DataError

SECRET = Secret(b"k" * 32)


def burned(
    shape: tuple[int, int] = (128, 256), *, size: int = 14, ink: int = 255, paper: int = 40
) -> tuple[np.ndarray, np.ndarray]:
    """Return an image with a line of text on a soft ramp, and the pixels of the line."""
    base = (paper + np.linspace(0, 30, shape[1])[None] + np.zeros(shape)).astype(np.uint8)
    plate = Image.new("L", shape[::-1])
    ImageDraw.Draw(plate).text((20, 30), "DOE^JANE 1951", font=ImageFont.load_default(size=size), fill=255)
    cover = np.asarray(plate).astype(float) / 255
    return (base * (1 - cover) + ink * cover).astype(np.uint8), cover > 0.3


@pytest.mark.parametrize("size", [9, 12, 16, 24])
@pytest.mark.parametrize(("ink", "paper"), [(255, 40), (160, 40), (0, 200)])
def test_text_is_found(size: int, ink: int, paper: int) -> None:
    image, text = burned(size=size, ink=ink, paper=paper)
    covered = np.zeros(image.shape, dtype=bool)
    for box in find_text(image, sensitive=True):
        covered[box.top : box.bottom, box.left : box.right] = True
    assert covered[text].all()
    assert covered.mean() < 0.5


def test_nothing_is_found_where_nothing_is() -> None:
    rng = np.random.default_rng(0)
    smooth = np.hypot(*np.mgrid[-64:64, -64:64]).astype(np.float32)
    assert find_text(smooth) == []
    assert find_text(smooth + rng.normal(0, 2, smooth.shape)) == []
    assert find_text(np.zeros((64, 64), dtype=np.int16)) == []


@pytest.mark.parametrize(("blur", "found"), [(0, True), (5, False), (6, False)])
def test_soft_strokes_are_no_letters_at_any_size(blur: float, found: bool) -> None:
    """Four strokes of 8 x 36 pixels, as far apart as letters; made four times smaller even soft ones look sharp."""
    picture = np.full((512, 512), 40.0)
    for left in range(150, 230, 20):
        picture[200:236, left : left + 8] = 200
    soft = gaussian_filter(picture, blur)
    assert bool(find_text(soft)) is found
    assert find_text(soft, sensitive=True)


def test_masks_are_blended_before_the_second_look() -> None:
    rng = np.random.default_rng(0)
    frame = rng.integers(40, 60, (60, 80)).astype(np.uint8)
    frame[20:30, 10:50] = 250
    boxes = [Box(18, 8, 32, 52), Box(-3, 70, 5, 90)]
    for shown in (frame, np.stack([frame] * 3, axis=-1)):
        blended = masking._blended(shown, boxes)
        inside = np.zeros(frame.shape, dtype=bool)
        inside[18:32, 8:52] = inside[:5, 70:] = True
        assert (blended[~inside] == shown[~inside]).all()
        # Means of what lies around: 40 to 59, and nothing of the ink.
        assert blended[inside].min() >= 40
        assert blended[inside].max() <= 59
        assert np.allclose(blended, masking._blended(shown, boxes[::-1]))
    whole = masking._blended(frame, [Box(0, 0, 60, 80)])
    assert (whole == frame).all()


def test_a_mask_takes_the_median_of_its_margin_and_leaves_the_rest() -> None:
    frames = np.zeros((2, 6, 6), dtype=np.uint8)
    frames[:, 2:4, 2:4] = 9
    frames[0, 1, 1:5] = 7
    # Around rows 2-3, columns 2-3: frame 0 has 7 7 above and six zeros, so the median is 0.
    new = mask(frames, [Box(2, 2, 4, 4)])
    assert (new[:, 2:4, 2:4] == 0).all()
    frames[:, 2:4, 2:4] = new[:, 2:4, 2:4]
    assert (new == frames).all()


def test_indexed_colours_take_the_most_frequent_value() -> None:
    frame = np.array([[5, 5, 5, 9], [5, 1, 9, 9], [3, 3, 5, 5]], dtype=np.uint8)[None]
    assert mask(frame, [Box(1, 1, 2, 2)], indexed=True)[0, 1, 1] == 5


def test_all_outside_the_regions_of_ultrasound_is_masked() -> None:
    boxes = boxes_of(np.zeros((1, 10, 12), dtype=np.uint8), Expectation(True, ((2, 3, 8, 9),)), find=find_text)
    covered = np.zeros((10, 12), dtype=int)
    for box in boxes:
        covered[box.top : box.bottom, box.left : box.right] += 1
    expected = np.ones((10, 12), dtype=int)
    expected[2:8, 3:9] = 0
    assert (covered == expected).all()


def colour(image: np.ndarray) -> np.ndarray:
    return np.stack([image, image // 2, image // 3], axis=-1)


@pytest.mark.parametrize(
    "kind", ["grey", "inverted", "signed", "colour", "frames", "big endian", "RLE", "JPEG 2000", "palette"]
)
def test_text_in_dicom_is_masked_and_nothing_else(kind: str, make_dicom: Callable[..., Path], tmp_path: Path) -> None:
    image, text = burned()
    array = {"signed": image.astype(np.int16) - 100, "colour": colour(image), "frames": np.stack([image] * 3)}.get(
        kind, image
    )
    tags: dict[str, object] = {"ConversionType": "WSD"}
    if kind == "inverted":
        tags["PhotometricInterpretation"] = "MONOCHROME1"
    if kind == "big endian":
        array, tags["syntax"] = image.astype(np.uint16), "1.2.840.10008.1.2.2"
    if kind == "palette":
        table = bytes(np.repeat(np.arange(256, dtype=np.uint16) * 257, 1).astype("<u2").tobytes())
        tags |= {"PhotometricInterpretation": "PALETTE COLOR"}
        for name in ("Red", "Green", "Blue"):
            tags |= {
                f"{name}PaletteColorLookupTableDescriptor": [256, 0, 16],
                f"{name}PaletteColorLookupTableData": table,
            }
    path = make_dicom(array, frames=3 if kind == "frames" else None, **tags)
    if kind in ("RLE", "JPEG 2000"):
        dataset = dcmread(path)
        dataset.compress("1.2.840.10008.1.2.5" if kind == "RLE" else "1.2.840.10008.1.2.4.90")
        dataset.save_as(path)
    done, data = treat_dicom(path, options=Options(), secret=SECRET)
    new = tmp_path / "new.dcm"
    new.write_bytes(data)
    assert done.masked
    before, after = stored(path), stored(new)
    assert before.shape == after.shape
    assert before.dtype == after.dtype
    changed = before != after
    plane = changed.any(axis=-1) if kind == "colour" else changed.all(axis=0) if kind == "frames" else changed
    assert plane[text].mean() > 0.97  # a pixel may be as bright as the background by chance
    rows = np.flatnonzero(plane.any(axis=1))
    # The line stands in rows 30 to 45; a mask has a margin, which a further round widens.
    assert rows.min() >= 18
    assert rows.max() <= 60
    left = after[0] if kind == "frames" else after
    assert not find_text(masking._blended(left, done.look.masked))  # edges of an even mask may look like letters
    assert "BurnedInAnnotation" not in dcmread(new)  # a finder that found all it could is no proof
    assert done.look.review


def test_policies(make_dicom: Callable[..., Path]) -> None:
    path = make_dicom(burned()[0], ConversionType="WSD")
    for policy, word in (("drop", "text in its pixels"), ("review", "for review")):
        done, data = treat_dicom(path, options=Options(pixels=policy), secret=SECRET)  # type: ignore[arg-type]
        assert word in done.held
        assert data == b""
    done, data = treat_dicom(path, options=Options(pixels="keep"), secret=SECRET)
    assert data
    assert not done.masked


def test_regions_of_an_ultrasound_file(make_dicom: Callable[..., Path], tmp_path: Path) -> None:
    region = Dataset()
    region.RegionLocationMinX0, region.RegionLocationMinY0, region.RegionLocationMaxX1, region.RegionLocationMaxY1 = (
        8,
        8,
        55,
        55,
    )
    image = np.full((64, 64), 50, dtype=np.uint8)
    image[2, :] = 200
    image[20:40, 20:40] = 90
    path = make_dicom(image, Modality="US", SequenceOfUltrasoundRegions=Sequence([region]))
    new = tmp_path / "new.dcm"
    new.write_bytes(treat_dicom(path, options=Options(), secret=SECRET)[1])
    after = stored(new)
    assert (after[8:56, 8:56] == image[8:56, 8:56]).all()
    assert not (after[2] == 200).any()
    dataset = dcmread(new)
    assert dataset.BurnedInAnnotation == "NO"
    assert "113101" in [item.CodeValue for item in dataset.DeidentificationMethodCodeSequence]


def test_overlays_are_removed_or_cleaned(make_dicom: Callable[..., Path], tmp_path: Path) -> None:
    plane = burned(paper=0)[1]
    path = make_dicom(np.zeros(plane.shape, dtype=np.uint8))
    dataset = dcmread(path)
    dataset.add_new(0x60000010, "US", plane.shape[0])
    dataset.add_new(0x60000011, "US", plane.shape[1])
    dataset.add_new(0x60003000, "OW", np.packbits(plane.ravel(), bitorder="little").tobytes())
    dataset.save_as(path)
    new = tmp_path / "new.dcm"
    new.write_bytes(treat_dicom(path, options=Options(), secret=SECRET)[1])
    assert 0x60003000 not in dcmread(new)
    new.write_bytes(treat_dicom(path, options=Options(graphics=True), secret=SECRET)[1])
    bits = np.unpackbits(np.frombuffer(dcmread(new)[0x60003000].value, np.uint8), bitorder="little")
    assert bits[: plane.size].reshape(plane.shape)[plane].mean() < 0.05


@pytest.mark.parametrize("kind", ["png", "jpeg", "tiff"])
def test_pictures_lose_their_notes(kind: str, tmp_path: Path) -> None:
    from PIL.PngImagePlugin import PngInfo

    path = tmp_path / "a"
    smooth = (np.add.outer(np.arange(64), np.arange(64))).astype(np.uint8)
    info = PngInfo()
    info.add_text("Patient", "Doesworth")
    options = {"png": {"pnginfo": info}, "jpeg": {"comment": b"Doesworth"}, "tiff": {"tiffinfo": {270: "Doesworth"}}}[
        kind
    ]
    Image.fromarray(smooth).save(path, kind.upper(), **options)
    assert b"Doesworth" in path.read_bytes()
    pixels = np.asarray(Image.open(path))
    counts, held, data, look = treat_raster(path, kind=kind, options=Options())
    assert (counts["boxes masked"], held, look.review) == (0, "", "")
    assert b"Doesworth" not in data
    path.write_bytes(data)
    assert (np.asarray(Image.open(path)) == pixels).all()


def test_text_in_a_picture_is_masked(tmp_path: Path) -> None:
    image, _text = burned()
    path = tmp_path / "a.png"
    Image.fromarray(image).save(path)
    counts, _, data, look = treat_raster(path, kind="png", options=Options())
    assert counts["boxes masked"] == len(look.masked) > 0
    path.write_bytes(data)
    assert int(np.asarray(Image.open(path)).max()) < 90


@pytest.mark.parametrize(
    ("stated", "tags", "left", "listed"),
    [
        ("YES", {"ConversionType": "WSD"}, "YES", True),
        ("NO", {"ConversionType": "WSD"}, "", True),
        ("", {"Modality": "US"}, "", True),
        ("NO", {"Modality": "CT", "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"]}, "NO", False),
        ("", {"Modality": "CT", "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"]}, "", False),
    ],
)
def test_what_is_claimed_of_an_image_without_found_text(
    stated: str, tags: dict[str, object], left: str, listed: bool, make_dicom: Callable[..., Path], tmp_path: Path
) -> None:
    smooth = np.add.outer(np.arange(64), np.arange(64)).astype(np.uint8)
    path = make_dicom(smooth, **tags, **({"BurnedInAnnotation": stated} if stated else {}))
    done, data = treat_dicom(path, options=Options(), secret=SECRET)
    (tmp_path / "new.dcm").write_bytes(data)
    new = dcmread(tmp_path / "new.dcm")
    assert (new.get("BurnedInAnnotation", ""), bool(done.look.review)) == (left, listed)
    assert "113101" not in [item.CodeValue for item in new.DeidentificationMethodCodeSequence]


def test_a_blanked_border_is_claimed(make_dicom: Callable[..., Path], tmp_path: Path) -> None:
    image = np.full((100, 200), 50, dtype=np.uint8)
    image[:, :20] = 200
    path = make_dicom(image, Modality="US")
    done, data = treat_dicom(path, options=Options(border=0.1), secret=SECRET)
    (tmp_path / "new.dcm").write_bytes(data)
    # A tenth of 100 rows and of 200 columns at every edge: rows 0-9 and 90-99, columns 0-19 and 180-199.
    assert (stored(tmp_path / "new.dcm")[10:90, 20:180] == 50).all()
    assert not (stored(tmp_path / "new.dcm")[10:90, :20] == 200).any()
    assert dcmread(tmp_path / "new.dcm").BurnedInAnnotation == "NO"
    assert not done.look.review
    for wrong in (-0.1, 0.4):
        with pytest.raises(ConfigError, match="border is"):
            Options(border=wrong)
    with pytest.raises(ConfigError, match="no effect"):
        Options(border=0.1, pixels="drop")


@pytest.mark.parametrize("size", [8, 12, 24])
def test_bands_find_text_that_stands_on_texture(size: int) -> None:
    image, text = burned(size=size)
    rng = np.random.default_rng(1)
    noisy = np.clip(image + rng.normal(0, 3, image.shape), 0, 255).astype(np.uint8)
    covered = np.zeros(image.shape, dtype=bool)
    for box in find_text_in_bands(noisy, sensitive=True):
        covered[box.top : box.bottom, box.left : box.right] = True
    assert covered[text].mean() > 0.9
    assert covered.mean() < 0.6
    assert find_text_in_bands(rng.normal(100, 20, (128, 128))) == []


def test_a_plain_slice_is_looked_at_carefully() -> None:
    """Strokes alone count at the border of a slice only; in the middle two ways of looking must agree."""
    middle = np.full((256, 256), 40, dtype=np.uint8)
    for column in range(90, 150, 6):
        middle[120:130, column : column + 2] = 200  # ribs: a row of strokes
    careful, open_ = Expectation(False, (), unlikely=True), Expectation(False, ())
    find = finder("strokes")
    assert len(boxes_of(middle[None], careful, find=find)) <= len(boxes_of(middle[None], open_, find=find))
    image, text = burned((256, 256))
    covered = np.zeros(image.shape, dtype=bool)
    for box in boxes_of(image[None], careful, find=find):
        covered[box.top : box.bottom, box.left : box.right] = True
    assert covered[text].all()


def test_the_network_is_one_finder_of_three(monkeypatch: pytest.MonkeyPatch) -> None:
    class Network:
        def __init__(self, **settings: float) -> None:
            assert settings["box_thresh"] == 0.5

        def __call__(self, picture: np.ndarray, **steps: bool) -> tuple[list[list[list[float]]], list[float]]:
            assert picture.shape == (64, 64, 3)
            return [[[4.0, 6.0], [20.0, 6.0], [20.0, 12.0], [4.0, 12.0]]], [0.1]

    monkeypatch.setattr(ocr, "require", lambda name, purpose: SimpleNamespace(RapidOCR=Network))
    ocr._network.cache_clear()
    flat = np.zeros((64, 64), dtype=np.uint8)
    # Corners (4, 6) to (20, 12) and a margin of 2: rows 4 to 15, columns 2 to 23.
    assert boxes_of(flat[None], Expectation(False, ()), find=finder("ocr")) == [Box(4, 2, 15, 23)]
    ocr._network.cache_clear()


def test_the_second_look_reads_the_written_file_by_itself(make_dicom: Callable[..., Path], tmp_path: Path) -> None:
    lined = make_dicom(burned()[0], "lined.dcm", Modality="US")
    assert shows_text(lined, "dicom", network=False)
    (tmp_path / "new.dcm").write_bytes(treat_dicom(lined, options=Options(), secret=SECRET)[1])
    assert not shows_text(tmp_path / "new.dcm", "dicom", network=False)
    Image.fromarray(burned()[0]).save(tmp_path / "a.png")
    assert shows_text(tmp_path / "a.png", "png", network=False)
    (tmp_path / "b.png").write_bytes(b"nothing")
    with pytest.raises(DataError, match="cannot be looked at"):
        shows_text(tmp_path / "b.png", "png", network=False)
