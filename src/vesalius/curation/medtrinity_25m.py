"""MedTrinity-25M: triplets of image, region of interest and description, made without paired text.

Paper: Xie et al., ICLR 2025, arXiv 2408.02900. Code: UCSC-VLAA/MedTrinity-25M, training and evaluation, a small
part of the pipeline; licence unknown.
New: metadata give a coarse caption, a mask or box becomes words, retrieved knowledge is added, and a captioner
writes a description of five fixed parts from the three.
Differs here: the captioner is a function that is handed in; the one that comes with us fills a frame from the facts
and needs no model. Retrieval is BM25 over passages of the user's (a file) or of ours, and passages that name a
finding that the study does not have are left out. Expert models that find regions are not run: regions are those of
the corpus. What a captioner writes is checked and dropped where it misses the finding, names the wrong side or
lacks a part. Training of LLaVA-Med++ is not here. Sides: "image left" is the viewer's left. The patient's left is
the other in a radiograph and in a slice seen from the feet, and is said only where the record states it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import NamedTuple

from vesalius.config import read_yaml
from vesalius.curation.base import Decision, Dropped, Files, Outcome, Stage, Step
from vesalius.curation.bm25 import Knowledge, Passages
from vesalius.curation.facts import contains, read_findings
from vesalius.curation.masks import components, position, read_mask
from vesalius.curation.terms import body_part_name, concept_names, humanised, modality_name
from vesalius.data.records import Box, Dialogue, Finding, Region, Study, Text, Turn
from vesalius.errors import DataError
from vesalius.paper import Paper
from vesalius.virtual.preset import finding_names

__all__ = [
    "PAPER", "PARTS", "STEP", "Captioner", "Material", "MedTrinity25M", "Roi", "coarse_caption", "describer",
    "frame_captioner", "material_of",
    "parse", "prompt", "rois_of_mask", "verify",
]  # fmt: skip

PAPER = Paper(
    slug="medtrinity-25m",
    title="MedTrinity-25M: A Large-scale Multimodal Dataset with Multigranular Annotations for Medicine",
    year=2025,
    arxiv="2408.02900",
    venue="ICLR",
    code="UCSC-VLAA/MedTrinity-25M: training and evaluation, a small part of the pipeline; licence unknown",
)

PARTS = ("Modality", "Structures", "Region of interest", "Lesion texture", "Local-global relation")
"""Headings of the five parts of a description, in order."""
_SIDES = ("left", "right")
_UNSEEN = ("visibility",)
"""Attributes that speak of the picture's making, not of the lesion."""


class Roi(NamedTuple):
    """One region of a picture in words."""

    concept: str
    box: Box | None
    """None for the whole picture."""
    area_percent: float
    """Of the picture; of the box where only a box is known."""
    position: str
    """On a grid of three by three, such as "right-centre", the viewer's right."""
    laterality: str = ""
    """The patient's side where the record states it."""
    frame: int | None = None
    """Slice of a volume or frame of a clip, counted from 0."""


class Material(NamedTuple):
    """All that a captioner gets beside the picture."""

    caption: str
    rois: tuple[Roi, ...]
    passages: tuple[str, ...]
    findings: tuple[Finding, ...]
    picture: str
    body_part: str


Captioner = Callable[[Material], str]
"""Writes a description of the five parts; see `prompt` for what a language model is asked."""


def rois_of_mask(study: Study, region: Region, files: Files, *, laterality: str = "") -> list[Roi]:
    """Return one region for each component of a mask, the largest first; of an empty mask the whole picture."""
    flat = read_mask(study, region, files)
    concept = region.concept
    parts = components(flat.mask)
    if not parts:
        return [Roi(concept, None, 100.0, "whole image")]
    return [
        Roi(
            concept,
            part.box,
            100 * part.area / flat.mask.size,
            position(part.box, flat.mask.shape),
            laterality,
            flat.frame,
        )
        for part in parts
    ]


def coarse_caption(study: Study) -> str:
    """Return the sentence that metadata alone give, such as "A chest radiograph with melanoma in the ROI"."""
    picture = _picture(study)
    names = [concept_names(finding.concept)[0] for finding in _present(study)]
    with_what = f" with {', '.join(dict.fromkeys(names))} in the ROI" if names else " without a named finding"
    return f"{'An' if picture[0].lower() in 'aeiou' else 'A'} {picture} image{with_what}."


