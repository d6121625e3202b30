from __future__ import annotations

import base64
import io
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vesalius.data.messages import Media, Message
from vesalius.errors import CapabilityError, DataError
from vesalius.inference.chat import ChatForm, WrongContentError, body_of, read_reply, tokens_at_most
from vesalius.inference.constraint import Constraint
from vesalius.inference.requests import Decoding, Request
from vesalius.models.media import shown

FORM = ChatForm(model="m", planes=3, max_images=4, structured="off", token_field="max_tokens")


def asked(*parts: Any, **more: Any) -> Request:
    return Request(id="r", messages=(Message(role="user", parts=parts),), **more)


def body(request: Request, **form: Any) -> dict[str, Any]:
    sent: dict[str, Any] = json.loads(body_of(request, replace(FORM, **form)))
    return sent


def answer(**choice: Any) -> bytes:
    return json.dumps({"choices": [choice]}).encode()


def volume(folder: Path) -> Media:
    """A clip of ten grey frames, the n-th of value 20 n."""
    path = folder / "ten.tiff"
    frames = [Image.fromarray(np.full((4, 6), 20 * place, dtype=np.uint8)) for place in range(10)]
    frames[0].save(path, save_all=True, append_images=frames[1:])
    return Media(path=str(path), kind="volume")


def test_a_greedy_request_is_put_without_what_chance_needs() -> None:
    request = Request(
        id="r",
        messages=(Message(role="system", parts=("Be short.",)), Message(role="user", parts=("Why", " so?"))),
        decoding=Decoding(max_tokens=7, stop=("\n",)),
    )
    assert body(request) == {
        "model": "m",
        "messages": [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Why so?"}],
        "temperature": 0.0,
        "max_tokens": 7,
        "stop": ["\n"],
    }


def test_chance_has_its_seed() -> None:
    sent = body(
        asked("?", decoding=Decoding(temperature=0.5, top_p=0.9, seed=3)), token_field="max_completion_tokens"
    )
    assert (sent["temperature"], sent["top_p"], sent["seed"], sent["max_completion_tokens"]) == (0.5, 0.9, 3, 512)


def test_pictures_stand_where_they_stood_as_png_of_the_same_pixels(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(np.arange(48, dtype=np.uint8).reshape(4, 4, 3)).save(path)
    content = body(asked("Before", Media(path=str(path)), "after"))["messages"][0]["content"]
    assert [part["type"] for part in content] == ["text", "image_url", "text"]
    head, _, data = content[1]["image_url"]["url"].partition(",")
    assert head == "data:image/png;base64"
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))
    assert pixels.tolist() == np.arange(48).reshape(4, 4, 3).tolist()


def test_more_pictures_than_may_be_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(np.zeros((4, 4), dtype=np.uint8)).save(path)
    many = [Media(path=str(path))] * 5
    assert len(body(asked(*many[:4]))["messages"][0]["content"]) == 4
    with pytest.raises(DataError, match="more than 4 pictures: raise max_images"):
        body(asked(*many))


@pytest.mark.parametrize(
    ("constraint", "structured", "fields"),
    [
        (Constraint(pattern="[0-9]+ mm"), "vllm", {"structured_outputs": {"regex": "[0-9]+ mm"}}),
        (Constraint(choices=("a", "b")), "vllm", {"guided_choice": ["a", "b"]}),
        (Constraint.of_schema({"type": "object"}), "vllm", {"structured_outputs": {"json": {"type": "object"}}}),
    ],
)
def test_constraints_are_sent_as_is_said(constraint: Constraint, structured: Any, fields: dict[str, Any]) -> None:
    sent = body(asked("?", constraint=constraint), structured=structured)
    assert fields.items() <= sent.items()


def test_a_schema_goes_into_the_response_format() -> None:
    sent = body(asked("?", constraint=Constraint.of_schema({"type": "object"})), structured="json")
    assert sent["response_format"]["json_schema"]["schema"] == {"type": "object"}


@pytest.mark.parametrize(
    ("request_", "structured", "words"),
    [
        ({"constraint": Constraint(pattern="a")}, "off", "cannot be held to pattern"),
        ({"constraint": Constraint(pattern="a")}, "json", "cannot be held to pattern"),
        ({"constraint": Constraint.of_schema({})}, "off", "cannot be held to a schema"),
        ({"decoding": Decoding(beams=4)}, "vllm", "4 beams asked for"),
    ],
)
def test_what_an_endpoint_cannot_do_is_refused(request_: dict[str, Any], structured: Any, words: str) -> None:
    with pytest.raises(DataError, match=words):
        body(asked("?", **request_), structured=structured)


@pytest.mark.parametrize(
    ("structured", "field"),
    [("off", set()), ("json", {"response_format"}), ("vllm", {"structured_outputs", "guided_choice"})],
)
def test_choices_are_enforced_as_is_said(structured: Any, field: set[str]) -> None:
    request = asked("?", choices=("A", "B"))
    plain = set(body(asked("?")))
    sent = body(request, structured=structured)
    assert set(sent) - plain == field
    assert all('["A", "B"]' in json.dumps(sent[name]) for name in field)


def test_the_answer_in_the_schema_is_read_and_prose_is_left_to_the_parser() -> None:
    form, request = replace(FORM, structured="json"), asked("?", choices=("A", "B"))
    read = [
        read_reply(answer(message={"content": text}), request, form).text for text in ('{"answer":"B"}', "I say B")
    ]
    assert read == ["B", "I say B"]


