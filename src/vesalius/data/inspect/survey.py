"""What one pass over the records of a corpus sees: counts, spreads, what is missing, and groups to compare.

Memory grows with the number of distinct names, patients and texts, not with what is in the records.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import isfinite

import numpy as np

from vesalius.data.records import Image, Measurement, Study

__all__ = ["Group", "Spread", "Survey"]

_KEPT = 10_000
"""Values kept of each number for its quantiles, drawn evenly from all."""
_LEAST_WORDS = 12
"""Texts shorter than this repeat for good reasons."""


@dataclass
class Spread:
    """Count, extremes and quantiles of numbers that are not kept."""

    count: int = 0
    broken: int = 0
    """Values that are not finite."""
    low: float = np.inf
    high: float = -np.inf
    total: float = 0.0
    squares: float = 0.0
    kept: list[float] = field(default_factory=list)
    _rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0), repr=False)

    def add(self, value: float) -> None:
        """Count a value; every value has the same chance to be kept."""
        if not isfinite(value):
            self.broken += 1
            return
        self.count += 1
        self.low, self.high = min(self.low, value), max(self.high, value)
        self.total += value
        self.squares += value * value
        if len(self.kept) < _KEPT:
            self.kept.append(value)
        elif (place := int(self._rng.integers(self.count))) < _KEPT:
            self.kept[place] = value

    @property
    def mean(self) -> float:
        """Mean; not a number where there is no value."""
        return self.total / self.count if self.count else np.nan

    @property
    def variance(self) -> float:
        """Variance of what was counted."""
        return max(self.squares / self.count - self.mean**2, 0.0) if self.count else np.nan

    def quantiles(self, *shares: float) -> tuple[float, ...]:
        """Return quantiles, exact up to 10 000 values."""
        return tuple(np.quantile(self.kept, shares).tolist()) if self.kept else (np.nan,) * len(shares)


@dataclass
class Group:
    """Studies of one part of the split, or of one site."""

    studies: int = 0
    present: Counter[str] = field(default_factory=Counter)
    stated: Counter[str] = field(default_factory=Counter)
    """Studies that say of a finding whether it is there."""
    sex: Counter[str] = field(default_factory=Counter)
    modality: Counter[str] = field(default_factory=Counter)
    age: Spread = field(default_factory=Spread)
    words: Spread = field(default_factory=Spread)


@dataclass
class Survey:
    """What one pass over a corpus has seen."""

    studies: int = 0
    names: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """Counts of values by field: modality, view, sex, site, role and language of texts, …"""
    numbers: dict[str, Spread] = field(default_factory=lambda: defaultdict(Spread))
    missing: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Of a field: how many lack it, of how many."""
    findings: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """Status counts by concept."""
    measurements: dict[tuple[str, str], Spread] = field(default_factory=lambda: defaultdict(Spread))
    """By name and unit."""
    groups: dict[str, dict[str, Group]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(Group)))
    """By "split" or "site", then by value."""
    patients: Counter[str] = field(default_factory=Counter)
    sexes: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """By patient."""
    texts: dict[bytes, list[str]] = field(default_factory=dict)
    """Studies, three at most, by hash of a text of twelve words or more; see `repeats`."""
    repeats: Counter[bytes] = field(default_factory=Counter)
    files: dict[bytes, set[tuple[str, str]]] = field(default_factory=lambda: defaultdict(set))
    """Patients and splits by hash of a file."""
    flaws: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """Names of items by what is wrong with their record."""

    def add(self, study: Study, part: str) -> None:
        """Count a study of a part of the split, "" for none."""
        _count_study(self, study)
        for group in (self.groups["split"][part or "none"], self.groups["site"][study.site or "not stated"]):
            _count_group(group, study)
        for name, absent in _absences(study, part):
            lacking, asked = self.missing.get(name, (0, 0))
            self.missing[name] = (lacking + absent, asked + 1)
        _count_repeats(self, study, part)


