"""Prompt sets: data is whole, fallbacks, combinations, five templates or more."""

from __future__ import annotations

import pytest

from vesalius.errors import ConfigError
from vesalius.tasks.prompts import concept_name, load_prompts, prompt_sets

SETS = ("biovil", "chexzero", "convirt", "gloria")
CONCEPTS = (
    *("cardiomegaly", "pleural_effusion", "pneumothorax", "consolidation", "atelectasis", "edema"),
    *("lung_nodule", "lung_mass", "rib_fracture", "emphysema", "hiatal_hernia", "fibrosis"),
    *("no_finding", "covid_19", "pneumonia"),
)


def test_all_sets_are_found():
    assert prompt_sets() == SETS


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("concept", [*CONCEPTS, "gas_gangrene"])
def test_every_concept_has_sentences_and_five_templates(name, concept):
    prompts = load_prompts(name)
    stated, denied = prompts.positive(concept), prompts.negative(concept)
    assert stated
    assert bool(denied) == (prompts.scoring == "pair")
    assert not set(stated) & set(denied)
    assert len(set(stated)) == len(stated)
    spread = prompts.spread(concept)
    assert len(spread) >= 5
    assert all(bool(no) == (prompts.scoring == "pair") for _, no in spread)
    for sentence in (*stated, *denied, *(text for pair in spread for text in pair)):
        assert "{}" not in sentence
        assert "_" not in sentence
        assert "no no " not in sentence


def test_own_sentences_cover_the_concepts_of_the_contract():
    assert set(CONCEPTS) <= set(load_prompts("convirt").concepts)
    assert set(CONCEPTS) <= set(load_prompts("gloria").concepts)


def test_unknown_concepts_fall_back_to_their_name():
    assert load_prompts("convirt").positive("gas_gangrene")[0] == "There is gas gangrene."
    assert load_prompts("convirt").positive("gas_gangrene")[2] == "Gas gangrene is seen."
    assert load_prompts("chexzero").negative("gas_gangrene") == ("no gas gangrene",)
    assert concept_name("covid_19") == "COVID-19 pneumonia"
    assert concept_name("gas_gangrene") == "gas gangrene"


def test_combinations_are_drawn_the_same_every_time():
    prompts = load_prompts("gloria")
    first = prompts.positive("pneumothorax")
    assert len(first) == 5
    assert first == prompts.positive("pneumothorax")
    assert all("pneumothorax" in sentence for sentence in first)
    assert prompts.scoring == "single"


def test_unknown_set_offers_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'gloria'"):
        load_prompts("glori")
    with pytest.raises(ConfigError, match="concepts"):
        load_prompts("concepts")
