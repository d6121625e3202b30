from __future__ import annotations

import pickle
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from video_files import all_frames, picture, write_clip

from vesalius.data.readers import video
from vesalius.data.readers.video import choose_frames, container_of, describe_clip, open_clip
from vesalius.errors import DataError

CASES = {
    "b-frames.mp4": {"options": {"g": "12", "bf": "3"}},
    "open-groups.mp4": {"options": {"x264-params": "keyint=12:open-gop=1:bframes=3"}},
    "variable.mp4": {"times": [100 * i + 30 * (i % 3) for i in range(60)], "options": {"g": "10", "bf": "2"}},
    "variable.mkv": {"times": [100 * i + 30 * (i % 3) for i in range(60)], "options": {"g": "10", "bf": "2"}},
    "hidden.webm": {"codec": "libvpx", "options": {"g": "10", "auto-alt-ref": "1", "lag-in-frames": "10"}},
    "vp9.webm": {"codec": "libvpx-vp9", "options": {"g": "10", "cpu-used": "8", "deadline": "realtime"}},
    "jpeg.avi": {"codec": "mjpeg", "pixel_format": "yuvj420p"},
    "mpeg4.avi": {"codec": "mpeg4", "options": {"g": "10", "bf": "2"}},
    "mpeg2.mpg": {"codec": "mpeg2video", "options": {"g": "10", "bf": "2"}},
    "stream.ts": {"options": {"g": "10", "bf": "2"}},
    "windows.wmv": {"codec": "wmv2"},
}


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    for name, options in CASES.items():
        write_clip(folder / name, **options)
    return folder


@pytest.mark.parametrize("name", CASES)
def test_every_frame_is_that_of_a_full_decode(clips: Path, name: str) -> None:
    full = all_frames(clips / name)
    clip = open_clip(clips / name)
    assert clip.shape == full.shape[:3] == (60, 48, 64)
    order = np.random.default_rng(0).permutation(60)[:12].tolist()
    assert np.array_equal(clip.frames([*order, order[0]]), full[[*order, order[0]]])
    assert all(np.array_equal(clip.frames([index])[0], full[index]) for index in range(0, 60, 7))
    assert np.array_equal(np.stack(list(clip.stream())), full)
    assert np.array_equal(np.stack(list(clip.stream(5, 50, 9))), full[5:50:9])


def test_what_is_seen_is_the_frame_of_that_number(clips: Path) -> None:
    """The brightness of a frame says its number, whatever the decoder's own order is."""
    frames = open_clip(clips / "b-frames.mp4").frames([0, 17, 31, 54])
    wanted = np.array([picture(number)[0, 0, 0] for number in (0, 17, 31, 54)], float)
    # Colours pass through limited-range YUV and lossy coding; neighbouring frames differ by 4.
    assert np.abs(frames[:, :10, :10].mean(axis=(1, 2, 3)) - wanted).max() < 2


