from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import tifffile

from vesalius.data.readers import slide as slides
from vesalius.data.readers.slide import TissueMask, describe_slide, is_slide, open_slide
from vesalius.data.readers.slide_sources import TiffSource
from vesalius.data.records import Box
from vesalius.errors import DataError

SIDE = 1024
MPP = 0.5


def tissue() -> np.ndarray:
    """White glass with a stained disc of radius 256 in the upper left quarter, centre (256, 256) + noise."""
    rng = np.random.default_rng(0)
    picture = rng.integers(243, 250, (SIDE, SIDE, 3), dtype=np.uint8)
    y, x = np.mgrid[:SIDE, :SIDE]
    disc = (y - 300) ** 2 + (x - 300) ** 2 < 256**2
    picture[disc] = np.array([180, 70, 160]) + rng.integers(-15, 15, (int(disc.sum()), 3))
    return picture


def halved(picture: np.ndarray) -> np.ndarray:
    rows, columns = picture.shape[0] // 2, picture.shape[1] // 2
    return np.rint(picture.reshape(rows, 2, columns, 2, 3).mean(axis=(1, 3))).astype(np.uint8)


def write_pyramid(path: Path, picture: np.ndarray, *, levels: int = 3, mpp: float | None = MPP, **options) -> Path:
    """Write the picture and its halves as a tiled TIFF; with `mpp` it states 10000 / mpp pixels a centimetre."""
    settings = {"tile": (128, 128), "photometric": "rgb", "compression": "deflate"} | options
    if mpp is not None:
        settings |= {"resolution": (10000 / mpp, 10000 / mpp), "resolutionunit": "CENTIMETER"}
    with tifffile.TiffWriter(path, bigtiff=True) as file:
        for level in range(levels):
            file.write(picture, subfiletype=1 if level else 0, metadata=None, **settings)
            picture = halved(picture)
            if mpp is not None:
                settings["resolution"] = tuple(value / 2 for value in settings["resolution"])
    return path


def write_aperio(path: Path, picture: np.ndarray, *, levels: int = 3) -> Path:
    """Write the picture and its halves as the scanners of Aperio do."""
    with tifffile.TiffWriter(path, bigtiff=True) as file:
        for _ in range(levels):
            text = f"Aperio Image Library v11.2.1\r\n{picture.shape[1]}x{picture.shape[0]} |AppMag = 20|MPP = {MPP}"
            options = {"tile": (128, 128), "photometric": "rgb", "compression": "deflate"}
            file.write(picture, description=text, metadata=None, **options)
            picture = halved(picture)
    return path


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    return tissue()


@pytest.fixture(scope="module", params=["aperio", "tiles", "strips", "ome"])
def pyramid(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, picture: np.ndarray) -> Path:
    """The same picture in a scanner's form, which OpenSlide reads, and in three that tifffile does."""
    path = tmp_path_factory.mktemp("slide") / "a.tiff"
    if request.param == "aperio":
        return write_aperio(path, picture)
    if request.param == "tiles":
        return write_pyramid(path, picture)
    if request.param == "strips":
        return write_pyramid(path, picture, tile=None, rowsperstrip=64)
    path = path.with_suffix(".ome.tif")
    with tifffile.TiffWriter(path) as file:
        metadata = {"axes": "YXS", "PhysicalSizeX": MPP, "PhysicalSizeXUnit": "µm", "PhysicalSizeY": MPP}
        options = {"tile": (128, 128), "photometric": "rgb"}
        file.write(picture, subifds=2, metadata=metadata | {"PhysicalSizeYUnit": "µm"}, **options)
        file.write(halved(picture), subfiletype=1, **options)
        file.write(halved(halved(picture)), subfiletype=1, **options)
    return path


