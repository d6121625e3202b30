"""Shards: grouping by key, what is refused, and a round trip."""

from __future__ import annotations

import io
import json
import random
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from vesalius.data.formats.webdataset import read, samples_in, write, write_shard
from vesalius.data.samples import Sample
from vesalius.errors import DataError

Save = Callable[..., Path]


def test_neighbours_of_one_key_are_a_sample(tmp_path: Path, save: Save) -> None:
    content = save("a.png").read_bytes()
    facts = {"caption": "From JSON.", "patient": "p", "modality": "X-ray"}
    chat = {"conversations": [{"from": "human", "value": "<image>What?"}, {"from": "gpt", "value": "A lung."}]}
    write_shard(tmp_path / "shards" / "train-00000.tar", [
        ("deep/one.png", content), ("deep/one.txt", b"A caption."), ("deep/one.json", json.dumps(facts).encode()),
        ("two.JPG", content), ("two.json", json.dumps(facts | chat).encode()),
    ])  # fmt: skip
    first, second = read(tmp_path / "shards")
    assert (first.study.id, first.study.patient, first.split) == ("deep/one", "p", "train")
    assert first.study.texts[0].text == "A caption."
    assert first.study.images[0].modality == "DX"
    assert Path(first.study.images[0].path).read_bytes() == content
    assert second.study.texts[0].text == "From JSON."
    assert second.study.dialogues[0].answer == "A lung."
    assert list(read(tmp_path / "shards")) == [first, second]


@pytest.mark.parametrize("name", ["../x.png", "/x.png", "a/../../x.png", "a\\..\\x.png"])
def test_names_that_leave_the_folder(name: str, tmp_path: Path) -> None:
    write_shard(tmp_path / "0.tar", [(name, b"x")])
    with pytest.raises(DataError, match="leaves the folder"):
        list(read(tmp_path))
    assert not (tmp_path.parent / "x.png").exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_links_and_devices(kind: bytes, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "0.tar", "w") as archive:
        info = tarfile.TarInfo("a.png")
        info.type, info.linkname = kind, "/etc/passwd"
        archive.addfile(info)
    with pytest.raises(DataError, match="no plain file"):
        list(read(tmp_path))


def test_a_member_that_claims_too_much(tmp_path: Path) -> None:
    info = tarfile.TarInfo("a.png")
    info.size = 1 << 40
    (tmp_path / "0.tar").write_bytes(info.tobuf(tarfile.GNU_FORMAT) + b"\0" * 2048)
    with pytest.raises(DataError, match="claims"):
        list(read(tmp_path))


def test_doubled_members_missing_pictures_and_bad_text(tmp_path: Path, save: Save) -> None:
    content = save("a.png").read_bytes()
    cases = [
        ([("a.png", content), ("a.png", content)], "holds it twice"),
        ([("a.txt", b"x")], "no picture that opens"),
        ([("a.png", b"no picture")], "no picture that opens"),
        ([("a.png", content), ("a.txt", b"\xff\xfe")], "not in UTF-8"),
        ([("a.png", content), ("a.json", b"{")], "no JSON"),
    ]
    for number, (members, told) in enumerate(cases):
        root = tmp_path / str(number)
        write_shard(root / "0.tar", members)
        with pytest.raises(DataError, match=told):
            list(read(root))
    with pytest.raises(DataError, match="no shards"):
        list(read(tmp_path / "source"))


def test_broken_archives_are_errors_of_the_data(tmp_path: Path, save: Save) -> None:
    write_shard(tmp_path / "0.tar", [("a.png", save("a.png").read_bytes()), ("a.txt", b"A caption.")])
    good = (tmp_path / "0.tar").read_bytes()
    rng = random.Random(0)
    refused = 0
    for _ in range(60):
        content = bytearray(good[: rng.randrange(600, len(good))])
        for _ in range(rng.randrange(4)):
            content[rng.randrange(len(content))] = rng.randrange(256)
        (tmp_path / "0.tar").write_bytes(content)
        try:
            for members in samples_in(tmp_path / "0.tar"):
                members.text()
        except DataError:
            refused += 1
    assert refused > 10


def test_round_trip_in_several_shards(tmp_path: Path, samples: list[Sample]) -> None:
    made = write(samples, tmp_path / "out", per_shard=1)
    assert [path.name for path in made] == ["test-00000.tar", "train-00000.tar", "train-00001.tar"]
    with tarfile.open(fileobj=io.BytesIO(made[0].read_bytes())) as archive:
        assert archive.getnames() == ["study-2.png", "study-2.txt", "study-2.json"]
    found = {sample.study.id: sample for sample in read(tmp_path / "out")}
    for mine in samples:
        theirs = found[mine.study.id]
        assert (theirs.split, theirs.study.patient) == (mine.split, mine.study.patient)
        assert theirs.study.texts[0].text == "A nodule."
        assert theirs.study.images[0].shape == (10, 20)
