"""The record of a study under pseudonyms, with all its texts scrubbed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace

from vesalius import __version__
from vesalius.data.deidentify.dataset import scrubber_of
from vesalius.data.deidentify.options import Options
from vesalius.data.deidentify.secret import Secret
from vesalius.data.deidentify.text import Known
from vesalius.data.records import Dialogue, Prior, Provenance, Study, Turn

__all__ = ["cleaner", "key_of", "record", "study_id"]

Clean = Callable[[str], str]
_OLDEST = 90.0
"""Years; told of everybody above 89 (45 CFR 164.514)."""


def study_id(old: str, secret: Secret) -> str:
    """Return the pseudonym of a study."""
    return secret.pseudonym("study", old, prefix="S")


def key_of(study: Study) -> str:
    """Return the key of its patient, the same that DICOM files of that number have."""
    return f"id {study.patient.strip().casefold()}"


def record(study: Study, paths: Mapping[str, str], *, clean: Clean, options: Options, secret: Secret) -> Study:
    """Return the record of a study under its pseudonyms, every text of it scrubbed.

    Args:
        study: as it came.
        paths: of the copies of its images and masks, by the old paths.
        clean: what scrubs a text.
        options: of the run.
        secret: decides pseudonyms.
    """
    name = {image.id: f"image-{number}" for number, image in enumerate(study.images)} | {"": ""}

    def named(images: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name[image] for image in images)

    site = study.site
    return replace(
        study,
        id=study_id(study.id, secret),
        patient=secret.pseudonym("patient", key_of(study), prefix="P"),
        site=site if not site or options.institution else secret.pseudonym("site", site, prefix="H"),
        age_years=None if study.age_years is None else min(study.age_years, _OLDEST),
        images=tuple(replace(image, id=name[image.id], path=paths[image.path], sha256="") for image in study.images),
        texts=tuple(replace(text, text=clean(text.text), images=named(text.images)) for text in study.texts),
        findings=tuple(replace(finding, source=clean(finding.source)) for finding in study.findings),
        regions=tuple(
            replace(region, image=name[region.image], mask=paths.get(region.mask, "")) for region in study.regions
        ),
        measurements=tuple(
            replace(item, image=name.get(item.image, ""), source=clean(item.source)) for item in study.measurements
        ),
        events=tuple(
            replace(event, image=name[event.image], label=clean(event.label), source=clean(event.source))
            for event in study.events
        ),
        dialogues=tuple(_dialogue(dialogue, clean, named, secret) for dialogue in study.dialogues),
        priors=tuple(
            Prior(study=study_id(prior.study, secret), days_before=prior.days_before) for prior in study.priors
        ),
        provenance=_provenance(study, clean),
    )


def _provenance(study: Study, clean: Clean) -> Provenance:
    """Return where a study comes from, scrubbed, and that this made it."""
    old = study.provenance
    made_by = f"vesalius {__version__} deidentify"
    return Provenance(source=clean(old.source), licence=old.licence, made_by=made_by, virtual=old.virtual)


def cleaner(study: Study, known: Known, counts: Counter[str], *, options: Options, secret: Secret) -> Clean:
    """Return what scrubs the texts of one study and counts what it takes."""
    days = secret.shift_days(key_of(study), whole_weeks=options.keep_weekdays)
    scrubber = scrubber_of(options, secret, days)

    def clean(text: str) -> str:
        scrubbed = scrubber.scrub(text, known)
        counts.update({f"text {kind}": count for kind, count in scrubbed.counts.items()})
        return scrubbed.text

    return clean


def _dialogue(
    dialogue: Dialogue, clean: Clean, named: Callable[[tuple[str, ...]], tuple[str, ...]], secret: Secret
) -> Dialogue:
    turns = tuple(Turn(role=turn.role, text=clean(turn.text), images=named(turn.images)) for turn in dialogue.turns)
    return replace(
        dialogue, id=secret.pseudonym("dialogue", dialogue.id, prefix="Q"), turns=turns,
        answer=clean(dialogue.answer), options=tuple(map(clean, dialogue.options)),
        rationale=clean(dialogue.rationale),
        source=clean(dialogue.source),
    )  # fmt: skip
