from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.encaps import encapsulate
from video_files import all_frames, write_clip

from vesalius.data.readers.video import describe_clip, open_clip
from vesalius.errors import DataError

FRAMES = np.random.default_rng(0).integers(0, 255, (5, 8, 9), dtype=np.uint8)


def test_frame_time_gives_times_and_rate(make_dicom: Callable[..., Path]) -> None:
    clip = open_clip(
        make_dicom(FRAMES, NumberOfFrames=5, Modality="US", FrameTime="40", FrameIncrementPointer=0x00181063)
    )
    assert clip.shape == (5, 8, 9)
    assert clip.frames_per_second == pytest.approx(25)
    assert clip.times_s is not None
    assert np.allclose(clip.times_s, [0, 0.04, 0.08, 0.12, 0.16])
    assert clip.duration_s == pytest.approx(0.2)
    assert np.array_equal(clip.frames([4, 0, 4]), FRAMES[[4, 0, 4]])
    assert np.array_equal(np.stack(list(clip.stream())), FRAMES)
    assert clip.sample(2).indices == (1, 3)
    assert clip.info["times_source"] == "FrameTime (0018,1063)"
    record = describe_clip(clip.path, id="us")
    assert (record.kind, record.modality, record.frames_per_second) == ("video", "US", pytest.approx(25))


def test_a_vector_of_steps_gives_uneven_times(make_dicom: Callable[..., Path]) -> None:
    steps = ["0", "30", "50", "40", "40"]
    clip = open_clip(
        make_dicom(FRAMES, NumberOfFrames=5, Modality="XA", FrameTimeVector=steps, FrameIncrementPointer=0x00181065)
    )
    assert clip.times_s is not None
    # Each entry is the step to its frame; the last lasts the median step of 40 ms.
    assert np.allclose(clip.times_s, [0, 0.03, 0.08, 0.12, 0.16])
    assert clip.duration_s == pytest.approx(0.2)


def test_cine_rate_and_no_rate(make_dicom: Callable[..., Path]) -> None:
    assert open_clip(make_dicom(FRAMES, NumberOfFrames=5, Modality="US", CineRate="10")).duration_s == pytest.approx(
        0.5
    )
    clip = open_clip(make_dicom(FRAMES, NumberOfFrames=5, name="b.dcm", Modality="US"))
    assert (clip.times_s, clip.frames_per_second, clip.duration_s) == (None, None, None)
    assert clip.sample(5).indices == (0, 1, 2, 3, 4)
    with pytest.raises(DataError, match="states no frame times"):
        clip.sample(5, "fps", rate=1)


def test_one_frame_is_no_clip(make_dicom: Callable[..., Path]) -> None:
    with pytest.raises(DataError, match="one frame; open it"):
        open_clip(make_dicom(FRAMES[0], Modality="US"))


def test_an_mpeg_stream_inside_dicom(make_dicom: Callable[..., Path], tmp_path: Path) -> None:
    video = write_clip(tmp_path / "a.mp4", frames=20, options={"g": "5", "bf": "2"})
    path = make_dicom(FRAMES, NumberOfFrames=5, Modality="ES", FrameTime="40")
    dataset = dcmread(path)
    dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.102"
    dataset.PixelData = encapsulate([video.read_bytes()], has_bot=False)
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    dataset.NumberOfFrames, dataset.Rows, dataset.Columns = 20, 48, 64
    dataset.save_as(path)
    clip = open_clip(path)
    assert clip.shape == (20, 48, 64)
    assert (clip.channels, clip.info["modality"], clip.info["codec"]) == (3, "ES", "h264")
    full = all_frames(video)
    assert np.array_equal(clip.frames([13, 2]), full[[13, 2]])


@pytest.mark.real
def test_real_ultrasound_of_thirty_frames(real_data: Path) -> None:
    path = real_data / "dicom" / "files" / "examples_ybr_color.dcm"
    clip = open_clip(path)
    assert clip.shape == (30, 240, 320)
    assert clip.channels == 3
    from vesalius.data import readers

    whole = readers.read(path)
    assert np.array_equal(clip.frames([29, 7]), whole.array[[29, 7]])
    assert clip.frames_per_second is not None
