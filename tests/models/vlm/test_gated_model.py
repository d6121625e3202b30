"""The encoder-decoder that looks at media through a gate: identities, bad input, writing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tests.models.vlm.talking import WORDS, conversation, picture, settings
from torch.nn import functional

from vesalius.data.messages import Message
from vesalius.errors import DataError
from vesalius.models.vlm.gated import GatedFusion, GatedModel, last_answers
from vesalius.models.vlm.kinds import model_kind
from vesalius.models.vlm.settings import VisionLanguageConfig
from vesalius.tasks.grammar import grammar
from vesalius.training.conversing.batches import collated


def built() -> tuple[GatedModel, Any]:
    chosen = settings(language="t5", fusion="gated")
    words = GatedModel.new_words(chosen, WORDS)
    torch.manual_seed(0)
    model = GatedModel.of(chosen, words).eval()
    return model, model.reader(words, context=256, grammar=grammar("medrega"))


def answers(model: GatedModel, reader: Any, *conversations: Any) -> Any:
    batch = collated([[reader.row(one)] for one in conversations], padding=reader.tokenizer.pad_token_id)
    names = ("segments", "positions", "views", "layouts")
    return model.answer_logits(batch["input_ids"], batch["labels"], **{name: batch[name] for name in names})


def shut(model: GatedModel) -> None:
    """Close the gate: σ(−∞) = 0."""
    with torch.no_grad():
        model.fusion.gate_words.bias.fill_(float("-inf"))


@pytest.mark.evidence("medthink", "L2", "with the gate at 0 the model is the text-only T5 exactly")
def test_a_shut_gate_leaves_the_text_model(tmp_path: Path) -> None:
    model, reader = built()
    shut(model)
    found = answers(model, reader, conversation(picture(tmp_path)))
    ids = [*reader.tokenizer(WORDS[0])["input_ids"], reader.tokenizer.eos_token_id]
    labels = torch.tensor([[*reader.tokenizer(WORDS[1])["input_ids"], reader.tokenizer.eos_token_id]])
    plain = model.language(input_ids=torch.tensor([ids]), labels=labels)
    assert torch.equal(found.targets, labels[0])
    # The same sums in the same order: no tolerance.
    assert torch.equal(found.logits, plain.logits[0])
    torch.testing.assert_close(functional.cross_entropy(found.logits, found.targets), plain.loss)


@pytest.mark.evidence(
    "medthink", "L2", "with one image token all words take in the same; shapes are those of the words"
)
def test_one_token_gives_all_words_the_same() -> None:
    torch.manual_seed(0)
    fusion = GatedFusion(8)
    states, media = torch.randn(2, 512, 8), torch.randn(2, 1, 8)
    keep = torch.ones(2, 1, dtype=torch.bool)
    fused = fusion(states, media, keep)
    assert fused.shape == (2, 512, 8)
    attended = media.expand(2, 512, 8)
    gate = torch.sigmoid(fusion.gate_words(states) + fusion.gate_media(attended))
    torch.testing.assert_close(fused, (1 - gate) * states + gate * attended)
    nothing = fusion(states, media, torch.tensor([[True], [False]]))
    assert torch.equal(nothing[1], states[1])


def test_padding_of_words_and_of_media_changes_no_answer(tmp_path: Path) -> None:
    model, reader = built()
    short = conversation(picture(tmp_path), question="left?", id="a")
    long = conversation(picture(tmp_path, "b", seed=1), picture(tmp_path, "c", seed=2), id="b")
    together = answers(model, reader, short, long)
    for row, one in enumerate((short, long)):
        alone = answers(model, reader, one)
        # Worst case seen between a row alone and beside a longer one: 2e-7 of a logit.
        torch.testing.assert_close(together.logits[together.row == row], alone.logits, rtol=0, atol=2e-6)


def test_the_last_answer_is_learnt_and_earlier_ones_are_read(tmp_path: Path) -> None:
    labels = torch.tensor([[-100, 5, 6, -100, 7, 8, -100], [1, -100, -100, -100, -100, -100, -100]])
    assert last_answers(labels).nonzero().tolist() == [[0, 4], [0, 5], [1, 0]]
    model, reader = built()
    one = conversation(picture(tmp_path))
    two = (*one.messages, Message(role="user", parts=("left?",)), Message(role="assistant", parts=("No.",)))
    row = reader.row(type(one)(id="two", messages=two))
    found = answers(model, reader, type(one)(id="two", messages=two))
    assert reader.tokenizer.decode(found.targets[:-1]) == "No."
    text = reader.tokenizer.decode(row.input_ids)
    assert text == f"<|image|>{WORDS[0]}{WORDS[1]}<|end|>left?No.<|end|>"


def test_what_is_written_is_what_is_likeliest(tmp_path: Path) -> None:
    model, reader = built()
    row = reader.prompt(conversation(picture(tmp_path)).messages[:1], id="a")
    ids, mask = torch.from_numpy(row.input_ids)[None], torch.ones(1, len(row.input_ids), dtype=torch.long)
    views = [torch.from_numpy(view) for view in row.views]
    out = model.generate(ids, mask, views, row.layouts, max_new_tokens=4, do_sample=False)
    logits = model(ids, mask, views, row.layouts, decoder_input_ids=out[:, :-1]).logits
    assert torch.equal(logits.argmax(dim=-1), out[:, 1:])
    told = model.generate(ids, mask, media=model.media_tokens(views, row.layouts), max_new_tokens=4, do_sample=False)
    assert torch.equal(told, out)
    padded = torch.nn.functional.pad(ids, (3, 0)), torch.nn.functional.pad(mask, (3, 0))
    assert torch.equal(model.generate(*padded, views, row.layouts, max_new_tokens=4, do_sample=False), out)


def test_it_saves_and_loads(tmp_path: Path) -> None:
    model, _ = built()
    model.save_pretrained(tmp_path)
    again = GatedModel.from_pretrained(tmp_path)
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in model.state_dict().items())
    assert model_kind(model.settings) is GatedModel


def test_bad_input(tmp_path: Path) -> None:
    model, reader = built()
    rows = [reader.row(conversation(picture(tmp_path), id=name)) for name in "ab"]
    batch = collated([rows], padding=reader.tokenizer.pad_token_id)
    names = ("segments", "positions", "views", "layouts")
    with pytest.raises(DataError, match="two conversations share a row"):
        model.answer_logits(batch["input_ids"], batch["labels"], **{name: batch[name] for name in names})
    alone = collated([[rows[0]]], padding=0)
    with pytest.raises(DataError, match="1 image tokens for 0 media"):
        model.answer_logits(
            alone["input_ids"], alone["labels"], segments=alone["segments"], positions=alone["positions"], views=(),
            layouts=(),
        )  # fmt: skip
    with pytest.raises(ValueError, match="'t5' goes with fusion gated, found 'words'"):
        VisionLanguageConfig(language="t5")
