from __future__ import annotations

import struct
import wave
from pathlib import Path

import numpy as np
import pytest

from vesalius.data.readers.audio import is_wav, open_sound, resample
from vesalius.errors import DataError


def chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def write(path: Path, data: bytes, *, coding: int, bits: int, channels: int = 1, rate: int = 8000, **more) -> Path:
    block = channels * bits // 8
    form = struct.pack("<HHIIHH", coding, channels, rate, rate * block, block, bits)
    if coding == 0xFFFE:
        form += struct.pack("<HHI", 22, bits, 0) + struct.pack("<H", more["inner"]) + b"\0" * 14
    body = b"WAVE" + chunk(b"fmt ", form) + chunk(b"LIST", b"odd") + chunk(b"data", data)
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    return path


@pytest.mark.parametrize(
    ("coding", "bits", "data", "expected"),
    [
        # 8 bits are unsigned: (0 - 128) / 128, (128 - 128) / 128, (255 - 128) / 128.
        (1, 8, bytes([0, 128, 255]), [-1, 0, 127 / 128]),
        # 16 bits: divided by 32768.
        (1, 16, struct.pack("<3h", -32768, 1, 32767), [-1, 1 / 32768, 32767 / 32768]),
        # 24 bits, low byte first: 0x800000 is -2^23, 0x000001 is 1, 0x7FFFFF is 2^23 - 1.
        (1, 24, bytes.fromhex("000080 010000 ffff7f".replace(" ", "")), [-1, 2**-23, 1 - 2**-23]),
        (1, 32, struct.pack("<3i", -(2**31), 0, 2**30), [-1, 0, 0.5]),
        (3, 32, struct.pack("<3f", -1.5, 0.25, 1), [-1.5, 0.25, 1]),
        (3, 64, struct.pack("<3d", -1, 0.25, 1), [-1, 0.25, 1]),
    ],
)
def test_codings(tmp_path: Path, coding: int, bits: int, data: bytes, expected: list[float]) -> None:
    for path in (
        write(tmp_path / "plain.wav", data, coding=coding, bits=bits),
        write(tmp_path / "extensible.wav", data, coding=0xFFFE, bits=bits, inner=coding),
    ):
        sound = open_sound(path)
        assert sound.samples.dtype == np.float32
        assert sound.samples.shape == (1, 3)
        assert sound.samples[0] == pytest.approx(expected, abs=1e-7)
        assert (sound.rate, sound.bits) == (8000, bits)


def test_what_python_writes(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(np.array([[1, -1], [16384, 0], [0, 3]], "<i2").tobytes())
    sound = open_sound(tmp_path / "a.wav")
    assert sound.samples.tolist() == [[1 / 32768, 0.5, 0], [-1 / 32768, 0, 3 / 32768]]
    assert sound.duration_s == 3 / 16000


def test_a_part_is_read_alone(tmp_path: Path) -> None:
    data = np.arange(8000, dtype="<i2")
    path = write(tmp_path / "a.wav", data.tobytes(), coding=1, bits=16)
    part = open_sound(path, start_s=0.25, stop_s=0.5)
    assert np.array_equal(part.samples[0] * 32768, data[2000:4000])
    assert part.start_s == 0.25
    assert open_sound(path, start_s=0.9).samples.shape == (1, 800)
    with pytest.raises(DataError, match="the sound lasts 1 s"):
        open_sound(path, start_s=1.0)
    with pytest.raises(DataError, match="the sound lasts 1 s"):
        open_sound(path, start_s=0.5, stop_s=0.5)


def test_resampling_keeps_a_tone_and_removes_what_does_not_fit(tmp_path: Path) -> None:
    time = np.arange(16000) / 16000
    tone = 0.5 * np.sin(2 * np.pi * 440 * time)
    high = 0.25 * np.sin(2 * np.pi * 7000 * time)
    path = write(tmp_path / "a.wav", (tone + high).astype("<f4").tobytes(), coding=3, bits=32, rate=16000)
    sound = resample(open_sound(path), 8000)
    assert (sound.rate, sound.samples.shape) == (8000, (1, 8000))
    wanted = 0.5 * np.sin(2 * np.pi * 440 * np.arange(8000) / 8000)
    # 7 kHz is above half the new rate; the filter leaves under 1 %. The ends lack neighbours.
    assert np.abs(sound.samples[0] - wanted)[100:-100].max() < 0.0025
    assert resample(sound, 8000) is sound
    assert resample(sound, 11025).samples.shape == (1, 11025)
    with pytest.raises(DataError, match="rate 0 asked for"):
        resample(sound, 0)


def test_bad_files(tmp_path: Path) -> None:
    good = write(tmp_path / "a.wav", bytes(800), coding=1, bits=16).read_bytes()
    bad = tmp_path / "bad.wav"
    cases = {
        "states 400 samples, 395 are there": good[:-10],
        "ends before its samples": good[: good.index(b"data")],
        "ends before its format": good[:14],
        "expected a WAV file": b"RIFF\0\0\0\0AVI " + good[12:],
        "format chunk of 4 bytes": good[:12] + chunk(b"fmt ", b"1234"),
        "before their format": good[:12] + chunk(b"data", b"12"),
    }
    for message, data in cases.items():
        bad.write_bytes(data)
        with pytest.raises(DataError, match=rf"bad\.wav: .*{message}"):
            open_sound(bad)
    with pytest.raises(DataError, match="coding 2 with 4 bits"):
        open_sound(write(bad, b"", coding=2, bits=4, channels=2))
    with pytest.raises(DataError, match="make no sense"):
        open_sound(write(bad, b"", coding=1, bits=16, channels=0))
    with pytest.raises(DataError, match="cannot be opened"):
        open_sound(tmp_path / "none.wav")


def test_a_streamed_file_goes_to_its_end(tmp_path: Path) -> None:
    data = write(tmp_path / "a.wav", bytes(800), coding=1, bits=16).read_bytes()
    place = data.index(b"data") + 4
    (tmp_path / "a.wav").write_bytes(data[:place] + b"\xff" * 4 + data[place + 4 :])
    assert open_sound(tmp_path / "a.wav").samples.shape == (1, 400)
    assert is_wav(data[:12])
    assert not is_wav(b"RIFF")
