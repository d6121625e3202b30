"""A written report: sentences in order, each with the facts that it states."""

from __future__ import annotations

from dataclasses import dataclass

from vesalius.virtual.text.grammar import Fact

__all__ = ["Report", "Sentence"]


@dataclass(frozen=True)
class Sentence:
    """A sentence, the organ system that it is about and the facts that it states."""

    text: str
    system: str
    facts: tuple[Fact, ...]
    urgency: int = 0
    region: str = ""
    wrong: str = ""
    """What was done to it, see `disturbed`; empty where the text states the facts."""
    cause: str = ""
    """The finding that a sentence without facts is there for: advice; "no_finding" where it sums the study up."""


@dataclass(frozen=True)
class Report:
    """Findings and impression, sentence by sentence, in their written order."""

    findings: tuple[Sentence, ...]
    impression: tuple[Sentence, ...]
    headings: tuple[str, str] = ("Findings", "Impression")
    """Names of the two sections, as the institution writes them."""

    @property
    def findings_text(self) -> str:
        """The section as it stands in the report."""
        return " ".join(sentence.text for sentence in self.findings if sentence.text)

    @property
    def impression_text(self) -> str:
        """The section as it stands in the report."""
        return " ".join(sentence.text for sentence in self.impression if sentence.text)

    @property
    def text(self) -> str:
        """Both sections with their headings, each where it is not empty."""
        sections = zip(self.headings, (self.findings_text, self.impression_text), strict=True)
        return "\n".join(f"{heading}: {text}" for heading, text in sections if text)

    @property
    def facts(self) -> tuple[Fact, ...]:
        """All stated facts, findings first."""
        return tuple(fact for sentence in (*self.findings, *self.impression) for fact in sentence.facts)