def test_levels_spacing_and_tiles(pyramid: Path, picture: np.ndarray) -> None:
    with open_slide(pyramid) as slide:
        assert [level.shape for level in slide.levels] == [(1024, 1024), (512, 512), (256, 256)]
        assert [level.downsample for level in slide.levels] == [1, 2, 4]
        assert slide.spacing_mm == pytest.approx((MPP / 1000, MPP / 1000))
        tile = slide.tile(0, (100, 200, 357, 300))
        assert np.array_equal(tile.array, picture[200:300, 100:357])
        assert tile.units == "rgb"
        assert tile.modality == "SM"
        low = slide.tile(1, (10, 20, 200, 300))
        assert np.array_equal(low.array, halved(picture)[20:300, 10:200])
        assert low.require_geometry().spacing_mm == pytest.approx((2 * MPP / 1000, 2 * MPP / 1000))


def test_regions_are_means_of_the_area(pyramid: Path, picture: np.ndarray) -> None:
    with open_slide(pyramid) as slide:
        region = slide.region((256, 128, 768, 640), mm_per_pixel=4 * MPP / 1000)
        wanted = halved(halved(picture[128:640, 256:768]))
        # The stored levels were rounded once already, so a mean of means may be off by one.
        assert np.abs(region.array.astype(int) - wanted).max() <= 1
        assert region.require_geometry().spacing_mm == pytest.approx((4 * MPP / 1000,) * 2)
        assert np.array_equal(slide.region((0, 0, 1024, 1024), shape=(1024, 1024)).array, picture)
        # Three pixels of level 0 each; computed from level 1 by area, compared with the mean of level 0.
        thirds = slide.region((0, 0, 1023, 1023), shape=(341, 341)).array
        exact = picture[:1023, :1023].reshape(341, 3, 341, 3, 3).mean(axis=(1, 3))
        assert np.abs(thirds - exact).mean() < 1


