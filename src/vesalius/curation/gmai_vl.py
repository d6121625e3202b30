"""GMAI-VL: annotations of any kind become captions and questions that must agree with them.

Paper: Li et al., AAAI 2026, arXiv 2411.14522. Code: uni-medical/GMAI-VL, training with XTuner; a licence file is
there.
New: from each record its key facts are extracted first (modality, body part, task, label, and of a mask the object
with box, area and place); what is generated must state them and is traceable to the record.
Differs here: the data half alone. The writer is a function that is handed in; the one that comes with us fills
sentences from the facts. What contradicts the facts is dropped. Slices of a volume are chosen by the area of the
mask, not from the middle. Stages, packing and scores need a model and belong to the method.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import numpy as np

from vesalius.curation.base import Decision, Dropped, Files, Outcome, Stage, Step, chance
from vesalius.curation.facts import contains, read_findings, sides_said
from vesalius.curation.masks import components, position, read_mask
from vesalius.curation.terms import MODALITIES, body_part_name, concept_names, humanised, modality_name
from vesalius.curation.wordings import wording
from vesalius.data.records import Box, Dialogue, Region, Study, Text, Turn
from vesalius.errors import ConfigError
from vesalius.paper import Paper

__all__ = [
    "PAPER", "STEP", "Facts", "GmaiVL", "Writer", "check", "converter", "effective_shares", "extract", "facts_of",
    "labels_of", "questions", "write_caption",
]  # fmt: skip

PAPER = Paper(
    slug="gmai-vl",
    title="GMAI-VL & GMAI-VL-5.5M: A Large Vision-Language Model and A Comprehensive Multimodal Dataset",
    year=2026,
    arxiv="2411.14522",
    venue="AAAI",
    code="uni-medical/GMAI-VL: training with XTuner, a licence file is there",
)


_SPECK = 0.01
"""Components below this share of the largest are the ragged edge of a mask and no objects."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a text about one annotation must state."""

    record: str
    """Study, image and place of the annotation, to trace a text back."""
    task: Literal["classification", "segmentation", "detection"]
    modality: str
    """DICOM code."""
    picture: str
    organ: str = ""
    label: str = ""
    """Concept, or the name of a structure."""
    side: str = ""
    """The patient's: left or right."""
    boxes: tuple[Box, ...] = ()
    area_percent: float | None = None
    place: str = ""
    """In the picture, by a grid of three by three."""
    frame: int | None = None
    objects: int = 0

    def as_json(self) -> str:
        """Return the facts that are known, as they are stored with every text."""
        return json.dumps({name: value for name, value in asdict(self).items() if value not in ("", None, (), [])})


Writer = Callable[[Facts], str]
"""Writes a caption for the facts; a language model that sees the image and is told the facts may stand in."""


def extract(study: Study, files: Files) -> Iterator[Facts]:
    """Yield the facts of every present finding and of every region that bears a name.

    A mask gives its objects, their boxes and their share of the slice where it is largest; a box gives its place.
    """
    sides = {finding.concept: finding.laterality for finding in study.findings if finding.status == "present"}
    if study.images:
        image = study.images[0]
        for concept in sorted(sides):
            yield Facts(
                record=f"{study.id}/{image.id}/{concept}", task="classification", modality=image.modality,
                picture=modality_name(image), organ=body_part_name(image), label=concept,
                side=sides[concept] if sides[concept] in ("left", "right") else "",
            )  # fmt: skip
    for number, region in enumerate(study.regions):
        name = region.concept or region.anatomy
        if name and region.kind == "mask":
            yield from _of_mask(study, region, number, sides.get(name, ""), files)
        elif name and region.box is not None and len(study.image(region.image).shape) >= 2:
            yield _of_box(study, region, number, sides.get(name, ""))


