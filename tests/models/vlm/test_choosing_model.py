"""The model that chooses among answers: identities of its fusions, levels, heads, what is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tests.models.vlm.talking import conversation, picture, settings

from vesalius.errors import ConfigError
from vesalius.models.vlm.choosing import ANSWER, SEVERAL, ChoosingModel, CrossFusion, JoinedFusion
from vesalius.models.vlm.kinds import model_kind
from vesalius.tasks.grammar import grammar
from vesalius.training.conversing.batches import collated

TEXTS = ("Is there any sign?\nOptions: yes; no", "In which part?\nOptions: left; right; no selection", "yes", "left")
OFFER = "".join(ANSWER.format(one) for one in ("yes", "no"))


def built(**changed: object) -> tuple[ChoosingModel, Any]:
    chosen = settings(**{"language": "bert", "fusion": "cross", **changed})
    words = ChoosingModel.new_words(chosen, TEXTS)
    torch.manual_seed(0)
    model = ChoosingModel.of(chosen, words).eval()
    return model, model.reader(words, context=256, grammar=grammar("medrega"))


def chosen_of(model: ChoosingModel, reader: Any, *conversations: Any) -> Any:
    batch = collated([[reader.row(one)] for one in conversations], padding=reader.tokenizer.pad_token_id)
    before = ((batch["labels"] != -100).long().cummax(dim=1).values == 0) & (batch["segments"] > 0)
    return model.choose(batch["input_ids"], before, batch["views"], batch["layouts"])


@pytest.mark.evidence(
    "hica-vqa", "L2", "the order of words without places changes nothing; as many tokens as the image"
)
def test_cross_attention_does_not_see_the_order_of_words() -> None:
    torch.manual_seed(0)
    fusion = CrossFusion(8)
    image, text = torch.randn(2, 5, 8), torch.randn(2, 7, 8)
    there, keep = torch.ones(2, 5, dtype=torch.bool), torch.ones(2, 7, dtype=torch.bool)
    fused = fusion(image, there, text, keep)
    assert fused.shape == image.shape
    order = torch.randperm(7)
    # The same products summed in another order: 2e-7 at worst.
    torch.testing.assert_close(fusion(image, there, text[:, order], keep), fused, rtol=0, atol=2e-6)
    shorter = keep.clone()
    shorter[:, 4:] = False
    torch.testing.assert_close(fusion(image, there, text, shorter), fusion(image, there, text[:, :4], keep[:, :4]))


@pytest.mark.evidence("hica-vqa", "L2", "with one word F is its value and the image at all places")
def test_one_word_adds_its_value_everywhere() -> None:
    torch.manual_seed(0)
    fusion = CrossFusion(8)
    image, text = torch.randn(2, 5, 8), torch.randn(2, 1, 8)
    keep = torch.ones(2, 1, dtype=torch.bool)
    fused = fusion(image, torch.ones(2, 5, dtype=torch.bool), text, keep)
    torch.testing.assert_close(fused, fusion.value(text) + image)


def test_joined_attention_is_asked_for_by_the_same_words() -> None:
    torch.manual_seed(0)
    fusion = JoinedFusion(8)
    image, text = torch.randn(2, 5, 8), torch.randn(2, 7, 8)
    there, keep = torch.ones(2, 5, dtype=torch.bool), torch.ones(2, 7, dtype=torch.bool)
    keep[:, 4:] = False
    fused = fusion(image, there, text, keep)
    assert fused.shape == image.shape
    torch.testing.assert_close(fusion(image, there, text[:, :4], keep[:, :4]), fused)


@pytest.mark.evidence("hica-vqa", "L2", "a question of level 1 gives no gradient to the heads of levels 2 and 3")
def test_one_head_learns_from_a_question(tmp_path: Path) -> None:
    model, reader = built()
    found = chosen_of(model, reader, conversation(picture(tmp_path), question=OFFER, answer=ANSWER.format("yes")))
    assert found.level.tolist() == [0]
    found.logits.sum().backward()
    grads = [[weight.grad for weight in head.parameters()] for head in model.heads]
    assert all(one is not None and bool(one.any()) for one in grads[0][-2:])
    assert all(one is None or not bool(one.any()) for head in grads[1:] for one in head)
    alone, _ = built(level_heads=False)
    assert len(alone.heads) == 1


def test_what_is_offered_and_how_deep(tmp_path: Path) -> None:
    model, reader = built()
    words = reader.tokenizer
    first = conversation(picture(tmp_path), question=OFFER, answer=ANSWER.format("no"))
    listed = [words.convert_ids_to_tokens(model.config.first_answer + place) for place in range(5)]
    assert listed == [ANSWER.format(one) for one in ("left", "no", "no selection", "right", "yes")]
    several = first.messages[0].parts[0], f"{SEVERAL}{ANSWER.format('left')}{ANSWER.format('no selection')}"
    deep = (*first.messages, type(first.messages[0])(role="user", parts=several[1:]), first.messages[1])
    found = chosen_of(model, reader, first, type(first)(id="deep", messages=deep))
    assert found.level.tolist() == [0, 0]
    row = reader.prompt(deep[:3], id="deep")
    ids = torch.from_numpy(row.input_ids)[None]
    views = [torch.from_numpy(view) for view in row.views]
    asked = model.choose(ids, torch.ones_like(ids, dtype=torch.bool), views, row.layouts)
    assert asked.level.tolist() == [1]
    assert asked.several.tolist() == [True]
    assert found.offered[0].tolist() == [False, True, False, False, True]
    unknown = chosen_of(model, reader, conversation(picture(tmp_path), question="What?", answer="yes"))
    assert bool(unknown.offered.all())


def test_it_writes_the_likeliest_of_what_is_offered(tmp_path: Path) -> None:
    model, reader = built()
    one = conversation(picture(tmp_path), question=OFFER, answer=ANSWER.format("no"))
    row = reader.prompt(one.messages[:1], id="a")
    ids = torch.from_numpy(row.input_ids)[None]
    views = [torch.from_numpy(view) for view in row.views]
    found = model.choose(ids, torch.ones_like(ids, dtype=torch.bool), views, row.layouts)
    out = model.generate(ids, torch.ones_like(ids), views, row.layouts, max_new_tokens=8)
    written = reader.tokenizer.decode(out[0, ids.shape[1] :])
    best = "yes" if found.logits[0, 4] > found.logits[0, 1] else "no"
    assert written == f"{ANSWER.format(best)}<|end|>"
    batch = collated([[reader.row(one)]], padding=0)
    names = ("segments", "positions", "views", "layouts")
    said = model.answer_logits(batch["input_ids"], batch["labels"], **{name: batch[name] for name in names})
    assert said.logits.argmax(dim=-1).tolist() == out[0, ids.shape[1] :].tolist()
    made = model.generate(
        ids, torch.ones_like(ids), views, row.layouts, max_new_tokens=1, output_logits=True,
        return_dict_in_generate=True,
    )  # fmt: skip
    assert made.logits[0].shape == (1, len(reader.tokenizer))


def test_a_sure_answer_is_written_once(tmp_path: Path) -> None:
    model, reader = built()
    with torch.no_grad():
        for head in model.heads:
            head[2].bias.fill_(40.0)
    row = reader.prompt(conversation(picture(tmp_path), question=f"Any sign?\n{OFFER}").messages[:1], id="a")
    ids = torch.from_numpy(row.input_ids)[None]
    views = [torch.from_numpy(view) for view in row.views]
    written = model.generate(ids, torch.ones_like(ids), views, row.layouts)[0, ids.shape[1] :].tolist()
    assert len(written) == 2
    assert written[1] == reader.tokenizer.eos_token_id


def test_it_saves_and_loads(tmp_path: Path) -> None:
    model, reader = built()
    model.save_pretrained(tmp_path)
    again = ChoosingModel.from_pretrained(tmp_path)
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in model.state_dict().items())
    assert again.config.first_answer == model.config.first_answer
    assert model_kind(model.settings) is ChoosingModel
    reader.tokenizer.save_pretrained(tmp_path / "words")
    kept = ChoosingModel.saved_words(tmp_path / "words")
    assert kept.convert_tokens_to_ids(ANSWER.format("no selection")) == model.config.first_answer + 2


def test_bad_input() -> None:
    model, reader = built()
    blind = chosen_of(model, reader, conversation(question=OFFER, answer=ANSWER.format("no")))
    assert bool(blind.logits.isfinite().all())
    assert not bool(blind.image.any())
    with pytest.raises(ConfigError, match="no answer to choose from"):
        ChoosingModel.facts(ChoosingModel.new_words(settings(language="bert", fusion="cross"), ("yes",)))
    with pytest.raises(ConfigError, match="does not read both ways"):
        built(language="hf:llama")
