"""Whole models of transformers: prompts of their processors, packed rows, positions, generation."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch
from PIL import Image
from tests.models.vlm.talking import conversation, picture
from tests.models.vlm.whole_models import opened, whole
from torch.nn import functional

from vesalius.data.conversations.records import Conversation
from vesalius.data.messages import Media, Message
from vesalius.errors import ConfigError, DataError
from vesalius.models.vlm.settings import VisionLanguageConfig
from vesalius.models.vlm.whole import WholeModel
from vesalius.tasks.grammar import grammar
from vesalius.training.conversing.batches import as_tensors, collated

PACKED = ("llava", "llava_next", "qwen", "qwen3", "internvl", "idefics3")
ALONE = ("gemma3", "paligemma")

# Weights are 25 times as wide as is usual, and so are logits: up to 7. Worst case seen between packed and unpacked,
# over all of PACKED: 7e-6 of a logit, 3e-5 of a gradient of 3.
_ROUNDING = 5e-5


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory):
    """Return what opens a tiny model by name, each once."""
    held: dict = {}

    def model(name: str):
        if name not in held:
            held[name] = whole(name, tmp_path_factory.mktemp(name))
        return held[name]

    return model


@pytest.fixture
def three(tmp_path: Path) -> list[Conversation]:
    """One picture, two of other shapes, none."""
    two = (picture(tmp_path, "two", seed=1, size=(20, 40)), picture(tmp_path, "three", seed=2, size=(16, 16)))
    return [
        conversation(picture(tmp_path), question="what is it ?", answer="left effusion .", id="a"),
        conversation(*two, question="is it normal ?", answer="no", id="b"),
        conversation(question="yes no ?", answer="yes", id="c"),
    ]


def answers(model, reader, packs):
    batch = collated(packs, padding=reader.tokenizer.pad_token_id)
    names = ("segments", "positions", "views", "layouts")
    return model.answer_logits(batch["input_ids"], batch["labels"], **{name: batch[name] for name in names})


def chat(conversation: Conversation, turns: int) -> list[dict]:
    """Return turns in the form of transformers."""
    return [
        {
            "role": message.role,
            "content": [
                {"type": "text", "text": part} if isinstance(part, str) else {"type": "image"}
                for part in message.parts
            ],
        }
        for message in conversation.messages[:turns]
    ]


@pytest.mark.parametrize("name", [*PACKED, *ALONE])
def test_a_prompt_is_what_the_processor_makes_of_the_chat(models, three, name: str) -> None:
    _, reader = models(name)
    processor = reader.processor
    for one in three[:2]:
        pictures = [Image.open(media.path).convert("RGB") for media in one.media]
        if name == "paligemma":
            text = "<image>" * len(pictures) + one.messages[0].text
        else:
            renders = processor if processor.chat_template else processor.tokenizer
            text = renders.apply_chat_template(chat(one, 1), tokenize=False, add_generation_prompt=True)
        expected = processor(text=[text], images=pictures, return_tensors="np")
        mine = reader.prompt(one.messages[:1], id="p")
        assert mine.input_ids.tolist() == np.asarray(expected["input_ids"])[0].tolist()
        assert reader.words(one).input_ids.tolist() == reader.row(one).input_ids.tolist()
        if len(pictures) == 1:
            values = np.asarray(expected["pixel_values"])
            assert np.array_equal(np.squeeze(mine.views[0]["pixel_values"]), np.squeeze(values))


@pytest.mark.parametrize("name", PACKED)
def test_packing_changes_no_loss_and_no_gradient(models, three, name: str) -> None:
    model, reader = models(name)
    rows = [reader.row(one) for one in three]
    found = []
    for packs in ([rows], [[row] for row in rows], [rows[:1], rows[1:]]):
        model.zero_grad()
        said = answers(model, reader, packs)
        loss = functional.cross_entropy(said.logits, said.targets)
        loss.backward()
        weights = [weight for _, weight in sorted(model.named_parameters()) if weight.grad is not None]
        found.append((said.logits.detach(), [weight.grad.clone() for weight in weights]))
    for logits, gradients in found[1:]:
        assert torch.allclose(logits, found[0][0], atol=_ROUNDING)
        for mine, other in zip(gradients, found[0][1], strict=True):
            assert torch.allclose(mine, other, atol=_ROUNDING, rtol=1e-3)


@pytest.mark.parametrize("name", PACKED)
def test_a_packed_conversation_sees_no_other(models, three, tmp_path: Path, name: str) -> None:
    model, reader = models(name)
    other = conversation(picture(tmp_path, "other", seed=9), question="A or B ?", answer="right right right", id="a")
    kept = sum(reader.row(one).learnt for one in three[1:])
    before, after = (
        answers(model, reader, [[reader.row(one) for one in rows]]).logits[-kept:]
        for rows in (three, [other, *three[1:]])
    )
    assert torch.allclose(before, after, atol=_ROUNDING)


@pytest.mark.parametrize("name", [*PACKED, *ALONE])
def test_logits_are_those_of_transformers(models, three, name: str) -> None:
    model, reader = models(name)
    for one in three[:2]:
        row = reader.row(one)
        mine = answers(model, reader, [[row]])
        # The processor reads the prompt, and the answer's tokens are put behind it.
        first = int(np.flatnonzero(row.labels >= 0)[0])
        inputs = {name: torch.from_numpy(value) for name, value in _joined(row).items()}
        ids = torch.from_numpy(row.input_ids)[None]
        kinds = model._kinds(ids, torch.from_numpy(row.labels)[None])
        whole = model.bare(input_ids=ids, attention_mask=torch.ones_like(ids), **kinds, **inputs).logits
        assert torch.allclose(mine.logits[0], whole[0, first - 1], atol=_ROUNDING)


def _joined(row) -> dict[str, np.ndarray]:
    axis = 1 if row.views[0]["pixel_values"].shape[0] == 1 and "pixel_attention_mask" in row.views[0] else 0
    joined = {}
    for name in row.views[0]:
        parts = [view[name] for view in row.views]
        most = [max(part.shape[place] for part in parts) for place in range(parts[0].ndim)]
        padded = [
            np.pad(part, [(0, 0 if place == axis else most[place] - size) for place, size in enumerate(part.shape)])
            for part in parts
        ]
        joined[name] = np.concatenate(padded, axis=axis)
    return joined


@pytest.mark.parametrize("name", ALONE)
def test_what_cannot_be_packed_says_so(models, three, name: str) -> None:
    model, reader = models(name)
    assert name in model.unpackable
    rows = [reader.row(one) for one in three[:2]]
    together = answers(model, reader, [[row] for row in rows]).logits
    alone = torch.cat([answers(model, reader, [[row]]).logits for row in rows])
    assert torch.allclose(together, alone, atol=_ROUNDING)
    with pytest.raises(DataError, match=f"2 conversations, but {name}"):
        answers(model, reader, [rows])


@pytest.mark.parametrize("name", ["llava", "qwen", "internvl"])
def test_generation_in_a_batch_is_that_alone(models, three, name: str) -> None:
    model, reader = models(name)
    prompts = [reader.prompt(one.messages[:1], id=one.id) for one in three[:2]]
    pad = reader.tokenizer.pad_token_id

    def written(rows) -> list[list[int]]:
        longest = max(len(row.input_ids) for row in rows)
        ids = torch.full((len(rows), longest), pad)
        for place, row in enumerate(rows):
            ids[place, longest - len(row.input_ids) :] = torch.from_numpy(row.input_ids)
        views = [as_tensors(view) for row in rows for view in row.views]
        out = model.generate(ids, (ids != pad).long(), views, max_new_tokens=4, do_sample=False, pad_token_id=pad)
        return [[token for token in row if token != pad] for row in out[:, longest:].tolist()]

    assert written(prompts) == [written([one])[0] for one in prompts]


def test_slices_are_shown_as_pictures(models, tmp_path: Path) -> None:
    _, reader = models("llava")
    volume = np.random.default_rng(0).normal(size=(16, 12, 20)).astype(np.float32)
    nibabel.save(nibabel.Nifti1Image(volume, np.eye(4)), tmp_path / "v.nii")
    shown = Media(path=str(tmp_path / "v.nii"), kind="volume")
    row = reader.row(conversation(shown, question="what is it ?", answer="normal"))
    # Eight slices of four patches each.
    assert row.layouts[0].views == 8
    assert int((row.input_ids == reader.tokenizer.convert_tokens_to_ids("<image>")).sum()) == 32
    assert row.views[0]["pixel_values"].shape == (8, 3, 16, 16)


def test_the_answer_has_an_end_and_nothing_else_is_learnt(models, three) -> None:
    _, reader = models("llava")
    row = reader.row(three[0])
    learnt = row.input_ids[row.labels >= 0]
    assert reader.tokenizer.decode(learnt).split() == ["left", "effusion", ".", ".", "</s>"]


def test_marks_in_words_are_no_pictures(models, tmp_path: Path) -> None:
    _, reader = models("llava")
    row = reader.row(conversation(picture(tmp_path), question="what is <image> ?", answer="normal"))
    assert int((row.input_ids == reader.tokenizer.convert_tokens_to_ids("<image>")).sum()) == 4


@pytest.mark.parametrize(("how", "kept"), [("qwen2-vl", True), ("medrega", False)])
def test_a_question_can_point_with_the_grammars_own_tokens(models, tmp_path: Path, how: str, *, kept: bool) -> None:
    # Qwen's box tokens are in its vocabulary as whole tokens: a region in a question or an answer is written with
    # them. Of another grammar they mean nothing, and are broken up as every mark that words cannot set.
    model, _ = models("qwen")
    processor = model.new_words(model.settings, ())
    box = {"additional_special_tokens": ["<|box_start|>", "<|box_end|>"]}
    processor.tokenizer.add_special_tokens(box, replace_extra_special_tokens=False)
    reader = model.reader(processor, context=400, grammar=grammar(how))
    said = "<|box_start|>(1,2),(3,4)<|box_end|>"
    row = reader.row(conversation(picture(tmp_path), question=f"what is at {said} ?", answer=f"left {said}"))
    number = reader.tokenizer.convert_tokens_to_ids("<|box_start|>")
    assert int((row.input_ids == number).sum()) == (2 if kept else 0)
    assert int((row.labels == number).sum()) == (1 if kept else 0)


def test_a_long_conversation_is_refused_with_its_numbers(models, tmp_path: Path) -> None:
    _, reader = models("internvl")
    shown = [picture(tmp_path, f"p{number}", seed=number) for number in range(12)]
    with pytest.raises(DataError, match=r"takes \d+ tokens, \d+ of them for 12 media, and the context holds 512"):
        reader.row(conversation(*shown))


def test_too_few_image_tokens_are_refused(models, three) -> None:
    model, reader = models("llava")
    row = reader.row(three[0])
    kept = np.flatnonzero(row.input_ids != 4)
    cut = type(row)(
        id="cut", input_ids=row.input_ids[kept], labels=row.labels[kept], views=row.views, layouts=row.layouts
    )
    with pytest.raises(DataError, match="refuses 1 media among 0 image tokens"):
        answers(model, reader, [[cut]])


def test_two_turns_are_both_learnt(models, tmp_path: Path) -> None:
    _, reader = models("qwen")
    turns = (
        Message(role="user", parts=(picture(tmp_path), "what ?")),
        Message(role="assistant", parts=("yes",)),
        Message(role="user", parts=("left ?",)),
        Message(role="assistant", parts=("no",)),
    )
    row = reader.row(Conversation(id="two", messages=turns))
    assert reader.tokenizer.decode(row.input_ids[row.labels >= 0]).split() == ["yes", ".", "</s>", "no", ".", "</s>"]


def test_parts_are_told_apart(models) -> None:
    for name in (*PACKED, *ALONE):
        model, _ = models(name)
        parts = {model.part_of(weight) for weight, _ in model.named_parameters()}
        assert parts == {"vision", "connector", "language"}
    model, _ = models("qwen")
    assert model.part_of("whole.model.visual.merger.mlp.0.weight") == "connector"


def test_bad_bases(tmp_path: Path, models) -> None:
    with pytest.raises(ConfigError, match="no folder and not to be had"):
        WholeModel.of(VisionLanguageConfig(base=f"hf:{tmp_path}/none"), None)
    with pytest.raises(ConfigError, match=r"'llava' is a type of models, .* give a hub id such as hf:OWNER/NAME"):
        WholeModel.of(VisionLanguageConfig(base="hf:llava"), None)
    whole_folder = Path(models("llava")[0].settings.base.removeprefix("hf:"))
    with pytest.raises(ConfigError, match="llava has no setting 'colour'"):
        opened(whole_folder, base_options={"colour": 1})
    with pytest.raises(ConfigError, match="needs a CUDA device"):
        opened(whole_folder, base_precision="4bit")
    from tests.inference.writers import saved

    with pytest.raises(ConfigError, match="is a llama, which does not answer about pictures"):
        opened(saved("llama", tmp_path / "llama"))