@pytest.mark.parametrize(
    ("choice", "finish", "text"),
    [
        ({"message": {"content": "x"}, "finish_reason": "length"}, "length", "x"),
        ({"message": {"content": None, "refusal": "I will not"}, "finish_reason": "stop"}, "refused", "I will not"),
        ({"message": {"content": ""}, "finish_reason": "content_filter"}, "refused", ""),
        ({"message": {"content": None}, "finish_reason": "stop"}, "stop", ""),
        ({"message": {"content": [{"type": "text", "text": "a"}, {"text": "b"}]}}, "stop", "ab"),
    ],
)
def test_ends_are_told_apart(choice: dict[str, Any], finish: str, text: str) -> None:
    reply = read_reply(answer(**choice), asked("?"), FORM)
    assert (reply.finish, reply.text) == (finish, text)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"[]", b"null", b"{}", b'{"choices": null}', b'{"choices": [{}]}', b"\xff\xfe", b"[" * 100000,
        answer(message={"content": 3}), answer(message="text"),
        b'{"choices": [{"message": {"content": "x"}}], "usage": {"prompt_tokens": "many"}}',
    ],
)  # fmt: skip
def test_what_is_no_completion_is_said_to_be_none(content: bytes) -> None:
    with pytest.raises(WrongContentError, match=r"^(broken JSON|no chat completion)$"):
        read_reply(content, asked("?"), FORM)


def likeliest(**tokens: float) -> bytes:
    top = [{"token": token.replace("_", " "), "logprob": math.log(share)} for token, share in tokens.items()]
    return answer(message={"content": "A"}, logprobs={"content": [{"top_logprobs": top}]})


WEIGHED = asked("?", choices=("A", "B"), by_likelihood=True)


def test_choices_are_weighed_by_the_first_token_and_its_spellings_add() -> None:
    sent = body(WEIGHED)
    assert (sent["max_tokens"], sent["logprobs"], sent["top_logprobs"]) == (1, True, 20)
    reply = read_reply(likeliest(A=0.25, _A=0.125, B=0.5, Yes=0.1), WEIGHED, FORM)
    # "A" and " A" are one answer: 0.25 + 0.125 = 0.375, below the 0.5 of "B".
    assert reply.text == "B"
    assert reply.log_probabilities == pytest.approx({"A": math.log(0.375), "B": math.log(0.5)})
    assert reply.tokens == {"A": 1, "B": 1}


def test_a_choice_without_a_known_weight_is_never_given_one() -> None:
    reply = read_reply(likeliest(A=0.9, C=0.05), WEIGHED, FORM)
    assert (reply.finish, reply.text, set(reply.log_probabilities)) == ("error", "", {"A"})
    assert reply.error.startswith("1 of 2 choices are not among the 2 likeliest first tokens")


def test_a_weight_too_small_for_a_double_stays_finite() -> None:
    # vLLM states −9999 for a token that cannot be.
    top = [{"token": "A", "logprob": -0.1}, {"token": "B", "logprob": -9999.0}]
    reply = read_reply(answer(message={"content": "A"}, logprobs={"content": [{"top_logprobs": top}]}), WEIGHED, FORM)
    assert reply.log_probabilities == {"A": -0.1, "B": -9999.0}


def test_a_server_without_logprobs_is_said_to_have_none() -> None:
    with pytest.raises(WrongContentError, match="no top_logprobs"):
        read_reply(answer(message={"content": "A"}, logprobs=None), WEIGHED, FORM)


def test_log_probabilities_of_tokens_are_asked_for_and_read() -> None:
    request = asked("?", decoding=Decoding(log_probabilities=True))
    sent = body(request)
    assert sent["logprobs"] is True
    assert "top_logprobs" not in sent
    told = {"content": [{"token": "no", "logprob": -0.5}, {"token": ".", "logprob": 1e-7}]}
    reply = read_reply(answer(message={"content": "no."}, logprobs=told), request, FORM)
    # A logarithm that rounding lifts above 0 is 0.
    assert reply.token_log_probabilities == (-0.5, 0.0)
    assert read_reply(answer(message={"content": ""}), request, FORM).token_log_probabilities == ()


@pytest.mark.parametrize("told", [None, {"content": None}, {"content": []}, {"content": [{"logprob": float("nan")}]}])
def test_an_answer_without_them_is_named_where_they_were_asked_for(told: Any) -> None:
    request = asked("?", decoding=Decoding(log_probabilities=True))
    with pytest.raises(CapabilityError, match="gives no log-probabilities"):
        read_reply(answer(message={"content": "no"}, logprobs=told), request, FORM)
    assert read_reply(answer(message={"content": "no"}, logprobs=told), asked("?"), FORM).text == "no"


def test_the_bound_of_tokens_counts_bytes_and_pictures(tmp_path: Path) -> None:
    clip = volume(tmp_path)
    request = asked("é", clip, replace(clip, frame=2), decoding=Decoding(max_tokens=9))
    # "é" is two bytes, the message's marks 16; three slices of the volume and one frame at 100 each.
    assert tokens_at_most(request, per_image=100, planes=3) == (2 + 16 + 400, 9)


def test_a_slice_of_a_volume_is_shown_by_its_number(tmp_path: Path) -> None:
    clip = volume(tmp_path)
    whole = shown(clip, planes=10)
    assert [int(picture[0, 0, 0]) for picture in shown(replace(clip, frame=4))] == [int(whole[4][0, 0, 0])]
    with pytest.raises(DataError, match="slice 10 asked for; the volume has 10"):
        shown(replace(clip, frame=10))
