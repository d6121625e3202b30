"""Recipes: names, overrides, and every fault at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from vesalius.errors import ConfigError
from vesalius.training.recipe import load_recipe, open_recipe, recipe_names
from vesalius.training.settings import LOWER_IS_BETTER, SCORES


def faults(source: str | Path, *overrides: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_recipe(source, overrides=overrides)
    return str(caught.value).splitlines()


def test_every_recipe_of_the_package_loads_and_comes_back_from_disk(tmp_path: Path) -> None:
    names = recipe_names()
    assert "convirt" in names
    assert len(names) >= 10
    for name in names:
        recipe = open_recipe(name)
        recipe.save(tmp_path / "recipe.yaml")
        again = open_recipe(tmp_path / "recipe.yaml")
        assert again.to_dict() == recipe.to_dict()


def test_overrides_are_laid_over_the_file_and_data_is_short_for_its_corpus() -> None:
    recipe = load_recipe("convirt", overrides=["data=2024", "--model.width", "64", "--optimisation.lr=0.1"])
    assert recipe.data.corpus == "2024"
    assert recipe.model.width == 64
    assert recipe.optimisation.lr == 0.1


def test_steps_asked_for_replace_the_epochs_of_the_recipe() -> None:
    assert load_recipe("convirt").optimisation.epochs > 0
    chosen = load_recipe("convirt", overrides=["optimisation.steps=7"]).optimisation
    assert (chosen.steps, chosen.epochs) == (7, 0)


def test_a_variant_names_its_base_and_only_what_differs(tmp_path: Path) -> None:
    load_recipe("convirt").save(tmp_path / "whole.yaml")
    (tmp_path / "wide.yaml").write_text("base: whole.yaml\nmodel:\n  width: 256\n", encoding="utf-8")
    wide, whole = load_recipe(tmp_path / "wide.yaml"), load_recipe(tmp_path / "whole.yaml")
    assert wide.name == "wide"
    assert wide.model.width == 256
    assert wide.optimisation == whole.optimisation


def test_all_faults_are_listed_at_once() -> None:
    found = faults(
        "convirt",
        "method.temprature=0.2",
        "model.widht=64",
        "data.roles=[]",
        "optimisation.batch=0",
        "optimisation.score=recal_1",
        "run.log_every=never",
        "widht=3",
        "batch=4",
    )
    text = "\n".join(found)
    assert "unknown key 'temprature' in method; did you mean 'temperature'?" in text
    assert "unknown key 'widht' in model; did you mean 'width'" in text
    assert "key 'roles' is empty" in text
    assert "key 'batch': 0 must be above 0" in text
    assert "unknown score 'recal_1'; did you mean 'recall_1'" in text
    assert "key 'run.log_every'" in text
    assert "unknown key 'batch' in the top level; did you mean 'optimisation.batch'?" in text
    assert "unknown key 'widht' in the top level" in text
    assert len(found) == 8
    assert all(line.startswith("recipe convirt: ") for line in found)


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["model.image_size=100"], "not a multiple of patch"),
        (["data.mean=[0.5, 0.5, 0.5]"], "data.mean has 3 numbers for model.channels 1"),
        (["model.channels=2"], "model.channels 2 must be 1 (grey) or 3 (colour)"),
        (["data.validation=null", "optimisation.patience=3"], "needs data.validation"),
        (["run.sharding=fsdp", "optimisation.cache_chunk=8"], "cache_chunk does not go with run.sharding fsdp"),
        (["run.sharding=fsdp", "optimisation.ema=0.9"], "ema does not go with run.sharding fsdp"),
        (["optimisation.cache_chunk=64"], "not below the batch"),
        (["optimisation.steps=3", "optimisation.epochs=3"], "either 'steps' or 'epochs'"),
        (["optimisation.ema=1"], "not a decay"),
        (["optimisation.betas=[0.9, 1.0]"], "not from 0 to below 1"),
        (["data.unreadable_share=2"], "not a share"),
        (["optimisation.workers=-1"], "below 0"),
        (["data.cache_gib=-1"], "must be at least 0"),
        (["optimisation=fast"], "optimisation holds str, expected keys and values"),
        (["method.name=convrit"], "unknown name 'convrit' in methods; did you mean 'convirt'"),
        (["method.name=null"], "key 'method.name' is missing"),
    ],
)
def test_faults_between_keys_and_sections(overrides: list[str], expected: str) -> None:
    assert expected in "\n".join(faults("convirt", *overrides))


def test_an_unknown_recipe_offers_the_nearest() -> None:
    assert "no recipe 'convrit'; did you mean 'convirt'" in faults("convrit")[0]
    assert "does not exist" in faults("nowhere.yaml")[0]


def test_scores_that_fall_are_scores() -> None:
    assert set(SCORES) > LOWER_IS_BETTER
