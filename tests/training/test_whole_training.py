"""Bases of transformers adapted to pairs: what moves, what is written, what transformers alone makes of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tests.inference.writers import saved
from tests.models.vlm.whole_models import MORE, opened

from vesalius.data.messages import Media, Message
from vesalius.errors import CheckpointError, ConfigError
from vesalius.inference.predictor import open_predictor
from vesalius.inference.requests import Decoding, Request
from vesalius.training.conversing.parts import load_adapters
from vesalius.training.recipe import open_recipe
from vesalius.training.trainer import train

ALONE = """
import sys, json, torch
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor
model = AutoModelForImageTextToText.from_pretrained(sys.argv[1]).eval()
processor = AutoProcessor.from_pretrained(sys.argv[1])
chat = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "is it normal ?"}]}]
text = processor.apply_chat_template(chat, add_generation_prompt=True)
inputs = processor(text=text, images=Image.open(sys.argv[2]).convert("RGB"), return_tensors="pt")
out = model.generate(**inputs, max_new_tokens=4, do_sample=False)
print(json.dumps(processor.decode(out[0, inputs["input_ids"].shape[1]:], skip_special_tokens=True)))
assert not any(name.split(".")[0] == "vesalius" for name in sys.modules)
"""
TINY = [
    "optimisation.steps=3", "optimisation.batch=2", "optimisation.lr=0.05", "optimisation.warmup=0",
    "stages.adapt.lora.rank=2", "stages.adapt.lora.alpha=4", "model.context=400", "data.length=100",
    "model.base_precision=fp32", "optimisation.workers=0", "run.report_to=[]",
]  # fmt: skip


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six questions about pictures of noise."""
    folder = tmp_path_factory.mktemp("pairs")
    rows = []
    for number in range(6):
        pixels = np.random.default_rng(number).integers(0, 256, (20 + number, 24), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
        rows.append(
            {
                "messages": [
                    {"role": "user", "content": "<image>is it normal ?"},
                    {"role": "assistant", "content": "yes" if number % 2 else "left effusion"},
                ],
                "images": [f"{number}.png"],
            }
        )
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved("llava", tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def run(pairs: Path, base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return adapted(pairs, base, tmp_path_factory.mktemp("run") / "run")


def adapted(pairs: Path, base: Path, out: Path, *changed: str) -> Path:
    path = f"data.sources.pairs.path={pairs / 'train.jsonl'}"
    both = [f"data.sources.pairs.validation_path={pairs / 'train.jsonl'}", f"model.base=hf:{base}"]
    return train(open_recipe("instruct", overrides=[path, *both, *TINY, *changed]), out=out).folder


def test_adapters_move_the_language_model_alone(run: Path) -> None:
    proof = json.loads((run / "stages" / "1-adapt" / "stage.json").read_text())
    assert proof["weights"]["language"]["moved"] == 14
    assert proof["weights"]["vision"]["moved"] == proof["weights"]["connector"]["moved"] == 0
    assert proof["validation"]["after"]["loss"] < proof["validation"]["before"]["loss"]


@pytest.mark.slow
def test_transformers_alone_loads_it_and_answers_alike(run: Path, pairs: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ALONE, str(run / "last"), str(pairs / "0.png")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-1000:]
    shown = Media(path=str(pairs / "0.png"))
    request = Request(
        id="one", messages=(Message(role="user", parts=(shown, "is it normal ?")),), decoding=Decoding(max_tokens=4)
    )
    model = open_predictor(run, device="cpu")
    reply = next(iter(model.generate([request])))
    assert reply.text.strip() == json.loads(done.stdout).strip()
    assert model.identity["method"] == "llava"


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")
def test_adapters_are_those_of_peft(run: Path, base: Path, pairs: Path) -> None:
    from peft import PeftModel
    from transformers import LlavaForConditionalGeneration

    folder = run / "stages" / "1-adapt" / "last" / "adapters"
    plain = LlavaForConditionalGeneration.from_pretrained(base).eval()
    merged = LlavaForConditionalGeneration.from_pretrained(run / "last").eval()
    ids = torch.tensor([[18, 15, 16, 17]])
    before, after = plain(ids).logits, merged(ids).logits
    attached = PeftModel.from_pretrained(plain, folder / "whole").eval()(ids).logits
    assert not torch.allclose(before, after, atol=1e-2)
    # The same numbers added before or after the product: worst case seen 5e-6 of logits of 7.
    assert torch.allclose(attached, after, atol=5e-5)


def test_adapters_fit_their_own_base_alone(run: Path, base: Path, tmp_path: Path) -> None:
    model, _ = opened(base)
    load_adapters(model, run)
    other, _ = opened(run / "last")
    for (name, mine), (_, theirs) in zip(model.named_parameters(), other.named_parameters(), strict=True):
        assert torch.allclose(mine, theirs, atol=1e-6), name
    torch.manual_seed(5)
    another, _ = opened(base, pretrained=False)
    with pytest.raises(CheckpointError, match=r"was trained on hf:.*weights \w{12}.*and this is hf:.*weights \w{12}"):
        load_adapters(another, run)
    with pytest.raises(CheckpointError, match="holds no adapters of ours"):
        load_adapters(another, tmp_path)


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")
def test_what_was_learnt_on_four_bits_is_merged_into_plain_weights(run: Path, base: Path) -> None:
    from peft import PeftModel

    model, _ = opened(base)
    folder = run / "stages" / "1-adapt" / "last" / "adapters"
    adapted = PeftModel.from_pretrained(model.whole, folder / "whole")
    merged = model.merged_plain(adapted)
    assert merged.dtype == torch.bfloat16
    expected, _ = opened(run / "last")
    for (name, mine), (_, theirs) in zip(merged.named_parameters(), expected.bare.named_parameters(), strict=True):
        # Rounded to eight bits before and after the sum: twice half a unit in the last place.
        assert torch.allclose(mine.float(), theirs, rtol=2**-7, atol=2**-7), name


def test_computing_blocks_again_changes_nothing(base: Path, pairs: Path, tmp_path: Path) -> None:
    kept, again = (
        adapted(pairs, base, tmp_path / name, f"optimisation.recompute_activations={name}", "optimisation.steps=1")
        for name in ("false", "true")
    )
    one, two = ((folder / "last" / "model.safetensors").read_bytes() for folder in (kept, again))
    assert one == two


def test_a_base_that_cannot_be_packed(pairs: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    MORE["gemma3"](tmp_path / "gemma")
    with pytest.raises(ConfigError, match=r"data.pack: gemma3 .*set data.pack=false"):
        adapted(pairs, tmp_path / "gemma", tmp_path / "refused")
    run = adapted(pairs, tmp_path / "gemma", tmp_path / "run", "data.pack=false")
    assert (run / "last" / "model.safetensors").is_file()


def test_a_base_without_a_part_for_videos(pairs: Path, tmp_path: Path) -> None:
    base = saved("qwen", tmp_path / "qwen")
    (base / "video_preprocessor_config.json").write_text("{}")
    run = adapted(pairs, base, tmp_path / "run")
    assert (run / "last" / "video_preprocessor_config.json").is_file()
    shown = Media(path=str(pairs / "0.png"))
    request = Request(
        id="one", messages=(Message(role="user", parts=(shown, "is it normal ?")),), decoding=Decoding(max_tokens=4)
    )
    ours = next(iter(open_predictor(run, device="cpu").generate([request])))
    assert ours.finish in ("stop", "length"), ours.error
