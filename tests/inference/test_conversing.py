"""Our own vision-language models as predictors: batches, prefixes, streams, chance, constraints."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "models" / "vlm"))
from talking import built, picture

from vesalius.data.messages import Media, Message
from vesalius.inference.constraint import Constraint
from vesalius.inference.conversing import ConversingPredictor
from vesalius.inference.requests import Decoding, Reply, Request

QUESTIONS = ("Is there an effusion on the left?", "Is it small?", "What is on the left side of the heart, and how?")
LONG = Decoding(max_tokens=9, log_probabilities=True)


def predictor(*, remembers: bool = True, **changed: object) -> ConversingPredictor:
    """Return a tiny model whose answers differ: larger random weights than at the start of a training."""
    model, reader = built(**changed)
    torch.manual_seed(3)  # its answers hold letters, so that a second turn is cut into the tokens that were written
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(std=0.08) if weight.dim() > 1 else weight.mul_(4.0)
    method = SimpleNamespace(model=model, capabilities={"generate"})
    method.to = lambda device: method
    method.eval = lambda: method
    loaded: Any = SimpleNamespace(
        folder=Path("tiny"), method=method, tokenizer=reader.tokenizer, reader=reader, info={}
    )
    return ConversingPredictor(loaded, device="cpu", remembers=remembers)


@pytest.fixture(scope="module")
def model() -> ConversingPredictor:
    return predictor()


def ask(*parts: Any, id: str = "a", decoding: Decoding = LONG, **more: Any) -> Request:
    return Request(id=id, messages=(Message(role="user", parts=parts),), decoding=decoding, **more)


def replies(model: Any, requests: Sequence[Request]) -> dict[str, Reply]:
    return {reply.id: replace(reply, seconds=0.0) for reply in model.generate(requests)}


def many(folder: Path, pictures: int = 3, decoding: Decoding = LONG) -> list[Request]:
    """Nine questions, three about each of three pictures, in a mixed order."""
    media = [picture(folder, f"p{seed}", seed=seed) for seed in range(pictures)]
    return [
        ask(media[place % pictures], QUESTIONS[place // 3], id=str(place), decoding=decoding) for place in range(9)
    ]


def alike(one: dict[str, Reply], other: dict[str, Reply]) -> None:
    """Equal words; log-probabilities equal but for rounding (5e-6 seen, stored with six decimals)."""
    assert one.keys() == other.keys()
    for name, reply in one.items():
        assert reply.text == other[name].text
        assert (reply.finish, reply.tokens_in, reply.tokens_out) == (
            other[name].finish, other[name].tokens_in, other[name].tokens_out,
        )  # fmt: skip
        assert reply.token_log_probabilities == pytest.approx(other[name].token_log_probabilities, abs=5e-5)


def test_the_answer_is_that_of_transformers(model: ConversingPredictor, tmp_path: Path) -> None:
    request = ask(picture(tmp_path), QUESTIONS[0])
    reply = replies(model, [request])["a"]
    inputs = model.inputs([model.prompt(request)])
    with torch.inference_mode():
        out = model.module.generate(
            **inputs, max_new_tokens=9, do_sample=False, output_logits=True, return_dict_in_generate=True
        )
    said = out.sequences[0, inputs["input_ids"].shape[1] :]
    assert reply.text == model.tokenizer.decode(said, skip_special_tokens=True) != ""
    rows = torch.log_softmax(torch.cat(out.logits).float(), dim=-1)
    expected = rows.gather(1, said[:, None])[:, 0].tolist()
    assert reply.token_log_probabilities == pytest.approx(expected, abs=5e-5)
    assert reply.log_probability == pytest.approx(sum(expected), abs=5e-4)
    assert reply.mean_log_probability == pytest.approx(sum(expected) / len(expected), abs=5e-5)


def test_what_is_kept_changes_no_answer(tmp_path: Path) -> None:
    kept, plain = predictor(), predictor(remembers=False)
    requests = many(tmp_path)
    expected = replies(plain, requests)
    for _ in range(2):
        alike(replies(kept, requests), expected)
    alike({request.id: replies(kept, [request])[request.id] for request in requests}, expected)


def test_questions_about_one_medium_encode_it_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = predictor()
    encoded, look = [], model.module.media_tokens
    monkeypatch.setattr(
        model.module, "media_tokens", lambda views, layouts: encoded.append(1) or look(views, layouts)
    )
    replies(model, many(tmp_path))
    replies(model, many(tmp_path)[:1])
    # Nine questions about three pictures; then the files are written anew, and one of them is asked about.
    assert len(encoded) == 4


def test_a_file_that_has_changed_is_read_anew(tmp_path: Path) -> None:
    kept, plain = predictor(), predictor(remembers=False)
    before = replies(kept, [ask(picture(tmp_path, seed=1), QUESTIONS[0])])
    after = [ask(picture(tmp_path, seed=2), QUESTIONS[0])]
    found = replies(kept, after)
    alike(found, replies(plain, after))
    assert found["a"].token_log_probabilities != before["a"].token_log_probabilities


def test_a_conversation_goes_on_from_what_was_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, plain = predictor(), predictor(remembers=False)
    messages: tuple[Message, ...] = ()
    before = 0
    for place, question in enumerate(QUESTIONS):
        media = (picture(tmp_path),) if place == 0 else ()
        messages = (*messages, Message(role="user", parts=(*media, question)))
        request = Request(id="a", messages=messages, decoding=LONG)
        sizes: list[int] = []
        run = model.module.language.forward
        with monkeypatch.context() as patch:
            patch.setattr(
                model.module.language,
                "forward",
                lambda *parts, run=run, sizes=sizes, **named: (
                    sizes.append((named.get("inputs_embeds", named.get("input_ids"))).shape[1])
                    or run(*parts, **named)
                ),
            )
            found = replies(model, [request])
        alike(found, replies(plain, [request]))
        if place:
            # The answer may be cut into other tokens than it was written in; the prompt before it is not read again.
            assert sizes[0] <= found["a"].tokens_in - before
        before = found["a"].tokens_in
        messages = (*messages, Message(role="assistant", parts=(found["a"].text or " ",)))


def test_memory_of_what_is_kept_is_bounded(tmp_path: Path) -> None:
    model = predictor()
    reader = model._reader
    assert reader is not None
    reader.prefixes.most_bytes = 60_000
    model._media.most_bytes = 2 * 4 * 32 * 4
    plain = predictor(remembers=False)
    requests = many(tmp_path)
    for request in requests:
        alike(replies(model, [request]), replies(plain, [request]))
        assert sum(one.bytes for one in reader.prefixes._kept) <= 60_000
        assert len(model._media._kept) <= 2


def test_a_batch_and_its_order_change_no_answer(model: ConversingPredictor, tmp_path: Path) -> None:
    requests = many(tmp_path)
    alike(replies(model, requests), replies(model, requests[::-1]))
    alike(replies(model, requests), {one.id: replies(model, [one])[one.id] for one in requests})


def test_chance_comes_from_the_seed_alone(model: ConversingPredictor, tmp_path: Path) -> None:
    state = torch.random.get_rng_state()
    hot = Decoding(max_tokens=10, temperature=1.5, top_p=0.9, seed=3)
    requests = many(tmp_path, decoding=hot)
    together = replies(model, requests)
    assert together == replies(model, requests[::-1])
    assert together["4"].text == replies(model, requests[4:5])["4"].text
    other = replies(model, many(tmp_path, decoding=replace(hot, seed=4)))
    assert {reply.text for reply in together.values()} != {reply.text for reply in other.values()}
    assert torch.equal(torch.random.get_rng_state(), state)


def test_no_token_beyond_the_share_is_drawn() -> None:
    from vesalius.inference.conversing import _chosen

    # Shares .5, .3, .15, .05: the first two reach .7, so the third is never drawn; at .81 it may be.
    logits = torch.log(torch.tensor([[0.05, 0.5, 0.15, 0.3]])).expand(400, 4)
    seen = []
    for top_p in (0.5, 0.7, 0.81, 1.0):
        chance = [torch.Generator().manual_seed(seed) for seed in range(400)]
        drawn = _chosen(logits, Decoding(temperature=1.0, top_p=top_p), chance)
        seen.append(set(drawn.tolist()))
    assert seen == [{1}, {1, 3}, {1, 2, 3}, {0, 1, 2, 3}]
    # 400 draws: a share of .5 lies within four standard errors, .1, with near certainty.
    assert abs(np.mean(np.array(drawn.tolist()) == 1) - 0.5) < 0.1


@pytest.mark.parametrize("stop", [(), ("left",)])
def test_pieces_add_up_to_the_answer(model: ConversingPredictor, tmp_path: Path, stop: tuple[str, ...]) -> None:
    for request in many(tmp_path, decoding=replace(LONG, stop=stop))[:4]:
        *pieces, reply = model.stream(request)
        assert isinstance(reply, Reply)
        whole = replies(model, [request])[request.id]
        alike({"a": reply}, {"a": whole})
        assert "".join(map(str, pieces)) == whole.text
        assert len(pieces) > 1 or len(whole.text) < 8


def test_an_answer_that_is_broken_off_leaves_the_model_as_it_was(model: ConversingPredictor, tmp_path: Path) -> None:
    request = ask(picture(tmp_path), QUESTIONS[2])
    expected = replies(model, [request])
    stream = model.stream(request)
    next(stream)
    stream.close()
    assert not torch.is_inference_mode_enabled()
    alike(replies(model, [request]), expected)


def test_beams_find_an_answer_at_least_as_likely(model: ConversingPredictor, tmp_path: Path) -> None:
    requests = many(tmp_path)
    greedy = replies(model, requests)
    beams = replies(model, [replace(one, decoding=replace(LONG, beams=4)) for one in requests])
    # No token ends these answers: all are of nine tokens, and beams keep the greedy one unless a likelier is there.
    assert {reply.finish for reply in greedy.values()} == {"length"}
    better = [beams[name].log_probability - greedy[name].log_probability for name in greedy]
    assert all(gain > -1e-3 for gain in better)
    assert max(better) > 0.1


@pytest.mark.parametrize("beams", [1, 3])
def test_constraints_of_a_batch_are_each_row_s_own(model: ConversingPredictor, tmp_path: Path, beams: int) -> None:
    import re

    asked = [None, Constraint(choices=("yes", "no", "left hydro")), Constraint(pattern=r"[0-9]{2} cm|[0-9]{3} mm")]
    requests = [
        replace(one, constraint=asked[place % 3], decoding=replace(LONG, beams=beams))
        for place, one in enumerate(many(tmp_path))
    ]
    found = replies(model, requests)
    for place, request in enumerate(requests):
        reply = found[request.id]
        if place % 3:
            assert reply.finish == "stop"
        if place % 3 == 1:
            assert reply.text in ("yes", "no", "left hydro")
        if place % 3 == 2:
            assert re.fullmatch(r"[0-9]{2} cm|[0-9]{3} mm", reply.text)
    alike(found, {one.id: replies(model, [one])[one.id] for one in requests})


def test_what_fails_fails_alone(model: ConversingPredictor, tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    good = picture(tmp_path)
    requests = [
        ask(good, QUESTIONS[0], id="good"),
        ask(Media(path=str(broken)), QUESTIONS[0], id="broken"),
        ask(good, "left " * 300, id="long"),
        ask(good, QUESTIONS[0], id="odd", constraint=Constraint(pattern="(")),
    ]
    found = replies(model, requests)
    assert [name for name, reply in found.items() if not reply.error] == ["good"]
    assert "context holds 256" in found["long"].error
    assert found["odd"].error.startswith("the constraint cannot be enforced: ")
    assert "broken" in found["broken"].error
    streamed = [list(model.stream(request))[-1] for request in requests[1:]]
    assert [one.error for one in streamed if isinstance(one, Reply)] == [
        found[name].error for name in ("broken", "long", "odd")
    ]
