"""VITask: the exemplar's place, what learns in which stage, negatives, the small model's own learning."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tests.models.vlm.talking import built, conversation, picture

from vesalius.data.messages import Media
from vesalius.errors import ConfigError
from vesalius.methods.conversing import ConversationBatch
from vesalius.methods.vitask import Asked, ViTask, ViTaskConfig, _negative, build
from vesalius.models.settings import DualEncoderConfig
from vesalius.training.conversing.batches import collated

SPECIALIST = DualEncoderConfig(vision="vit", vision_width=16, vision_depth=1, patch=8, image_size=16)
ASKED = "Which sign?"


def method(**chosen: Any) -> tuple[ViTask, Any]:
    model, reader = built()
    torch.manual_seed(1)
    made = build(ViTaskConfig(classes=("ring", "star"), specialist=SPECIALIST, **chosen), model)
    made.prepare(reader.tokenizer)
    return made, reader


@pytest.fixture
def media(tmp_path: Path) -> list[Media]:
    return [picture(tmp_path, name, seed=seed) for seed, name in enumerate(("a", "b", "c"))]


def batch_of(reader: Any, *shown: tuple[Media, str], packed: bool = False) -> dict[str, Any]:
    rows = [
        reader.row(conversation(medium, question=ASKED, answer=answer, id=str(place)))
        for place, (medium, answer) in enumerate(shown)
    ]
    return collated([rows] if packed else [[row] for row in rows], padding=reader.tokenizer.pad_token_id)


@pytest.mark.evidence("vitask", "L2", "without the exemplar the answers are the plain model's, bit for bit")
def test_leaving_the_exemplar_out_is_the_plain_model(media: list[Media]) -> None:
    made, reader = method(at_test="plain")
    inputs = {"input_ids": torch.ones(1, 3), "views": [1]}
    assert made.given(inputs) is inputs
    plain, _ = built()
    batch = ConversationBatch.of(batch_of(reader, (media[0], "ring"), (media[1], "star")))
    own = made.answers(batch)
    other = plain.answer_logits(
        batch.input_ids, batch.labels, segments=batch.segments, positions=batch.positions, views=batch.views,
        layouts=batch.layouts,
    )  # fmt: skip
    assert torch.equal(own.logits, other.logits)
    seen = made.model.media_tokens(batch.views, batch.layouts)
    assert torch.equal(made._answers(batch, seen).logits, own.logits)


@pytest.mark.evidence(
    "vitask", "L2", "the exemplar is one token more behind those of the image, and nothing else moves"
)
@pytest.mark.parametrize("packed", [False, True])
def test_the_exemplar_stands_behind_the_image(media: list[Media], *, packed: bool) -> None:
    made, reader = method()
    batch = ConversationBatch.of(batch_of(reader, (media[0], "ring"), (media[1], "star"), packed=packed))
    wider = made._widened(batch)
    image = made.model.image_token
    assert int((wider.input_ids == image).sum()) == int((batch.input_ids == image).sum()) + 2
    for row in range(len(batch.input_ids)):
        kept = [token for token in wider.input_ids[row].tolist() if token != image]
        assert kept[: int((batch.segments[row] > 0).sum())]
    plain = made.answers(batch)
    tokens = made.model.media_tokens(batch.views, batch.layouts)
    found = made._answers(wider, made._with_exemplars(tokens, batch.views))
    assert torch.equal(found.targets, plain.targets)
    assert not torch.equal(found.logits, plain.logits)
    assert wider.positions.max() == batch.positions.max() + 1
    row = reader.prompt(conversation(media[0], question=ASKED).messages[:1], id="a")
    ids = torch.from_numpy(row.input_ids)[None]
    given = made.given(
        {"input_ids": ids, "attention_mask": torch.ones_like(ids), "views": [torch.from_numpy(row.views[0])],
         "layouts": row.layouts}
    )  # fmt: skip
    assert given["input_ids"].shape[1] == ids.shape[1] + 1
    assert len(given["media"][0]) == len(tokens[0]) + 1


@pytest.mark.evidence("vitask", "L2", "only the small model learns in its stage; then only connectors and words")
@pytest.mark.evidence("vitask", "L2", "in the last stage the exemplar's way into the words stays")
def test_what_learns_in_which_stage(media: list[Media]) -> None:
    made, reader = method()
    batch = batch_of(reader, (media[0], "ring"), (media[1], "star"), (media[2], "ring"))
    expected = {"specialist": {"specialist", "head"}, "tune": {"exemplar"}, "contrast": set()}
    for stage, own in expected.items():
        made.enter(stage)
        made.zero_grad()
        step = made.train().training_step(batch)
        step["loss"].backward()
        moved = {
            name.split(".")[0]
            for name, weight in made.named_parameters()
            if not name.startswith("model.") and weight.grad is not None and bool(weight.grad.any())
        }
        assert moved == own, stage
    assert {"plain_loss", "exemplar_loss", "align_loss", "contrast_loss"} <= set(step)
    assert float(step["contrasted"]) == 1.0


@pytest.mark.evidence("vitask", "L2", "a negative has the same words before it and another answer")
def test_negatives(media: list[Media]) -> None:
    tokens = [torch.zeros(4, 2)] * 4
    asked = [
        Asked(0, 1, range(1), (1, 2), (5,)),
        Asked(1, 1, range(1, 2), (1, 2), (5,)),
        Asked(2, 1, range(2, 3), (1, 3), (6,)),
        Asked(3, 1, range(3, 4), (1, 2), (6,)),
    ]
    assert [_negative(asked, place, tokens) for place in range(4)] == [asked[3], asked[3], None, asked[0]]
    assert _negative(asked, 0, [*tokens[:3], torch.zeros(5, 2)]) is None
    made, reader = method()
    found = made._conversations(
        ConversationBatch.of(batch_of(reader, (media[0], "ring"), (media[1], "star"), packed=True))
    )
    assert [one.media for one in found] == [range(1), range(1, 2)]
    assert found[0].prompt == found[1].prompt
    assert reader.tokenizer.decode(found[1].answer) == "star<|end|>"
    made.enter("contrast")
    alike = made.training_step(batch_of(reader, (media[0], "ring"), (media[1], "ring")))
    assert float(alike["contrasted"]) == 0.0
    assert float(alike["contrast_loss"]) == 0.0


def test_the_small_model_learns_from_answers_that_are_classes(media: list[Media]) -> None:
    made, reader = method()
    made.enter("specialist")
    step = made.training_step(batch_of(reader, (media[0], "ring"), (media[1], "a cross")))
    assert float(step["answer_tokens"]) == 1.0
    nothing = made.training_step(batch_of(reader, (media[0], "a cross")))
    assert float(nothing["loss"].detach()) == 0.0
    nothing["loss"].backward()


def test_bad_settings() -> None:
    with pytest.raises(ValueError, match="at least two answers, found 1"):
        ViTaskConfig(classes=("ring",))
    with pytest.raises(ValueError, match="compact vit or resnet"):
        ViTaskConfig(classes=("a", "b"), specialist=DualEncoderConfig(vision="hf:vit"))
    with pytest.raises(ConfigError, match="model of our own parts"):
        build(ViTaskConfig(classes=("a", "b")), torch.nn.Linear(1, 1))  # type: ignore[arg-type]
