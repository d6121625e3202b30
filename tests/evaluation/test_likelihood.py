"""Confidence from the tokens of an answer: a model whose probabilities are known, and endpoints."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from choosing import Pairs, Sure
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from vesalius.benchmarks.base import Item
from vesalius.errors import EndpointError
from vesalius.evaluation.answering.likelihood import confidence_of
from vesalius.evaluation.answering.replies import Exam
from vesalius.evaluation.answering.run import answer_benchmark
from vesalius.evaluation.results import Evaluation
from vesalius.inference.generate import GeneratingPredictor
from vesalius.inference.mock import MockEndpoint, MockSettings
from vesalius.inference.requests import Decoding, Reply, Request
from vesalius.tasks.base import column

WORDS = ("</s>", "<unk>", "A", "B")
LOGITS = [0.0, 0.0, math.log(9), 0.0]
"""Whatever is asked, "A" comes with 9 / 12 and each other word with 1 / 12."""
ASKED = {"confidence": "likelihood", "resamples": 20, "safety_items": 0, "control_names": ()}


class Words(Pairs):
    """The pairs without their picture."""

    def items(self, root: Path, *, parts: Sequence[str], split: str) -> Iterator[Item]:
        yield from (replace(item, media=()) for item in super().items(root, parts=parts, split=split))


class Weighed(Sure):
    """States its chance in the probabilities of two tokens, whose geometric mean it is, and never in words."""

    def generate(self, requests: Iterable[Request]) -> Iterator[Reply]:
        asked = list(requests)
        assert all(request.decoding.log_probabilities for request in asked)
        for reply in super().generate(asked):
            letter, _, stated = reply.text.partition(". Confidence: ")
            chance = float(stated.removesuffix("%")) / 100
            told = (math.log(chance) + 0.01, math.log(chance) - 0.01)
            yield replace(reply, text=letter, token_log_probabilities=told)


def constant_model() -> GeneratingPredictor:
    """A Llama whose hidden state is ones everywhere, so that the head alone sets the same logits at every place."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    backend = Tokenizer(models.WordLevel({word: place for place, word in enumerate(WORDS)}, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="</s>", unk_token="<unk>")
    config = LlamaConfig(
        hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1, num_key_value_heads=1,
        vocab_size=len(WORDS), max_position_embeddings=64, eos_token_id=0, bos_token_id=None,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    with torch.no_grad():
        for value in model.parameters():
            value.zero_()
        model.model.embed_tokens.weight.fill_(1.0)
        model.model.norm.weight[0] = 1.0
        model.lm_head.weight[:, 0] = torch.tensor(LOGITS)
    return GeneratingPredictor(model, tokenizer, name="constant", device="cpu")


def value_of(done: Evaluation, metric: str) -> float:
    found = done.score("pairs.near", metric, "all")
    assert found is not None
    return float(found["value"])


@pytest.fixture(scope="module")
def constant(tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    root = tmp_path_factory.mktemp("release")
    return answer_benchmark(
        constant_model(), on=Words(root, pairs=10), data=root, out=tmp_path_factory.mktemp("out"), parts=("near",),
        decoding=Decoding(max_tokens=1), **ASKED,
    )  # fmt: skip


def test_calibration_of_a_model_whose_probabilities_are_known(constant: Evaluation) -> None:
    """Every answer is "A", with 9 / 12 = 0.75, and half of them are right.

    Brier: (0.25² + 0.75²) / 2 = 0.3125. Calibration error: 0.75 − 0.5. All answers are equally sure, so abstaining
    saves nothing: the area under risk and coverage is the error, 0.5.
    """
    rows = constant.predictions(label="accuracy")
    assert column(rows, "probability") == pytest.approx(np.full(20, 0.75), abs=1e-6)
    assert value_of(constant, "accuracy") == 0.5
    assert value_of(constant, "brier") == pytest.approx(0.3125, abs=1e-5)
    assert value_of(constant, "ece") == pytest.approx(0.25, abs=1e-5)
    assert value_of(constant, "aurc") == pytest.approx(0.5, abs=1e-5)


def test_the_page_and_the_passport_say_where_the_confidence_is_from(constant: Evaluation) -> None:
    text = (constant.folder / "report.html").read_text(encoding="utf-8")
    assert "Reliability, near" in text
    assert "Risk over coverage, near" in text
    assert "geometric mean of the probabilities" in text
    for passport in constant.document["passports"].values():
        assert passport["task"]["confidence"] == "likelihood"
        assert passport["model"]["decoding"]["log_probabilities"] is True


def test_an_answer_of_several_tokens_has_their_geometric_mean(tmp_path: Path) -> None:
    done = answer_benchmark(
        Weighed(), on=Pairs(tmp_path, pairs=30), data=tmp_path, out=tmp_path / "out", controls=False, **ASKED
    )
    rows = done.predictions(label="accuracy")
    chances = {0.95, 0.55}
    assert {round(float(value), 6) for value in column(rows, "probability")} == chances
    assert done.document["warnings"] == []


def test_what_no_token_tells_is_no_confidence(tmp_path: Path) -> None:
    exam = Exam(benchmark=Pairs(tmp_path), items=list, count=0, arm="direct", weighs=True)
    assert confidence_of(exam, Reply(id="a", text="A. Confidence: 90%")) is None
    done = answer_benchmark(Sure(), on=Pairs(tmp_path), data=tmp_path, out=tmp_path / "out", controls=False, **ASKED)
    assert any("no answer came with a confidence, 'likelihood'" in one for one in done.document["warnings"])


def test_an_endpoint_tells_the_probabilities_of_its_words(tmp_path: Path) -> None:
    with MockEndpoint(answer="constant:Answer: A") as mock:
        mock.keep = True
        done = answer_benchmark(
            f"openai:{mock.address}#m", on=Words(tmp_path, pairs=5), data=tmp_path, out=tmp_path / "out",
            parts=("near",), controls=False, **ASKED,
        )  # fmt: skip
    assert all(body["logprobs"] is True and "top_logprobs" not in body for body in mock.bodies)
    lines = (done.folder / "replies.jsonl").read_text(encoding="utf-8").splitlines()
    told = {
        one["id"].split("/")[0]: one["token_log_probabilities"] for one in (json.loads(x)["reply"] for x in lines)
    }
    assert {len(values) for values in told.values()} == {2}
    rows = done.predictions(label="accuracy")
    expected = [math.exp(sum(told[name]) / 2) for name in column(rows, "item").tolist()]
    assert column(rows, "probability") == pytest.approx(expected, abs=1e-6)


def test_an_endpoint_without_them_is_not_asked_on(tmp_path: Path) -> None:
    settings = MockSettings(log_probabilities=False)
    with (
        MockEndpoint(answer="letter", settings=settings) as mock,
        pytest.raises(EndpointError, match="gives no log-probabilities of the tokens that it writes"),
    ):
        answer_benchmark(
            f"openai:{mock.address}#m?concurrency=2", on=Words(tmp_path, pairs=20), data=tmp_path,
            out=tmp_path / "out", controls=False, **ASKED,
        )  # fmt: skip
    assert mock.counts["ok"] <= 2


def test_a_model_that_refuses_to_tell_says_why_its_requests_fail(tmp_path: Path) -> None:
    with MockEndpoint(settings=MockSettings(faults={"400": 1.0})) as mock:
        answer_benchmark(
            f"openai:{mock.address}#m", on=Words(tmp_path, pairs=2), data=tmp_path, out=tmp_path / "out",
            controls=False, **ASKED,
        )  # fmt: skip
    stored = (tmp_path / "out" / "replies.jsonl").read_text(encoding="utf-8")
    assert "log-probabilities were asked for, which not every model gives" in stored
