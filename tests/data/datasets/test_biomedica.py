"""BIOMEDICA: values that stand alone or in a list, licences by folder."""

from __future__ import annotations

import json
from pathlib import Path

from release_files import picture

from vesalius.data.datasets.biomedica import read
from vesalius.data.formats.webdataset import write_shard


def test_samples(tmp_path: Path) -> None:
    content = picture(tmp_path / "a.jpg").read_bytes()
    facts = {
        "article_accession_id": ["PMC3"], "image_primary_label": ["Clinical imaging"], "article_license": "CC BY",
        "image_secondary_label": ["magnetic resonance"], "image_context": ["See figure.", "Also there."],
    }  # fmt: skip
    write_shard(tmp_path / "r" / "commercial" / "000000.tar", [
        ("PMC3_1.jpg", content), ("PMC3_1.json", json.dumps(facts).encode()), ("PMC3_1.txt", b"A caption."),
    ])  # fmt: skip
    write_shard(tmp_path / "r" / "other" / "000000.tar", [("PMC4_1.jpg", content), ("PMC4_1.json", b"{}")])
    first, second = (sample.study for sample in read(tmp_path / "r"))
    assert (first.id, first.patient) == ("commercial/000000/PMC3_1", "PMC3")
    assert (first.images[0].modality, first.images[0].sequence) == ("MR", "Clinical imaging")
    assert [text.role for text in first.texts] == ["caption", "note", "note"]
    assert (first.provenance.licence, second.provenance.licence) == ("CC BY", "other")
    assert (second.patient, second.texts) == ("PMC4", ())
