"""What is asked of a model that writes, and what it gives back."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal

from vesalius.data.messages import Media, Message
from vesalius.errors import DataError
from vesalius.inference.constraint import Constraint

__all__ = ["Decoding", "Reply", "Request"]

Finish = Literal["stop", "length", "refused", "error"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Decoding:
    """How the answer is drawn; greedy where nothing is set."""

    max_tokens: int = 512
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    stop: tuple[str, ...] = ()
    """Texts at which an answer ends; none of them is part of it."""
    beams: int = 1
    """Answers that are kept side by side; the likeliest by its mean log-probability is given. 1 for none but it."""
    log_probabilities: bool = False
    """Whether the reply holds the log-probability of every token that was written."""

    @property
    def deterministic(self) -> bool:
        """Say whether asking twice must give the same answer."""
        return self.temperature == 0.0

    def __post_init__(self) -> None:
        if self.max_tokens < 1 or self.temperature < 0 or not 0 < self.top_p <= 1:
            raise DataError(
                f"decoding: max_tokens {self.max_tokens} must be at least 1, temperature {self.temperature} "
                f"at least 0 and top_p {self.top_p} in (0, 1]"
            )
        if self.beams < 1 or (self.beams > 1 and self.temperature > 0):
            raise DataError(
                f"decoding: beams {self.beams} must be at least 1, and more than 1 only at temperature 0, found "
                f"{self.temperature}"
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """One conversation that waits for its next message."""

    id: str
    """Unique in an evaluation; the reply carries it."""
    messages: tuple[Message, ...]
    decoding: Decoding = field(default_factory=Decoding)
    choices: tuple[str, ...] = ()
    """The only answers that may be given, such as letters; empty where the answer is free."""
    by_likelihood: bool = False
    """The choices are not written but weighed: the reply holds the log-probability of each."""
    constraint: Constraint | None = None
    """What the answer must look like, token by token; anything where none is given."""
    question: str = ""
    """The question alone, without options and instructions: for models that compare or classify."""
    option_texts: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    """What each letter stands for, for such models; others read it in the messages."""

    def __post_init__(self) -> None:
        if not self.messages or self.messages[-1].role == "assistant":
            raise DataError(f"request {self.id!r} must end with a message of the user")
        if self.by_likelihood and not self.choices:
            raise DataError(f"request {self.id!r} weighs choices and names none")
        if self.choices and self.constraint is not None:
            raise DataError(f"request {self.id!r} names choices and a constraint; give one of them")

    @property
    def key(self) -> str:
        """SHA-256 of all that the answer depends on, except the model; equal for equal content, whatever the id."""
        document: dict[str, Any] = {
            "messages": [[one.role, [_plain(part) for part in one.parts]] for one in self.messages],
            "decoding": _decoding(self.decoding),
            "choices": self.choices,
            "by_likelihood": self.by_likelihood,
            "question": self.question,
            "option_texts": list(self.option_texts.items()),
        }
        if self.constraint is not None:
            document["constraint"] = self.constraint.document()
        return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def _decoding(decoding: Decoding) -> dict[str, Any]:
    """Return what is set; what came later is left out at its default, so that stored replies keep their keys."""
    document = asdict(decoding)
    for name, default in (("beams", 1), ("log_probabilities", False)):
        if document[name] == default:
            del document[name]
    return document


def _plain(part: str | Media) -> str | list[object]:
    return part if isinstance(part, str) else [part.kind, part.path, part.frame, part.edits]


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """What came back, or why nothing did."""

    id: str
    """Of the request."""
    text: str = ""
    finish: Finish = "stop"
    error: str = ""
    """What went wrong where `finish` is "error"; never a piece of a record."""
    log_probabilities: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    """Natural logarithm of each choice's probability, summed over its tokens."""
    tokens: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """Tokens of each choice."""
    token_log_probabilities: tuple[float, ...] = ()
    """Natural logarithm of the model's own probability of each written token, the one that ends the answer included:
    at temperature 1, before any constraint. Where `Decoding.log_probabilities` asks for it and the model can tell."""
    tokens_in: int = 0
    tokens_out: int = 0
    seconds: float = 0.0
    cached: bool = False

    @property
    def log_probability(self) -> float:
        """Log-probability of the whole answer; NaN where it is not known."""
        return math.fsum(self.token_log_probabilities) if self.token_log_probabilities else math.nan

    @property
    def mean_log_probability(self) -> float:
        """The same of a token on average, so that long answers are not unlikelier for their length."""
        return self.log_probability / max(len(self.token_log_probabilities), 1)

    def document(self) -> dict[str, Any]:
        """Return plain values for JSON; what is empty is left out, except id and text."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__}
        plain["log_probabilities"], plain["tokens"] = dict(self.log_probabilities), dict(self.tokens)
        kept = {name: value for name, value in plain.items() if value or name in ("id", "text")}
        return kept

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Reply:
        """Read what `document` wrote; names that this version does not know are left out."""
        found = cls(**{name: value for name, value in document.items() if name in cls.__dataclass_fields__})
        return replace(found, token_log_probabilities=tuple(found.token_log_probabilities))
