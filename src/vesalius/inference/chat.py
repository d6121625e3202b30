"""The chat-completions form of a request: the body that is sent, and the reply in what comes back.

Source: OpenAI API reference, "Create chat completion"; vLLM, SGLang, Ollama and llama.cpp serve the same form.
"""

from __future__ import annotations

import base64
import json
import math
from dataclasses import dataclass, replace
from typing import Any, Literal

from vesalius.data.messages import Media, media_of
from vesalius.errors import CapabilityError, DataError
from vesalius.inference.constraint import Constraint
from vesalius.inference.requests import Finish, Reply, Request
from vesalius.models.media import as_png, shown

__all__ = ["TOP", "ChatForm", "WrongContentError", "body_of", "read_reply", "tokens_at_most"]

TOP = 20
"""Likeliest first tokens that are asked for where choices are weighed: the most that OpenAI and vLLM give."""

_FINISH: dict[str, Finish] = {"length": "length", "content_filter": "refused"}


class WrongContentError(ValueError):
    """What came back is no chat completion; the text says in which way, and never what it holds."""


@dataclass(frozen=True, kw_only=True)
class ChatForm:
    """How a request is put for one model."""

    model: str
    planes: int
    """Slices of a volume or frames of a clip that are shown."""
    max_images: int
    """Most pictures of a request, slices and frames counted."""
    structured: Literal["off", "json", "vllm"]
    """How choices are enforced: not at all, by a JSON schema, or by vLLM's list (under its newer and older name)."""
    token_field: Literal["max_tokens", "max_completion_tokens"]
    """Name of the field for `Decoding.max_tokens`."""


def body_of(request: Request, form: ChatForm) -> bytes:
    """Return the JSON that is sent, pictures inside as PNG.

    Raises:
        DataError: a picture cannot be read, or there are too many; says which one and never its path. Or the
            endpoint cannot do what is asked: beams, or a constraint.
    """
    decoding = request.decoding
    if decoding.beams > 1:
        raise DataError(f"{decoding.beams} beams asked for; an endpoint writes one answer at a time")
    body: dict[str, Any] = {
        "model": form.model,
        "messages": _messages(request, form),
        "temperature": decoding.temperature,
        form.token_field: 1 if request.by_likelihood else decoding.max_tokens,
    }
    if not decoding.deterministic:
        body |= {"seed": decoding.seed, "top_p": decoding.top_p}
    if decoding.stop:
        body["stop"] = list(decoding.stop)
    if request.by_likelihood:
        body |= {"logprobs": True, "top_logprobs": TOP}
    elif decoding.log_probabilities:
        body["logprobs"] = True
    if request.choices and not request.by_likelihood:
        body |= _enforced(request.choices, form.structured)
    elif request.constraint is not None:
        body |= _constrained(request.constraint, form.structured)
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def tokens_at_most(request: Request, *, per_image: int, planes: int) -> tuple[int, int]:
    """Bound the tokens of question and answer.

    A text has at most a token a byte, as with byte-level vocabularies; a message adds 16 for its marks. What a
    picture takes is known to the endpoint alone, so `per_image` is assumed.
    """
    texts = sum(len(message.text.encode()) + 16 for message in request.messages)
    pictures = sum(
        1 if media.kind == "image" or media.frame is not None else planes for media in media_of(request.messages)
    )
    return texts + pictures * per_image, 1 if request.by_likelihood else request.decoding.max_tokens


def read_reply(content: bytes, request: Request, form: ChatForm) -> Reply:
    """Return the reply that a body of status 200 holds.

    Raises:
        WrongContentError: it is no chat completion.
        CapabilityError: log-probabilities of tokens were asked for, and it has none.
    """
    try:
        document = json.loads(content)
        choice = document["choices"][0]
        message = choice["message"]
        text = _text(message.get("content"))
        finish: Finish = "refused" if message.get("refusal") else _FINISH.get(choice.get("finish_reason"), "stop")
        usage = document.get("usage") or {}
        counted = Reply(
            id=request.id,
            tokens_in=int(usage.get("prompt_tokens", 0)),
            tokens_out=int(usage.get("completion_tokens", 0)),
        )
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError):
        raise WrongContentError("broken JSON") from None
    except (KeyError, IndexError, TypeError, AttributeError, ValueError):
        raise WrongContentError("no chat completion") from None
    if request.by_likelihood:
        return _weighed(choice, request, counted)
    if finish == "refused":
        return replace(counted, text=text or _text(message.get("refusal")), finish=finish)
    if request.choices and form.structured == "json":
        text = _chosen(text)
    told = _token_log_probabilities(choice) if request.decoding.log_probabilities and text else ()
    return replace(counted, text=text, finish=finish, token_log_probabilities=told)


