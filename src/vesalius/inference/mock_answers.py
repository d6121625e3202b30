"""What the mock endpoint says: rules that give the same answer to the same words, whatever was asked before."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from vesalius.errors import ConfigError, did_you_mean

__all__ = ["Answer", "answer_rule", "completion", "share_of", "words_of"]

Answer = Callable[[Sequence[str]], str]
"""From the texts of all messages, in their order, to the answer."""

_OPTION = re.compile(r"^\s*\(?([A-Z])[.):]\s", re.MULTILINE)
_RULES = ("echo", "letter", "yes-no", "constant", "table")


def answer_rule(rule: str, *, seed: int) -> Answer:
    """Return a rule by its name.

    ``echo`` gives the last message back; ``letter`` picks by its digest among the letters of the options that stand
    in it ("A. …" at the head of a line), else A to D; ``yes-no`` picks likewise; ``constant:TEXT``; ``table:FILE``
    reads a JSON object from the text of a message to its answer, "" where a text is not in it.

    Raises:
        ConfigError: no such rule, or the table cannot be read.
    """
    name, _, words = rule.partition(":")
    if name == "echo":
        return lambda texts: texts[-1]
    if name == "letter":
        return lambda texts: _picked(_OPTION.findall(texts[-1]) or list("ABCD"), texts, seed=seed)
    if name == "yes-no":
        return lambda texts: _picked(["yes", "no"], texts, seed=seed)
    if name == "constant":
        return lambda texts: words
    if name == "table":
        return _table(Path(words))
    raise ConfigError(f"unknown rule of answers {name!r}{did_you_mean(name, _RULES)}")


def share_of(seed: int, purpose: str, number: int, content: bytes) -> float:
    """Return a number from 0 to below 1 that depends on all arguments and on nothing else."""
    digest = hashlib.blake2b(f"{seed}/{purpose}/{number}/".encode() + content, digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def words_of(asked: dict[str, Any]) -> list[str]:
    """Return the text of each message of a request, pictures left out."""
    texts = []
    for message in asked["messages"]:
        content = message["content"]
        if isinstance(content, list):
            content = "".join(part["text"] for part in content if part["type"] == "text")
        texts.append(str(content))
    if not texts:
        raise ValueError("a request without a message")
    return texts


def completion(asked: dict[str, Any], answer: str, *, seed: int) -> bytes:
    """Return the body of a chat completion; words are counted as tokens."""
    choice: dict[str, Any] = {
        "index": 0,
        "finish_reason": "stop",
        "message": {"role": "assistant", "content": answer},
    }
    asked_words = sum(len(text.split()) for text in words_of(asked))
    tokens = max(1, len(answer.split()))
    most = int(asked.get("max_tokens") or asked.get("max_completion_tokens") or 2**31)
    if tokens > most:
        choice["message"]["content"] = " ".join(answer.split()[:most])
        choice["finish_reason"], tokens = "length", most
    if "response_format" in asked:
        choice["message"]["content"] = json.dumps({"answer": answer})
    if asked.get("top_logprobs"):
        choice["logprobs"] = {"content": [{"token": answer, "top_logprobs": _likeliest(asked, answer, seed=seed)}]}
    elif asked.get("logprobs"):
        choice["logprobs"] = {"content": _weighed_words(asked, choice["message"]["content"], seed=seed)}
    document = {
        "object": "chat.completion",
        "model": asked.get("model", ""),
        "choices": [choice],
        "usage": {"prompt_tokens": asked_words, "completion_tokens": tokens, "total_tokens": asked_words + tokens},
    }
    return json.dumps(document, ensure_ascii=False).encode()


def _weighed_words(asked: dict[str, Any], answer: str, *, seed: int) -> list[dict[str, Any]]:
    """Give each word a probability from 1/2 to 1 that its place and the digest of the request set."""
    content = "\n".join(words_of(asked)).encode()
    shares = [1 - share_of(seed, "word", place, content) / 2 for place in range(len(answer.split()))]
    return [{"token": word, "logprob": math.log(share)} for word, share in zip(answer.split(), shares, strict=True)]


def _likeliest(asked: dict[str, Any], answer: str, *, seed: int) -> list[dict[str, Any]]:
    """Give the answer half of all probability, and the letters A to Z shares of the rest that their digests set."""
    content = "\n".join(words_of(asked)).encode()
    others = [letter for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if letter != answer]
    shares = {letter: 0.01 + share_of(seed, letter, 0, content) for letter in others}
    total = 2.0 * sum(shares.values())
    shares = {answer: 0.5, **{letter: share / total for letter, share in shares.items()}}
    first = sorted(shares, key=lambda token: -shares[token])[: int(asked.get("top_logprobs") or 0)]
    return [{"token": token, "logprob": math.log(shares[token])} for token in first]


def _picked(options: Sequence[str], texts: Sequence[str], *, seed: int) -> str:
    return options[int(share_of(seed, "answer", 0, "\n".join(texts).encode()) * len(options))]


def _table(path: Path) -> Answer:
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"table of answers {path.name}: {type(error).__name__}; expected a JSON object") from None
    if not isinstance(table, dict):
        raise ConfigError(f"table of answers {path.name} holds no JSON object from text to answer")
    return lambda texts: str(table.get(texts[-1], ""))
