"""Entity-relation F1: the worked pair, given RadGraph JSON, and graphs by rules."""

from __future__ import annotations

import json

import numpy as np
import pytest

from vesalius.errors import ConfigError, DataError
from vesalius.metrics.entities import entity_f1, entity_scores, given_graphs, radcliq_f1, rules_graph


def entity(tokens, label, *relations):
    return {
        "tokens": tokens,
        "label": label,
        "start_ix": 0,
        "end_ix": 0,
        "relations": [list(one) for one in relations],
    }


HYP = {"text": "left effusion no pneumothorax", "entities": {
    "1": entity("effusion", "OBS-DP", ("located_at", "2")), "2": entity("left", "ANAT-DP"),
    "3": entity("pneumothorax", "OBS-DA"),
}}  # fmt: skip
REF = {"text": "small right effusion no pneumothorax", "entities": {
    "1": entity("small", "OBS-DP", ("modify", "2")), "2": entity("effusion", "OBS-DP", ("located_at", "3")),
    "3": entity("right", "ANAT-DP"), "4": entity("pneumothorax", "OBS-DA"),
}}  # fmt: skip


def test_worked_pair():
    hyp, ref = given_graphs({"0": HYP, "1": REF})
    # simple and partial: 2 of 3 and 2 of 4 agree; complete: 1 of 3 and 1 of 4
    assert entity_scores([hyp], [ref])[0] == pytest.approx([0.571428571, 0.571428571, 0.285714286, 0.285714286])
    assert entity_f1(hyp, ref, level="simple")[1:] == pytest.approx((2 / 3, 2 / 4))
    # entities agree by 2 of 3 and 2 of 4, relations not at all
    assert radcliq_f1(hyp, ref) == pytest.approx(0.285714286)
    assert entity_scores([ref], [ref])[0] == pytest.approx(np.ones(4))


def test_without_relations_radcliq_halves_even_equal_reports():
    (graph,) = given_graphs({"0": {"text": "edema", "entities": {"1": entity("edema", "OBS-DP")}}})
    assert entity_scores([graph], [graph]).tolist() == [[1.0, 1.0, 1.0, 0.5]]


def test_an_empty_side_scores_nothing():
    hyp, empty = given_graphs({"0": HYP, "1": {"text": "", "entities": {}}})
    for pair in ((hyp, empty), (empty, hyp), (empty, empty)):
        assert entity_f1(*pair, level="partial").f1 == 0
    no_text = hyp._replace(text=" ")
    assert entity_f1(no_text, hyp, level="simple").f1 == 0


def test_labels_of_the_larger_model_are_the_same():
    text = json.dumps(HYP).replace("OBS-DP", "Observation::definitely present")
    text = text.replace("OBS-DA", "Observation::definitely absent").replace("ANAT-DP", "Anatomy::definitely present")
    long, short = given_graphs({"0": json.loads(text), "1": HYP})
    assert long.entities == short.entities


def test_order_of_entities_does_not_count():
    back = {"text": REF["text"], "entities": dict(reversed(REF["entities"].items()))}
    hyp, ref, other = given_graphs({"0": HYP, "1": REF, "2": back})
    assert np.array_equal(entity_scores([hyp], [ref]), entity_scores([hyp], [other]))


def test_keys_are_in_the_order_of_numbers():
    names = [graph.report for graph in given_graphs({str(number): HYP for number in (10, 2, 0)})]
    assert names == ["0", "2", "10"]


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("text", "report '0': expected text and entities"),
        ({"text": "x", "entities": {"1": {"tokens": "x"}}}, "another form"),
        ({"text": "x", "entities": {"1": entity("x", "OBS")}}, "label 'OBS'"),
        ({"text": "x", "entities": {"1": entity("x", "OBS-DP", ("modify", "7"))}}, "points at entity '7'"),
    ],
)
def test_other_forms_are_refused_by_name(entry, words):
    with pytest.raises(DataError, match=words):
        given_graphs({"0": entry})


def test_wrong_arguments():
    hyp, ref = given_graphs({"0": HYP, "1": REF})
    with pytest.raises(ConfigError, match="did you mean 'partial'"):
        entity_f1(hyp, ref, level="partal")
    with pytest.raises(DataError, match="1 graphs and 2 references"):
        entity_scores([hyp], [ref, ref])


def test_rules_find_state_place_and_modifier():
    graph = rules_graph("Small left pleural effusion. No pneumothorax.")
    found = {(one.tokens, one.label) for one in graph.entities}
    assert {("pleural effusion", "OBS-DP"), ("pneumothorax", "OBS-DA"), ("small", "OBS-DP")} <= found
    words = graph.text.split()
    for one in graph.entities:
        assert " ".join(words[one.start : one.end + 1]) == one.tokens
        assert {other for _, other in one.relations} <= {other.key for other in graph.entities}


def test_rules_rank_a_paraphrase_over_a_wrong_side_over_a_denial():
    truth = rules_graph("Small left pleural effusion. No pneumothorax.")
    written = ["No pneumothorax. Small left pleural effusion.", "Small right pleural effusion. No pneumothorax.",
               "No pleural effusion. No pneumothorax."]  # fmt: skip
    same, side, denied = entity_scores([rules_graph(text) for text in written], [truth] * 3)[:, 2]
    assert same == 1 > side > denied
