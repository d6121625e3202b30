"""Caption shards: articles, missing texts, broken pictures."""

from __future__ import annotations

from pathlib import Path

from release_files import picture

from vesalius.data.datasets.webdataset_shards import read
from vesalius.data.formats.webdataset import write_shard


def test_samples(tmp_path: Path) -> None:
    content = picture(tmp_path / "a.jpg").read_bytes()
    write_shard(tmp_path / "shards" / "00000.tar", [
        ("PMC1_fig_2.jpg", content), ("PMC1_fig_2.txt", b"A caption."),
        ("k.json", b'{"article_accession_id": "PMC9"}'), ("k.jpg", b"broken"), ("k.txt", b"Two."),
        ("z.jpg", content),
    ])  # fmt: skip
    first, second, third = (sample.study for sample in read(tmp_path / "shards"))
    assert (first.id, first.patient, first.texts[0].text) == ("00000/PMC1_fig_2", "PMC1", "A caption.")
    assert (second.patient, second.images) == ("PMC9", ())
    assert (third.patient, third.texts, third.images[0].shape) == ("z", (), (6, 8))