def _count_study(seen: Survey, study: Study) -> None:
    seen.studies += 1
    seen.patients[study.patient] += 1
    if study.sex:
        seen.sexes[study.patient].add(study.sex)
    seen.names["sex"][study.sex or "not stated"] += 1
    seen.numbers["images a study"].add(len(study.images))
    if study.age_years is not None:
        seen.numbers["age, years"].add(study.age_years)
    for image in study.images:
        _count_image(seen, study, image)
    for text in study.texts:
        seen.names["text"][f"{text.role}, {text.language}"] += 1
        seen.numbers[f"words, {text.role}"].add(len(text.text.split()))
        if not text.text.strip():
            seen.flaws["empty text"].append(f"{study.id}, {text.role}")
    for concept in {finding.concept for finding in study.findings}:
        seen.findings[concept][study.status(concept) or ""] += 1
    for value in study.measurements:
        _count_measurement(seen, study, value)
    for dialogue in study.dialogues:
        seen.names["question"][f"{dialogue.answer_type or 'not stated'}, {dialogue.language}"] += 1
    _count_regions(seen, study)


def _count_image(seen: Survey, study: Study, image: Image) -> None:
    seen.names["modality"][image.modality] += 1
    seen.names["kind"][image.kind] += 1
    seen.names["view"][image.view or "not stated"] += 1
    seen.names["body part"][image.body_part or "not stated"] += 1
    seen.names["units"][f"{image.modality}: {image.units or 'not stated'}"] += 1
    seen.names["shape"]["×".join(map(str, image.shape)) or "not stated"] += 1
    for axis, step in zip("zyx"[-len(image.spacing_mm) :], image.spacing_mm, strict=False):
        if isfinite(step):
            seen.numbers[f"spacing {axis}, mm"].add(step)
    if image.shape and min(image.shape[-2:]) < 32:
        seen.flaws["tiny picture"].append(f"{study.id}/{image.id}")


def _count_measurement(seen: Survey, study: Study, value: Measurement) -> None:
    spread = seen.measurements[value.name, value.unit]
    broken = spread.broken
    spread.add(value.value)
    if spread.broken > broken:
        seen.flaws["measurement that is no number"].append(f"{study.id}, {value.name}")


def _count_regions(seen: Survey, study: Study) -> None:
    shapes = {image.id: image.shape for image in study.images}
    for region in study.regions:
        seen.names["region"][region.kind] += 1
        shape = shapes[region.image]
        if region.box is not None and len(shape) >= 2:
            rows, columns = shape[-2:]
            left, top, right, bottom = region.box
            if left < 0 or top < 0 or right > columns or bottom > rows:
                seen.flaws["box outside its picture"].append(f"{study.id}/{region.image}, {region.concept}")


def _count_group(group: Group, study: Study) -> None:
    group.studies += 1
    for concept in {finding.concept for finding in study.findings}:
        status = study.status(concept)
        group.stated[concept] += status in ("present", "absent")
        group.present[concept] += status == "present"
    group.sex[study.sex] += bool(study.sex)
    group.modality.update(image.modality for image in study.images)
    if study.age_years is not None:
        group.age.add(study.age_years)
    if study.texts:
        group.words.add(sum(len(text.text.split()) for text in study.texts))


def _absences(study: Study, part: str) -> Iterator[tuple[str, bool]]:
    yield "image", not study.images
    yield "text", not any(text.text.strip() for text in study.texts)
    yield "finding", not study.findings
    yield "region", not study.regions
    yield "age", study.age_years is None
    yield "sex", not study.sex
    yield "site", not study.site
    yield "split", not part
    yield "licence", not study.provenance.licence
    for image in study.images:
        yield "spacing of an image", not image.spacing_mm
        yield "view of an image", not image.view
        yield "body part of an image", not image.body_part


def _count_repeats(seen: Survey, study: Study, part: str) -> None:
    for text in study.texts:
        words = text.text.casefold().split()
        if len(words) >= _LEAST_WORDS:
            key = hashlib.blake2b(" ".join(words).encode(), digest_size=8).digest()
            seen.repeats[key] += 1
            examples = seen.texts.setdefault(key, [])
            if len(examples) < 3:
                examples.append(study.id)
    for image in study.images:
        if image.sha256 and image.frame is None:
            seen.files[bytes.fromhex(image.sha256[:16])].add((study.patient, part))