def prompt(material: Material) -> str:
    """Return what a language model is asked: all three sources, and the five parts that it must write."""
    rois = "\n".join(f"- {_words(roi)}" for roi in material.rois) or "- none: speak of the whole image"
    passages = "\n".join(f"- {text}" for text in material.passages) or "- none"
    parts = "\n".join(f"{part}: …" for part in PARTS)
    return (
        f"Caption: {material.caption}\n\nRegions (left and right are the viewer's):\n{rois}\n\n"
        f"Knowledge:\n{passages}\n\nDescribe the image in these five parts, one line each. Use the knowledge for "
        f"wording only; state no disease that the caption does not have.\n{parts}"
    )


def frame_captioner(material: Material) -> str:
    """Write the five parts from the facts alone: what is not known is said to be unknown, never made up."""
    names = [concept_names(finding.concept)[0] for finding in material.findings]
    structure = material.body_part or "part that the record does not state"
    places = "; ".join(_words(roi) for roi in material.rois) or "the whole image, no region is marked"
    looks = [f"{concept_names(one.concept)[0]}: {_look(one)}" for one in material.findings if _look(one)]
    texture = "; ".join(looks) or (", ".join(names) if names else "no abnormal texture is stated")
    relation = _relation(material.rois)
    lines = (
        f"The image is a {material.picture}.",
        f"It shows the {structure}.",
        f"{places}.",
        f"{texture}.",
        relation,
    )
    return "\n".join(f"{part}: {line}" for part, line in zip(PARTS, lines, strict=True))


def parse(text: str) -> dict[str, str]:
    """Return the five parts of a description by heading.

    Raises:
        DataError: parts are missing or empty.
    """
    pattern = re.compile(rf"^[\s*#\d.]*({'|'.join(map(re.escape, PARTS))})[\s*]*:\s*", re.MULTILINE | re.IGNORECASE)
    marks = list(pattern.finditer(text))
    ends = [*(mark.start() for mark in marks[1:]), len(text)]
    names = {part.lower(): part for part in PARTS}
    found = {
        names[mark[1].lower()]: " ".join(text[mark.end() : end].split())
        for mark, end in zip(marks, ends, strict=False)
    }
    missing = [part for part in PARTS if not found.get(part)]
    if missing:
        raise DataError(f"description lacks {', '.join(map(repr, missing))}; expected lines {' / '.join(PARTS)}")
    return {part: found[part] for part in PARTS}


def verify(text: str, material: Material) -> str:
    """Return why a description is refused, or nothing.

    It is refused where it lacks a part, does not name a finding of the study, denies it, says the other side than the
    record or the region has, or names a finding that the study does not have.
    """
    try:
        parts = parse(text)
    except DataError:
        return "a part is missing"
    for finding in material.findings:
        if not any(contains(text, name) for name in concept_names(finding.concept)):
            return "finding not named"
    said = read_findings(text, [finding.concept for finding in material.findings])
    if any(one.status == "absent" for one in said):
        return "finding denied"
    own = {finding.concept for finding in material.findings}
    others = read_findings(text, sorted(set(finding_names()) - own))
    # Short names, such as "mass", belong to several findings: only one's own full name counts against a text.
    if any(one.status == "present" and contains(text, concept_names(one.concept)[0]) for one in others):
        return "foreign finding"
    return "side contradicted" if _side_contradicted(parts["Region of interest"], material.rois) else ""


def _side_contradicted(text: str, rois: Sequence[Roi]) -> bool:
    """Say whether sides are named for the picture or for the patient, and none of the regions is there."""
    for pattern, sides in (
        (r"\b(left|right)-(?:upper|centre|center|lower)\b|\b(?:image|viewer's) (left|right)\b",
         {roi.position.split("-")[0] for roi in rois}),
        (r"\bpatient's (left|right)\b", {roi.laterality for roi in rois}),
    ):  # fmt: skip
        named = {
            next(filter(None, match)) if isinstance(match, tuple) else match for match in re.findall(pattern, text)
        }
        known = {side for side in sides if side in _SIDES}
        if "bilateral" not in sides and known and named - known:
            return True
    return False


@dataclass(frozen=True, kw_only=True)
class MedTrinity25M(Step):
    """Every study with images gets a description of five parts (role "caption") and a question for it."""

    knowledge: str = ""
    """YAML with a list `passages`; ours where none is given."""
    top: int = 8
    """Passages that are added (the paper's eight, from memory)."""
    most_regions: int = 6

    def prepare(self, stage: Stage) -> Decision:
        """Read the passages; the captioner is the one that fills a frame."""
        return describer(frame_captioner, _passages(self.knowledge), stage.files, self)


