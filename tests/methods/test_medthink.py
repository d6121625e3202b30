"""MedThink: text forms of all strategies, reading of answers, two models in two stages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.models.vlm.talking import conversation, picture, settings

from vesalius.data.messages import Message
from vesalius.errors import ConfigError
from vesalius.inference.requests import Request
from vesalius.inference.worded import WordedPredictor
from vesalius.methods.medthink import MedThink, MedThinkConfig, build, question_of, stated
from vesalius.models.vlm.gated import GatedModel
from vesalius.tasks.grammar import grammar
from vesalius.training.conversing.batches import collated
from vesalius.training.conversing.saving import LoadedConverser

RNG = np.random.default_rng(0)
CLOSED = "Is there edema?\nAnswer yes or no."
REASONED = "Answer: no\nReason: the lungs\nare clear"
READ = "Question: Is there edema? Options: (A) yes (B) no"


def method(strategy: str = "explanation", **more: Any) -> tuple[MedThink, Any]:
    chosen = settings(language="t5", fusion="gated")
    words = GatedModel.new_words(chosen, (READ, REASONED, "Solution: The answer is (A)."))
    torch.manual_seed(0)
    model = GatedModel.of(chosen, words)
    made = build(MedThinkConfig(strategy=strategy, longest=4, **more), model)  # type: ignore[arg-type]
    made.prepare(words)
    return made, model.reader(words, context=256, grammar=grammar("medrega"))


def worded(strategy: str, question: str = CLOSED, answer: str = REASONED, **more: Any) -> tuple[str, str]:
    found = method(strategy, **more)[0].rewrite(conversation(question=question, answer=answer), RNG)
    assert found is not None
    return found.messages[0].text, found.messages[1].text


@pytest.mark.evidence("medthink", "L2", "questions and answers have the exact text forms of each strategy")
@pytest.mark.parametrize(
    ("strategy", "asked", "said"),
    [
        ("explanation", f"{READ} Answer:", "The answer is (B). Solution: the lungs are clear"),
        ("reasoning", f"{READ} Solution:", "the lungs are clear Answer: The answer is (B)."),
        ("answer", f"{READ} Answer:", "The answer is (B)."),
        ("two_stage", f"{READ} Solution:", "the lungs are clear"),
    ],
)
def test_forms(strategy: str, asked: str, said: str) -> None:
    assert worded(strategy) == (asked, said)


def test_forms_of_other_questions() -> None:
    choice = "What is it?\nChoose one:\nA. a mass\nB. edema\nReply with one letter."
    assert question_of(choice) == ("What is it?", ("a mass", "edema"), True)
    assert worded("answer", choice, "B")[0] == "Question: What is it? Options: (A) a mass (B) edema Answer:"
    assert worded("answer", choice, "B")[1] == "The answer is (B)."
    # Open questions have no options, and the words of the answer stand for the letter; the release raises here.
    assert worded("answer", "What is seen?", "a mass") == ("Question: What is seen? Answer:", "The answer is a mass.")
    assert worded("explanation", "Is it left or right?", "left")[1] == "The answer is left."
    assert stated(question_of(CLOSED), "maybe") is None
    assert method("two_stage")[0].rewrite(conversation(question=CLOSED, answer="no"), RNG) is None


@pytest.mark.evidence(
    "medthink", "L2", "the answer is one capital letter after The answer is; anything else is wrong"
)
@pytest.mark.parametrize(
    ("written", "answer"),
    [
        ("The answer is (B).\nSolution: clear", "no"),
        ("The answer is (B). Solution: clear", "no"),
        ("the lungs are clear Answer: The answer is (A).", "yes"),
        ("The answer is (AB).", ""),
        ("The answer is B.", ""),
        ("The answer is (C).", ""),
        ("The answer is (A). The answer is (B).", ""),
        ("", ""),
    ],
)
def test_reading_of_answers(written: str, answer: str) -> None:
    made, _ = method()
    assert made.told(written, (Message(role="user", parts=(CLOSED,)),)) == answer


def test_reading_of_other_answers() -> None:
    made, _ = method()
    open_question = (Message(role="user", parts=("What is seen?",)),)
    assert made.told("The answer is a mass. Solution: it is round", open_question) == "a mass"
    assert made.told("The answer is 3.5 cm.", open_question) == "3.5 cm"
    assert made.told("a mass", open_question) == ""
    lettered = (Message(role="user", parts=("What?\nA. a mass\nB. edema",)),)
    assert made.told("The answer is (B).", lettered) == "B"
    assert made.asked(lettered)[0].text == "Question: What? Options: (A) a mass (B) edema Answer:"


@pytest.mark.evidence("medthink", "L2", "a wrong reason robs reasoning of its answer, explanation has said it before")
def test_only_reasoning_writes_its_reason_before_the_answer() -> None:
    places = {}
    for strategy in ("explanation", "reasoning"):
        made, reader = method(strategy)
        texts = [REASONED, REASONED.replace("the lungs\nare clear", "noise of other words")]
        rows = [reader.row(made.rewrite(conversation(question=CLOSED, answer=text), RNG)) for text in texts]
        tokens = [row.input_ids[row.labels != -100].tolist() for row in rows]
        shared = next(i for i, (a, b) in enumerate(zip(*tokens, strict=False)) if a != b)
        letter = reader.tokenizer("(B", add_special_tokens=False)["input_ids"][-1]
        places[strategy] = letter in tokens[0][:shared]
    # What the decoder has read before the letter is the same for both reasons, or it is not.
    assert places == {"explanation": True, "reasoning": False}


@pytest.mark.evidence(
    "medthink", "L2", "the answering model learns from reasons that the first one wrote, not the gold"
)
def test_two_models_in_two_stages(tmp_path: Path) -> None:
    made, reader = method("two_stage")
    shown = conversation(picture(tmp_path), question=CLOSED, answer=REASONED)
    fresh = {name: value.clone() for name, value in made.model.state_dict().items()}
    with torch.no_grad():
        made.model.language.shared.weight.add_(1.0)
    trained = {name: value.clone() for name, value in made.model.state_dict().items()}
    made.enter("instruction")
    assert not bool(made.answering)
    made.enter("answer")
    assert all(torch.equal(value, fresh[name]) for name, value in made.model.state_dict().items())
    assert all(torch.equal(value, trained[name]) for name, value in made.writer.state_dict().items())
    rewritten = made.rewrite(shown, RNG)
    assert rewritten is not None
    assert rewritten.messages[1].text == "The answer is (B)."
    batch = collated([[reader.row(rewritten)]], padding=reader.tokenizer.pad_token_id)
    longer = made._with_reasons(batch)
    prompt = torch.from_numpy(reader.prompt(rewritten.messages[:1], id="a").input_ids)
    written = made._reasons([prompt], batch["views"], batch["layouts"])[0]
    suffix = reader.tokenizer(" Answer:", add_special_tokens=False)["input_ids"]
    answer = batch["labels"][batch["labels"] != -100].tolist()
    assert longer["input_ids"][0].tolist() == [*prompt.tolist(), *written.tolist(), *suffix, *answer]
    assert longer["labels"][longer["labels"] != -100].tolist() == answer
    step = made.train().training_step(batch)
    step["loss"].backward()
    assert all(weight.grad is None for weight in made.writer.parameters())
    gold, _ = method("two_stage", rationales="gold")
    gold.enter("answer")
    read = gold.rewrite(shown, RNG)
    assert read is not None
    assert read.messages[0].text == f"{READ} Solution: the lungs are clear Answer:"


@pytest.mark.evidence("medthink", "L2", "a request is answered as was learnt: the writer's reason stands before it")
def test_a_request_reads_the_writers_reason(tmp_path: Path) -> None:
    made, reader = method("two_stage")
    made.eval().enter("answer")
    row = reader.prompt(made.asked(conversation(picture(tmp_path), question=CLOSED).messages[:1]), id="a")
    views = [torch.from_numpy(view) for view in row.views]
    ids = torch.from_numpy(row.input_ids)[None]
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "views": views, "layouts": row.layouts}
    given = made.given(inputs)
    written = made._reasons([ids[0]], views, row.layouts)[0]
    suffix = reader.tokenizer(" Answer:", add_special_tokens=False)["input_ids"]
    assert given["input_ids"][0].tolist() == [*row.input_ids.tolist(), *written.tolist(), *suffix]
    assert bool(given["attention_mask"].all())


def test_what_the_decoder_writes_is_what_is_answered(tmp_path: Path) -> None:
    made, reader = method("answer")
    loaded = LoadedConverser(folder=tmp_path, method=made.eval(), tokenizer=reader.tokenizer, reader=reader)
    asked = conversation(picture(tmp_path), question=CLOSED).messages[:1]
    reply = next(iter(WordedPredictor(loaded).generate([Request(id="a", messages=asked)])))
    row = reader.prompt(made.asked(asked), id="a")
    ids = torch.from_numpy(row.input_ids)[None]
    views = [torch.from_numpy(view) for view in row.views]
    written = made.model.generate(
        ids, torch.ones_like(ids), views, row.layouts, max_new_tokens=reply.tokens_out, do_sample=False
    )
    assert reply.tokens_out == written.shape[1] - 1 > 0, "its first token is the decoder's own"


def test_the_writer_is_stored_by_names_of_its_own() -> None:
    made, _ = method("two_stage")
    own = {name: value for name, value in made.state_dict().items() if name.startswith("writer.")}
    assert len({value.data_ptr() for value in own.values()}) == len(own)
    again, _ = method("two_stage")
    again.load_state_dict(made.state_dict())
    with pytest.raises(ConfigError, match="fusion=gated"):
        build(MedThinkConfig(), torch.nn.Linear(1, 1))  # type: ignore[arg-type]
