"""PA-LLaVA from end to end: its encoder's training, two stages on tissue, and what the tiles are for."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from vesalius.data.corpus import Corpus
from vesalius.data.messages import Media, Message
from vesalius.errors import CheckpointError
from vesalius.evaluation.size_consistency import enlarged, size_consistency
from vesalius.evaluation.tiled_signs import GRAINS, grainy
from vesalius.inference.predictor import open_predictor
from vesalius.inference.requests import Decoding, Request
from vesalius.training.checkpoint import load_model
from vesalius.training.recipe import open_recipe
from vesalius.training.trainer import train
from vesalius.virtual.population import make
from vesalius.virtual.questions.ask import write_questions

ENCODER = (
    "model.width=32", "model.depth=1", "model.image_size=16", "model.channels=3", "model.projection_dim=8",
    "model.vocabulary=200", "method.queue=16", "method.layers=1", "method.heads=2", "optimisation.steps=3",
    "optimisation.batch=4", "optimisation.warmup=0", "run.report_to=[]", "data.validation=null",
)  # fmt: skip
TALK = ("run.report_to=[]", "data.validation=null", "model.views.channels=3")


@pytest.fixture(scope="module")
def tissue(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """Twelve patients with a field of a tissue section, captions and questions."""
    folder = tmp_path_factory.mktemp("tissue")
    patients = make(folder / "patients", patients=16, preset="pathology", image_size=64)
    return write_questions(patients, folder / "corpus")


@pytest.mark.evidence("pa-llava", "L1", "encoder trained on pairs, two stages on its frozen weights, saved, answers")
def test_the_trained_encoder_is_the_models(tissue: Corpus, tmp_path: Path) -> None:
    encoder = train("pa_llava/plip", overrides=[*ENCODER, f"data={tissue.root}"], out=tmp_path / "plip")
    frozen = ("stages.alignment.learns=[connector,language]", "stages.vqa.learns=[connector]")
    run = train(
        "pa_llava/tiny",
        overrides=[*TALK, *frozen, f"data={tissue.root}", f"model.vision_from={encoder.folder}"],
        out=tmp_path / "run",
    )
    theirs = load_model(encoder.folder).method.model.vision.state_dict()
    model = open_predictor(run.folder, device="cpu")
    ours = model.module.vision.state_dict()  # type: ignore[attr-defined]
    assert all(torch.equal(ours[name], weight) for name, weight in theirs.items()), "no stage moved the encoder"
    proof = json.loads((run.folder / "stages" / "2-vqa" / "stage.json").read_text())["weights"]
    assert (proof["vision"]["moved"], proof["connector"]["same"]) == (0, 0)
    assert proof["language"]["moved"] > 0, "adapters on the language model were merged"
    media = Media(path=str(tissue.path(tissue[0].images[0].path)))
    request = Request(
        id="one", messages=(Message(role="user", parts=(media, "What is seen?")),), decoding=Decoding(max_tokens=4)
    )
    assert next(iter(model.generate([request]))).finish in ("stop", "length")


def test_an_encoder_of_another_size_is_refused_with_what_differs(tissue: Corpus, tmp_path: Path) -> None:
    wide = [*ENCODER, "model.width=48", "model.heads=2", "optimisation.steps=1"]
    encoder = train("pa_llava/plip", overrides=[*wide, f"data={tissue.root}"], out=tmp_path / "plip")
    with pytest.raises(CheckpointError, match=r"does not fit .*\(48,\) there and \(32,\) here"):
        train(
            "pa_llava/tiny",
            overrides=[*TALK, f"data={tissue.root}", f"model.vision_from={encoder.folder}"],
            out=tmp_path / "run",
        )


def grain_rows(folder: Path, *, rows: int, side: int) -> Path:
    """Write plain pictures with a grain, every other one in the middle of a larger one, and a chat file that asks."""
    folder.mkdir()
    lines = []
    for number in range(rows):
        rng = np.random.default_rng(number)
        grain = GRAINS[number % len(GRAINS)]
        grey = grainy(np.full((side, side), rng.uniform(0.2, 0.8), np.float32), grain)
        path = folder / f"{number}.png"
        picture = np.round(255 * grey).astype(np.uint8)
        Image.fromarray(enlarged(picture) if number // len(GRAINS) % 2 else picture).save(path)
        turns = [{"role": "user", "content": "<image>Which grain?"}, {"role": "assistant", "content": grain}]
        lines.append(json.dumps({"id": str(number), "messages": turns, "images": [str(path)]}))
    (folder / "rows.jsonl").write_text("\n".join(lines) + "\n")
    return folder / "rows.jsonl"


TILES = {"kind": "tiles", "depth": 1}
WHOLE = {"kind": "linear"}


def grain_recipe(folder: Path, rows: Path, *, tiled: bool) -> Path:
    """Write a recipe of one stage that learns the grains, from tiles or from a view of the whole."""
    values = open_recipe("pa_llava/tiny").to_dict()
    values["model"]["connector"] = TILES if tiled else WHOLE
    values["model"]["views"]["picture"] = {"policy": "tiles" if tiled else "resize"}
    values["data"].update(sources={"vqa": {"path": str(rows)}}, validation=None)
    values["stages"] = {"vqa": {"learns": ["vision", "connector", "language"]}}
    values["optimisation"].update(steps=300, epochs=0, lr=0.003, batch=1)
    values["run"]["report_to"] = []
    path = folder / f"{'tiles' if tiled else 'whole'}.yaml"
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    return path


@pytest.mark.slow
@pytest.mark.evidence("pa-llava", "L2", "the same thing in a picture of twice the size: answers stay with tiles")
def test_answers_stay_in_a_picture_of_twice_the_size(tmp_path: Path) -> None:
    rows = grain_rows(tmp_path / "rows", rows=200, side=16)
    small = [number for number in range(80) if not number // len(GRAINS) % 2]
    pictures = [Media(path=str(tmp_path / "rows" / f"{number}.png")) for number in small]
    requests = [
        Request(
            id=media.path,
            messages=(Message(role="user", parts=(media, "Which grain?")),),
            decoding=Decoding(max_tokens=4),
        )
        for media in pictures
    ]
    shares, right = [], []
    for tiled in (True, False):
        run = train(grain_recipe(tmp_path, rows, tiled=tiled), out=tmp_path / str(tiled))
        model = open_predictor(run.folder, device="cpu")
        found = size_consistency(model, requests, folder=tmp_path / f"large-{tiled}")
        shares.append(found.share)
        right.append(np.mean([said == GRAINS[number % 4] for number, said in zip(small, found.small, strict=True)]))
    assert min(right) > 0.9, "both have learnt the grains at their size"
    assert shares[0] > shares[1] + 0.3


@pytest.mark.real
def test_on_real_smears(real_data: Path, tmp_path: Path) -> None:
    """Photographs of blood films with their numbers of cells: trains, and answers about one that it has not seen."""
    folder = real_data / "blood-cells"
    with (folder / "images.csv").open(encoding="utf-8", newline="") as file:
        listed = list(csv.DictReader(file))[:12]
    lines = [
        json.dumps(
            {
                "id": row["file"],
                "images": [str(folder / row["file"])],
                "messages": [
                    {"role": "user", "content": "<image>How many white cells?"},
                    {"role": "assistant", "content": row["WBC"]},
                ],
            }
        )
        for row in listed
    ]
    (tmp_path / "rows.jsonl").write_text("\n".join(lines[:-1]) + "\n", encoding="utf-8")
    recipe = yaml.safe_load(grain_recipe(tmp_path, tmp_path / "rows.jsonl", tiled=True).read_text())
    recipe["optimisation"]["steps"] = 3
    recipe["model"]["views"]["size"] = 64
    (tmp_path / "real.yaml").write_text(yaml.safe_dump(recipe), encoding="utf-8")
    run = train(tmp_path / "real.yaml", out=tmp_path / "run")
    message = Message(role="user", parts=(Media(path=str(folder / listed[-1]["file"])), "How many white cells?"))
    reply = next(iter(open_predictor(run.folder, device="cpu").generate([Request(id="r", messages=(message,))])))
    assert reply.finish in ("stop", "length")
