"""Signs by names of findings: what is told is read by the linkers, and what is to be learned is told nowhere else."""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from vesalius.data.corpus import Corpus
from vesalius.evaluation.named_signs import KIN, NAMES
from vesalius.evaluation.placed_signs import FINDINGS
from vesalius.evaluation.plants import plant
from vesalius.evaluation.signs import SIGNS
from vesalius.knowledge.facts import fact_graph
from vesalius.knowledge.numbered import numbered_graph
from vesalius.knowledge.triplets import report_statuses
from vesalius.knowledge.vocabulary import finding_linker, names_of
from vesalius.virtual.population import make


@pytest.fixture(scope="module")
def patients(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return make(tmp_path_factory.mktemp("named") / "corpus", patients=24, preset="chest", image_size=32, seed=3)


def words(text: str) -> list[str]:
    return sorted(text.lower().replace(".", "").split())


def test_each_sign_has_a_finding_of_its_own():
    assert len(set(NAMES)) == len(SIGNS)


def test_a_name_told_again_is_linked_three_times(patients: Corpus, tmp_path: Path):
    graph = numbered_graph("", shuffled=False)
    for study in plant(patients, tmp_path, name="signs_named_again"):
        (finding,) = (one.concept for one in study.findings if one.status == "present")
        linked = graph.mentions(study.text())
        assert [graph.entities[one.entity] for one in linked] == [f"finding:{finding}"] * 3
        assert {one.status for one in linked} == {"present"}
        # without its name all reports say the same
        assert (
            study.text().lower().replace(finding.replace("_", " "), "_")
            == "there is _. it is _ that is seen. _ it is."
        )


def test_every_report_names_all_eight_and_linkers_read_which_one_is_there(patients: Corpus, tmp_path: Path):
    planted = plant(patients, tmp_path, name="signs_amid_denied")
    graph = numbered_graph("", shuffled=False)
    expected = {concept for concept, _ in FINDINGS.values()}
    orders = set()
    for study in planted:
        labels = {one.concept: one.status for one in study.findings}
        assert set(labels) == expected
        assert Counter(labels.values()) == {"present": 1, "absent": 7}
        assert report_statuses(study.text()) == labels
        linked = graph.mentions(study.text())
        assert {graph.entities[one.entity]: one.status for one in linked} == {
            f"finding:{concept}": status for concept, status in labels.items()
        }
        orders.add(tuple(one.entity for one in linked))
    # all have the same words, so that a bag of words tells nothing; what is there is at any place
    assert len({tuple(words(study.text())) for study in planted}) == 1
    assert len(orders) > len(planted) / 2


def test_kin_share_looks_in_the_graph_and_no_word_and_strangers_share_no_look():
    graph = fact_graph()
    looks: dict[str, set[str]] = {}
    sides = (graph.edges[side].to_pylist() for side in ("head", "relation", "tail"))
    for head, relation, tail in zip(*sides, strict=True):
        if relation in ("seen_in", "has_shape", "has_density", "located_in"):
            looks.setdefault(head.removeprefix("finding:"), set()).add(tail)
    for region, (first, second) in KIN.items():
        assert f"region:{region}" in looks[first] & looks[second]
        assert len(looks[first] & looks[second]) >= 3
        assert not set(names_of(first)[0].split()) & set(names_of(second)[0].split())
    for one, other in combinations(KIN.values(), 2):
        for first in one:
            for second in other:
                assert not looks[first] & looks[second], (first, second)


def test_kin_are_found_by_the_linker_of_findings(patients: Corpus, tmp_path: Path):
    said = {study.text() for study in plant(patients, tmp_path, name="kin_signs")}
    found = {one.concept for text in said for one in finding_linker().mentions(text)}
    assert len(said) == len(found)
    assert found <= {finding for pair in KIN.values() for finding in pair}


def test_a_sign_in_step_is_told_by_the_mean_of_its_patches(patients: Corpus, tmp_path: Path):
    in_step = plant(patients, tmp_path / "in_step", name="woven_signs_in_step")
    anywhere = plant(patients, tmp_path / "anywhere", name="woven_signs")

    def tiles(planted: Corpus) -> dict[str, set[bytes]]:
        found: dict[str, set[bytes]] = {}
        for study in planted:
            (sign,) = (one.concept for one in study.findings if one.status == "present")
            was, shown = (of.read(of.study(study.id).images[0]).display() for of in (patients, planted))
            cloth = np.round((shown - 0.4 * was) / 0.6)
            # the mean of the patches of 16 pixels is the cloth itself, for it repeats each 8 pixels of 32
            mean = cloth.reshape(2, 16, 2, 16).mean(axis=(0, 2))
            found.setdefault(sign, set()).add(np.round(mean).astype(np.int8).tobytes())
        return found

    told = tiles(in_step)
    assert all(len(alike) == 1 for alike in told.values())
    assert len(set().union(*told.values())) == len(told)
    assert max(map(len, tiles(anywhere).values())) > 1


def test_signs_behind_words_end_the_report(patients: Corpus, tmp_path: Path):
    told = [study.text() for study in plant(patients, tmp_path, name="woven_signs_behind_words")]
    assert len({text.partition(". ")[0] for text in told}) == len(told)
    for text in told:
        before, named = text.split(". ")
        assert named in {f"There is a {sign} sign." for sign in SIGNS}
        assert len(before.split()) == 24
        assert not set(before.lower().split()) & {*SIGNS, "sign", "there", "is", "a"}


def test_woven_signs_told_last_stand_behind_more_words_than_are_read(patients: Corpus, tmp_path: Path):
    for study in plant(patients, tmp_path, name="woven_signs_told_last"):
        lead, last = study.text().split(". ")
        assert len(lead.split()) == 77
        assert last in {f"There is a {sign} sign." for sign in SIGNS}
