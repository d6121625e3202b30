"""MedTrinity-25M: the demonstration, the whole, archives that are broken."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pyarrow as pa
import pytest
from question_files import put_parquet
from release_files import picture

from vesalius.data.datasets.medtrinity_25m import read
from vesalius.errors import ConfigError, DataError


def archive(path: Path, *members: tuple[str, bytes]) -> Path:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    path.parent.mkdir(parents=True, exist_ok=True)
    with pa.CompressedOutputStream(str(path), "zstd") as stream:
        stream.write(buffer.getvalue())
    return path


def test_the_whole(tmp_path: Path) -> None:
    content = picture(tmp_path / "a.jpg").read_bytes()
    put_parquet(
        tmp_path / "25M_full" / "train-00000.parquet",
        {"file_name": "PMC7_a.jpg", "caption": " A CT. ", "source": "pmc_oa"},
        {"file_name": "v.png", "caption": "A CT.", "source": "cr_rate"},
    )
    path = archive(tmp_path / "25M_accessible" / "0.tar.zst", ("../../deep/PMC7_a.jpg", content))
    first, second = (sample.study for sample in read(tmp_path))
    assert (first.id, first.patient, first.site, first.texts[0].text) == ("PMC7_a.jpg", "PMC7", "pmc_oa", "A CT.")
    assert Path(first.images[0].path) == tmp_path / "unpacked" / "25M_accessible" / "PMC7_a.jpg"
    assert (second.images, second.site) == ((), "cr_rate")
    path.write_bytes(b"changed")
    assert len(list(read(tmp_path))) == 2, "an archive is unpacked once"
    archive(tmp_path / "25M_accessible" / "1.tar.zst", ("b.jpg", content))
    whole = (tmp_path / "25M_accessible" / "1.tar.zst").read_bytes()
    (tmp_path / "25M_accessible" / "1.tar.zst").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"1.tar.zst: no whole"):
        list(read(tmp_path))


def test_the_demonstration(tmp_path: Path) -> None:
    content = picture(tmp_path / "a.png").read_bytes()
    row = {"image": {"bytes": content, "path": None}, "id": "x1", "caption": "A CT."}
    put_parquet(tmp_path / "25M_demo" / "train-00000.parquet", row)
    [(study, _)] = read(tmp_path)
    assert (study.id, study.images[0].shape) == ("x1", (6, 8))
    with pytest.raises(ConfigError, match="'half'"):
        next(read(tmp_path, config="half"))
