"""A picture is first described and then judged: the model's own description stands before the question for a choice.

Source: Holland et al. 2024 (RetinaVLM, arXiv 2407.08410), closed evaluation in two steps, answers read by
`vesalius.tasks.answers.option_ngrams`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from vesalius.benchmarks.base import Benchmark, Headline, Item, Mark, Status
from vesalius.data.corpus import Corpus
from vesalius.data.messages import Media, Message
from vesalius.data.records import Study
from vesalius.errors import ConfigError
from vesalius.inference.requests import Decoding, Reply, Request
from vesalius.tasks.answers.option_ngrams import INVALID, first_option

__all__ = ["Choice", "DescribedChoice"]

_DESCRIPTION, _CHOICE = 1200, 300
"""Most tokens of the two steps (authors' code)."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One thing that is judged about every study of a corpus."""

    describe: str
    """What the first step asks for."""
    question: str
    """What the second step asks for; the options are named behind it."""
    options: tuple[str, ...]
    """In the order in which the first one that is found counts."""
    preamble: str
    """Words with which the answer is to go on, such as "The most likely stage is"."""
    truth: Callable[[Study], str]
    """Right option of a study; nothing where it is not known."""


class DescribedChoice(Benchmark):
    """Choices about the first image of the studies of one corpus; each has a part of its name."""

    name = "described_choice"
    parts: tuple[str, ...] = ()
    headlines = (Headline(metric="accuracy"),)

    def __init__(self, corpus: Corpus, *, choices: Mapping[str, Choice], described: bool = True) -> None:
        """Choose what is asked.

        Args:
            corpus: with the split that is asked about.
            choices: by part.
            described: both steps; else the choice alone, for comparison.
        """
        self.parts = tuple(choices)
        self.conventions = MappingProxyType(
            {"plain": "the first option in the order of the list that stands in words"}
        )
        self._corpus, self._choices, self._described = corpus, dict(choices), described

    def items(self, root: Path, *, parts: Sequence[str], split: str) -> Iterator[Item]:
        """Yield an item for each study whose truth is known, part by part."""
        view = self._corpus.split(split)
        for part in parts:
            choice = self._choices[part]
            for study in view:
                truth = choice.truth(study)
                if truth:
                    image = study.main_image
                    media = (Media(path=str(self._corpus.path(image.path)), kind="image", frame=image.frame),)
                    yield Item(
                        id=f"{part}/{study.id}", part=part, kind="open", question=choice.question, truth=truth,
                        cluster=study.patient or study.id, media=media,
                    )  # fmt: skip

    def write_twin(self, root: Path, *, patients: int, seed: int) -> None:
        """A corpus has no twin: it is written by `vesalius virtual make`."""
        raise ConfigError("a corpus has no twin; make one of virtual patients by: vesalius virtual make --out FOLDER")

    def ask(self, item: Item, said: Sequence[Reply], *, arm: str, shots: Sequence[Item]) -> Request | None:
        """Ask for the description, then for the choice behind it."""
        choice = self._choices[item.part]
        steps = len(said) if self._described else len(said) + 1
        if steps > 1:
            return None
        first = Message(role="user", parts=(*item.media, f"\n{choice.describe}"))
        if steps == 0:
            return Request(id=f"{item.id}/0", messages=(first,), decoding=Decoding(max_tokens=_DESCRIPTION))
        asked = f"{choice.question} Choose one of: {', '.join(choice.options)}. {choice.preamble}"
        if not self._described:
            alone = Message(role="user", parts=(*item.media, f"\n{asked}"))
            return Request(id=item.id, messages=(alone,), decoding=Decoding(max_tokens=_CHOICE))
        told = Message(role="assistant", parts=(said[0].text or " ",))
        messages = (first, told, Message(role="user", parts=(asked,)))
        return Request(id=item.id, messages=messages, decoding=Decoding(max_tokens=_CHOICE))

    def right(self, item: Item, said: Sequence[Reply]) -> str:
        """Return what a knowing model says in each step."""
        return str(item.truth)

    def mark(self, item: Item, said: Sequence[Reply], *, convention: str) -> Mark:
        """Read the option out of the last answer."""
        option = first_option(said[-1].text, self._choices[item.part].options)
        status: Status = "unparsed" if option == INVALID else "answered"
        return Mark(values={"accuracy": float(option == item.truth)}, status=status, said=option)
