"""PMC-OA: parts by ranges of lines, articles, whole captions."""

from __future__ import annotations

from pathlib import Path

from question_files import put_lines
from release_files import picture

from vesalius.data.datasets.pmc_oa import read


def test_lines(tmp_path: Path) -> None:
    rows = [{"image": f"PMC21_Fig3_{number}.jpg", "caption": f" Panel {number}. "} for number in range(10)]
    picture(tmp_path / "images" / "caption_T060_filtered_top4_sep_v0_subfigures" / "PMC21_Fig3_0.jpg")
    path = put_lines(tmp_path / "pmc_oa.jsonl", *rows)
    path.write_text(path.read_text() + "\n")
    put_lines(tmp_path / "pmc_oa_beta.jsonl", {"image": "PMC5_Fig1_0.jpg", "caption": "Whole."})
    found = list(read(tmp_path))
    # 80, 10 and 10 % of ten lines.
    assert [sample.split for sample in found] == ["train"] * 8 + ["val", "test"]
    assert {sample.study.patient for sample in found} == {"PMC21"}
    assert found[0].study.texts[0].text == "Panel 0."
    assert found[0].study.images[0].shape == (6, 8)
    assert found[1].study.images == ()
    assert [sample.study.id for sample in read(tmp_path, beta=True)] == ["PMC5_Fig1_0"]
    path.unlink()
    assert [sample.study.id for sample in read(tmp_path)] == ["PMC5_Fig1_0"]
