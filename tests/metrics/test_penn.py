"""Penn-Treebank words against lists that the Java tokeniser made."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vesalius.metrics.penn import penn_tokens

TABLE = {
    "1. The patient's ET tube (tip 3.5 cm above carina) isn't mal-positioned; 50% right-sided PTX?": (
        "1 the patient 's et tube -lrb- tip 3.5 cm above carina -rrb- is n't mal-positioned 50 % right-sided ptx"
    ),
    'Dr. Smith: 3/4/2020 T1-weighted, 1.5T, don\'t/can\'t -- no "acute" findings... x>2 & y<3': (
        "dr. smith 3/4/2020 t1-weighted 1.5 t do n't / ca n't no acute findings x > 2 & y < 3"
    ),
    "bibasilar atelectasis and/or pneumonia. cannot exclude. ~3 mm [nodule] 5mm 2-3cm": (
        "bibasilar atelectasis and/or pneumonia can not exclude ~ 3 mm -lsb- nodule -rsb- 5mm 2-3cm"
    ),
    "T1-weighted MRI of pt. is +ve; C5-C6, L4/5, 10x12 mm, 3.5x4.2cm, 120/80 mmHg, 37.5C.": (
        "t1-weighted mri of pt is + ve c5-c6 l4/5 10x12 mm 3.5 x4 .2 cm 120/80 mmhg 37.5 c"
    ),
    "The patient's lungs' bases \"clear\" 'normal' 12:30 p.m. on 01/02/2020 a.m.": (
        "the patient 's lungs bases clear normal 12:30 p.m. on 01/02/2020 a.m."
    ),
    "he'll she'd they're I'm gonna cannot wanna gimme it's won't didn't": (
        "he 'll she 'd they 're i 'm gon na can not wan na gim me it 's wo n't did n't"
    ),
    "___ yo M w/ cough. s/p CABG. h/o COPD, r/o PTX. 2+ edema. >5mm ~3 #4 $5.00 1,000 2nd 3rd": (
        "___ yo m w / cough s/p cabg h/o copd r/o ptx 2 + edema > 5mm ~ 3 # 4 $ 5.00 1,000 2nd 3rd"
    ),
    "left-sided; right--sided—dash – en “quote” ‘single’ it’s": (
        "left-sided right sided dash en quote single it 's"
    ),
    "No. 5 rib vs. the e.g. nodule i.e. mass. approx. 3.5cm in size. Approx. it. Fig. 3": (
        "no. 5 rib vs. the e.g. nodule i.e. mass approx 3.5 cm in size approx it fig. 3"
    ),
    "normal. normal.abnormal lungs.The heart A. B. 5. 6.": "normal normal.abnormal lungs.the heart a. b. 5 6",
    "3.5 .5 5. -5 +5 1/2 10-12 1-2mm 50-60% T12 L1-L2 1.5T 3T 5mm 2.5mm 4cm": (
        "3.5 .5 5 -5 +5 1/2 10-12 1-2mm 50-60 % t12 l1-l2 1.5 t 3t 5mm 2.5 mm 4cm"
    ),
    "options: A. The left one": "options a the left one",
    "B. left one": "b. left one",
    "": "",
    " \n ": "",
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), TABLE.items())
def test_words_of_the_java_tokeniser(text: str, expected: str) -> None:
    assert " ".join(penn_tokens(text)) == expected


def test_reports() -> None:
    golden = json.loads((Path(__file__).parents[1] / "golden" / "lexical.json").read_text(encoding="utf-8"))
    assert [" ".join(penn_tokens(text)) for text in golden["said"]] == golden["penn"]


def test_nothing_is_left_of_marks_and_nothing_hangs_on_many() -> None:
    assert penn_tokens("." * 50_000) == []
    assert penn_tokens("'" * 2_000) == []
    assert len(penn_tokens("a-" * 3_000)) >= 1
