"""The limited impact of medical adaptation: the same pairs on examinations, pictures and clinical notes.

Paper: Jeong et al., 2024, arXiv 2411.08870. Code: taekb/eval-medical-dapt, no licence file.
New: eight tasks on notes (inference, discharge summaries, comorbidities, acronyms) beside the data sets of
medical-adaptation-progress, and a third regime in which both models of a pair are fine-tuned on the task.
Differs here: notes that are too long are cut and counted, not left out by a tokeniser's length; system prompts drawn
for acronyms name the last letter, where the release leaves the place of it open.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from vesalius.benchmarks._adaptation import TEXT_PARTS, VISUAL_PARTS, AdaptationStudy
from vesalius.benchmarks._notes import NOTE_PARTS, folder_of, note_items
from vesalius.benchmarks._notes_twin import write_notes
from vesalius.benchmarks._suite import write_suite
from vesalius.benchmarks.base import Item, Mark, Published
from vesalius.benchmarks.prompts import prompts
from vesalius.inference.requests import Reply
from vesalius.paper import Paper

__all__ = ["BENCHMARK", "PAPER", "LimitedImpactAdaptation"]

PAPER = Paper(
    slug="limited-impact-adaptation",
    title="The Limited Impact of Medical Adaptation of Large Language and Vision-Language Models",
    year=2024,
    arxiv="2411.08870",
    code="taekb/eval-medical-dapt, no licence file",
)
_SOURCE = "arXiv 2411.08870, abstract: medical language models against their bases, 3-shot"


class LimitedImpactAdaptation(AdaptationStudy):
    """Questions of examinations, about pictures, and about notes."""

    name = "limited_impact_adaptation"
    suite = (*TEXT_PARTS, *VISUAL_PARTS)
    parts = (*(part.name for part in suite), *NOTE_PARTS)
    credentialed = tuple(part for part in NOTE_PARTS if part != "casi_sense")
    visual = frozenset(part.name for part in VISUAL_PARTS)
    published = tuple(
        Published(
            model="ten medical language models", metric=metric, part="text and notes", value=value, source=_SOURCE
        )
        for metric, value in (("wins", 0.227), ("ties", 0.368), ("losses", 0.405))
    )

    def parts_at(self, root: Path) -> tuple[str, ...]:
        """Return the parts whose folder lies below the root."""
        return (*super().parts_at(root), *(part for part in NOTE_PARTS if (root / folder_of(part)).is_dir()))

    def items(self, root: Path, *, parts: Sequence[str], split: str) -> Iterator[Item]:
        """Yield the closed questions of each part as choices."""
        yield from super().items(root, parts=parts, split=split)
        for part in NOTE_PARTS:
            if part in parts:
                yield from note_items(part, root, split=split)

    def system(self, item: Item, seed: int | None) -> str:
        """Return the system prompt; tasks on notes have defaults of their own."""
        if item.part not in NOTE_PARTS or seed is not None:
            return super().system(item, seed)
        task = "obesity" if item.part.startswith("obesity_") else "sense" if "sense" in item.part else item.part
        return prompts(self.name)[task].replace("{}", list(item.options)[-1])

    def mark(self, item: Item, said: Sequence[Reply], *, convention: str) -> Mark:
        """Read a letter, and count the questions whose note was cut."""
        mark = super().mark(item, said, convention=convention)
        if item.part not in NOTE_PARTS:
            return mark
        return replace(mark, values={**mark.values, "note_cut": float(item.fields["note"] == "cut")})

    def write_twin(self, root: Path, *, patients: int, seed: int) -> None:
        """Write the layout of every data set and of the notes."""
        self.write_data_sets(root, patients=patients, seed=seed)
        write_suite(root, ("mednli",), patients=patients, seed=seed)
        write_notes(root, patients=patients, seed=seed)


BENCHMARK = LimitedImpactAdaptation()
