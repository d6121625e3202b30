"""GMAI-VL from end to end: what each stage leaves alone, the mixture's shares, texts from facts and from guesses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from safetensors.torch import load_file

from vesalius.curation.gmai_vl import Facts, check, effective_shares, facts_of, write_caption
from vesalius.data.corpus import Corpus
from vesalius.data.messages import Media, Message
from vesalius.data.mixture import Mixture
from vesalius.evaluation.arms import BUDGETS, experiments
from vesalius.evaluation.plants import plant
from vesalius.inference.predictor import open_predictor
from vesalius.inference.requests import Decoding, Request
from vesalius.methods.gmai_vl import PAPER
from vesalius.training.recipe import open_recipe
from vesalius.training.trainer import train
from vesalius.virtual.population import make

QUIET = ("run.report_to=[]", "data.validation=null")


@pytest.fixture(scope="module")
def annotated(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """Two dozen virtual patients with captions and choices written from their findings."""
    folder = tmp_path_factory.mktemp("annotated")
    return plant(
        make(folder / "patients", patients=30, preset="chest", image_size=64), folder / "told", name="annotated"
    )


@pytest.mark.evidence("gmai-vl", "L1", "texts from annotations train three stages, which are saved and answer")
@pytest.mark.evidence("gmai-vl", "L2", "weights that a stage must leave alone are the same bits after it")
def test_each_stage_moves_its_parts_and_leaves_the_others(annotated: Corpus, tmp_path: Path) -> None:
    settings = [*QUIET, f"data={annotated.root}", "data.sources.caption.family=caption"]
    run = train("gmai_vl/tiny", overrides=settings, out=tmp_path / "run")
    stages = ("1-shallow", "2-deep", "3-instruction")
    first, second, third = (load_file(run.folder / "stages" / one / "last" / "model.safetensors") for one in stages)
    deep = {name.split(".")[0] for name in second if not second[name].equal(first[name])}
    last = {name.split(".")[0] for name in third if not third[name].equal(second[name])}
    assert deep == {"vision", "connector"}, "stage II freezes the language model and trains the encoder"
    assert last == {"vision", "connector", "language"}
    shallow = json.loads((run.folder / "stages" / "1-shallow" / "stage.json").read_text())["weights"]
    assert {part for part, counts in shallow.items() if counts["moved"]} == {"connector"}
    model = open_predictor(run.folder, device="cpu")
    media = Media(path=str(annotated.path(annotated[0].images[0].path)))
    message = Message(role="user", parts=(media, "Describe the radiograph briefly."))
    reply = next(iter(model.generate([Request(id="a", messages=(message,), decoding=Decoding(max_tokens=4))])))
    assert reply.finish in ("stop", "length")


@pytest.mark.evidence("gmai-vl", "L2", "a set's share of an epoch is sample_ratio × length of the sum")
def test_the_mixture_of_training_has_the_releases_shares() -> None:
    sets = {"a": {"length": 100, "sample_ratio": 2.0}, "b": {"length": 300, "sample_ratio": 0.5}, "c": {"length": 50}}
    lengths = {name: int(one["length"]) for name, one in sets.items()}
    ratios = {name: float(one.get("sample_ratio", 1.0)) for name, one in sets.items()}
    assert Mixture(lengths, ratios=ratios, seed=0).shares() == pytest.approx(effective_shares(sets))


def test_rates_and_parts_are_the_papers() -> None:
    recipe = open_recipe("gmai_vl/paper")
    alone = [recipe.of_stage(name) for name in recipe.stages]  # type: ignore[union-attr]
    assert [one.optimisation.lr for one in alone] == [1e-3, 1e-4, 1e-5]
    assert [one.optimisation.batch for one in alone] == [256, 128, 128]
    parts = [set(stage.learns) for stage in recipe.stages.values()]  # type: ignore[union-attr]
    assert parts == [{"connector"}, {"vision", "connector"}, {"vision", "connector", "language"}]


@pytest.mark.evidence(
    "gmai-vl", "L2", "texts written from facts all agree with them; a writer who guesses often fails"
)
def test_a_guessing_writer_contradicts_the_findings(annotated: Corpus, tmp_path: Path) -> None:
    guessed = plant(annotated, tmp_path / "guessed", name="guessed")
    wrong = total = 0
    for study in guessed.split("train"):
        true = annotated.study(study.id)
        assert len(study.texts) == len(true.texts)
        for said, right in zip(study.texts, true.texts, strict=True):
            total, wrong = total + 1, wrong + (said.text != right.text)
        for dialogue in study.dialogues:
            assert "gmai-vl" in dialogue.source
            assert facts_of(dialogue)["record"].startswith(study.id)
    # Right in three of ten, and of the other seven one in as many as there are labels (chest: 21).
    assert 0.45 < wrong / total < 0.9
    for study in annotated:
        for dialogue in study.dialogues:
            if dialogue.answer_type == "choice":
                assert study.status(facts_of(dialogue)["label"]) == "present"
                assert dialogue.answer in dialogue.options
    assert set(guessed.split("test").ids) == set(annotated.split("test").ids)
    for study in guessed.split("test"):
        assert [text.text for text in study.texts] == [text.text for text in annotated.study(study.id).texts]


def test_claims_can_be_measured() -> None:
    found = experiments(PAPER, budget=BUDGETS["small"])
    assert [one.name for one in found] == ["facts", "facts-control", "stages", "stages-control"]


@pytest.mark.real
def test_on_real_radiographs(real_data: Path, tmp_path: Path) -> None:
    """Questions about real pictures of several kinds as a chat file: three stages, and an answer."""
    rows = [json.loads(line) for line in (real_data / "vqa-derived" / "vqa.jsonl").read_text().splitlines()]
    rows = [row for row in rows if row["set"] == "cxr-covid"][:12]
    lines = [
        json.dumps(
            {
                "id": row["id"],
                "images": [str((real_data / "vqa-derived" / row["image"]).resolve())],
                "messages": [
                    {"role": "user", "content": f"<image>{row['question']}"},
                    {"role": "assistant", "content": row["answer"]},
                ],
            }
        )
        for row in rows
    ]
    (tmp_path / "rows.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    values = open_recipe("gmai_vl/tiny", overrides=QUIET).to_dict()
    values["data"]["sources"] = {name: {"path": str(tmp_path / "rows.jsonl")} for name in ("caption", "instruct")}
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    run = train(tmp_path / "recipe.yaml", out=tmp_path / "run")
    image = Media(path=json.loads(lines[0])["images"][0])
    request = Request(id="a", messages=(Message(role="user", parts=(image, rows[0]["question"])),))
    assert next(iter(open_predictor(run.folder, device="cpu").generate([request]))).finish in ("stop", "length")


def test_a_caption_of_the_cards_facts_passes_the_check() -> None:
    """A text that the writer makes of the card's facts passes its own check."""
    facts = Facts(
        record="s/i/tumour", task="classification", modality="CT", picture="CT", organ="liver", label="tumour",
        side="right",
    )  # fmt: skip
    assert check(write_caption(facts), facts) == ""
