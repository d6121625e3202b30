"""LLaVA-Med: alignment, conversations and evaluation by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from question_files import dialogues, put_json, put_lines
from release_files import picture

from vesalius.data.datasets.llava_med import read
from vesalius.errors import DataError

DOMAIN = {"chest_xray": False, "mri": True, "histology": False, "gross": False, "ct_scan": False}
ALIGNMENT = "alignment/llava_med_alignment_500k.json"


def row(pair: str, *turns: str, key: str = "conversations", **changes: Any) -> dict[str, Any]:
    spoken = [{"from": ("human", "gpt")[place % 2], "value": text} for place, text in enumerate(turns)]
    return {"id": pair, "image": f"{pair}.jpg", "domain": DOMAIN, key: spoken} | changes


def test_all_parts(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "1_2.jpg")
    put_json(tmp_path / ALIGNMENT, [row("1_2", "What is it?\n<image>", "A brain."), row("3_4", "<image>Q", "Gone.")])
    put_json(tmp_path / "instruct" / "llava_med_instruct_10k.json", [row("9_9", "Q", "A")])
    talk = row("1_2", "<image>\nWhat?", "A brain.", "Where?", "Left.", key="conversatons")
    put_json(tmp_path / "instruct" / "llava_med_instruct_60k.json", [talk])
    captions = {"mri": [{"pair_id": "1_2", "pmid": "5", "fig_caption": "Figure 1.", "in_text_mention": None}]}
    put_json(tmp_path / "instruct" / "llava_med_instruct_fig_captions.json", captions)
    base = {"image": "1_2.jpg", "pair_id": "1_2", "fig_caption": "Figure 1.", "domain": DOMAIN, "gpt4_answer": "Yes."}
    put_lines(
        tmp_path / "eval" / "llava_med_eval_qa50_qa.jsonl",
        base | {"question_id": 0, "text": "Q0?", "type": "conversation", "in_text_mention": [{"tokens": "See it."}]},
        base | {"question_id": 1, "text": "Q1?", "type": "detailed_description", "in_text_mention": None},
    )
    put_lines(tmp_path / "llava_med_image_urls.jsonl", {"pair_id": "1_2", "pmc_tar_url": "x/PMC77.tar.gz"})
    found = list(read(tmp_path))
    assert [(sample.study.id, sample.split) for sample in found] == [
        ("1_2_alignment", "alignment"), ("3_4_alignment", "alignment"), ("1_2_train", "train"), ("1_2_test", "test"),
    ]  # fmt: skip
    assert [sample.study.patient for sample in found] == ["PMC77", "3_4", "PMC77", "PMC77"]
    assert found[1].study.images == ()
    assert found[0].study.images[0].modality == "MR"
    questions = dialogues(found)
    talk_read = questions["1_2_train"]
    assert [turn.text for turn in talk_read.turns] == ["What?", "A brain.", "Where?"]
    assert (talk_read.answer, talk_read.turns[0].images) == ("Left.", ("1_2",))
    assert questions["1_2_alignment"].turns[0].text == "What is it?"
    assert (questions["0"].rationale, questions["0"].source) == ("See it.", "llava_med/conversation/mri")
    assert questions["1"].rationale == ""


def test_wrong_rows_and_pointers(tmp_path: Path) -> None:
    path = put_json(tmp_path / ALIGNMENT, [row("1_2", "Q", "A", domain=DOMAIN | {"gross": True})])
    with pytest.raises(DataError, match=r"item 1, domain: .*'mri', 'gross'"):
        list(read(tmp_path))
    put_json(path, [row("1_2", "<image><image>Q", "A")])
    with pytest.raises(DataError, match=r"item 1: 2 <image>"):
        list(read(tmp_path))
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 7\n")
    with pytest.raises(DataError, match="git lfs pull"):
        list(read(tmp_path))