def _of_mask(study: Study, region: Region, number: int, side: str, files: Files) -> Iterator[Facts]:
    flat = read_mask(study, region, files)
    parts = components(flat.mask)
    parts = [part for part in parts if part.area >= _SPECK * parts[0].area]
    if parts:
        yield replace(
            _base(study, region, number, side), task="segmentation", boxes=tuple(part.box for part in parts[:5]),
            area_percent=round(100 * float(flat.mask.mean()), 2), frame=flat.frame, objects=len(parts),
            place=position(parts[0].box, flat.mask.shape),
        )  # fmt: skip


def _of_box(study: Study, region: Region, number: int, side: str) -> Facts:
    assert region.box is not None
    shape = study.image(region.image).shape
    return replace(
        _base(study, region, number, side), task="detection", boxes=(region.box,), frame=region.frame,
        objects=1, place=position(region.box, shape),
    )  # fmt: skip


def _base(study: Study, region: Region, number: int, side: str) -> Facts:
    image = study.image(region.image)
    stated = next((word for word in ("left", "right") if word in (side, *region.anatomy.split())), "")
    return Facts(
        record=f"{study.id}/{image.id}/region-{number}", task="detection", modality=image.modality,
        picture=modality_name(image), organ=body_part_name(image),
        label=region.concept or region.anatomy, side=stated,
    )  # fmt: skip


def _spoken(label: str) -> str:
    """Return a label as a radiologist would say it; codes and class names in plain words."""
    return concept_names(label)[0] if "_" in label else humanised(label)


def write_caption(facts: Facts) -> str:
    """Write a caption that states the facts and nothing else."""
    where = f" of the {facts.organ}" if facts.organ else ""
    side = f" on the patient's {facts.side}" if facts.side else ""
    name = _spoken(facts.label)
    if facts.label == "no_finding":
        return f"A {facts.picture}{where} without an abnormal finding."
    if facts.task == "classification":
        return f"A {facts.picture}{where} that shows {name}{side}."
    count = "one area" if facts.objects == 1 else f"{facts.objects} areas"
    share = "" if facts.area_percent is None else f", {facts.area_percent:g} % of the picture"
    grid = facts.place.replace("left", "viewer's-left").replace("right", "viewer's-right")
    return f"A {facts.picture}{where} with {name}{side}: {count}{share}, the largest at {grid} of the picture."


def check(text: str, facts: Facts) -> str:
    """Return why a text is refused: "modality missing", "label missing", "label denied", "side contradicted", or "".

    Sides written with "viewer's-" are the picture's and are not held against the patient's.
    """
    names = MODALITIES.get(facts.modality, (facts.picture,))
    if not any(contains(text, name) for name in names):
        return "modality missing"
    if facts.label == "no_finding":
        return ""
    if not any(contains(text, name) for name in (*concept_names(facts.label), _spoken(facts.label))):
        return "label missing"
    if any(one.status == "absent" for one in read_findings(text, [facts.label])):
        return "label denied"
    said = sides_said(text.replace("viewer's-left", "").replace("viewer's-right", ""))
    if facts.side and said and facts.side not in said:
        return "side contradicted"
    return "side missing" if facts.side and not said else ""


