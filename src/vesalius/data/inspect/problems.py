"""What is wrong with a corpus, or may be, and how to mend it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from vesalius.data.corpus import Corpus
from vesalius.data.inspect.pictures import Sample
from vesalius.data.inspect.shifts import Shift
from vesalius.data.inspect.survey import Survey

__all__ = ["Problem", "problems"]

_EXAMPLES = 5
_FEW = 10
_LEAST_PRESENT = 20


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing to mend or to know."""

    weight: Literal["mend", "know"]
    """"mend" spoils results; "know" may be meant so."""
    title: str
    cure: str
    examples: tuple[str, ...] = ()


def problems(corpus: Corpus, seen: Survey, sample: Sample, shifted: Sequence[Shift]) -> list[Problem]:
    """Return all problems, those to mend first."""
    found = [
        *_of_split(corpus, seen), *_of_records(seen), *_of_files(seen), *_of_texts(seen), *_of_findings(seen),
        *_of_pictures(sample), *_of_sites(seen), *_of_shift(shifted),
    ]  # fmt: skip
    return sorted(found, key=lambda problem: problem.weight != "mend")


def _problem(weight: Literal["mend", "know"], title: str, cure: str, examples: Sequence[str] = ()) -> Problem:
    return Problem(weight=weight, title=title, cure=cure, examples=tuple(examples[:_EXAMPLES]))


def _of_split(corpus: Corpus, seen: Survey) -> Iterator[Problem]:
    if not corpus.has_split:
        yield _problem(
            "mend", "there is no split",
            "Corpus.open(root).make_split(stratify=[…]) draws one by patient and stores it with its seed",
        )  # fmt: skip
        return
    shared = corpus.manifest.splits["default"].shared_patients
    if shared:
        yield _problem(
            "mend", f"{shared} patients are in more than one part of the split",
            "it is the release's own split: report it with every score, or draw one by patient with make_split()",
        )  # fmt: skip
    lacking, asked = seen.missing.get("split", (0, 0))
    if lacking:
        yield _problem("know", f"{lacking} of {asked} studies are in no part of the split", "they are never used")


_MATTERS = {
    "image": "studies without an image are left out of image-text training",
    "text": "studies without a text are left out of image-text training",
    "licence": "state it when ingesting: vesalius ingest … --licence =NAME",
}


def _of_records(seen: Survey) -> Iterator[Problem]:
    for name, cure in _MATTERS.items():
        lacking, asked = seen.missing.get(name, (0, 0))
        if lacking:
            yield _problem("know", f"{lacking} of {asked} studies have no {name}", cure)
    cures = {
        "empty text": "leave the text out, or fill it",
        "tiny picture": "a side below 32 pixels: mostly an icon or a failed crop; filter it out",
        "measurement that is no number": "leave the measurement out where it was not made",
        "box outside its picture": "boxes are (x_min, y_min, x_max, y_max) in pixels of the original file: check the "
        "order of the numbers and whether the picture was scaled afterwards",
    }  # fmt: skip
    for name, items in seen.flaws.items():
        yield _problem("mend", f"{name}: {len(items)}", cures[name], items)
    torn = sorted(patient for patient, sexes in seen.sexes.items() if len(sexes) > 1)
    if torn:
        yield _problem(
            "mend", f"{len(torn)} patients have different sexes in different studies",
            "mostly two people under one number: check how patients are named", torn,
        )  # fmt: skip
    units: dict[str, set[str]] = {}
    for name in seen.names["units"]:
        modality, unit = name.split(": ", 1)
        units.setdefault(modality, set()).add(unit)
    for modality, kinds in units.items():
        if len(kinds) > 1:
            yield _problem(
                "know", f"{modality} images have values of {len(kinds)} kinds: {', '.join(sorted(kinds))}",
                "state a window in the recipe, or keep one kind",
            )  # fmt: skip


