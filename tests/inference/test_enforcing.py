"""Constraints token by token, with vocabularies of bytes and of SentencePiece, held by a batch of random models."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, normalizers, trainers
from transformers import PreTrainedTokenizerFast

from vesalius.errors import DataError
from vesalius.inference.answers import Answers
from vesalius.inference.constraint import Constraint
from vesalius.inference.enforcing import Enforcer
from vesalius.models.vlm.tokenizer import train_chat_tokenizer
from vesalius.tasks.grammar import GRAMMARS, Expert, Plane, call_pattern, grammar

TEXTS = ('Is there an effusion on the left? yes, no 12 cm [[1, 2, 3, 4]] {"label": "left lung"} <ref>', "左侧 فص")
QWEN = ("<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>", "<|box_end|>")


def ours() -> PreTrainedTokenizerFast:
    return train_chat_tokenizer(TEXTS, vocabulary=320)


def sentencepiece() -> PreTrainedTokenizerFast:
    """BPE over pieces that begin with ▁, and bytes for what is not among them, as Llama 2 and Gemma have it."""
    backend = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    backend.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    backend.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    special = ["<unk>", "<s>", "</s>", *(f"<0x{number:02X}>" for number in range(256))]
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=special, show_progress=False)
    backend.train_from_iterator(TEXTS, trainer=trainer)
    document = json.loads(backend.to_str())
    document["added_tokens"] = document["added_tokens"][:3]
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(document)), unk_token="<unk>", bos_token="<s>",
        eos_token="</s>", pad_token="</s>", clean_up_tokenization_spaces=False,
    )  # fmt: skip


def with_tags() -> PreTrainedTokenizerFast:
    """Bytes, and the tags of Qwen2-VL as special tokens of their own."""
    made = ours()
    made.add_special_tokens({"additional_special_tokens": list(QWEN)}, replace_extra_special_tokens=False)
    return made


TOKENIZERS = {"ours": ours, "sentencepiece": sentencepiece, "with tags": with_tags}


@pytest.fixture(scope="module", params=TOKENIZERS)
def tokenizer(request: pytest.FixtureRequest) -> PreTrainedTokenizerFast:
    return TOKENIZERS[request.param]()


def written(tokenizer: Any, constraints: Sequence[Constraint | None], *, most: int = 160, seed: int = 0) -> Answers:
    """Let a model of random logits write under constraints; it ends an answer wherever it may, one time in two."""
    width, end = len(tokenizer) + 5, int(tokenizer.eos_token_id)
    enforcer = Enforcer(tokenizer, width=width, ends=[end])
    special = set(tokenizer.all_special_ids) - set(tokenizer.convert_tokens_to_ids(list(QWEN)))
    answers = Answers(
        len(constraints), ends=[end], masks=enforcer.masks(constraints),
        decode=lambda tokens: tokenizer.decode([one for one in tokens if one not in special]),
    )  # fmt: skip
    chance = torch.Generator().manual_seed(seed)
    rows = range(len(constraints))
    for _ in range(most):
        logits = torch.randn(len(constraints), width, generator=chance)
        logits[:, end] += 3 * torch.randn(len(constraints), generator=chance)
        allowed = answers.allow(rows, logits)
        kept = allowed.isfinite()
        # What is allowed keeps its logit, so that the order among allowed tokens is the model's own.
        assert torch.equal(allowed[kept], logits[kept])
        answers.take(rows, allowed.argmax(dim=-1))
        if not answers.open:
            break
    return answers


def test_choices_and_patterns_are_held_in_one_batch(tokenizer: Any) -> None:
    choices = ("yes", "no", 'he said "no" (twice)', "فص")
    pattern = r"[a-z]{2,5}(, [a-z]{2,5}){0,2}\.|[0-9]{1,3} cm"
    constraints = [Constraint(choices=choices), None, Constraint(pattern=pattern)] * 8
    answers = written(tokenizer, constraints)
    texts = [answers.text(place) for place in range(24)]
    assert all(answers.done[place] for place in range(24) if place % 3 != 1)
    assert all(text in choices for text in texts[::3])
    assert all(re.fullmatch(pattern, text) for text in texts[2::3])
    assert min(len(set(texts[::3])), len(set(texts[2::3]))) > 1


def test_answers_under_a_schema_are_json_of_it(tokenizer: Any) -> None:
    schema = {
        "type": "object",
        "properties": {
            "finding": {"enum": ["effusion", "none"]},
            "side": {"type": ["string", "null"], "maxLength": 6},
            "sizes": {"type": "array", "items": {"type": "integer"}, "maxItems": 2},
        },
        "required": ["finding", "side", "sizes"],
        "additionalProperties": False,
    }
    answers = written(tokenizer, [Constraint.of_schema(schema)] * 8, most=400)
    for place in (place for place in range(8) if answers.done[place]):
        found = json.loads(answers.text(place))
        assert list(found) == ["finding", "side", "sizes"]
        assert found["finding"] in ("effusion", "none")
        assert len(found["sizes"]) <= 2
    assert sum(answers.done) >= 6


@pytest.mark.parametrize("name", GRAMMARS)
def test_regions_that_are_written_are_read(tokenizer: Any, name: str) -> None:
    tasks = ("text2region", "counting", "pointing", "count_and_box")
    chosen = grammar(name)
    constraints = [Constraint.of_regions(chosen, task=task) for task in tasks for _ in range(4)]
    answers = written(tokenizer, constraints, most=300)
    whole = [place for place in range(16) if answers.done[place]]
    assert len(whole) >= 8
    for place in whole:
        text = answers.text(place)
        assert re.fullmatch(chosen.pattern(task=tasks[place // 4]), text)
        parsed = chosen.parse(text, Plane((512, 400)), task=tasks[place // 4])
        assert parsed.status == "answered" or "outside" in parsed.rule, (text, parsed)


def test_calls_of_experts_are_written_whole(tokenizer: Any) -> None:
    experts = [Expert(name="VISTA3D", arguments=("hepatic tumor", "lung (left)")), Expert(name="CXR")]
    answers = written(tokenizer, [Constraint(pattern=call_pattern(experts))] * 6)
    assert {answers.text(place) for place in range(6)} <= {
        "<VISTA3D(everything)>", "<VISTA3D(hepatic tumor)>", "<VISTA3D(lung (left))>", "<CXR()>",
    }  # fmt: skip


def test_tags_that_are_tokens_are_used_and_read_back() -> None:
    made = with_tags()
    answers = written(made, [Constraint.of_regions(grammar("qwen2-vl"), task="text2region")] * 12, most=300)
    tags = set(made.convert_tokens_to_ids(list(QWEN)))
    used = [place for place in range(12) if tags & set(answers.tokens[place]) and answers.done[place]]
    assert used
    assert all("<|box_start|>" in answers.text(place) or "ref_start" in answers.text(place) for place in used)


def test_rows_in_another_order_have_the_same_masks() -> None:
    made = ours()
    enforcer = Enforcer(made, width=len(made), ends=[int(made.eos_token_id)])
    said = [made(text)["input_ids"] for text in ("", "1", "12", "12 c")]
    held = [Constraint(pattern=r"[0-9]{2} cm")]
    logits = torch.zeros(4, len(made))
    together = enforcer.masks(held).apply([0] * 4, said, logits)
    masks = enforcer.masks(held)
    for row in (0, 1, 2, 3, 1, 0, 3):
        assert torch.equal(masks.apply([0], [said[row]], logits[:1])[0], together[row])


def test_digits_are_those_of_ten() -> None:
    from vesalius.inference.enforcing import _plain_digits

    assert _plain_digits(r"\d{2}[\d,\]]\\d\[\d") == r"[0-9]{2}[0-9,\]]\\d\[[0-9]"


def test_what_cannot_be_enforced_is_said() -> None:
    from writers import tokenizer as words

    made = ours()
    enforcer = Enforcer(made, width=len(made), ends=[int(made.eos_token_id)])
    for faulty in (Constraint(pattern="(a"), Constraint(pattern="a(?=b)"), Constraint(schema='{"type": "odd"}')):
        with pytest.raises(DataError, match="the constraint cannot be enforced: "):
            enforcer.masks([faulty])
    with pytest.raises(DataError, match="needs a tokenizer of bytes or of SentencePiece"):
        Enforcer(words(), width=40, ends=[2]).masks([Constraint(choices=("yes",))])


def test_a_stop_is_held_back_until_it_is_none() -> None:
    said = {1: "left ", 2: "st", 3: "ay", 4: "stop", 5: "\ufffd", 6: "é"}
    answers = Answers(1, ends=[0], decode=lambda tokens: "".join(said[one] for one in tokens), stop=("stop",))
    settled = []
    for token in (1, 2, 3, 5, 4):
        answers.take([0], torch.tensor([token]))
        settled.append(answers.settled(0))
    assert settled == ["left ", "left ", "left stay", "left stay", "left stay\ufffd"]
    assert (answers.done, answers.text(0)) == ([True], "left stay\ufffd")
