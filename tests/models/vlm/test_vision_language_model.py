"""The vision-language model: media among words, packed rows, generation, saving."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from tests.models.vlm.talking import WORDS, built, conversation, picture
from torch.nn import functional

from vesalius.errors import DataError
from vesalius.models.dual import DualEncoder, DualEncoderConfig, DualEncoderFile
from vesalius.models.vlm.connector_settings import ConnectorConfig
from vesalius.models.vlm.model import VisionLanguageModel
from vesalius.training.conversing.batches import collated

# Worst case seen between one row of two conversations and two rows of one: 4e-7 of a logit.
_ROUNDING = 2e-6


def _batch(reader, conversations, *, packed: bool):
    rows = [reader.row(one) for one in conversations]
    packs = [rows] if packed else [[row] for row in rows]
    return collated(packs, padding=reader.tokenizer.pad_token_id)


def _answers(model, batch):
    names = ("segments", "positions", "views", "layouts")
    return model.answer_logits(batch["input_ids"], batch["labels"], **{name: batch[name] for name in names})


@pytest.fixture
def talk(tmp_path: Path):
    model, reader = built()
    two = picture(tmp_path, "two", seed=1)
    conversations = [
        conversation(picture(tmp_path), id="a"),
        conversation(two, picture(tmp_path, "three", seed=2), question="left?", answer=WORDS[2], id="b"),
        conversation(question="Is the heart large?", answer="No.", id="c"),
    ]
    return model, reader, conversations


@pytest.mark.evidence(
    "infimed-foundation", "L2", "the loss of a pack is the mean over all target tokens of the separate ones"
)
@pytest.mark.evidence("gmai-vl", "L2", "the loss of a pack is the mean over all target tokens of the separate ones")
def test_packing_changes_no_loss_and_no_gradient(talk) -> None:
    model, reader, conversations = talk
    gradients = []
    for packed in (True, False):
        model.zero_grad()
        found = _answers(model, _batch(reader, conversations, packed=packed))
        loss = functional.cross_entropy(found.logits, found.targets)
        loss.backward()
        gradients.append((loss.detach(), model.language.get_decoder().layers[0].self_attn.q_proj.weight.grad.clone()))
    alone = [
        functional.cross_entropy(found.logits, found.targets, reduction="sum")
        for one in conversations
        if (found := _answers(model, _batch(reader, [one], packed=True)))
    ]
    tokens = sum(reader.row(one).learnt for one in conversations)
    assert torch.allclose(gradients[0][0], sum(alone) / tokens, atol=_ROUNDING)
    assert torch.allclose(gradients[0][0], gradients[1][0], atol=_ROUNDING)
    assert torch.allclose(gradients[0][1], gradients[1][1], atol=_ROUNDING)


@pytest.mark.evidence("infimed-foundation", "L2", "packed samples do not see each other")
@pytest.mark.evidence("gmai-vl", "L2", "packed samples do not see each other")
def test_a_packed_conversation_sees_no_other(talk, tmp_path: Path) -> None:
    model, reader, conversations = talk
    before = _answers(model, _batch(reader, conversations, packed=True))
    other = conversation(picture(tmp_path, "other", seed=9), question="Why?", answer="Because.", id="a")
    after = _answers(model, _batch(reader, [other, *conversations[1:]], packed=True))
    kept = sum(reader.row(one).learnt for one in conversations[1:])
    assert torch.allclose(before.logits[-kept:], after.logits[-kept:], atol=_ROUNDING)


def test_the_picture_decides_with_the_words(talk, tmp_path: Path) -> None:
    model, reader, conversations = talk
    other = conversation(picture(tmp_path, "other", seed=9), id="a")
    before, after = (_answers(model, _batch(reader, [one], packed=True)).logits for one in (conversations[0], other))
    assert not torch.allclose(before, after, atol=1e-4)


def test_too_few_image_tokens_are_refused_with_the_numbers(talk) -> None:
    model, reader, conversations = talk
    batch = _batch(reader, conversations[:1], packed=True)
    cut = torch.where(batch["input_ids"] == model.image_token, 0, batch["input_ids"])
    cut[0, 1] = model.image_token
    with pytest.raises(DataError, match="1 image tokens for 4 tokens of 1 media"):
        model.embed(cut, batch["views"], batch["layouts"])
    with pytest.raises(DataError, match="4 image tokens and no medium"):
        model.embed(batch["input_ids"], (), ())


def test_writing_with_kept_keys_is_writing_anew_each_time(talk) -> None:
    model, reader, conversations = talk
    row = reader.prompt(conversations[0].messages[:1], id="a")
    ids, views = torch.from_numpy(row.input_ids)[None], [torch.from_numpy(view) for view in row.views]
    options = {"max_new_tokens": 8, "do_sample": False, "eos_token_id": None, "pad_token_id": 0}
    written = model.generate(ids, torch.ones_like(ids), views, row.layouts, **options)
    anew = ids
    for _ in range(8):
        logits = model(anew, torch.ones_like(anew), views, row.layouts).logits
        anew = torch.cat([anew, logits[:, -1:].argmax(-1)], dim=1)
    assert written.tolist() == anew.tolist()


def test_a_saved_model_is_the_same(talk, tmp_path: Path) -> None:
    model, reader, conversations = talk
    model.save_pretrained(tmp_path / "saved")
    loaded = VisionLanguageModel.from_pretrained(tmp_path / "saved").eval()
    batch = _batch(reader, conversations, packed=True)
    assert torch.equal(_answers(model, batch).logits, _answers(loaded, batch).logits)
    assert not list((tmp_path / "saved").glob("*.bin"))


@pytest.mark.parametrize("kind", ["siglip_vision_model", "clip_vision_model", "vit"])
def test_a_layer_before_the_last_is_what_transformers_calls_it(kind: str) -> None:
    options = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 64}
    options |= {"patch_size": 8}
    whole, _ = built(vision=f"hf:{kind}", vision_options=options)
    cut, _ = built(vision=f"hf:{kind}", vision_options=options, vision_layer=-2)
    names = cut.vision.state_dict()
    cut.vision.load_state_dict({name: whole.vision.state_dict()[name] for name in names})
    views = torch.randn(2, 1, 16, 16)
    states = whole.vision.model(pixel_values=views, output_hidden_states=True).hidden_states[-2]
    assert torch.allclose(cut.vision(views).tokens, states[:, -4:], atol=1e-6)


@pytest.mark.parametrize("kind", ["vit", "resnet"])
def test_encoder_and_connector_start_as_our_towers_do(kind: str) -> None:
    sizes = {"vision": kind, "vision_width": 64, "vision_depth": 10 if kind == "resnet" else 2}
    model, _ = built(**sizes, connector=ConnectorConfig(kind="mlp", positions="learned"))
    torch.manual_seed(1)
    tower = DualEncoder(DualEncoderFile(settings=asdict(DualEncoderConfig(image_size=16, patch=8, **sizes)))).vision
    spreads = {name: float(weight.detach().std()) for name, weight in tower.named_parameters() if weight.dim() > 1}
    for name, weight in model.vision.named_parameters():
        if name in spreads and weight.numel() > 500:
            assert float(weight.detach().std()) == pytest.approx(spreads[name], rel=0.2), name
    codes = model.connector.codes.matrix
    assert not codes.weight.any(), "the codes of positions start at zero"
    linear = next(
        part for part in model.connector.modules() if isinstance(part, torch.nn.Linear) and part is not codes
    )
    assert float(linear.weight.detach().std()) == pytest.approx(linear.in_features**-0.5, rel=0.1)
