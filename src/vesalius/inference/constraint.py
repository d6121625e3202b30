"""What an answer must look like: one of some texts, a regular expression, JSON of a schema, regions of a grammar."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vesalius.errors import DataError

if TYPE_CHECKING:
    from vesalius.tasks.grammar import Grammar

__all__ = ["Constraint"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Constraint:
    """The only answers that may be written; exactly one of the three is given.

    An answer that ends before `Decoding.max_tokens` fulfils it; one that is cut there (finish "length") does not.
    """

    choices: tuple[str, ...] = ()
    """One of these texts."""
    pattern: str = ""
    r"""A regular expression of the whole answer, without look-around and back-references; ``\d`` is 0 to 9."""
    schema: str = ""
    """A JSON schema, as JSON text; the answer is JSON on one line, as `json.dumps` writes it."""

    def __post_init__(self) -> None:
        given = [name for name in ("choices", "pattern", "schema") if getattr(self, name)]
        if len(given) != 1:
            raise DataError(
                f"a constraint is choices, a pattern or a schema, one of them; found {' and '.join(given) or 'none'}"
            )
        if self.schema:
            try:
                fits = isinstance(json.loads(self.schema), dict)
            except (json.JSONDecodeError, RecursionError):
                fits = False
            if not fits:
                raise DataError("the schema of a constraint is no JSON object")

    @classmethod
    def of_schema(cls, schema: Mapping[str, Any]) -> Constraint:
        """Return the constraint to JSON of a schema."""
        return cls(schema=json.dumps(schema, sort_keys=True))

    @classmethod
    def of_regions(cls, grammar: Grammar, *, task: str = "") -> Constraint:
        """Return the constraint to what a grammar of regions writes for a family of tasks."""
        return cls(pattern=grammar.pattern(task=task))

    def document(self) -> dict[str, str | Sequence[str]]:
        """Return what is given, as plain values for JSON."""
        return {name: value for name in ("choices", "pattern", "schema") if (value := getattr(self, name))}