def test_blocks_leave_no_seam(pyramid: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_slide(pyramid) as slide:
        whole = slide.region((3.5, 7.25, 1000.5, 1010.75), shape=(300, 298)).array
        monkeypatch.setattr(slides, "_BLOCK", 97)
        # Sums of another order differ in the last bit, which can turn a half up or down.
        assert (
            np.abs(whole.astype(int) - slide.region((3.5, 7.25, 1000.5, 1010.75), shape=(300, 298)).array).max() <= 1
        )


def test_a_tile_reads_the_pieces_it_touches(
    tmp_path: Path, picture: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_pyramid(tmp_path / "a.tiff", picture)
    read: list[int] = []
    plain = TiffSource._segment
    monkeypatch.setattr(TiffSource, "_segment", lambda self, page, n: read.append(n) or plain(self, page, n))
    slide = slides.Slide(path, TiffSource(path))
    # 8 × 8 pieces of 128: columns 100 to 300 lie in pieces 0 to 2, rows 130 to 250 in piece 1.
    slide.tile(0, (100, 130, 300, 250))
    assert read == [8, 9, 10]
    read.clear()
    # At a quarter of the size the whole is 2 × 2 pieces of level 2, and nothing of the others is read.
    slide.region((0, 0, 1024, 1024), shape=(256, 256))
    assert read == [0, 1, 2, 3]
    slide.close()


def test_openslide_reads_a_small_part_of_the_file(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (2048, 2048, 3), dtype=np.uint8)
    path = write_aperio(tmp_path / "a.svs", noise, levels=2)

    def bytes_read() -> int:
        return int(Path("/proc/self/io").read_text().split()[1])

    with open_slide(path) as slide:
        assert (slide.info["vendor"], slide.info["objective_power"]) == ("aperio", "20")
        before = bytes_read()
        slide.tile(0, (512, 512, 640, 640))
        used = bytes_read() - before
    assert path.stat().st_size > 12e6
    # One piece of noise has 48 KiB; the rest is the measurement's own reading and buffers.
    assert used < 200_000


def test_tissue_is_the_stained_disc(pyramid: Path) -> None:
    with open_slide(pyramid) as slide:
        mask = slide.tissue_mask()
    assert mask.downsample == (2, 2)
    y, x = np.mgrid[:512, :512] * 2 + 0.5
    disc = (y - 300) ** 2 + (x - 300) ** 2 < 256**2
    overlap = 2 * (mask.mask & disc).sum() / (mask.mask.sum() + disc.sum())
    assert overlap > 0.98
    assert 8 <= mask.threshold < 150


def test_an_empty_glass_has_no_tissue(tmp_path: Path) -> None:
    glass = np.random.default_rng(0).integers(243, 250, (SIDE, SIDE, 3), dtype=np.uint8)
    with open_slide(write_pyramid(tmp_path / "a.tiff", glass)) as slide:
        mask = slide.tissue_mask()
        # Saturation of such noise is up to 255 × 6 / 249 = 6, below the fixed threshold.
        assert mask.threshold == 8
        assert not mask.mask.any()
        assert list(slide.grid(size=256, mask=mask)) == []


def test_the_grid_covers_tissue_by_share_and_overlap(pyramid: Path) -> None:
    with open_slide(pyramid) as slide:
        mask = slide.tissue_mask()
        every = list(slide.grid(size=256, tissue=0.0, mask=mask))
        assert [tile.box for tile in every[:5]] == [Box(x, 0, x + 256, 256) for x in (0, 256, 512, 768)] + [
            Box(0, 256, 256, 512)
        ]
        assert len(every) == 16
        kept = list(slide.grid(size=256, tissue=0.5, mask=mask))
        y, x = np.mgrid[:SIDE, :SIDE]
        disc = (y - 300) ** 2 + (x - 300) ** 2 < 256**2
        shares = disc.reshape(4, 256, 4, 256).mean(axis=(1, 3))
        assert {(tile.box.x_min // 256, tile.box.y_min // 256) for tile in kept} == {
            (column, row) for row, column in np.argwhere(shares >= 0.5).tolist()
        }
        assert all(
            abs(tile.tissue - shares[int(tile.box.y_min) // 256, int(tile.box.x_min) // 256]) < 0.02 for tile in kept
        )
        # Half overlap: starts at 0, 128, ..., 768, that is 7 along each side.
        assert len(list(slide.grid(size=256, overlap=0.5, tissue=0.0, mask=mask))) == 49
        # 300 does not divide 1024: the last tile begins at 724.
        assert sorted({tile.box.x_min for tile in slide.grid(size=300, tissue=0.0, mask=mask)}) == [0, 300, 600, 724]
        # At 1 µm a pixel a tile of 256 covers 512 pixels of level 0.
        coarse = list(slide.grid(size=256, mm_per_pixel=2 * MPP / 1000, tissue=0.0, mask=mask))
        assert coarse[1].box == pytest.approx((512, 0, 1024, 512))
        assert slide.region(coarse[1].box, shape=(256, 256)).array.shape == (256, 256, 3)


def test_shares_count_parts_of_mask_pixels() -> None:
    mask = TissueMask(mask=np.array([[True, False], [False, False]]), downsample=(10, 10), threshold=8)
    boxes = [Box(0, 0, 20, 20), Box(0, 0, 10, 10), Box(5, 5, 15, 15), Box(10, 0, 20, 20), Box(0, 0, 4, 20)]
    assert mask.shares(boxes) == pytest.approx([0.25, 1.0, 0.25, 0.0, 0.5])


def test_missing_spacing_is_never_invented(tmp_path: Path, picture: np.ndarray) -> None:
    path = write_pyramid(tmp_path / "a.tiff", picture, mpp=None)
    with open_slide(path) as slide:
        assert slide.spacing_mm == ()
        assert slide.tile(0, (0, 0, 8, 8)).geometry is None
        with pytest.raises(DataError, match="states no spacing"):
            slide.region((0, 0, 100, 100), mm_per_pixel=0.001)
    assert describe_slide(path, id="wsi").spacing_mm == ()
    inches = tmp_path / "inch.tiff"
    with tifffile.TiffWriter(inches) as file:
        options = {"tile": (128, 128), "photometric": "rgb", "resolution": (96, 96), "resolutionunit": "INCH"}
        file.write(picture, metadata=None, **options)
        file.write(halved(picture), metadata=None, subfiletype=1, **options)
    with slides.Slide(inches, TiffSource(inches)) as slide:
        assert slide.spacing_mm == ()


def test_finer_than_the_slide_is_refused(pyramid: Path) -> None:
    with open_slide(pyramid) as slide:
        with pytest.raises(DataError, match="finer than the slide's"):
            slide.region((0, 0, 100, 100), mm_per_pixel=MPP / 2000)
        with pytest.raises(DataError, match="is finer"):
            slide.region((0, 0, 100, 100), shape=(200, 200))
        for box in ((0, 0, 1025, 10), (-1, 0, 5, 5), (5, 5, 5, 9)):
            with pytest.raises(DataError, match="not inside"):
                slide.tile(0, box)
            with pytest.raises(DataError, match="not inside"):
                slide.region(box, shape=(1, 1))
        with pytest.raises(DataError, match="levels 0 to 2"):
            slide.tile(3, (0, 0, 1, 1))
        with pytest.raises(DataError, match="either shape= or mm_per_pixel="):
            slide.region((0, 0, 10, 10))


def test_records_pickles_and_what_counts_as_a_slide(pyramid: Path, tmp_path: Path, picture: np.ndarray) -> None:
    record = describe_slide(pyramid, id="wsi")
    assert (record.kind, record.modality, record.shape, record.channels) == ("slide", "SM", (1024, 1024), 3)
    assert record.spacing_mm == pytest.approx((MPP / 1000, MPP / 1000))
    with open_slide(pyramid) as slide:
        again = pickle.loads(pickle.dumps(slide))
        assert np.array_equal(again.tile(2, (0, 0, 9, 9)).array, slide.tile(2, (0, 0, 9, 9)).array)
        again.close()
    assert is_slide(pyramid)
    tifffile.imwrite(tmp_path / "plain.tif", picture, tile=(128, 128), photometric="rgb")
    assert not is_slide(tmp_path / "plain.tif")
    (tmp_path / "text.svs").write_text("not a slide")
    assert not is_slide(tmp_path / "text.svs")
    with pytest.raises(DataError, match="expected a whole slide"):
        open_slide(tmp_path / "text.svs")
    with pytest.raises(DataError, match="no such file"):
        open_slide(tmp_path / "none.svs")


def test_deep_samples_are_refused_with_the_way_out(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.tif"
    deep = np.zeros((512, 512), np.uint16)
    with tifffile.TiffWriter(path) as file:
        file.write(deep, subifds=1, tile=(128, 128))
        file.write(deep[::2, ::2], subfiletype=1, tile=(128, 128))
    with pytest.raises(DataError, match=r"uint16 a pixel; .* readers\.read"):
        slides.Slide(path, TiffSource(path))


def test_grey_pyramids_become_rgb(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.tif"
    grey = np.random.default_rng(0).integers(0, 255, (512, 512), dtype=np.uint8)
    with tifffile.TiffWriter(path) as file:
        file.write(grey, subifds=1, tile=(128, 128))
        file.write(grey[::2, ::2], subfiletype=1, tile=(128, 128))
    with slides.Slide(path, TiffSource(path)) as slide:
        tile = slide.tile(0, (3, 5, 200, 300)).array
    assert np.array_equal(tile, np.repeat(grey[5:300, 3:200, None], 3, axis=-1))


@pytest.mark.real
def test_a_dicom_slide_of_tcia(real_data: Path) -> None:
    path = real_data / "dicom" / "files" / "wsi_cptac_brca_level.dcm"
    assert not is_slide(path)
    with open_slide(path) as slide:
        assert slide.info["vendor"] == "dicom"
        assert len(slide.levels) == 1
        assert slide.tile(0, (0, 0, 256, 256)).array.shape == (256, 256, 3)
