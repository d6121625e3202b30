"""Heads that answer questions: what they learn from, their losses and routes, and the command."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from asked import SMALL, dialogue, examples, protocol, questions
from squares import saved_model
from typer.testing import CliRunner

from vesalius.adaptation.fit import answer, fit
from vesalius.adaptation.protocols.vqa import VQA, VQASettings
from vesalius.adaptation.questions import askable, usual_answers
from vesalius.adaptation.saved import open_adapted, save_adapted
from vesalius.cli.main import app
from vesalius.data.corpus import Corpus
from vesalius.data.records import Turn
from vesalius.errors import CapabilityError, ConfigError, DataError
from vesalius.evaluation.finetune import finetune

QUICK = {**SMALL, "lr": 0.01, "steps": 40, "evaluate_every": 20, "warmup": 4, "encoder_factor": 1.0}


@pytest.fixture(scope="module")
def spoken(corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return questions(corpus, tmp_path_factory.mktemp("spoken") / "corpus")


@pytest.fixture(scope="module")
def fused(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved_model(tmp_path_factory.mktemp("fused") / "model", method="m3ae")


def batch_of(head: VQA, corpus: Corpus, folder: Path, rows: range = range(4)) -> dict[str, torch.Tensor]:
    return head.batch(examples(head, corpus, "train", folder), rows)


def test_one_example_a_question_and_one_picture_a_study(model: Path, spoken: Corpus, tmp_path: Path) -> None:
    head = protocol(model, spoken)
    found = examples(head, spoken, "train", tmp_path)
    assert len(found) == 60
    assert [example.id for example in found.chosen[:2]] == ["s000/nodule", "s000/seen"]
    assert head.answers == ("no", "yes", "cyst", "nodule", "nodule and cyst", "nothing")
    assert head.facts["words"] == ("a", "is", "nodule", "seen", "there", "what")
    assert found._cache.slots == 30
    assert (found.picture(0) == found.picture(1)).all()


def test_what_cannot_be_asked() -> None:
    one = dialogue("a", "Where?", "left", "open")
    assert usual_answers([one])(dialogue("b", "Else?", "x", "closed")) == "left"
    more = replace(one, turns=(*one.turns, Turn(role="assistant", text="b"), *one.turns))
    others = [more, replace(one, answer_type="box"), replace(one, answer=" . ")]
    others.append(replace(one, turns=(Turn(role="user", text="Where?", images=("a", "b")),)))

    class Known:
        images, dialogues = ("picture",), (one, *others)

        told = (replace(one, id="told", turns=(*one.turns, Turn(role="assistant", text="left"))),)
        dialogues += told

    assert askable(Known()) == [one, *Known.told]  # type: ignore[arg-type]


def test_usual_answer_by_family_then_type_then_all() -> None:
    taught = [dialogue("f", "?", answer, "closed") for answer in ("yes", "no", "no")]
    taught += [dialogue("g", "?", answer, "open") for answer in ("liver", "heart")]
    usual = usual_answers(taught)
    assert usual(dialogue("f", "?", "", "closed")) == "no"
    assert usual(dialogue("g", "?", "", "open")) == "heart", "of equal ones the first by the alphabet"
    assert usual(dialogue("h", "?", "", "open")) == "heart"
    assert usual(dialogue("h", "?", "", "number")) == "no"


def test_an_answer_outside_the_list_is_never_right(model: Path, spoken: Corpus, tmp_path: Path) -> None:
    head = protocol(model, spoken, answers="train+test")
    assert set(head.answers) == set(protocol(model, spoken).answers)
    views = {part: spoken.split(part) for part in ("train", "val", "test")}
    facts = dict(VQA.facts_of(views, VQASettings()), open=("nothing",))
    small = VQA(VQASettings(**SMALL), head.trunk, (), **facts)
    test = examples(small, spoken, "test", tmp_path)
    found = small.measured(test, answer(small, test))
    outside = ~found["listed"]
    assert outside.any()
    assert not found["correct"][outside].any()
    assert not found["chance"][outside].any()


def test_test_answers_are_listed_only_when_asked_for(model: Path, spoken: Corpus) -> None:
    views = {"train": spoken.split("val"), "test": spoken.split("test")}
    train = VQA.facts_of(views, VQASettings())
    both = VQA.facts_of(views, VQASettings(answers="train+test"))
    assert set(train["open"]) <= set(both["open"])
    assert both["words"] == train["words"]
    changed = {**views, "test": spoken.split("train")}
    assert VQA.facts_of(changed, VQASettings()) == train


def test_loss_by_hand(model: Path, spoken: Corpus) -> None:
    """Logits 0: ln 2 an answer, whatever is right; over 6 answers summed, and as their mean."""
    head = protocol(model, spoken)
    zero, right = torch.zeros(3, 6), torch.tensor([0, 5, -1])
    assert head._cross_entropy(zero, right).item() == pytest.approx(6 * 0.6931472)
    assert head._cross_entropy(zero[:0], right[:0]).item() == 0
    mean = protocol(model, spoken, over_answers="mean")
    assert mean._cross_entropy(zero, right).item() == pytest.approx(0.6931472)


@pytest.mark.evidence("pubmedclip", "L2", "a question gets answers of its route alone, and scores 0 on the wrong one")
def test_routes(model: Path, spoken: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    head = protocol(model, spoken, head="qcr", autoencoder=False)
    found = examples(head, spoken, "test", tmp_path)
    for way in (0, 1):
        route = torch.tensor([[1.0, 0.0], [0.0, 1.0]])[way]
        monkeypatch.setattr(head.head, "route", lambda words, route=route: route.expand(len(words), 2))
        outputs = answer(head, found)
        said = head.measured(found, outputs)
        assert set(said["said"]) <= set(head.facts[("closed", "open")[way]])
        assert not said["correct"][said["type"] == ("open", "closed")[way]].any()


@pytest.mark.evidence("pubmedclip", "L2", "batches of closed or of open questions alone: the empty branch adds 0")
@pytest.mark.parametrize("branch", [0, 1])
def test_batches_of_one_kind(model: Path, spoken: Corpus, tmp_path: Path, branch: int) -> None:
    head = protocol(model, spoken, head="qcr", autoencoder=False).eval()
    whole = batch_of(head, spoken, tmp_path)
    part = {name: value[whole["branch"] == branch] for name, value in whole.items()}
    loss = head.loss(part)
    image = head._image(part)[0]
    assert isinstance(loss, torch.Tensor)
    logits = head.head(image, part["words"], part["branch"])[branch]
    expected = head._cross_entropy(logits, part["own_answer"])
    types = torch.nn.functional.cross_entropy(head.head.type_logits(part["words"]), part["branch"])
    assert loss.item() == pytest.approx((expected + types).item(), rel=1e-6)
    loss.backward()
    assert all(weight.grad is None or weight.grad.isfinite().all() for weight in head.parameters())


@pytest.mark.evidence("pubmedclip", "L2", "autoencoder weight 0 takes its error from the loss and leaves its code")
def test_autoencoder_weight(model: Path, spoken: Corpus, tmp_path: Path) -> None:
    without = protocol(model, spoken, head="mevf", autoencoder_weight=0.0).eval()
    batch = batch_of(without, spoken, tmp_path, range(2))
    weighed = protocol(model, spoken, head="mevf", autoencoder_weight=0.5).eval()
    error = weighed._image(batch, rebuild=True)[1]
    assert error is not None
    assert weighed.loss(batch).item() == pytest.approx(without.loss(batch).item() + 0.5 * error.item(), rel=1e-5)
    without.loss(batch).backward()
    coder = without.autoencoder
    assert coder is not None
    assert coder.conv1.weight.grad is not None
    assert coder.conv5.weight.grad is None
    before = without.outputs(batch)["logits"]
    with torch.no_grad():
        coder.convert.bias += 1
    assert not torch.equal(without.outputs(batch)["logits"], before)


@pytest.mark.evidence("pubmedclip", "L2", "the gradient of an answer reaches the image encoder unless it is frozen")
@pytest.mark.parametrize("head", ["pooled", "mevf", "qcr"])
@pytest.mark.parametrize("encoder", ["tuned", "frozen"])
def test_gradient_reaches_the_encoder(model: Path, spoken: Corpus, tmp_path: Path, head: str, encoder: str) -> None:
    made = protocol(model, spoken, head=head, autoencoder=False, encoder=encoder, **_steps(2))
    before = {name: value.clone() for name, value in made.trunk.state_dict().items()}
    train, val = (examples(made, spoken, part, tmp_path / "pictures") for part in ("train", "val"))
    fit(made, train.part(range(8)), val, folder=tmp_path / "fit", seed=0)
    moved = {name for name, value in made.trunk.state_dict().items() if not torch.equal(value, before[name])}
    assert any("vision" in name for name in moved) is (encoder == "tuned")
    assert encoder == "tuned" or not moved


def test_dropout_hangs_on_the_seed(model: Path, spoken: Corpus, tmp_path: Path) -> None:
    """Other random numbers drawn in between change nothing."""
    weights = []
    for name in ("a", "b"):
        made = protocol(model, spoken, head="mevf", autoencoder=False, **_steps(3))
        torch.manual_seed(len(weights))
        train, val = (examples(made, spoken, part, tmp_path / "pictures") for part in ("train", "val"))
        fit(made, train.part(range(8)), val, folder=tmp_path / name, seed=0)
        weights.append(made.state_dict())
    assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())


def test_fusion_reads_both(fused: Path, model: Path, spoken: Corpus, tmp_path: Path) -> None:
    made = protocol(fused, spoken, head="fusion", **_steps(2))
    train, val = (examples(made, spoken, part, tmp_path / "pictures") for part in ("train", "val"))
    before = {name: value.clone() for name, value in made.trunk.method.fusion.state_dict().items()}
    fit(made, train.part(range(8)), val, folder=tmp_path / "fit", seed=0)
    after = made.trunk.method.fusion.state_dict()
    assert any(not torch.equal(value, after[name]) for name, value in before.items())
    untrained = made.trunk.untrained(3).method.fusion.state_dict()
    assert not torch.equal(untrained["text_project.weight"], after["text_project.weight"])
    with pytest.raises(CapabilityError, match=r'"fusion" needs a method that reads .* ConVIRT'):
        protocol(model, spoken, head="fusion")


def test_a_head_is_saved_with_its_answers(model: Path, spoken: Corpus, tmp_path: Path) -> None:
    made = protocol(model, spoken, head="qcr", autoencoder=False).eval()
    save_adapted(tmp_path / "adapted", made, name="vqa")
    again = open_adapted(tmp_path / "adapted")
    assert isinstance(again, VQA)
    assert again.facts == made.facts
    batch = batch_of(made, spoken, tmp_path / "pictures")
    assert torch.equal(again.outputs(batch)["logits"], made.outputs(batch)["logits"])


def test_the_command(model: Path, spoken: Corpus, tmp_path: Path) -> None:
    arguments = ["finetune", str(model), "--on", str(spoken.root), "--protocol", "vqa", "--labels", "50,100"]
    arguments += ["--draws", "2", "--out", str(tmp_path / "out"), "--json"]
    result = CliRunner().invoke(app, [*arguments, *(f"{name}={value}" for name, value in QUICK.items())])
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    scores = {(row["task"], row["label"]): row for row in document["scores"]}
    whole = scores["vqa_100", "all"]
    assert (whole["n"], whole["n_patients"]) == (80, 20)
    assert whole["low"] <= whole["value"] <= whole["high"]
    assert scores["vqa_100", "closed"]["value"] > 0.8
    assert scores["vqa_100", "closed"]["extra"]["chance"] == 0.5
    assert ("vqa_50", "test/nodule") in scores
    controls = {(row["control"], row["task"], row["label"]): row["value"] for row in document["controls"]}
    assert set(document["control_notes"]) == {"untrained", "blank_picture", "majority_answer"}
    assert controls["blank_picture", "vqa_100", "closed"] < 0.8
    assert controls["majority_answer", "vqa_50", "all"] < 0.6
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "Accuracy of answers, all questions" in page
    assert "80 questions of 20 patients" in page
    assert "All 2 mean scores" in page
    assert {one["studies"] for one in document["fits"] if one["fraction"] == 0.5} == {30}, "questions of 15 patients"
    assert document["corpus"]["items"]["unit"] == "questions"


def test_wrong_wishes_are_named(model: Path, corpus: Corpus, spoken: Corpus, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="learns no concepts"):
        finetune(model, on=spoken, out=tmp_path, protocol="vqa", concepts=("nodule",))
    with pytest.raises(DataError, match="no study with a picture has a question"):
        finetune(model, on=corpus, out=tmp_path, protocol="vqa")
    with pytest.raises(ValueError, match='"stacked" is of head "mevf"'):
        VQASettings(head="qcr", attention="stacked")
    with pytest.raises(ValueError, match="question_length must be at least 1"):
        VQASettings(question_length=0)
    with pytest.raises(DataError, match=r"none\.txt cannot be read"):
        protocol(model, spoken, head="mevf", word_vectors=str(tmp_path / "none.txt"))


def _steps(count: int) -> dict[str, int]:
    return {"steps": count, "evaluate_every": count, "warmup": 0, "batch": 4}


@pytest.mark.real
def test_real_questions(real_data: Path, model: Path, tmp_path: Path) -> None:
    """Four of VQA-RAD: "pons" and "yes" are taught; "bilateral" is asked, in no list, and counted as such."""
    table = real_data / "vqa-rad-demo" / "vqa.jsonl"
    arguments = [
        "ingest",
        str(table),
        "--out",
        str(tmp_path / "corpus"),
        "--image",
        "image",
        "--question",
        "question",
    ]
    result = CliRunner().invoke(app, [*arguments, "--answer", "answer", "--answer-type", "answer_type"])
    assert result.exit_code == 0, result.output
    corpus = Corpus.open(tmp_path / "corpus")
    parts = {"pons.": "train", "yes.": "train", "no.": "val", "bilateral.": "test"}
    corpus.set_split({study.id: parts[study.dialogues[0].answer] for study in corpus})
    done = finetune(
        model, on=Corpus.open(tmp_path / "corpus"), out=tmp_path / "out", protocol="vqa", fractions=(1.0,), draws=1,
        rates=(1.0,), resamples=20, fit={**QUICK, "steps": 2, "evaluate_every": 2},
    )  # fmt: skip
    score = done.score("vqa_100", "accuracy", "open")
    assert score is not None
    assert (score["value"], score["n"], score["extra"]["unlisted"]) == (0, 1, 1)
    card = json.loads((tmp_path / "out" / "model" / "head.json").read_text(encoding="utf-8"))
    assert (card["facts"]["closed"], card["facts"]["open"]) == (["yes"], ["pons"])
