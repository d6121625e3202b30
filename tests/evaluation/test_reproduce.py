"""From a claim to its verdict: arms trained, tuned on validation alone, tested, judged, stored, gone on with."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from test_arms import CLAIM, PAPER, TINY
from typer.testing import CliRunner

import vesalius.systems as systems_module
from vesalius.cli.main import app
from vesalius.data.corpus import Corpus
from vesalius.errors import ConfigError, TrainingError
from vesalius.evaluation import arms, bench, reproduce, reproduction_text
from vesalius.evaluation.reproduce_all import reproduce_all
from vesalius.evaluation.verdicts import RULES
from vesalius.paper import PLANT, Paper
from vesalius.systems import store_reproduction, systems

PAIRS = replace(CLAIM, name="pairs", factor=PLANT, on="", off="shuffled_texts")
ONE_RATE = replace(TINY, rates=(1.0,))


@pytest.fixture
def paper(monkeypatch: pytest.MonkeyPatch) -> Paper:
    """A system of one claim that trains in a second."""
    monkeypatch.setattr(reproduce, "paper_of", lambda slug: PAPER)
    return PAPER


@pytest.fixture
def paper_of_two(monkeypatch: pytest.MonkeyPatch) -> Paper:
    """A system whose two claims share an arm."""
    found = replace(PAPER, claims=(CLAIM, PAIRS))
    monkeypatch.setattr(reproduce, "paper_of", lambda slug: found)
    return found


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Folders of the runs that are trained, in order."""
    done: list[Path] = []

    def spy(*args, **kwargs):
        done.append(Path(kwargs["out"]))
        return train(*args, **kwargs)

    train = bench.train
    monkeypatch.setattr(bench, "train", spy)
    return done


