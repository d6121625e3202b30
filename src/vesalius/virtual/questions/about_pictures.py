"""Questions about pictures, clips and time: modality, view, which picture, phases, and what changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from vesalius.virtual.questions.items import Item, View, named

__all__ = [
    "changed_size", "instrument_used", "longest_phase", "modality", "new_finding", "phase_at", "resolved_finding",
    "view_of", "which_picture",
]  # fmt: skip

_RARE = 3
_NAMES = {
    "CR": "radiograph", "DX": "radiograph", "CT": "computed tomography", "MR": "magnetic resonance",
    "US": "ultrasound", "PT": "positron emission tomography", "ES": "endoscopy", "SM": "slide microscopy",
    "GM": "general microscopy", "OP": "fundus photograph", "OPT": "optical coherence tomography",
    "XC": "photograph", "DMS": "dermatoscopy",
}  # fmt: skip
"""Plain names of DICOM modality codes."""


def modality(view: View) -> Iterator[Item]:
    """Ask with which modality a picture was made, where the corpus has several."""
    usual = sorted(
        {_NAMES[code] for code, count in view.pool.modalities.items() if count >= _RARE and code in _NAMES}
    )
    if len(usual) < 2:
        return
    for image in view.study.images:
        own = _NAMES.get(image.modality, "")
        if own in usual:
            yield Item(
                family="modality", key="", kind=own, answer=own, answer_type="choice", images=(image.id,),
                distractors=tuple(name for name in usual if name != own),
                rationale=f"DICOM modality {image.modality}",
            )  # fmt: skip


def view_of(view: View) -> Iterator[Item]:
    """Ask for the view or sequence of a picture, where its modality has several."""
    for image in view.study.images:
        own = image.sequence or image.view
        usual = sorted(name for name, count in view.pool.sequences[image.modality].items() if count >= _RARE)
        if own in usual and len(usual) > 1:
            yield Item(
                family="view", key=image.modality, kind=own, answer=own, answer_type="choice", images=(image.id,),
                distractors=tuple(name for name in usual if name != own), rationale=f"it is {own}",
            )  # fmt: skip


def which_picture(view: View) -> Iterator[Item]:
    """Ask which of a study's pictures has a view or sequence; the pictures are shown in a drawn order."""
    images = {image.id: image.sequence or image.view for image in view.study.images}
    names = [name for name in images.values() if name]
    if len(names) < 2 or len(set(names)) < len(names):
        return
    shown = view.shuffled([key for key, name in images.items() if name])
    asked = shown[int(view.rng.integers(len(shown)))]
    number = str(shown.index(asked) + 1)
    yield Item(
        family="which_picture", key=images[asked], kind=number, answer=f"picture {number}", answer_type="choice",
        options=tuple(f"picture {place + 1}" for place in range(len(shown))), images=shown,
        slots=(("view", images[asked]),), rationale=f"picture {number} is {images[asked]}", steps=2,
    )  # fmt: skip


def phase_at(view: View) -> Iterator[Item]:
    """Ask which phase a clip shows at one of its moments, named by its share of the clip's length."""
    for image in view.study.images:
        events = [event for event in view.study.events if event.kind == "phase" and event.image == image.id]
        usual = sorted(name for name, count in view.pool.phases[image.body_part].items() if count >= _RARE)
        if not events or len(usual) < 2:
            continue
        end = max(event.end_s for event in events)
        moment = float(view.rng.uniform(0, end))
        own = next((event.label for event in events if event.start_s <= moment < event.end_s), "")
        if own in usual:
            yield Item(
                family="phase", key=f"{image.body_part}/{int(moment / end * 4)}", kind=own, answer=own,
                answer_type="choice", distractors=tuple(name for name in usual if name != own), images=(image.id,),
                steps=2, slots=(("moment", f"{moment:.1f} s"),), rationale=f"at {moment:.1f} s the phase is {own}",
            )  # fmt: skip


