"""RadGraph: entities and relations of a report, and what a study keeps of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cxr_files import text

from vesalius.data.datasets.radgraph import Entity, graphs, read
from vesalius.errors import DataError

# "Small effusion at the left lung base . No edema . Possible scar": words 0 to 10 by spaces.
ENTITIES = {
    "1": {"tokens": "Small", "label": "OBS-DP", "start_ix": 0, "end_ix": 0, "relations": [["modify", "2"]]},
    "2": {"tokens": "effusion", "label": "OBS-DP", "start_ix": 1, "end_ix": 1, "relations": [["located_at", "4"]]},
    "3": {"tokens": "left", "label": "ANAT-DP", "start_ix": 4, "end_ix": 4, "relations": [["modify", "4"]]},
    "4": {"tokens": "lung base", "label": "ANAT-DP", "start_ix": 5, "end_ix": 6, "relations": []},
    "5": {"tokens": "edema", "label": "OBS-DA", "start_ix": 9, "end_ix": 9, "relations": []},
    "6": {"tokens": "scar", "label": "OBS-U", "start_ix": 12, "end_ix": 12, "relations": [["suggestive_of", "2"]]},
}
TEXT = "Small effusion at the left lung base . No edema . Possible scar"
NAME = "p18/p18004941/s58821758.txt"


@pytest.fixture
def release(tmp_path: Path) -> Path:
    entry = {"text": TEXT, "data_source": None, "data_split": "train"}
    two = entry | {"data_source": "CheXpert", "labeler_1": {"entities": ENTITIES}, "labeler_2": {"entities": {}}}
    text(tmp_path / "train.json", json.dumps({NAME: entry | {"entities": ENTITIES}}))
    text(tmp_path / "dev.json", json.dumps({"p18/p18004942/s1.txt": entry | {"entities": {}}}))
    text(tmp_path / "test.json", json.dumps({"patient1/study1": two}))
    return tmp_path


def test_graphs_as_they_stand(release: Path) -> None:
    [graph] = graphs(release)
    assert graph.entities[3] == Entity("4", "lung base", "ANAT-DP", 5, 6, ())
    assert graph.text.split()[graph.entities[3].start : graph.entities[3].end + 1] == ["lung", "base"]
    assert graph.entities[0].relations == (("modify", "2"),)
    assert [(g.annotator, len(g.entities)) for g in graphs(release, "test")] == [("labeler_1", 6), ("labeler_2", 0)]
    text(release / "CheXpert_graphs.json", json.dumps({"x": {"text": "a", "entities": {}}}))
    assert [g.report for g in graphs(release, "chexpert")] == ["x"]


def test_what_a_study_keeps(release: Path) -> None:
    train, val, test = read(release)
    assert (train.study.id, train.study.patient) == (NAME, "p18004941")
    assert [sample.split for sample in (train, val, test)] == ["train", "val", "test"]
    effusion, edema, scar = train.study.findings
    assert (effusion.concept, effusion.status, effusion.anatomy, effusion.laterality) == (
        "effusion", "present", "left lung base", "left"
    )  # fmt: skip
    assert effusion.attributes == (("modifier", "small"),)
    assert (edema.status, scar.status, scar.concept) == ("absent", "uncertain", "scar")
    assert (val.study.findings, val.study.text()) == ((), TEXT)
    assert ({finding.source for finding in test.study.findings}, test.study.site) == ({"labeler_1"}, "CheXpert")


def test_bad_graphs(release: Path) -> None:
    wrong = {"1": ENTITIES["1"] | {"label": "OBS"}}
    text(release / "train.json", json.dumps({NAME: {"text": TEXT, "entities": wrong}}))
    with pytest.raises(DataError, match="entity 1 has label 'OBS'"):
        list(read(release))
    text(release / "train.json", json.dumps({NAME: []}))
    with pytest.raises(DataError, match="no text, expected text and entities"):
        list(graphs(release))
    with pytest.raises(DataError, match="no part 'valid'; did you mean 'val'"):
        list(graphs(release, "valid"))