@pytest.fixture(scope="module")
def done(corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a whole reproduction of both claims; not to be changed."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reproduce, "paper_of", lambda slug: replace(PAPER, claims=(CLAIM, PAIRS)))
        reproduce.reproduce("convirt", budget=ONE_RATE, data=corpus.root, out=folder)
    return folder


def document_of(folder: Path) -> dict:
    return json.loads((folder / reproduce.DOCUMENT).read_text(encoding="utf-8"))


def test_document(done: Path):
    document = document_of(done)
    assert {"slug", "claims", "command", "seconds", "code", "budget", "machine", "rules"} <= set(document)
    assert document["rules"] == RULES
    assert set(document["code"]) == {"vesalius", "home", "home_sha256"}
    assert [claim["name"] for claim in document["claims"]] == ["sampling", "pairs"]
    for claim in document["claims"]:
        assert claim["low"] <= claim["effect"] <= claim["high"]
        assert claim["effect"] == pytest.approx(claim["on"] - claim["off"], abs=2e-6)
        assert claim["seeds"] == len(claim["seed_effects"]) == 3
        assert claim["verdict"] in RULES
        assert claim["positive_control"] is None
        assert claim["seconds"] > 0
        assert (claim["task"], claim["metric"]) == ("linear_probe_100", "auroc")
        for side in ("on", "off"):
            rates = claim["rates"][side]
            assert set(rates["tried"]) == {"1"}
            assert rates["chosen"] == 0.001
    assert "/" not in document["command"]


def test_arms_that_claims_share_are_trained_once(done: Path):
    # three arms (the claims share one) of three seeds
    assert len(list((done / "runs").iterdir())) == 3 * 3


def test_page_shows_claims_intervals_and_seeds(done: Path):
    page = (done / "reproduction.html").read_text(encoding="utf-8")
    for words in (
        "Sentences serve better than reports.",
        "Learning rates",
        "Rules of the verdicts",
        "in both arms"[:2],
    ):
        assert words in page
    # a dot for the effect of each claim, and one a seed
    assert page.count('<circle class="m hollow"') == 2 * 3


def test_nothing_is_done_twice(done: Path, corpus: Corpus, paper_of_two: Paper, trainings: list[Path]):
    again = reproduce.reproduce("convirt", budget=ONE_RATE, data=corpus.root, out=done)
    assert trainings == []
    assert again.stored is None
    assert "not kept as evidence" in reproduction_text.text(again)


def test_validation_tunes_and_the_test_split_stays_shut(
    corpus: Corpus, tmp_path: Path, paper: Paper, monkeypatch: pytest.MonkeyPatch
):
    seen: list[tuple[str, str]] = []

    def spy_evaluate(model, *, split, **settings):
        seen.append(("evaluate", split))
        return evaluate(model, split=split, **settings)

    def spy_train(recipe, **settings):
        assert recipe.data.train == "train"
        assert recipe.data.validation is None
        seen.append(("train", ""))
        return train(recipe, **settings)

    evaluate, train = bench.evaluate, bench.train
    monkeypatch.setattr(bench, "evaluate", spy_evaluate)
    monkeypatch.setattr(bench, "train", spy_train)
    reproduce.reproduce("convirt", budget=TINY, data=corpus.root, out=tmp_path, seeds=1)
    first = seen.index(("evaluate", "test"))
    assert seen[:first].count(("evaluate", "val")) == 4  # two rates, two arms
    assert seen[:first].count(("train", "")) == 4
    assert seen[first:] == [("evaluate", "test")] * 2  # nothing is chosen or trained after it was opened


def test_a_stopped_reproduction_goes_on(
    corpus: Corpus, tmp_path: Path, paper: Paper, monkeypatch: pytest.MonkeyPatch, trainings: list[Path]
):
    spied = bench.train

    def stopped(*args, **kwargs):
        if len(trainings) == 2:
            raise KeyboardInterrupt
        return spied(*args, **kwargs)

    monkeypatch.setattr(bench, "train", stopped)
    with pytest.raises(KeyboardInterrupt):
        reproduce.reproduce("convirt", budget=TINY, data=corpus.root, out=tmp_path, seeds=1)
    monkeypatch.setattr(bench, "train", spied)
    # a training that was killed between its last checkpoint and its end
    killed = trainings[1]
    shutil.rmtree(killed / "last")
    (killed / "cost.json").unlink()
    assert list(killed.glob("checkpoint-*"))
    reproduce.reproduce("convirt", budget=TINY, data=corpus.root, out=tmp_path, seeds=1)
    assert trainings[2] == killed
    assert (killed / "last").is_dir()
    assert len(trainings) == 2 + 1 + 2
    verdicts = {claim["verdict"] for claim in document_of(tmp_path)["claims"]}
    assert verdicts == {"too few seeds"}


def test_a_failing_arm_leaves_the_other_claims(
    corpus: Corpus, tmp_path: Path, paper_of_two: Paper, monkeypatch: pytest.MonkeyPatch
):
    def broken(recipe, **settings):
        if recipe.settings.sampling == "report":
            raise RuntimeError("shapes do not fit")
        return train(recipe, **settings)

    train = bench.train
    monkeypatch.setattr(bench, "train", broken)
    found = reproduce.reproduce("convirt", budget=ONE_RATE, data=corpus.root, out=tmp_path, seeds=1)
    first, second = found.document["claims"]
    assert first["verdict"] == "failed"
    assert first["failure"] == "RuntimeError: shapes do not fit"
    assert first["effect"] is None
    assert second["verdict"] == "too few seeds"
    assert "failed: RuntimeError" in reproduction_text.text(found)
    assert "shapes do not fit" in (tmp_path / "reproduction.html").read_text(encoding="utf-8")


def test_a_rate_at_which_training_does_not_hold_is_a_try(
    corpus: Corpus, tmp_path: Path, paper: Paper, monkeypatch: pytest.MonkeyPatch
):
    def diverging(recipe, **settings):
        if recipe.optimisation.lr == 0.001:
            raise TrainingError("the loss is not finite")
        return train(recipe, **settings)

    train = bench.train
    monkeypatch.setattr(bench, "train", diverging)
    found = reproduce.reproduce("convirt", budget=TINY, data=corpus.root, out=tmp_path, seeds=1)
    for claim in found.document["claims"]:
        assert claim["rates"]["on"]["tried"]["1"] is None
        assert claim["rates"]["on"]["chosen"] == 0.0005
    monkeypatch.setattr(bench, "train", lambda recipe, **settings: (_ for _ in ()).throw(TrainingError("not finite")))
    found = reproduce.reproduce("convirt", budget=TINY, data=corpus.root, out=tmp_path / "other", seeds=1)
    assert {claim["verdict"] for claim in found.document["claims"]} == {"failed"}


def test_a_claim_that_cannot_be_run_stops_before_anything_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    wrong = replace(PAPER, claims=(replace(CLAIM, factor="method.smpling"),))
    monkeypatch.setattr(reproduce, "paper_of", lambda slug: wrong)
    with pytest.raises(ConfigError, match="did you mean 'sampling'"):
        reproduce.reproduce("convirt", budget=TINY, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(ConfigError, match="known: small, medium"):
        reproduce.reproduce("convirt", budget="large")
    with pytest.raises(ConfigError, match="at least 1"):
        reproduce.reproduce("convirt", seeds=0)


def test_stored_result_is_a_level_while_the_code_stands(done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    document = document_of(done)
    (tmp_path / "methods").mkdir()
    home = tmp_path / "methods" / "convirt.py"
    shutil.copy(Path(systems_module.__file__).parent / "methods" / "convirt.py", home)
    rows = [{"slug": "convirt", "name": "ConVIRT", "kind": ["pretraining"]}]
    (tmp_path / "systems.json").write_text(json.dumps(rows))
    monkeypatch.setattr(systems_module, "_PACKAGE", tmp_path)
    verdicts = ("reproduced", "not shown")
    claims = [{**claim, "verdict": word} for claim, word in zip(document["claims"], verdicts, strict=True)]
    path = store_reproduction({**document, "claims": claims})
    assert path == tmp_path / "evidence" / "reproductions" / "convirt.json"
    (row,) = systems()
    assert row.verdicts == verdicts
    # only the first verdict says something of a claim
    assert [item.level for item in row.evidence] == ["L3"]
    assert systems_module.reproductions()["convirt"]["stale"] is False
    home.write_text("# changed\n")
    assert systems()[0].verdicts == ()
    assert systems_module.reproductions()["convirt"]["stale"] is True


def test_table_of_results(done: Path):
    table = reproduction_text.table_markdown({"convirt": {**document_of(done), "stale": True}})
    assert table.count("\n") == 3
    assert "(of other code)" in table


def test_all_goes_on_after_a_failure(done: Path):
    printed = (done / reproduce.DOCUMENT).read_text(encoding="utf-8")
    called: list[Sequence[str]] = []

    def start(arguments: Sequence[str]) -> tuple[int, str]:
        called.append(arguments)
        return {"broken": (6, ""), "odd": (0, "no JSON")}.get(arguments[1], (0, printed))

    rows = reproduce_all(["broken", "odd", "convirt"], arguments=["--seeds", "3"], out="there", start=start)
    assert [bool(row["error"]) for row in rows] == [True, True, False]
    assert called[0] == ["reproduce", "broken", "--seeds", "3", "--out", "there/broken", "--json"]
    told = reproduction_text.all_text(rows)
    assert "FAILED: ended with exit code 6" in told
    assert "sampling" in told
    with pytest.raises(KeyboardInterrupt):
        reproduce_all(["convirt"], start=lambda arguments: (130, ""))


def test_all_may_run_at_once_and_stay_in_order(done: Path):
    printed = (done / reproduce.DOCUMENT).read_text(encoding="utf-8")
    together = threading.Barrier(2, timeout=10)

    def start(arguments: Sequence[str]) -> tuple[int, str]:
        together.wait()  # passes only where both are under way
        return (6, "") if arguments[1] == "broken" else (0, printed)

    rows = reproduce_all(["convirt", "broken"], jobs=2, start=start)
    assert [(row["slug"], bool(row["error"])) for row in rows] == [("convirt", False), ("broken", True)]


def test_what_a_process_says_is_passed_on():
    said: list[str] = []
    (row,) = reproduce_all(["convrt"], say=said.append)
    assert row["error"].startswith("ended with exit code")
    assert any(line.startswith("convrt: ") and "did you mean 'convirt'" in line for line in said)


def test_command_line(
    done: Path, corpus: Corpus, tmp_path: Path, paper_of_two: Paper, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(reproduce, "BUDGETS", {"tiny": ONE_RATE})
    call = ("reproduce", "convirt", "--budget", "tiny")
    told = CliRunner().invoke(app, [*call, "--plan", "--json"], catch_exceptions=False)
    planned = json.loads(told.stdout)
    assert planned["runs"] == 3 * 3
    assert planned["shared_runs"] == 3
    assert planned["training_seconds"] >= 0
    assert {row["steps"] for row in planned["experiments"]} == {ONE_RATE.steps}
    assert "9 runs (3 shared)" in reproduction_text.plan_text(planned)
    folder = shutil.copytree(done, tmp_path / "copy")
    place = ("--data", str(corpus.root), "--out", str(folder))
    told = CliRunner().invoke(app, [*call, *place, "--json"], catch_exceptions=False)
    assert json.loads(told.stdout)["stored"] is None
    with pytest.raises(ConfigError, match="name one system or give --all"):
        CliRunner().invoke(app, ["reproduce"], catch_exceptions=False)
    with pytest.raises(ConfigError, match="--jobs 2: expected at least 1, with --all"):
        CliRunner().invoke(app, ["reproduce", "convirt", "--jobs", "2"], catch_exceptions=False)


def test_all_is_every_system_with_claims(monkeypatch: pytest.MonkeyPatch):
    from vesalius.evaluation import reproduce_all as module

    monkeypatch.setattr(module, "_Process", lambda **settings: lambda arguments: (3, ""))
    told = CliRunner().invoke(app, ["reproduce", "--all"], catch_exceptions=False)
    assert told.exit_code == 1
    assert told.stdout.count("FAILED") == len(arms.with_claims())


def test_page_of_all_results_names_rules_and_claims(done: Path, monkeypatch: pytest.MonkeyPatch):
    from vesalius.evaluation import reproductions_page as module

    monkeypatch.setattr(module, "reproductions", lambda: {"convirt": {**document_of(done), "stale": False}})
    page = module.reproductions_page()
    assert all(f"**{verdict}**" in page for verdict in RULES)
    assert "Sentences serve better than reports." in page
    assert "None is stored yet" not in page
    monkeypatch.setattr(module, "reproductions", dict)
    assert "None is stored yet" in module.reproductions_page()
