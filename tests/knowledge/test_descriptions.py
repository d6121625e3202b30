"""Descriptions: one for every finding, each in sentences that stand alone and tell it from the others."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from vesalius.errors import ConfigError
from vesalius.knowledge.descriptions import describe, descriptions
from vesalius.virtual.preset import finding_names


def test_every_finding_is_described_and_nothing_else() -> None:
    assert set(descriptions()) == set(finding_names())
    assert len(descriptions()) > 110


def test_sentences_are_whole_and_no_two_findings_share_one() -> None:
    counted: Counter[str] = Counter()
    for concept, description in descriptions().items():
        assert len(description.looks) >= 2, concept
        for sentence in description.sentences:
            assert re.fullmatch(r"[A-Z].+[A-Za-z0-9)]\.", sentence), sentence
            assert 3 <= len(sentence.split()) <= 22, sentence
        counted.update(description.sentences)
    assert counted.most_common(1)[0][1] == 1


def test_parts_are_given_where_there_are_any() -> None:
    assert describe("pneumothorax").attributes == {
        "shape": "rim along a thin line", "density": "air", "place": "pleural space at the apex"
    }  # fmt: skip
    assert describe("thrombocytopenia").attributes == {"place": "platelets"}
    with pytest.raises(ConfigError, match="did you mean 'pneumothorax'"):
        describe("pneumotorax")