def longest_phase(view: View) -> Iterator[Item]:
    """Ask which phase takes most of a clip."""
    for image in view.study.images:
        times: dict[str, float] = defaultdict(float)
        for event in view.study.events:
            if event.kind == "phase" and event.image == image.id:
                times[event.label] += event.end_s - event.start_s
        ranked = sorted(times, key=lambda name: -times[name])
        if len(ranked) > 1 and times[ranked[0]] > 1.2 * times[ranked[1]]:
            own = ranked[0]
            yield Item(
                family="longest_phase", key=image.body_part, kind=own, answer=own, answer_type="choice",
                options=view.shuffled(ranked[:4]), images=(image.id,), steps=3,
                rationale=", ".join(f"{name} {seconds:.1f} s" for name, seconds in times.items()),
            )  # fmt: skip


def instrument_used(view: View) -> Iterator[Item]:
    """Ask whether an instrument is seen in a clip, of those that such clips mark."""
    for image in view.study.images:
        if image.kind != "video":
            continue
        usual = [name for name, count in view.pool.anatomies[image.modality].items() if count >= _RARE]
        seen = {region.anatomy for region in view.study.regions if region.image == image.id and not region.concept}
        for name in usual:
            yes = name in seen
            yield Item(
                family="in_clip", key=name, kind="yes" if yes else "no", kinds=("yes", "no"),
                answer="yes" if yes else "no", answer_type="closed", slots=(("thing", named(name)),),
                images=(image.id,), evidence=tuple(i for i, r in view.regions(anatomy=name) if r.image == image.id),
                rationale=f"the {named(name)} is {'' if yes else 'not '}marked in the clip",
            )  # fmt: skip


def new_finding(view: View) -> Iterator[Item]:
    """Ask whether a finding has come since the last visit."""
    if view.prior is None:
        return
    for concept in [*view.concepts, *view.absent]:
        yes = view.prior.status(concept) == "absent" and concept in view.concepts
        yield _since(view, "new_finding", concept, yes, "came" if yes else "did not come")


def resolved_finding(view: View) -> Iterator[Item]:
    """Ask whether a finding that was there at the last visit is gone."""
    if view.prior is None:
        return
    for concept in [*view.concepts, *view.absent]:
        if view.prior.status(concept) == "present":
            yes = concept not in view.concepts
            yield _since(view, "resolved_finding", concept, yes, "is gone" if yes else "is still there")


def changed_size(view: View) -> Iterator[Item]:
    """Ask whether a measured thing became larger or smaller by 20 %, or stayed within 10 %, since the last visit."""
    if view.prior is None:
        return
    before = {(part.name, part.anatomy, part.laterality): part.value for part in view.prior.measurements}
    for part in view.study.measurements:
        old = before.get((part.name, part.anatomy, part.laterality))
        concept = next((name for name in view.concepts if part.name.startswith(f"{name}_")), "")
        if not old or not concept or old <= 0:
            continue
        ratio = part.value / old
        answer = "larger" if ratio >= 1.2 else "smaller" if ratio <= 1 / 1.2 else "unchanged"
        if answer == "unchanged" and not 0.9 < ratio < 1.1:
            continue
        yield Item(
            family="changed_size", key=part.name, kind=answer, answer=answer, answer_type="choice", steps=4,
            options=view.shuffled(("larger", "smaller", "unchanged")), slots=(("finding", named(concept)),),
            evidence=view.evidence(concept), rationale=f"{old:.1f} before, {part.value:.1f} {part.unit} now",
        )  # fmt: skip


def _since(view: View, family: str, concept: str, yes: bool, told: str) -> Item:
    return Item(
        family=family, key=concept, kind="yes" if yes else "no", kinds=("yes", "no"), answer="yes" if yes else "no",
        answer_type="closed", slots=(("finding", named(concept)),), evidence=view.evidence(concept), steps=3,
        rationale=f"since the last visit the {named(concept)} {told}",
    )  # fmt: skip