def _of_files(seen: Survey) -> Iterator[Problem]:
    several = [places for places in seen.files.values() if len({patient for patient, _ in places}) > 1]
    if several:
        examples = [" = ".join(sorted(patient for patient, _ in places)) for places in several]
        yield _problem(
            "mend", f"{len(several)} files belong to more than one patient",
            "equal pictures under several names: give them one patient, or drop the copies (vesalius curate)",
            examples,
        )  # fmt: skip
    torn = [places for places in seen.files.values() if len({part for _, part in places if part}) > 1]
    if torn:
        examples = [", ".join(sorted(f"{patient} in {part}" for patient, part in places)) for places in torn]
        yield _problem(
            "mend", f"{len(torn)} files are in more than one part of the split",
            "the test has been seen in training: vesalius audit shows the pairs", examples,
        )  # fmt: skip


def _of_texts(seen: Survey) -> Iterator[Problem]:
    limit = max(3, seen.studies // 100)
    often = [(count, key) for key, count in seen.repeats.most_common(1000) if count > limit]
    if often:
        total = sum(count for count, _ in often)
        examples = [f"{count} times, as in {', '.join(seen.texts[key])}" for count, key in often]
        yield _problem(
            "know", f"{total} texts are copies of {len(often)} templates",
            "equal texts are false negatives of each other: duplicates_are_positives=true, or vesalius curate",
            examples,
        )  # fmt: skip


def _of_findings(seen: Survey) -> Iterator[Problem]:
    one_sided = sorted(
        concept for concept, counts in seen.findings.items()
        if counts["present"] >= _FEW and not counts["absent"] and concept != "no_finding"
    )  # fmt: skip
    if one_sided:
        yield _problem(
            "know", f"{len(one_sided)} findings are never said to be absent",
            "not mentioned is not absent: leave them out of scores, or ingest with closed labels", one_sided,
        )  # fmt: skip
    for part, group in seen.groups["split"].items():
        rare = sorted(name for name, stated in group.stated.items() if stated and 0 < group.present[name] < _FEW)
        if rare and part != "none":
            yield _problem(
                "know", f"{len(rare)} findings are present in fewer than {_FEW} studies of {part!r}",
                "their scores will have wide intervals: group them, or leave them out", rare,
            )  # fmt: skip


def _of_pictures(sample: Sample) -> Iterator[Problem]:
    told = f"of {sample.opened} that were opened"
    if sample.unreadable:
        yield _problem(
            "mend", f"{len(sample.unreadable)} images {told} cannot be read", "copy them again, or leave them out",
            sample.unreadable,
        )  # fmt: skip
    if sample.constant:
        yield _problem(
            "mend",
            f"{len(sample.constant)} images {told} have one value everywhere",
            "leave them out",
            sample.constant,
        )
    if sample.broken:
        yield _problem(
            "mend", f"{len(sample.broken)} images {told} hold values that are no numbers",
            "mend them where they were made; training refuses them", sample.broken,
        )  # fmt: skip


def _of_sites(seen: Survey) -> Iterator[Problem]:
    """Findings that nearly all come from one of several sites: the site tells the finding."""
    sites = seen.groups["site"]
    if len(sites) < 2:
        return
    for concept in sorted(seen.findings):
        present = {site: group.present[concept] for site, group in sites.items()}
        total = sum(present.values())
        site = max(present, key=lambda name: present[name])
        share = sites[site].studies / seen.studies
        if total >= _LEAST_PRESENT and present[site] >= 0.95 * total and share < 0.8:
            yield _problem(
                "mend",
                f"{present[site]} of {total} studies with {concept} come from {site!r}, which has {share:.0%} of all",
                "a model can tell the site instead of the finding: test within sites, or balance them",
            )


def _of_shift(shifted: Sequence[Shift]) -> Iterator[Problem]:
    large = [shift for shift in shifted if shift.matters]
    if large:
        yield _problem(
            "know", f"{len(large)} figures differ between parts of the split by more than chance",
            "meant for a test of shift; otherwise draw the split anew with stratify=[…]",
            [f"{shift.name}: standardised difference {shift.difference:.2f}" for shift in large],
        )  # fmt: skip
