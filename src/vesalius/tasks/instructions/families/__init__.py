"""Families of tasks: what a study can be asked, with words from the templates and truths from its record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from vesalius.data.conversations.corpus import Family
from vesalius.errors import ConfigError, did_you_mean
from vesalius.tasks.grammar import grammar
from vesalius.tasks.instructions.families.asked import Asked
from vesalius.tasks.instructions.families.findings import Classification, Presence
from vesalius.tasks.instructions.families.macular import Macular, MacularReports, MacularStaging, MacularTables
from vesalius.tasks.instructions.families.questions import Questions
from vesalius.tasks.instructions.families.reasoned import Reasoned, Stepwise
from vesalius.tasks.instructions.families.regions import Counted, Landmarks, RegionToText, TextToRegion
from vesalius.tasks.instructions.families.reports import GroundedReport, Written
from vesalius.tasks.instructions.templates import BUILT_IN, Wording, phrase, templates

__all__ = [
    "FAMILIES", "Asked", "Classification", "Counted", "GroundedReport", "Landmarks", "MacularReports",
    "MacularStaging", "MacularTables", "Presence", "Questions", "Reasoned", "RegionToText", "Stepwise",
    "TextToRegion", "Written", "families",
]  # fmt: skip

FAMILIES: dict[str, type[Asked]] = {
    "vqa": Questions, "reasoned": Reasoned, "stepwise": Stepwise,
    "caption": Written, "findings": Written, "impression": Written, "report": Written,
    "presence": Presence, "classification": Classification, "text2region": TextToRegion,
    "bounding": TextToRegion, "pointing": TextToRegion, "region2text": RegionToText,
    "grounded_report": GroundedReport, "counting": Counted, "cnt_and_point": Counted, "count_and_box": Counted,
    "landmark": Landmarks, "macular_tables": MacularTables, "macular_reports": MacularReports,
    "macular_staging": MacularStaging, "macular_staging_guided": MacularStaging,
}  # fmt: skip
"""Class of each family by its name; the name is also the task of the templates."""


_PLACED = frozenset({"regions", "points", "counts_points", "counts_regions", "landmarks", "statements"})
"""Output grammars with coordinates."""


def families(
    names: Sequence[str], *, language: str = "en", convention: str = "", wording: Wording = BUILT_IN
) -> list[Family]:
    """Return families by name, with their usual settings, in a language.

    Args:
        names: keys of `FAMILIES`; ``vqa:SOURCE`` takes only dialogues of that source, such as ``vqa:virtual/side``,
            and ``vqa:ONE+OTHER`` those of several.
        language: BCP 47.
        convention: grammar of regions that questions with coordinates explain in a line; none where none is given.
        wording: which words questions are put in.

    Raises:
        ConfigError: no such family or convention, or it is not worded in the language.
    """
    unknown = [name for name in names if name.partition(":")[0] not in FAMILIES]
    if unknown:
        raise ConfigError(f"unknown family of tasks {unknown[0]!r}{did_you_mean(unknown[0], FAMILIES)}")
    line = phrase(grammar(convention).name, language) if convention else ""
    found: list[Family] = []
    for whole in names:
        name, _, source = whole.partition(":")
        kind = FAMILIES[name]
        explained = line if name == "region2text" or _answer(name, language) in _PLACED else ""
        made = kind(name=name, language=language, explained=explained, wording=wording)
        if source and not isinstance(made, Questions):
            raise ConfigError(
                f"family {whole!r}: {name} asks its own questions and has no sources; expected {name!r}"
            )
        sources = tuple(source.split("+")) if source else ()
        found.append(replace(made, sources=sources) if isinstance(made, Questions) else made)
    return found


def _answer(name: str, language: str) -> str:
    """Return the output grammar of a family; none where answers have their own or words no template."""
    return "" if issubclass(FAMILIES[name], Questions | Macular) else templates().get(name, language).answer
