"""Constraints enforced token by token: which tokens may follow what was written, by llguidance.

The tokens of a vocabulary are matched by their bytes, so that any way to spell an allowed answer is allowed; the
token that ends an answer may follow only where the answer is whole. Tags of region grammars that are tokens of
their own count as what they spell.

Letters: R rows, V words of the vocabulary.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from copy import copy
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vesalius.errors import DataError
from vesalius.inference.constraint import Constraint
from vesalius.optional import require
from vesalius.tasks.grammar import GRAMMARS
from vesalius.tasks.grammar.tags import Tagged

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["TAGS", "Enforcer", "Masks"]

TAGS = frozenset(
    tag
    for one in GRAMMARS.values()
    if isinstance(one, Tagged)
    for pair in (one.tags.name, one.tags.box, one.tags.point)
    for tag in pair
)
"""What may be a token of its own in a vocabulary and is yet part of an answer."""

_AS_DUMPS = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
_KEPT = 64
"""Constraints that stay compiled."""

State = tuple[int, tuple[int, ...]]
"""A request by its place, and the tokens that were written for it."""


class Enforcer:
    """Compiles constraints for the tokenizer of one model."""

    def __init__(self, tokenizer: Any, *, width: int, ends: Collection[int]) -> None:
        """Hold what is needed; the vocabulary is read when the first constraint comes.

        Args:
            tokenizer: a fast one of transformers, of bytes or of SentencePiece.
            width: V, of the model's logits.
            ends: tokens that end an answer.
        """
        self._tokenizer, self._width, self._ends = tokenizer, width, sorted(ends)
        self._compiled: dict[Constraint, Any] = {}

    def masks(self, constraints: Sequence[Constraint | None]) -> Masks:
        """Return the masks of requests that are answered together.

        Raises:
            MissingDependency: llguidance is not installed.
            DataError: a constraint cannot be understood, or the tokenizer's tokens have no bytes of their own.
        """
        matchers = [None if one is None else self._matcher(one) for one in constraints]
        return Masks(matchers, width=self._width, tags=self._tags)

    def _matcher(self, constraint: Constraint) -> Any:
        if constraint not in self._compiled:
            matcher = self._library.LLMatcher(self._vocabulary, self._grammar(constraint), log_level=0)
            if matcher.is_error():
                told = " ".join(matcher.get_error().split())
                raise DataError(f"the constraint cannot be enforced: {told[:200]}")
            if len(self._compiled) >= _KEPT:
                self._compiled.pop(next(iter(self._compiled)))
            self._compiled[constraint] = matcher
        return self._compiled[constraint]

    def _grammar(self, constraint: Constraint) -> str:
        compiler = self._library.LLMatcher
        if constraint.schema:
            return str(compiler.grammar_from_json_schema(constraint.schema, overrides=_AS_DUMPS))
        if constraint.pattern:
            return str(compiler.grammar_from_regex(_plain_digits(constraint.pattern)))
        return str(compiler.grammar_from_lark("start: " + " | ".join(json.dumps(one) for one in constraint.choices)))

    @cached_property
    def _tags(self) -> dict[int, list[int]]:
        """Tokens that are tags of regions, and the tokens that spell them."""
        known, spell = self._tokenizer.get_added_vocab(), self._vocabulary.greedy_tokenize
        return {known[tag]: spell(tag[0]) + spell(tag[1:]) for tag in TAGS & set(known)}

    @cached_property
    def _library(self) -> Any:
        return require("llguidance", purpose="an answer under a constraint")

    @cached_property
    def _vocabulary(self) -> Any:
        backend = getattr(self._tokenizer, "backend_tokenizer", None)
        if backend is None:
            raise DataError("an answer under a constraint needs a fast tokenizer; this model's is a slow one")
        try:
            return self._library.LLTokenizer(_as_json(backend), n_vocab=self._width, eos_token=self._ends)
        except ValueError as error:
            raise DataError(
                "an answer under a constraint needs a tokenizer of bytes or of SentencePiece, whose tokens spell the "
                f"text: {error}"
            ) from None


class Masks:
    """What may follow for requests that are answered together; rows may be put in any order between steps."""

    def __init__(self, matchers: Sequence[Any], *, width: int, tags: Mapping[int, Sequence[int]]) -> None:
        """Hold a matcher for each request; None where anything may be written.

        Args:
            matchers: of the grammars, at their beginning.
            width: V.
            tags: tokens that stand for several, and these.
        """
        self._roots, self._width, self._tags = list(matchers), width, tags
        self._states: dict[State, Any] = {}

    def apply(self, places: Sequence[int], written: Sequence[Sequence[int]], logits: Tensor) -> Tensor:
        """Return logits (R, V), -inf where a token may not follow; the others as they were.

        Args:
            places: of each row's request, (R,).
            written: tokens of each row so far.
            logits: of the next token, (R, V).
        """
        import torch

        states = [(place, tuple(said)) for place, said in zip(places, written, strict=True)]
        before = Counter((place, said[:-1]) for place, said in set(states) if said)
        allowed = np.ones((len(states), logits.shape[1]), dtype=bool)
        reached: dict[State, Any] = {}
        for row, state in enumerate(states):
            if self._roots[state[0]] is None:
                continue
            if state not in reached:
                reached[state] = self._at(state, shared=before[state[0], state[1][:-1]] > 1)
            allowed[row, : self._width] = self._bits(reached[state])
        self._states = reached
        return logits.masked_fill(~torch.from_numpy(allowed).to(logits.device), -torch.inf)

    def _at(self, state: State, *, shared: bool) -> Any:
        """Return the matcher after what was written, from that of the last step where it is there."""
        place, said = state
        matcher = self._states.get((place, said[:-1])) if said else None
        if matcher is None:
            matcher = self._roots[place].deep_copy()
            for token in said:
                self._take(matcher, token)
            return matcher
        matcher = matcher.deep_copy() if shared else matcher
        self._take(matcher, said[-1])
        return matcher

    def _take(self, matcher: Any, token: int) -> None:
        """Let a matcher go on by a token, or by what it stands for where the grammar does not know it as one."""
        stands_for = self._tags.get(token)
        if stands_for is None or matcher.validate_tokens([token]) == 1:
            matcher.consume_token(token)
        else:
            matcher.consume_tokens(list(stands_for))

    def _bits(self, matcher: Any) -> NDArray[np.bool_]:
        """Return which tokens may follow, (V,); none where the matcher has left its grammar."""
        if matcher.is_error():
            return np.zeros(self._width, dtype=bool)
        packed = np.frombuffer(matcher.compute_bitmask(), dtype=np.uint8)
        bits = np.unpackbits(packed, bitorder="little")[: self._width].astype(bool)
        for token, spelt in self._tags.items():
            # Where a tag must follow, the library allows its token alone, and not what spells it.
            bits[token] |= bool(bits[spelt[0]]) and matcher.validate_tokens(list(spelt)) == len(spelt)
        return bits


def _plain_digits(pattern: str) -> str:
    r"""Return a regular expression whose ``\d`` is 0 to 9 alone: the library's is a digit of any script."""
    made, escaped, inside = "", False, False
    for sign in pattern:
        if escaped:
            digit = "0-9" if inside else "[0-9]"
            made += digit if sign == "d" else f"\\{sign}"
            escaped = False
        elif sign == "\\":
            escaped = True
        else:
            inside = sign != "]" if inside else sign == "["
            made += sign
    return made


def _as_json(backend: Any) -> str:
    """Return a tokenizer as JSON, without what it does to the length of texts."""
    plain = copy(backend)
    plain.no_padding()
    plain.no_truncation()
    return str(plain.to_str())
