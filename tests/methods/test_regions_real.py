"""Methods about regions learn real boxes of polyps from a chat file, save, load, and answer with a region or none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vesalius.data.messages import Media, Message
from vesalius.inference.predictor import open_predictor
from vesalius.inference.requests import Decoding, Request
from vesalius.training.recipe import ConversationRecipe, open_recipe
from vesalius.training.trainer import train


def chat_file(real_data: Path, folder: Path) -> tuple[Path, Path]:
    """Write questions for boxes of a dozen frames; return the file and one picture."""
    root = real_data / "endoscopy-polyps"
    rows = []
    for one in json.loads((root / "polyps.json").read_text(encoding="utf-8"))[:12]:
        boxes = [[box[side] for side in ("xmin", "ymin", "xmax", "ymax")] for box in one["boxes"]]
        turns = [("user", "<image>\nWhere is the polyp?"), ("assistant", "<objects:0>")]
        rows.append(
            {
                "messages": [{"role": role, "content": text} for role, text in turns],
                "images": [one["file"]], "objects": [{"name": "polyp", "boxes": boxes}], "task": "text2region",
            }
        )  # fmt: skip
        (folder / "images").mkdir(exist_ok=True)
        (folder / one["file"]).symlink_to(root / one["file"])
    path = folder / "rows.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path, root / str(rows[0]["images"][0])


@pytest.mark.real
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            name, marks=pytest.mark.evidence(name, "L1", "trains on real boxes of polyps, loads and answers")
        )
        for name in ("medrega", "umit")
    ],
)
def test_real_boxes_are_learnt_and_asked(name: str, real_data: Path, tmp_path: Path) -> None:
    rows, image = chat_file(real_data, tmp_path)
    recipe = open_recipe(f"{name}/tiny")
    assert isinstance(recipe, ConversationRecipe)
    settings = [f"data.sources.real.path={rows}", "run.report_to=[]", "data.validation=null"]
    for stage, chosen in recipe.stages.items():
        settings += [f"stages.{stage}.mixture.{source}=0" for source in chosen.mixture]
        settings.append(f"stages.{stage}.mixture.real=1")
    run = train(f"{name}/tiny", overrides=settings, out=tmp_path / "run")
    asked = Message(role="user", parts=(Media(path=str(image)), "Where is the polyp?"))
    request = Request(id="one", messages=(asked,), decoding=Decoding(max_tokens=8))
    reply = next(iter(open_predictor(run.folder, device="cpu").generate([request])))
    assert reply.finish in ("stop", "length"), reply.error
