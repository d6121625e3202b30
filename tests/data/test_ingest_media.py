from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image as PilImage
from video_files import all_frames, write_clip

from vesalius.data import readers
from vesalius.data.corpus import Corpus
from vesalius.data.ingest import ingest
from vesalius.data.readers.slide import open_slide
from vesalius.data.readers.video import open_clip
from vesalius.errors import DataError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A clip, one that was cut off, a pyramid, a plain TIFF, a picture and a sound."""
    root = tmp_path / "in"
    root.mkdir()
    write_clip(root / "scope.mp4", frames=12)
    (root / "cut.mkv").write_bytes(write_clip(tmp_path / "a.mkv", frames=60).read_bytes()[:-300])
    picture = np.random.default_rng(0).integers(0, 255, (256, 256, 3), dtype=np.uint8)
    with tifffile.TiffWriter(root / "slide.tiff") as file:
        options = {"tile": (64, 64), "metadata": None, "photometric": "rgb"}
        file.write(picture, **options)
        file.write(picture[::2, ::2], subfiletype=1, **options)
    tifffile.imwrite(root / "plain.tif", picture, photometric="rgb")
    PilImage.fromarray(picture).save(root / "picture.png")
    (root / "voice.wav").write_bytes(b"RIFF\x24\0\0\0WAVEfmt " + bytes(28))
    return root


def test_clips_and_slides_go_in_with_their_kind(folder: Path, tmp_path: Path) -> None:
    report = ingest(folder, out=tmp_path / "corpus")
    corpus = Corpus.open(tmp_path / "corpus")
    images = {study.id: study.images[0] for study in corpus}
    assert {name: image.kind for name, image in images.items()} == {
        "scope": "video",
        "slide": "slide",
        "plain": "image",
        "picture": "image",
    }
    clip, slide = images["scope"], images["slide"]
    assert (clip.shape, clip.frames_per_second, clip.modality) == ((12, 48, 64), 25.0, "OT")
    assert (slide.shape, slide.modality, slide.spacing_mm) == ((256, 256), "SM", ())
    assert len(open_clip(corpus.path(clip.path))) == 12
    with open_slide(corpus.path(slide.path)) as opened:
        assert len(opened.levels) == 2
    problems = {problem.item: problem.reason for problem in report.problems}
    assert "the last good frame is" in problems["cut.mkv"]
    assert "WAV audio" in problems["voice.wav"]
    assert len(problems) == 2


def test_a_video_is_read_like_every_file(folder: Path) -> None:
    pixels = readers.read(folder / "scope.mp4")
    assert (pixels.axes, pixels.units, pixels.info["frames_per_second"]) == ("TYXC", "rgb", "25")
    assert np.array_equal(pixels.array, all_frames(folder / "scope.mp4"))
    one = readers.read(folder / "scope.mp4", frame=7)
    assert one.axes == "YXC"
    assert np.array_equal(one.array, pixels.array[7])
    with pytest.raises(DataError, match="frame 12 asked for"):
        readers.read(folder / "scope.mp4", frame=12)