def test_seeking_decodes_few_frames(clips: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    plain = video._advanced

    def counting(pictures, target, state):
        def through():
            for frame in pictures:
                seen.append(frame.pts)
                yield frame

        return plain(through(), target, state)

    clip = open_clip(clips / "b-frames.mp4")
    monkeypatch.setattr(video, "_advanced", counting)
    clip.frames([50])
    # A group of pictures has 12 frames, so at most 12 are decoded to reach one, not the 51 from the beginning.
    assert 1 <= len(seen) <= 12


def test_times_rate_and_duration(clips: Path) -> None:
    clip = open_clip(clips / "b-frames.mp4")
    assert clip.frames_per_second == 25
    assert clip.duration_s == pytest.approx(60 / 25)
    assert clip.times_s is not None
    assert np.allclose(clip.times_s, np.arange(60) / 25)
    assert "variable_rate" not in clip.info
    for name in ("variable.mp4", "variable.mkv"):
        clip = open_clip(clips / name)
        # Units of 1/2500 s: 0, 130, 260, 300, ...; Matroska rounds to a millisecond.
        assert clip.times_s is not None
        assert np.allclose(clip.times_s[:4], [0, 0.052, 0.104, 0.12], atol=5e-4)
        assert "variable_rate" in clip.info


def test_rotation_is_stated_and_not_applied(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", frames=3)
    data = path.read_bytes()
    upright = bytes.fromhex("00010000 00000000 00000000 00000000 00010000".replace(" ", ""))
    turned = bytes.fromhex("00000000 00010000 00000000 ffff0000 00000000".replace(" ", ""))
    # The last matrix is that of the track: 90 degrees clockwise for the viewer.
    place = data.rindex(upright)
    path.write_bytes(data[:place] + turned + data[place + len(upright) :])
    clip = open_clip(path)
    assert clip.rotation == 270
    assert clip.shape == (3, 48, 64)


def test_grey_clips_have_one_channel(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mkv", frames=4, codec="ffv1", pixel_format="gray")
    clip = open_clip(path)
    assert clip.channels == 1
    frames = clip.frames([1])
    assert frames.shape == (1, 48, 64)
    assert int(frames[0, 0, 0]) == pytest.approx(20, abs=1)


def test_samples_by_rule(clips: Path) -> None:
    clip = open_clip(clips / "b-frames.mp4")
    # Six parts of 10 frames: their middles lie at the beginning of frames 5, 15, ...
    assert clip.sample(6).indices == (5, 15, 25, 35, 45, 55)
    drawn = clip.sample(6, "random", rng=np.random.default_rng(0)).indices
    assert all(10 * part <= index < 10 * part + 10 for part, index in enumerate(drawn))
    assert clip.sample(6, "random", rng=np.random.default_rng(0)).indices == drawn
    # Five a second of 25: every fifth frame, 2.4 s give 12.
    assert clip.sample(100, "fps", rate=5).indices == tuple(range(0, 60, 5))
    assert clip.sample(4, "fps", rate=5).frames.shape == (4, 48, 64, 3)


def test_choosing_follows_time_not_number() -> None:
    # Shown at 0, 0.1 and 0.9 s until 1 s: the middles of five parts are 0.1, 0.3, 0.5, 0.7 and 0.9 s.
    times = np.array([0.0, 0.1, 0.9])
    assert choose_frames(times, num=5, end_s=1.0) == (1, 1, 1, 1, 2)
    assert choose_frames(np.array([0.0]), num=3, end_s=0.04) == (0, 0, 0)
    for wrong in ({"num": 0}, {"num": 2, "rule": "random"}, {"num": 2, "rule": "fps"}, {"num": 2, "rule": "all"}):
        with pytest.raises(DataError):
            choose_frames(times, end_s=1.0, **wrong)


@pytest.mark.parametrize("rule", ["uniform", "random"])
def test_chosen_frames_ascend_and_exist(rule: str) -> None:
    rng = np.random.default_rng(1)
    for _ in range(50):
        times = np.concatenate([[0.0], np.cumsum(rng.uniform(0.01, 0.2, rng.integers(0, 40)))])
        chosen = choose_frames(times, num=int(rng.integers(1, 20)), rule=rule, end_s=times[-1] + 0.1, rng=rng)
        assert all(0 <= first <= second < len(times) for first, second in pairwise(chosen))


def test_a_clip_travels_to_other_processes(clips: Path) -> None:
    clip = open_clip(clips / "b-frames.mp4")
    again = pickle.loads(pickle.dumps(clip))
    assert np.array_equal(again.frames([7]), clip.frames([7]))


@pytest.mark.parametrize(
    ("name", "share", "last"), [("jpeg.avi", 0.5, 24), ("variable.mkv", 0.9, None), ("hidden.webm", 0.5, None)]
)
def test_a_cut_file_names_the_last_good_frame(
    clips: Path, tmp_path: Path, name: str, share: float, last: int
) -> None:
    data = (clips / name).read_bytes()
    path = tmp_path / name
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(DataError, match=rf"{name}: the file was cut off: .* the last good frame is \d+;") as error:
        open_clip(path)
    clip = open_clip(path, partial=True)
    assert f"the last good frame is {len(clip) - 1};" in str(error.value)
    assert last is None or len(clip) == last + 1
    assert np.array_equal(np.stack(list(clip.stream())), all_frames(clips / name)[: len(clip)])
    assert "cut_off" in clip.info


def test_a_cut_mp4_with_its_index_in_front(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("libx264", rate=25, options={"g": "12", "bf": "2"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(60):
            frame = av.VideoFrame.from_ndarray(picture(number), format="rgb24")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(DataError, match=r"states 60 frames, \d+ are there; the last good frame is \d+"):
        open_clip(path)


def test_damage_in_the_middle_names_the_last_good_frame(clips: Path, tmp_path: Path) -> None:
    data = bytearray((clips / "stream.ts").read_bytes())
    path = tmp_path / "a.ts"
    path.write_bytes(data[: len(data) // 2 // 188 * 188 + 100])
    clip = open_clip(path)
    try:
        frames = len(list(clip.stream()))
    except DataError as error:
        assert "last good frame is" in str(error)  # noqa: PT017 - one of two right answers
    else:
        assert frames == len(clip)


def test_wrong_files(tmp_path: Path, clips: Path) -> None:
    with pytest.raises(DataError, match=r"none\.mp4: cannot be opened"):
        open_clip(tmp_path / "none.mp4")
    (tmp_path / "text.mp4").write_text("#EXTM3U\n#EXTINF:1\nhttp://example.org/a.ts\n")
    with pytest.raises(DataError, match="expected MP4"):
        open_clip(tmp_path / "text.mp4")
    (tmp_path / "empty.mp4").write_bytes(b"")
    with pytest.raises(DataError, match="expected MP4"):
        open_clip(tmp_path / "empty.mp4")
    clip = open_clip(clips / "b-frames.mp4")
    with pytest.raises(DataError, match="frame 60 asked for, the clip has frames 0 to 59"):
        clip.frames([3, 60])
    with pytest.raises(DataError, match="no frame asked for"):
        clip.frames([])


def test_a_sound_without_pictures_is_no_video(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
    with pytest.raises(DataError, match="without a stream of pictures"):
        open_clip(tmp_path / "a.mkv")


def test_containers_are_told_by_their_first_bytes(clips: Path) -> None:
    expected = {"mp4": "mov", "mkv": "matroska", "webm": "matroska", "avi": "avi", "mpg": "mpeg", "ts": "mpegts"}
    for path in clips.iterdir():
        assert container_of(path.read_bytes()[:400]) == expected.get(path.suffix[1:], "asf")
    assert container_of(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic") == ""
    assert container_of(b"RIFF\0\0\0\0WAVEfmt ") == ""
    assert container_of(b"") == ""


def test_the_record_of_a_clip(clips: Path) -> None:
    record = describe_clip(clips / "b-frames.mp4", id="video", modality="ES")
    assert (record.kind, record.shape, record.channels, record.units) == ("video", (60, 48, 64), 3, "rgb")
    assert (record.frames_per_second, record.modality, record.spacing_mm) == (25.0, "ES", ())
