"""HiCA-VQA: prompts and tokens of a question, the loss of what is offered, answers in words, going down a tree."""

from __future__ import annotations

from math import log
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.models.vlm.talking import picture, settings

from vesalius.data.conversations.records import Conversation
from vesalius.data.messages import Media, Message
from vesalius.errors import ConfigError
from vesalius.methods.hica_vqa import LEVEL_PROMPTS, HicaVqa, HicaVqaConfig, answer_loss, build, settled
from vesalius.models.vlm.choosing import ANSWER, SEVERAL, Choice, ChoosingModel
from vesalius.tasks.grammar import grammar
from vesalius.training.conversing.batches import collated

RNG = np.random.default_rng(0)
TEXTS = ("Any sign?\nOptions: yes; no", "Where?\nOptions (several may hold): left; right; no selection")


def method(**chosen: Any) -> tuple[HicaVqa, Any]:
    own = settings(language="bert", fusion="cross")
    words = ChoosingModel.new_words(own, TEXTS)
    torch.manual_seed(0)
    model = ChoosingModel.of(own, words)
    return build(HicaVqaConfig(**chosen), model).eval(), model.reader(words, context=256, grammar=grammar("medrega"))


def turns(media: Media | None, *texts: str) -> Conversation:
    parts = [(media,) if media is not None and place == 0 else () for place in range(len(texts))]
    messages = tuple(
        Message(role="assistant" if place % 2 else "user", parts=(*parts[place], text))
        for place, text in enumerate(texts)
    )
    return Conversation(id="c", messages=messages)


def test_a_question_gets_its_prompt_and_tokens_for_its_options() -> None:
    made, _ = method()
    first = made.rewrite(turns(None, TEXTS[0], "yes"), RNG)
    assert first is not None
    offer = f"{ANSWER.format('yes')}{ANSWER.format('no')}"
    assert [one.text for one in first.messages] == [f"{LEVEL_PROMPTS[0]}\nAny sign?\n{offer}", ANSWER.format("yes")]
    deep = made.rewrite(turns(None, "Any sign?", "yes", "A ring?", "yes", TEXTS[1], "left; right"), RNG)
    assert deep is not None
    listed = "".join(ANSWER.format(one) for one in ("left", "right", "no selection"))
    assert deep.messages[-2].text == f"{LEVEL_PROMPTS[2]}\nWhere?\n{SEVERAL}{listed}"
    assert deep.messages[-1].text == f"{ANSWER.format('left')}{ANSWER.format('right')}"
    assert deep.messages[0].text == "Any sign?"
    plain = method(prompts=False)[0].rewrite(turns(None, TEXTS[0], "yes"), RNG)
    assert plain is not None
    assert plain.messages[0].text == f"Any sign?\n{offer}"
    assert made.rewrite(turns(None, "What is seen?", "a ring"), RNG) is None


@pytest.mark.evidence("hica-vqa", "L2", "the loss is over the options of a question alone")
def test_the_loss_is_of_what_is_offered() -> None:
    logits = torch.tensor([[0.0, 0.0, 50.0]])
    offered = torch.tensor([[True, True, False]])
    several, level, mean = torch.tensor([False]), torch.tensor([0]), torch.zeros(1, 2)
    choice = Choice(logits, offered, several, level, mean, mean)
    # Two options at one half: −log ½ each, whatever the third says.
    loss = answer_loss(choice, torch.tensor([[True, False, False]]))
    torch.testing.assert_close(loss, torch.tensor([log(2)]))
    assert choice.said().tolist() == [[True, False, False]]
    many = choice._replace(several=torch.tensor([True]), logits=torch.tensor([[1.0, 2.0, 50.0]]))
    assert many.said().tolist() == [[True, True, False]]
    none = many._replace(logits=torch.tensor([[-1.0, -2.0, 50.0]]))
    assert none.said().tolist() == [[False, False, False]]


@pytest.mark.evidence("hica-vqa", "L2", "of several options none means no selection, and others clear it")
def test_several_answers_are_settled() -> None:
    options = ("left", "right", "no selection")
    assert settled([], options) == ["no selection"]
    assert settled(["left", "no selection"], options) == ["left"]
    assert settled(["no selection"], options) == ["no selection"]
    assert settled(["left", "right"], options) == ["left", "right"]
    assert settled([], ("left", "right")) == []
    made, _ = method()
    asked = (Message(role="user", parts=(TEXTS[1],)),)
    assert made.told("", asked) == "no selection"
    assert made.told(f"{ANSWER.format('left')}{ANSWER.format('no selection')}", asked) == "left"
    assert made.told(ANSWER.format("no"), (Message(role="user", parts=(TEXTS[0],)),)) == "no"


def test_a_step_learns_every_part_of_its_level(tmp_path: Path) -> None:
    made, reader = method()
    shown = [
        turns(picture(tmp_path), TEXTS[0], "yes"),
        turns(picture(tmp_path, "b", seed=1), "Any sign?", "yes", TEXTS[1], "left; right"),
    ]
    rows = [[reader.row(made.rewrite(one, RNG))] for one in shown]
    step = made.train().training_step(collated(rows, padding=reader.tokenizer.pad_token_id))
    assert {"loss", "answer_loss", "align_loss", "level_1", "level_2"} <= set(step)
    step["loss"].backward()
    grads = [any(weight.grad is not None for weight in head.parameters()) for head in made.model.heads]
    assert made.model.heads[2][2].bias.grad is None or not bool(made.model.heads[2][2].bias.grad.any())
    assert grads[:2] == [True, True]
    assert made.align_image.weight.grad is not None
    alone, _ = method(align_weight=0.0)
    assert "align_loss" not in alone.training_step(collated(rows, padding=0))
    with pytest.raises(ConfigError, match="fusion cross or joined"):
        build(HicaVqaConfig(), torch.nn.Linear(1, 1))  # type: ignore[arg-type]