def describer(captioner: Captioner, knowledge: Knowledge, files: Files, settings: MedTrinity25M) -> Decision:
    """Return what is done with each study for a captioner and a knowledge base of one's own."""

    def decide(study: Study) -> Outcome:
        if not study.images:
            return Dropped("no image")
        material = material_of(study, knowledge, files, settings)
        text = captioner(material)
        if fault := verify(text, material):
            return Dropped(fault)
        first = study.images[0].id
        question = "Describe the image in five parts: " + ", ".join(part.lower() for part in PARTS) + "."
        turns = (Turn(role="user", text=question, images=(first,)), Turn(role="assistant", text=text))
        dialogue = Dialogue(id="medtrinity", turns=turns, answer=text, answer_type="open", source="medtrinity-25m")
        caption = Text(text=text, role="caption", images=(first,))
        return replace(study, texts=(*study.texts, caption), dialogues=(*study.dialogues, dialogue))

    return decide


def material_of(study: Study, knowledge: Knowledge, files: Files, settings: MedTrinity25M) -> Material:
    """Gather the three sources of a study."""
    caption = coarse_caption(study)
    hits = knowledge.search(caption, top=4 * settings.top)
    own = {finding.concept for finding in _present(study)}
    foreign = sorted(set(finding_names()) - own)
    passages = [
        hit.text for hit in hits if not any(one.status == "present" for one in read_findings(hit.text, foreign))
    ]
    image = study.images[0]
    rois = sorted(_rois(study, files), key=lambda roi: -roi.area_percent)[: settings.most_regions]
    return Material(
        caption, tuple(rois), tuple(passages[: settings.top]), _present(study), _picture(study), body_part_name(image)
    )


def _rois(study: Study, files: Files) -> list[Roi]:
    """Regions of the first image that bear a finding, from masks where there are any, else from boxes."""
    sides = {finding.concept: finding.laterality for finding in _present(study)}
    mine = [part for part in study.regions if part.image == study.images[0].id and part.concept in sides]
    masks = [part for part in mine if part.kind == "mask"]
    if masks:
        found = [rois_of_mask(study, part, files, laterality=sides[part.concept]) for part in masks]
        return [roi for rois in found for roi in rois if roi.box is not None]
    if len(study.images[0].shape) < 2:
        return []
    rows, columns = study.images[0].shape[-2:]
    boxes = [part for part in mine if part.kind == "box" and part.box is not None]
    return [
        Roi(part.concept, part.box, 100 * _area(part.box) / (rows * columns), position(part.box, (rows, columns)),
            sides[part.concept], part.frame)
        for part in boxes if part.box is not None
    ]  # fmt: skip


def _area(box: Box) -> float:
    return (box.x_max - box.x_min) * (box.y_max - box.y_min)


def _present(study: Study) -> tuple[Finding, ...]:
    found = {finding.concept: finding for finding in reversed(study.findings) if finding.status == "present"}
    return tuple(found[concept] for concept in sorted(found) if concept != "no_finding")


def _picture(study: Study) -> str:
    image = study.images[0]
    name = modality_name(image)
    part = body_part_name(image)
    return f"{part} {name}" if part and part not in name else name


def _words(roi: Roi) -> str:
    name = concept_names(roi.concept)[0] if roi.concept else "region"
    side = f", the patient's {roi.laterality}" if roi.laterality in _SIDES else ""
    box = "" if roi.box is None else f", box [{', '.join(f'{value:g}' for value in roi.box)}]"
    where = "" if roi.frame is None else f" of slice or frame {roi.frame + 1}"
    return f"{name} at {roi.position}{where}{side}, {roi.area_percent:.1f} % of the image{box}"


def _look(finding: Finding) -> str:
    """Severity and attributes; an attribute that is said to be present or absent by its name."""
    found = [finding.severity] if finding.severity else []
    for name, value in finding.attributes:
        plain = {"present": humanised(name), "absent": f"no {humanised(name)}"}
        found += [] if name in _UNSEEN else [plain.get(value, value)]
    return ", ".join(found)


def _relation(rois: Sequence[Roi]) -> str:
    if not rois:
        return "No region is marked against which the rest could be set."
    share = sum(roi.area_percent for roi in rois)
    rest = "most of the image is outside it" if share < 50 else "it takes up most of the image"
    if len(rois) == 1:
        return f"One region is marked; {rest}."
    places = ", ".join(dict.fromkeys(roi.position for roi in rois))
    return f"{len(rois)} regions are marked, at {places}; together they cover {share:.1f} % of the image."


@cache
def _passages(path: str) -> Passages:
    values = read_yaml(Path(path) if path else Path(__file__).with_suffix(".yaml"))
    texts = values.get("passages")
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise DataError(f"{path or 'passages'}: expected a list `passages` of texts")
    return Passages(texts)


STEP = MedTrinity25M
