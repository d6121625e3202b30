"""Two arms differ in their factor and in nothing else; a claim that cannot be run is refused before anything runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from vesalius.data.corpus import Corpus
from vesalius.errors import ConfigError
from vesalius.evaluation.arms import (
    BUDGETS,
    Budget,
    code_digest,
    data_key,
    experiments,
    paper_of,
    run_key,
    with_claims,
)
from vesalius.evaluation.signs import SIGNS
from vesalius.paper import PLANT, Claim, ClaimData, Paper, PositiveControl
from vesalius.training.assembly import assemble

TINY = Budget(
    name="tiny", patients=24, image_size=32, volume_patients=20, volume_size=(8, 32, 32), steps=2, batch=8,
    rates=(0.5, 1.0), reason="a test",
)  # fmt: skip
CLAIM = Claim(
    name="sampling",
    sentence="Sentences serve better than reports.",
    factor="method.sampling",
    on="sentence",
    off="report",
    task="linear_probe",
    metric="auroc",
    subset=1.0,
    recipe="convirt/tiny",
)
PAPER = Paper(slug="convirt", title="A title", year=2020, claims=(CLAIM,))


def with_claim(**changes: object) -> Paper:
    return replace(PAPER, claims=(replace(CLAIM, **changes),))  # type: ignore[arg-type]


def test_every_system_s_claims_can_be_run():
    slugs = with_claims()
    assert {"convirt", "pubmedclip"} <= set(slugs)
    for slug in slugs:
        for budget in BUDGETS.values():
            found = experiments(paper_of(slug), budget=budget)
            assert found
            assert len({one.name for one in found}) == len(found)
    for slug in ("convirt", "pubmedclip"):
        assert any(one.control for one in experiments(paper_of(slug), budget=BUDGETS["small"]))


def test_arms_differ_in_the_factor_alone():
    (found,) = experiments(PAPER, budget=TINY)
    on, off = (arm.recipe.to_dict() for arm in found.arms)
    assert (on["method"].pop("sampling"), off["method"].pop("sampling")) == ("sentence", "report")
    assert on == off
    assert on["optimisation"]["steps"] == 2
    assert on["data"]["validation"] is None


def test_arms_have_the_same_data_order_and_initial_weights(corpus: Corpus, tmp_path: Path):
    (found,) = experiments(PAPER, budget=replace(TINY, image_size=32))
    parts = [
        assemble(arm.at(rate=rate, seed=5, corpus=corpus.root), tmp_path / arm.side)
        for arm, rate in zip(found.arms, (0.5, 1.0), strict=True)
    ]
    orders = [[list(batch) for batch in part.batches()] for part in parts]
    assert orders[0] == orders[1]
    views = [part.train[orders[0][0][0]].image for part in parts]
    assert (views[0] == views[1]).all()
    weights = [part.method.state_dict() for part in parts]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    other = assemble(found.arms[0].at(rate=1.0, seed=6, corpus=corpus.root), tmp_path / "other")
    assert [list(batch) for batch in other.batches()] != orders[0]


def test_volumes_have_a_size_and_a_number_of_their_own():
    (found,) = experiments(
        with_claim(
            data=ClaimData(preset="abdomen-ct", volumes=True),
            recipe="merlin/tiny",
            factor="method.code_weight",
            on=1.0,
            off=0.0,
        ),
        budget=TINY,
    )
    assert found.arms[0].recipe.model.size == (8, 32, 32)
    given = TINY.population(found.data)
    assert given == {"patients": 20, "preset": "abdomen-ct", "settings": (), "image_size": 32}
    assert TINY.population(ClaimData())["patients"] == 24


def test_merlin_s_control_names_the_signs_that_are_planted():
    (planted,) = (one for one in experiments(paper_of("merlin"), budget=TINY) if one.name == "volumes-control")
    assert [arm.recipe.settings.codes for arm in planted.arms] == [tuple(f"{sign}_sign" for sign in SIGNS)] * 2


def test_a_control_with_a_task_of_its_own_has_a_share_of_labels_of_its_own():
    planted = PositiveControl(sentence="Planted.", data=ClaimData(plant="signs"))
    same = experiments(with_claim(control=planted), budget=TINY)[1]
    other = replace(planted, task="retrieval", metric="mrr", label="image_to_text")
    own = experiments(with_claim(control=other), budget=TINY)[1]
    assert (same.measure.words, own.measure.words) == (
        "linear_probe_100 auroc (macro)",
        "retrieval mrr (image_to_text)",
    )


def test_several_keys_are_switched_at_once_and_a_plant_is_no_recipe_key():
    both = with_claim(
        factor="data and weights", on={PLANT: "", "method.image_weight": 0.5}, off={PLANT: "shuffled_texts"}
    )
    (found,) = experiments(both, budget=TINY)
    assert [arm.plant for arm in found.arms] == ["", "shuffled_texts"]
    assert [arm.recipe.settings.image_weight for arm in found.arms] == [0.5, 0.75]


def test_a_control_takes_from_the_claim_what_it_does_not_say():
    control = PositiveControl(
        sentence="Planted.", data=ClaimData(plant="signs"), task="retrieval", label="text_to_image"
    )
    claim, planted = experiments(with_claim(control=control), budget=TINY)
    assert (claim.name, planted.name) == ("sampling", "sampling-control")
    assert planted.data.plant == "signs"
    assert (planted.measure.task, planted.measure.metric) == ("retrieval", "auroc")
    assert planted.arms[0].recipe == claim.arms[0].recipe


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"factor": "method.samplin"}, "did you mean 'sampling'"),
        ({"off": "paragraph"}, "sampling"),
        ({"factor": "optimisation.lr", "on": 0.1, "off": 0.2}, "tuned for each arm"),
        ({"factor": "optimisation.batch", "on": 8, "off": 4}, "equal budget"),
        ({"factor": "data.images", "on": "draw", "off": "first"}, "what they are trained on"),
        ({"factor": PLANT, "on": "", "off": "shuffled"}, "did you mean 'shuffled_texts'"),
        ({"data": ClaimData(plant="sings")}, "did you mean 'signs'"),
        ({"recipe": "convirt/tyni"}, "did you mean 'convirt/tiny'"),
        (
            {"direction": "equal", "control": PositiveControl(sentence="", data=ClaimData(plant="signs"))},
            "on which side",
        ),
    ],
)
def test_a_claim_that_cannot_be_run_is_refused(changes, message):
    with pytest.raises(ConfigError, match=message) as caught:
        experiments(with_claim(**changes), budget=TINY)
    assert "convirt, sampling" in str(caught.value)


def test_faults_of_all_claims_are_told_at_once():
    paper = replace(PAPER, claims=(replace(CLAIM, factor="method.a"), replace(CLAIM, name="b", factor="method.b")))
    with pytest.raises(ConfigError) as caught:
        experiments(paper, budget=TINY)
    assert "'a'" in str(caught.value)
    assert "'b'" in str(caught.value)
    with pytest.raises(ConfigError, match="two claims are named 'sampling'"):
        experiments(replace(PAPER, claims=(CLAIM, CLAIM)), budget=TINY)


def test_a_system_without_claims_or_of_no_name_is_refused():
    with pytest.raises(ConfigError, match="did you mean 'convirt'"):
        paper_of("convrt")
    with pytest.raises(ConfigError, match="no system 'no-such-paper'"):
        paper_of("no-such-paper")


def test_the_words_of_a_claim_are_no_code(tmp_path: Path):
    home = tmp_path / "a.py"
    home.write_text("PAPER = Paper(title='a')\nX = 1\n")
    first = code_digest(home)
    home.write_text("PAPER = Paper(title='b')\nX = 1  # a comment\n")
    assert code_digest(home) == first
    home.write_text("PAPER = Paper(title='b')\nX = 2\n")
    assert code_digest(home) != first


def test_equal_runs_have_one_name():
    (found,) = experiments(PAPER, budget=TINY)
    on, off = found.arms
    make = {"corpus_hash": "c", "code": "d"}
    names = {
        run_key(arm.at(rate=rate, seed=seed, corpus=Path(place)), **make)
        for arm in (on, off)
        for rate in (0.5, 1.0)
        for seed in (0, 1)
        for place in ("here", "there")
    }
    assert len(names) == 8  # the place of the corpus does not count
    recipe = on.at(rate=1.0, seed=0, corpus=Path("here"))
    assert run_key(recipe, corpus_hash="other", code="d") not in names
    assert run_key(recipe, corpus_hash="c", code="other") not in names
    assert data_key(ClaimData(plant="signs"), budget=TINY) == data_key(ClaimData(), budget=TINY)
    assert data_key(ClaimData(preset="bedside"), budget=TINY) != data_key(ClaimData(), budget=TINY)