def effective_shares(sets: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """Return the share of each data set in a mixture: sample_ratio × length over the sum; a ratio may exceed 1.

    Args:
        sets: by name, each with `length` and perhaps `sample_ratio` (1 where not given), as the release's list has.
    """
    weights = {name: float(one.get("sample_ratio", 1.0)) * int(one["length"]) for name, one in sets.items()}
    total = sum(weights.values())
    if total <= 0:
        raise ConfigError(f"mixture of {', '.join(sets) or 'nothing'}: sample_ratio × length is 0 in sum")
    return {name: weight / total for name, weight in weights.items()}


@dataclass(frozen=True, kw_only=True)
class GmaiVL(Step):
    """Each fact gives a caption and a question, a label a choice; a study whose facts fit no words is dropped."""

    most: int = 6
    """Facts of a study."""
    spare: tuple[str, ...] = field(default=())
    """Labels and structures that nothing is written of."""
    options: int = 4
    """Labels that a choice offers, the right one among them; fewer than 2 ask for no choice."""

    def prepare(self, stage: Stage) -> Decision:
        """Use the writer that fills sentences."""
        return converter(write_caption, stage, self)


def converter(write: Writer, stage: Stage, settings: GmaiVL) -> Decision:
    """Return what is done with each study for a writer of one's own."""
    labels = labels_of(stage.studies)

    def decide(study: Study) -> Outcome:
        known = [facts for facts in extract(study, stage.files) if facts.label not in settings.spare]
        order = chance(stage.seed, study.id, "gmai-vl").permutation(len(known))[: settings.most]
        texts: list[Text] = []
        dialogues: list[Dialogue] = []
        refused = ""
        for place in sorted(order.tolist()):
            facts = known[place]
            text = write(facts)
            if fault := check(text, facts):
                refused = fault
                continue
            rng = chance(stage.seed, study.id, f"gmai-vl/{facts.record}")
            texts.append(Text(text=text, role="caption", images=(_image_of(study, facts),)))
            dialogues += questions(study, facts, text, rng=rng, labels=labels, options=settings.options)
        if known and not texts:
            return Dropped(refused)
        return replace(study, texts=(*study.texts, *texts), dialogues=(*study.dialogues, *dialogues))

    return decide


def labels_of(studies: Iterable[Study]) -> tuple[str, ...]:
    """Return all labels that findings of the studies have, present or not, which choices are made of."""
    return tuple(sorted({one.concept for study in studies for one in study.findings} - {"no_finding"}))


def questions(
    study: Study, facts: Facts, text: str, *, rng: np.random.Generator, labels: Sequence[str], options: int
) -> list[Dialogue]:
    """Return the dialogue that asks for a text, and a choice among labels where the facts are a finding.

    Args:
        study: that the facts are of.
        facts: stored with each dialogue.
        text: the answer of the first one.
        rng: of the wording and of what else is offered.
        labels: of the corpus; those that the study states as present are not offered as wrong ones.
        options: labels that are offered, the right one among them.
    """
    image, source = _image_of(study, facts), f"gmai-vl {facts.as_json()}"
    asked = wording("describe_briefly", rng, picture=facts.picture)
    if study.image(image).kind != "image" and facts.frame is not None:
        asked = f"Slice or frame {facts.frame + 1}: {asked}"
    turns = (Turn(role="user", text=asked, images=(image,)), Turn(role="assistant", text=text))
    name = f"gmai-vl-{facts.record.rsplit('/', 1)[1]}"
    made = [Dialogue(id=name, turns=turns, answer=text, answer_type="open", source=source)]
    others = [label for label in labels if label != facts.label and study.status(label) != "present"]
    if facts.task == "classification" and facts.label != "no_finding" and others and options > 1:
        drawn = rng.permutation(len(others))[: options - 1]
        offered = [_spoken(label) for label in (facts.label, *(others[place] for place in drawn))]
        asked = f"Which finding does this {facts.picture} show?"
        made.append(
            Dialogue(
                id=f"{name}-choice", turns=(Turn(role="user", text=asked, images=(image,)),), answer=offered[0],
                answer_type="choice", options=tuple(offered[place] for place in rng.permutation(len(offered))),
                source=source,
            )
        )  # fmt: skip
    return made


def _image_of(study: Study, facts: Facts) -> str:
    if facts.task == "classification":
        return facts.record.rsplit("/", 2)[1]
    return study.regions[int(facts.record.rsplit("-", 1)[1])].image


def facts_of(dialogue: Dialogue) -> Mapping[str, Any]:
    """Return the facts that a dialogue was made from."""
    found: dict[str, Any] = json.loads(dialogue.source.removeprefix("gmai-vl "))
    return found


STEP = GmaiVL