def _token_log_probabilities(choice: dict[str, Any]) -> tuple[float, ...]:
    """Return that of every token as the endpoint counts them: most leave out the one that ends the answer.

    Raises:
        CapabilityError: there are none.
    """
    try:
        found = tuple(min(float(entry["logprob"]), 0.0) for entry in choice["logprobs"]["content"])
    except (KeyError, TypeError, ValueError):
        found = ()
    if not found or any(math.isnan(value) for value in found):
        raise CapabilityError("gives no log-probabilities of the tokens that it writes (logprobs)")
    return found


def _messages(request: Request, form: ChatForm) -> list[dict[str, Any]]:
    pictures, place = 0, 0
    messages: list[dict[str, Any]] = []
    for message in request.messages:
        if not message.media:
            messages.append({"role": message.role, "content": message.text})
            continue
        content: list[dict[str, Any]] = []
        for part in message.parts:
            if isinstance(part, str):
                content.append({"type": "text", "text": part})
                continue
            place += 1
            urls = _urls(part, place=place, planes=form.planes)
            pictures += len(urls)
            if pictures > form.max_images:
                raise DataError(f"more than {form.max_images} pictures: raise max_images, or lower planes")
            content += [{"type": "image_url", "image_url": {"url": url}} for url in urls]
        messages.append({"role": message.role, "content": content})
    return messages


def _urls(media: Media, *, place: int, planes: int) -> list[str]:
    try:
        pictures = shown(media, planes=planes)
    except (DataError, OSError):
        raise DataError(f"{media.kind} {place} of the request cannot be read") from None
    return [f"data:image/png;base64,{base64.b64encode(as_png(picture)).decode()}" for picture in pictures]


def _enforced(choices: tuple[str, ...], structured: str) -> dict[str, Any]:
    if structured == "vllm":
        return {"structured_outputs": {"choice": list(choices)}, "guided_choice": list(choices)}
    if structured == "json":
        schema = {
            "type": "object",
            "properties": {"answer": {"type": "string", "enum": list(choices)}},
            "required": ["answer"],
            "additionalProperties": False,
        }
        return {"response_format": {"type": "json_schema", "json_schema": {
            "name": "answer", "strict": True, "schema": schema,
        }}}  # fmt: skip
    return {}


def _constrained(constraint: Constraint, structured: str) -> dict[str, Any]:
    """Return the fields that hold the endpoint to a constraint.

    Raises:
        DataError: it has no such fields; nothing is asked without.
    """
    (name, value), *_ = constraint.document().items()
    given = json.loads(constraint.schema) if name == "schema" else value
    if structured == "vllm":
        fields = {"choices": "choice", "pattern": "regex", "schema": "json"}
        return {"structured_outputs": {fields[name]: given}, f"guided_{fields[name]}": given}
    if structured == "json" and name == "schema":
        shape = {"name": "answer", "strict": True, "schema": given}
        return {"response_format": {"type": "json_schema", "json_schema": shape}}
    raise DataError(
        f"this endpoint cannot be held to {'a schema' if name == 'schema' else name}; say how it takes one by "
        "?structured=vllm (or json, for schemas), or ask without one"
    )


def _chosen(text: str) -> str:
    """Return the answer in the JSON that was asked for, else the text as it came, for the parser to judge."""
    try:
        return str(json.loads(text)["answer"])
    except (json.JSONDecodeError, KeyError, TypeError, RecursionError):
        return text


def _text(content: Any) -> str:
    """Return the words of a message whose content is a text, parts with texts, or nothing."""
    if content is None:
        return ""
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content)
    if not isinstance(content, str):
        raise TypeError("content is no text")
    return content


def _weighed(choice: dict[str, Any], request: Request, counted: Reply) -> Reply:
    """Weigh choices by the likeliest first tokens; " A" and "A" are the same answer, and their probabilities add.

    A choice that is not among them has no weight that could be stated, so the reply is an error.
    """
    try:
        likeliest = [
            (str(entry["token"]).strip(), float(entry["logprob"]))
            for entry in choice["logprobs"]["content"][0]["top_logprobs"]
        ]
    except (KeyError, IndexError, TypeError, ValueError):
        raise WrongContentError("no top_logprobs") from None
    found = {
        name: max(values) + math.log(sum(math.exp(value - max(values)) for value in values))
        for name in request.choices
        if (values := [value for token, value in likeliest if token == name and math.isfinite(value)])
    }
    lacking = [name for name in request.choices if name not in found]
    if lacking:
        return replace(
            counted,
            finish="error",
            error=f"{len(lacking)} of {len(request.choices)} choices are not among the {len(likeliest)} likeliest "
            "first tokens, so nothing is known of their probability",
            log_probabilities=found,
        )
    best = max(request.choices, key=lambda name: found[name])
    ones = dict.fromkeys(found, 1)
    return replace(counted, text=best, log_probabilities=found, tokens=ones)
