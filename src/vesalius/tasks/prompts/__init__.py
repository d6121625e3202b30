"""Prompt sets: what a dual encoder is told of a concept, as data in the JSON files of this folder.

A set has sentences that state a concept and sentences that deny it. Named concepts have sentences of their
own; every other label falls back to the set's templates with the concept's name in words. Scoring is ``pair``
(cosine to the positive minus cosine to the negative) or ``single`` (cosine to the positive alone): these rank
images differently, so the name of the set belongs to the score.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import product
from random import Random
from typing import Any, Literal

from vesalius.errors import ConfigError, did_you_mean

__all__ = ["PromptSet", "concept_name", "load_prompts", "prompt_sets"]

VOCABULARY = "concepts"


@dataclass(frozen=True, kw_only=True)
class PromptSet:
    """Sentences for every concept, with how they are scored."""

    name: str
    about: str
    """Where the style comes from; the wording is ours."""
    scoring: Literal["pair", "single"]
    positive_templates: tuple[str, ...]
    """``{}`` stands for the concept's name in words."""
    negative_templates: tuple[str, ...]
    spread_templates: tuple[tuple[str, str], ...]
    """Pairs of meaning-preserving templates for the spread, where the set itself has fewer than five."""
    concepts: Mapping[str, Mapping[str, Any]]
    """Concept to its own sentences ("positive", "negative") or parts ("severity", "subtype", "location")."""

    def positive(self, concept: str) -> tuple[str, ...]:
        """Return the sentences that state the concept, in a fixed order."""
        own = self.concepts.get(concept, {})
        if "subtype" in own:
            return _combinations(own, concept, limit=int(own.get("prompts", 5)))
        return tuple(own.get("positive", ())) or _filled(self.positive_templates, concept)

    def negative(self, concept: str) -> tuple[str, ...]:
        """Return the sentences that deny the concept; none for ``single`` scoring."""
        if self.scoring == "single":
            return ()
        own = self.concepts.get(concept, {})
        return tuple(own.get("negative", ())) or _filled(self.negative_templates, concept)

    def spread(self, concept: str) -> tuple[tuple[str, str], ...]:
        """Return single templates of one meaning, (positive, negative), at least five; negative may be empty.

        A score's spread over them shows how much it hangs on the wording.
        """
        if self.spread_templates and concept not in self.concepts:
            return tuple(
                (_filled((yes,), concept)[0], _filled((no,), concept)[0]) for yes, no in self.spread_templates
            )
        own = self.concepts.get(concept, {})
        if "spread" in own:
            return tuple((yes, no) for yes, no in own["spread"])
        stated, denied = self.positive(concept), self.negative(concept) or ("",)
        return tuple((yes, denied[place % len(denied)]) for place, yes in enumerate(stated))


def prompt_sets() -> tuple[str, ...]:
    """Return the names of all prompt sets."""
    stems = (entry.name.removesuffix(".json") for entry in files(__name__).iterdir())
    return tuple(sorted(stem for stem in stems if _is_set(stem)))


@cache
def load_prompts(name: str) -> PromptSet:
    """Read a prompt set by name.

    Raises:
        ConfigError: no such set; offers the nearest names.
    """
    if name not in prompt_sets():
        raise ConfigError(f"unknown prompt set {name!r}{did_you_mean(name, prompt_sets())}")
    values = _read(name)
    return PromptSet(
        name=name,
        about=values["about"],
        scoring=values["scoring"],
        positive_templates=tuple(values["positive"]),
        negative_templates=tuple(values.get("negative", ())),
        spread_templates=tuple((yes, no) for yes, no in values.get("spread", ())),
        concepts=values["concepts"],
    )


def concept_name(concept: str) -> str:
    """Return the concept in words: a known spelling, or the name with blanks for underscores."""
    return str(_read(VOCABULARY).get(concept, concept.replace("_", " ")))


@cache
def _read(stem: str) -> dict[str, Any]:
    text = files(__name__).joinpath(f"{stem}.json").read_text(encoding="utf-8")
    values: dict[str, Any] = json.loads(text)
    return values


def _is_set(stem: str) -> bool:
    return stem.replace("_", "").isalnum() and not stem.startswith("_") and stem != VOCABULARY


def _filled(templates: Sequence[str], concept: str) -> tuple[str, ...]:
    name = concept_name(concept)
    filled = (template.replace("{}", name) for template in templates)
    return tuple(text[:1].upper() + text[1:] if text.endswith(".") else text for text in filled)


def _combinations(parts: Mapping[str, Any], concept: str, *, limit: int) -> tuple[str, ...]:
    """Severity x subtype x location, drawn without replacement in an order that the concept's name fixes."""
    columns = [parts.get(key) or [""] for key in ("severity", "subtype", "location")]
    every = [" ".join(part for part in combination if part) for combination in product(*columns)]
    Random(concept).shuffle(every)
    return tuple(every[:limit])
