"""Recipes, counts, provenance, resuming, and what every step does with studies that lack something."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from curation_studies import Folder, absent, present, run, study, texture
from typer.testing import CliRunner

from vesalius.cli.main import app
from vesalius.curation import stages
from vesalius.curation.base import Stage, chance
from vesalius.curation.pipeline import curate, curate_studies
from vesalius.curation.recipe import load_recipe, read_recipe, shipped, step_kind, step_names
from vesalius.data.corpus import Corpus, from_studies
from vesalius.data.records import Dialogue, Study, Turn
from vesalius.errors import ConfigError, DataError

NEEDED = {
    "near_duplicate_embeddings": {"vectors": "vectors.npz"},
    "by_score": {"file": "scores.csv", "column": "loss", "least": 0},
    "balance": {"most": 10},
    "sample": {"number": 10},
    "decontaminate": {"against": []},
}
"""Settings without which a step cannot be."""


def test_every_file_is_a_step() -> None:
    assert len(step_names()) >= 23
    assert {"medtrinity_25m", "med_mat", "gmai_vl", "label_captions", "medmax", "exact_duplicates"} <= set(
        step_names()
    )
    for name in step_names():
        assert step_kind(name).__doc__


def test_all_faults_of_a_recipe_at_once() -> None:
    values = {
        "steps": [
            "exact_duplicate",
            {"quality": {"leest": {}}},
            {"balance": {}},
            {"sections": {"keep": ["fndings"]}},
            3,
        ],
        "seeds": 1,
    }
    with pytest.raises(ConfigError) as caught:
        read_recipe(values, where="r.yaml")
    text = str(caught.value)
    assert "unknown key 'seeds'; did you mean 'seed'" in text
    assert "step 1: unknown step 'exact_duplicate'; did you mean 'exact_duplicates'" in text
    assert "step 2 (quality): unknown key 'leest' in the top level; did you mean 'least'" in text
    assert "step 3 (balance)" in text
    assert "most or ratio" in text
    assert "step 4 (sections)" in text
    assert "step 5: found 3" in text


def test_a_recipe_by_name_or_file(tmp_path: Path) -> None:
    assert len(shipped()) >= 7
    for name in shipped():
        assert load_recipe(name).steps
    with pytest.raises(ConfigError, match="did you mean 'med-mat'"):
        load_recipe("med-mad")
    (tmp_path / "mine.yaml").write_text("steps: [clean-text]\n")
    assert load_recipe(str(tmp_path / "mine.yaml")).name == "mine"


def bare_studies(folder: Folder) -> dict[str, list[Study]]:
    """An empty corpus, one whole study, one without text, one without an image, one with an empty mask."""
    folder.put("p.png", texture(0))
    folder.put("none.png", np.zeros((96, 96), np.uint8))
    turns = (Turn(role="user", text="Is there an effusion?"), Turn(role="assistant", text="yes"))
    whole = study(
        "whole", path="p.png", shape=(96, 96), text="FINDINGS: Small effusion. IMPRESSION: Effusion.",
        findings=(present("pleural_effusion", "left"), absent("edema")),
        dialogues=(Dialogue(id="q", turns=turns, answer="yes", answer_type="closed"),),
    )  # fmt: skip
    return {
        "empty": [],
        "one": [whole],
        "no text": [study("a", path="p.png", shape=(96, 96))],
        "no image": [study("b", text="The heart is normal.")],
        "nothing": [Study(id="c", patient="c")],
    }


@pytest.mark.parametrize("name", step_names())
def test_every_step_on_studies_that_lack_something(
    name: str, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.root)
    np.savez("vectors.npz", ids=np.array(["whole", "a", "b", "c"]), vectors=np.eye(4))
    Path("scores.csv").write_text("study_id,loss\nwhole,1\na,2\nb,3\nc,4\n")
    step = read_recipe({"steps": [{name: NEEDED.get(name, {})}]}, where="test").steps[0]
    for kind, studies in bare_studies(folder).items():
        kept, reports = curate_studies(studies, [step], files=folder)
        tally = reports[0].tally
        assert tally.studies_in == len(studies), kind
        assert tally.studies_out + sum(tally.dropped.values()) == tally.studies_in
        assert len(kept) == tally.studies_out
        again, _ = curate_studies(studies, [step], files=folder)
        assert again == kept, "the same input gives the same output"


def test_provenance_names_the_steps_that_changed_a_study(folder: Folder) -> None:
    recipe = read_recipe({"steps": ["clean_text", "sections", "exact_duplicates"]}, where="test")
    changed = study("a", text="FINDINGS: Clear.  IMPRESSION: Normal.")
    kept, reports = curate_studies([changed, study("b", text="Clear.")], recipe.steps, files=folder)
    first, second = (one.provenance.made_by for one in kept)
    assert [part.split("@")[0] for part in first.split(" → ")] == ["clean_text", "sections"]
    assert second == ""
    assert [one.tally.changed for one in reports] == [1, 1, 0]


def test_chance_belongs_to_the_study() -> None:
    assert chance(0, "a", "x").random() == chance(0, "a", "x").random()
    draws = {chance(seed, name, why).random() for seed in (0, 1) for name in "ab" for why in "xy"}
    assert len(draws) == 8


def planted(root: Path) -> Corpus:
    folder = Folder(root)
    studies, media = [], {}
    for number in range(12):
        name = folder.put(f"{number}.png", texture(number % 10))
        media[f"media/{name}"] = root / name
        studies.append(
            study(f"s{number:02d}", path=f"media/{name}", shape=(96, 96), text=f"Lesion {number} is seen.")
        )
    return from_studies(studies, root / "corpus", name="planted", media=media)


def test_curate_writes_a_corpus_with_its_report(tmp_path: Path) -> None:
    source = planted(tmp_path).make_split(seed=1)
    recipe = read_recipe({"name": "r", "steps": ["exact_duplicates", {"sample": {"number": 6}}]}, where="r")
    report = curate(source, recipe, tmp_path / "out")
    out = Corpus.open(tmp_path / "out")
    assert [(s.tally.studies_in, s.tally.studies_out) for s in report.steps] == [(12, 10), (10, 6)]
    assert report.steps[0].tally.dropped == {"exact duplicate": 2}
    assert len(out) == 6
    assert out.content_hash == report.content_hash
    parts = {part: set(source.split(part).ids) for part in ("train", "val", "test")}
    for part in out.manifest.splits["default"].patients:
        assert set(out.split(part).ids) <= parts[part]
    dropped = [json.loads(line) for line in (tmp_path / "out" / "curation-dropped.jsonl").read_text().splitlines()]
    assert {(line["study"], line["detail"]) for line in dropped if line["step"] == "exact_duplicates"} == {
        ("s10", "of s00"),
        ("s11", "of s01"),
    }
    page = (tmp_path / "out" / "curation.html").read_text()
    assert "exact duplicate" in page
    assert "<svg" in page
    with pytest.raises(DataError, match="holds a corpus already"):
        curate(source, recipe, tmp_path / "out")


def test_a_killed_run_goes_on_and_the_result_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = planted(tmp_path)
    recipe = read_recipe(
        {"name": "r", "steps": ["exact_duplicates", "clean_text", {"sample": {"number": 6}}]}, where="r"
    )
    whole = curate(source, recipe, tmp_path / "whole")

    def killed(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(step_kind("sample"), "prepare", killed)
        with pytest.raises(KeyboardInterrupt):
            curate(source, recipe, tmp_path / "out")
    again = curate(source, recipe, tmp_path / "out")
    assert [step.resumed for step in again.steps] == [True, True, False]
    assert again.content_hash == whole.content_hash
    assert [step.tally.as_dict() for step in again.steps] == [step.tally.as_dict() for step in whole.steps]
    assert not (tmp_path / "out" / ".curation").exists()


def test_nothing_left_says_which_step_and_why(tmp_path: Path) -> None:
    recipe = read_recipe({"steps": [{"quality": {"least": {"completeness": 5.1}}}]}, where="r")
    with pytest.raises(DataError, match=r"step 1 \(quality\) dropped the last 12 studies: completeness \(12\)"):
        curate(planted(tmp_path), recipe, tmp_path / "out")


def test_stored_studies_come_back(tmp_path: Path) -> None:
    step = read_recipe({"steps": ["clean_text"]}, where="r").steps[0]
    studies = [study(f"{n}", text=f"Text  {n}") for n in range(2500)]
    stage = Stage(studies=studies, files=Folder(tmp_path))
    stored = stages.store_step(step, stage, tmp_path / "x", advance=lambda count: None)
    assert [one.id for one in stored.studies] == [one.id for one in studies]
    assert len(stored.studies) == 2500
    assert stages.store_step(step, stage, tmp_path / "x", advance=lambda count: None).tally == stored.tally


def test_the_verb(tmp_path: Path) -> None:
    source = planted(tmp_path)
    runner = CliRunner()
    listed = runner.invoke(app, ["curate", "--steps", "--json"])
    assert "near_duplicate_images" in json.loads(listed.stdout)["steps"]
    arguments = ["curate", str(source.root), "--recipe", "reports", "--out", str(tmp_path / "o"), "--json"]
    done = runner.invoke(app, arguments)
    assert json.loads(done.stdout)["steps"][0]["step"] == "sections"
    assert Corpus.open(tmp_path / "o").name == "planted-reports"
    with pytest.raises(ConfigError, match="needs CORPUS"):
        runner.invoke(app, ["curate"], catch_exceptions=False)


def test_run_of_one_step(folder: Folder) -> None:
    kept, dropped = run(step_kind("sample")(number=1), [study("a"), study("b")], folder)
    assert len(kept) == len(dropped) == 1
