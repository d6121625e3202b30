"""Models of ours in an architecture of transformers: the same logits, and clear words where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image
from tests.models.vlm.talking import built, conversation, picture
from tests.models.vlm.whole_models import whole
from transformers import AutoModelForImageTextToText, AutoProcessor

from vesalius.errors import ConfigError
from vesalius.methods.llava import LlavaConfig, build
from vesalius.models.vlm.connector_settings import ConnectorConfig
from vesalius.models.vlm.view_settings import ViewSettings
from vesalius.training.conversing.exporting import export_transformers
from vesalius.training.conversing.saving import LoadedConverser

SMALL = {
    "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2, "image_size": 16,
    "patch_size": 8,
}  # fmt: skip


def loaded(**changed: object) -> LoadedConverser:
    parts = {
        "vision_options": SMALL, "connector": ConnectorConfig(kind="mlp"), "views": ViewSettings(size=16),
        "pretrained": False, **changed,
    }  # fmt: skip
    model, reader = built(**parts)
    method = build(LlavaConfig(), model)
    return LoadedConverser(folder=Path("made"), method=method, tokenizer=reader.tokenizer, reader=reader)


@pytest.mark.parametrize(("vision", "layer"), [("hf:clip", -2), ("hf:clip", -1), ("hf:siglip", -2)])
def test_transformers_alone_gives_equal_logits(tmp_path: Path, vision: str, layer: int) -> None:
    made = loaded(vision=vision, vision_layer=layer)
    assert export_transformers(made, tmp_path / "out") == "LlavaForConditionalGeneration"
    alone = AutoModelForImageTextToText.from_pretrained(tmp_path / "out").eval()
    processor = AutoProcessor.from_pretrained(tmp_path / "out")
    # A square picture of the model's own size is neither padded nor resized: both prepare it alike.
    shown = picture(tmp_path, size=(16, 16))
    one = conversation(shown)
    row = made.reader.prompt(one.messages[:1], id="p")
    chat = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": one.messages[0].text}]}]
    text = processor.apply_chat_template(chat, add_generation_prompt=True)
    inputs = processor(text=text, images=Image.open(shown.path).convert("RGB"), return_tensors="pt")
    assert inputs["input_ids"][0].tolist() == row.input_ids.tolist()
    views = tuple(torch.from_numpy(view) for view in row.views)
    with torch.no_grad():
        ours = made.method.model(torch.from_numpy(row.input_ids)[None], views=views, layouts=row.layouts).logits
        theirs = alone(**inputs).logits
    # Pixels are equal to 1e-7; the worst case seen of logits is 3e-7.
    assert torch.allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"vision": "vit", "vision_options": {}}, "vision 'vit', expected hf:clip"),
        ({"vision": "hf:clip", "connector": ConnectorConfig(kind="linear")}, "connector 'linear', expected mlp"),
        ({"vision": "hf:siglip", "vision_layer": -1}, "train with model.vision_layer=-2"),
    ],
)
def test_what_transformers_has_not_is_said(tmp_path: Path, changed: dict, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        export_transformers(loaded(**changed), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_base_goes_as_it_is(tmp_path: Path) -> None:
    model, reader = whole("llava", tmp_path / "base")
    made = LoadedConverser(
        folder=tmp_path, method=build(LlavaConfig(), model), tokenizer=reader.processor, reader=reader
    )
    assert export_transformers(made, tmp_path / "out") == "LlavaForConditionalGeneration"
    again = AutoModelForImageTextToText.from_pretrained(tmp_path / "out")
    for name, weight in model.bare.state_dict().items():
        assert torch.equal(weight, again.state_dict()[name])
