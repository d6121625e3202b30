"""The parts of a report with real pictures: sample cases, retrieval, similarity maps, worst errors.

Studies are named by the ids of the corpus and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from vesalius.data.corpus import Corpus
from vesalius.data.readers import Pixels
from vesalius.data.records import Study
from vesalius.data.sentences import sentences
from vesalius.evaluation.report.pictures import thumbnail
from vesalius.evaluation.results import Evaluation
from vesalius.evaluation.systems import System
from vesalius.inference.encode import read_image, report_text
from vesalius.inference.overlay import heat_map, picture, sees_padded
from vesalius.page import Section, card
from vesalius.tasks.prompts import concept_name, load_prompts

__all__ = ["Gallery", "heat_maps", "retrieval_examples", "sample_cases", "worst_errors"]

_LONGEST_TEXT = 320
_LONGEST_HIT = 220
_ERRORS = 6
_QUERIES = 4
_MAPS = 6


@dataclass
class Gallery:
    """What the picture parts share: the corpus, the answers of the model, and a seeded choice of studies."""

    evaluation: Evaluation
    corpus: Corpus
    system: System
    studies: dict[str, Study] = field(default_factory=dict)

    def study(self, name: str) -> Study:
        """Return a study, read once."""
        if name not in self.studies:
            self.studies[name] = self.corpus.study(name)
        return self.studies[name]

    def pixels(self, study: Study) -> Pixels:
        """Read the image that stands for a study."""
        return read_image(self.corpus, study.main_image, study=study.id)

    def thumbnail(self, name: str, *, side: int = 224) -> str:
        """Return the picture of a study as an img element."""
        shown = picture(self.pixels(self.study(name)))
        return thumbnail(shown, side=side, alt=f"image of study {name}")

    def whole_text(self, name: str) -> str:
        """Return the text of a study."""
        return report_text(self.study(name), self.system.encoder.roles)

    def text(self, name: str, *, longest: int = _LONGEST_TEXT) -> str:
        """Return the text of a study, shortened."""
        text = self.whole_text(name)
        return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"

    def answers(self, task: str) -> pa.Table:
        """Return the stored answers of the model to a task: of zero-shot those of the ensemble."""
        table = self.evaluation.predictions()
        table = table.filter(pc.equal(table["task"], task))
        if task == "zero_shot" and len(table):
            table = table.filter(pc.match_substring(table["detail"], '"template": "ensemble"'))
        return table


def sample_cases(gallery: Gallery, *, count: int = 6, seed: int = 0) -> Section:
    """Studies drawn at random, with their text and what the model says of the findings."""
    test = gallery.system.encoded["test"]
    chosen = np.random.default_rng(seed).permutation(len(test))[:count]
    marks = _marks(gallery.answers("zero_shot"))
    cards = [_case(gallery, test.ids[place], marks.get(test.ids[place], [])) for place in chosen]
    return Section(
        anchor="cases",
        title="Sample cases",
        lead="Drawn at random, not chosen. Bars: share of the other images that the model ranks lower.",
        body=f'<div class="grid wide">{"".join(cards)}</div>',
    )


def retrieval_examples(gallery: Gallery, *, seed: int = 0) -> Section:
    """Images drawn at random with the five texts that the model finds nearest."""
    table = gallery.answers("retrieval")
    if len(table):
        keep = pc.and_(
            pc.equal(table["label"], "image_to_text"), pc.match_substring(table["detail"], "duplicate-aware")
        )
        table = table.filter(keep)
    if not len(table):
        return Section(anchor="retrieval", title="Retrieval", body="")
    rows = table.select(["item", "rank", "detail"]).to_pylist()
    chosen = np.random.default_rng(seed + 1).permutation(len(rows))[:_QUERIES]
    cards = "".join(_query(gallery, rows[place]) for place in chosen)
    return Section(
        anchor="retrieval",
        title="Retrieval",
        lead="Images drawn at random, each with its own text and below it the five studies whose texts lie "
        "nearest. The right text is marked; where several studies have it, each of them is right.",
        body=f'<div class="grid wide">{cards}</div>',
    )


def worst_errors(gallery: Gallery) -> Section:
    """Findings that the model ranks most wrongly, at most two of one finding and one of one study."""
    table = gallery.answers("zero_shot")
    found = sorted(_misranked(table), reverse=True)
    taken: list[tuple[float, str, str, bool]] = []
    for error in found:
        _, item, label, _ = error
        if item in {one[1] for one in taken} or [one[2] for one in taken].count(label) >= 2:
            continue
        taken.append(error)
        if len(taken) == _ERRORS:
            break
    cards = "".join(_error(gallery, *error) for error in taken)
    return Section(
        anchor="errors",
        title="Worst errors",
        lead="Where the ranking is furthest from what the corpus states; the label may be what is wrong.",
        body=f'<div class="grid wide">{cards}</div>' if cards else "",
    )


def heat_maps(gallery: Gallery) -> Section:
    """Similarity of each patch with a sentence, over the radiograph, for findings that are there."""
    predictor = gallery.system.encoder.predictor
    if "similarity_map" not in predictor.capabilities:
        return Section(anchor="maps", title="Where the words apply", body="")
    cards = []
    for name, concept in _to_map(gallery)[:_MAPS]:
        study = gallery.study(name)
        sentence = _sentence(gallery, study, concept)
        pixels = gallery.pixels(study)
        similarity = predictor.similarity_map(pixels, sentence)
        cards.append(_map_card(gallery, study, concept, sentence, pixels, similarity))
    return Section(
        anchor="maps",
        title="Where the words apply",
        lead="Patches that are more like the sentence than the middle one of that image: the brighter, the more. "
        "A white frame is what the corpus marks; the model never saw it. A map proves no reason.",
        body=f'<div class="grid wide">{"".join(cards)}</div>' if cards else "",
    )


def _marks(table: pa.Table) -> dict[str, list[tuple[str, float, float]]]:
    """By study: finding, target, and the share of other images that rank lower."""
    marks: dict[str, list[tuple[str, float, float]]] = {}
    for label, rows in _by_label(table):
        shares = _shares(rows["score"])
        for item, target, share in zip(rows["item"], rows["target"], shares, strict=True):
            marks.setdefault(item, []).append((label, float(target), float(share)))
    return marks


def _by_label(table: pa.Table) -> list[tuple[str, Mapping[str, NDArray[Any]]]]:
    columns = {name: table[name].to_numpy(zero_copy_only=False) for name in ("item", "label", "target", "score")}
    labels = list(dict.fromkeys(columns["label"].tolist()))
    return [
        (label, {name: values[columns["label"] == label] for name, values in columns.items()}) for label in labels
    ]


def _shares(score: NDArray[Any]) -> NDArray[np.float64]:
    """Share of the other scores that are lower, level ones counting half, (n,)."""
    ordered = np.sort(score)
    lower, upper = np.searchsorted(ordered, score, "left"), np.searchsorted(ordered, score, "right")
    shares: NDArray[np.float64] = (lower + (upper - lower - 1) / 2) / max(len(score) - 1, 1)
    return shares


def _case(gallery: Gallery, name: str, marks: Sequence[tuple[str, float, float]]) -> str:
    ordered = sorted(marks, key=lambda mark: (mark[1] != 1, -mark[2]))[:8]
    rows = "".join(
        f'<div class="mark"><span>{escape(concept_name(label))}</span>'
        f'<span class="meter"><i class="{_kind(target)}" style="width:{100 * share:.0f}%"></i></span>'
        f'<span class="truth {_kind(target)}">{_truth(target)}</span></div>'
        for label, target, share in ordered
    )
    text = gallery.text(name)
    words = f'<div class="text">{escape(text)}</div>' if text else '<div class="text dim">no text</div>'
    body = f'<div class="study">{escape(name)}</div>{words}'
    top = f'<div class="case">{gallery.thumbnail(name)}<div>{body}</div></div>'
    return card(f'{top}<div class="marks">{rows}</div>')


def _kind(target: float) -> str:
    return "yes" if target == 1 else ""


def _truth(target: float) -> str:
    if target != target:
        return "?"
    return "yes" if target == 1 else "no"


def _query(gallery: Gallery, row: Mapping[str, Any]) -> str:
    facts = json.loads(row["detail"])
    own = _normal(gallery.whole_text(row["item"]))
    hits: dict[str, list[str]] = {}
    for name in facts["top"]:
        hits.setdefault(_normal(gallery.whole_text(name)), []).append(name)
    items = "".join(_hit(gallery, names, right=text == own) for text, names in hits.items())
    rank = f"the right text has rank {row['rank']:g} of {facts['gallery']}"
    words = f'<div class="text">{escape(gallery.text(row["item"]))}</div>'
    body = f'<div class="study">{escape(row["item"])} · {rank}</div>{words}'
    top = f'<div class="case">{gallery.thumbnail(row["item"])}<div>{body}</div></div>'
    return card(f'{top}<ol class="hits">{items}</ol>')


def _hit(gallery: Gallery, names: Sequence[str], *, right: bool) -> str:
    """One found text; studies whose texts are the same stand in one line."""
    times = f' <span class="dim">({len(names)} studies)</span>' if len(names) > 1 else ""
    tag = ' <span class="tag">right</span>' if right else ""
    words = escape(gallery.text(names[0], longest=_LONGEST_HIT))
    return f'<li class="{"right" if right else ""}">{words}{times}{tag}</li>'


def _normal(text: str) -> str:
    return " ".join(text.lower().split()).rstrip(".")


def _misranked(table: pa.Table) -> list[tuple[float, str, str, bool]]:
    """How wrong each answer is from 0 to 1, its study, its finding, and whether that is there."""
    errors = []
    for label, rows in _by_label(table):
        known = np.isfinite(rows["target"])
        if len(np.unique(rows["target"][known])) < 2:
            continue
        shares = _shares(rows["score"][known])
        for item, target, share in zip(rows["item"][known], rows["target"][known], shares, strict=True):
            errors.append((float(1 - share if target == 1 else share), str(item), label, bool(target == 1)))
    return errors


def _error(gallery: Gallery, wrong: float, item: str, label: str, present: bool) -> str:
    share = "all" if wrong == 1 else f"{min(99, round(100 * wrong))} %"
    ranks = f"{share} of the other images rank higher" if present else f"ranks above {share} of the other images"
    told = f"{concept_name(label)}: {'present' if present else 'absent'}, but {ranks}"
    text = f'<div class="text">{escape(gallery.text(item))}</div>'
    body = f'<h3>{escape(told)}</h3><div class="study">{escape(item)}</div>{text}'
    return card(f'<div class="case">{gallery.thumbnail(item)}<div>{body}</div></div>')


def _to_map(gallery: Gallery) -> list[tuple[str, str]]:
    """Studies and findings to map: with a marked region first, then ones that rank high, findings in turn."""
    candidates: dict[str, list[tuple[bool, float, str]]] = {}
    for item, marks in _marks(gallery.answers("zero_shot")).items():
        for label, target, share in marks:
            if target == 1 and label != "no_finding":
                candidates.setdefault(label, []).append((False, share, item))
    chosen: list[tuple[bool, float, str, str]] = []
    for label, found in candidates.items():
        middle = sorted(found, reverse=True)[: max(6, len(found) // 3)]
        marked = [(bool(_boxes(gallery.study(item), label)), share, item) for _, share, item in middle[:12]]
        best = max(marked)
        chosen.append((*best, label))
    ordered = sorted(chosen, reverse=True)
    seen: set[str] = set()
    pairs = []
    for _, _, item, label in ordered:
        if item not in seen:
            seen.add(item)
            pairs.append((item, label))
    return pairs


def _boxes(study: Study, concept: str) -> list[Any]:
    image = study.main_image.id
    found = [region.box for region in study.regions if region.image == image and region.concept == concept]
    return [box for box in found if box is not None]


def _sentence(gallery: Gallery, study: Study, concept: str) -> str:
    """The study's own sentence that names the finding, else a prompt."""
    words = concept_name(concept).lower()
    for sentence in sentences(report_text(study, gallery.system.encoder.roles)):
        if words in sentence.lower() and not sentence.lower().startswith(("no ", "without ")):
            return sentence
    return load_prompts("convirt").positive(concept)[0]


def _map_card(
    gallery: Gallery,
    study: Study,
    concept: str,
    sentence: str,
    pixels: Pixels,
    similarity: NDArray[np.float32],
) -> str:
    shown = picture(pixels)
    padded = sees_padded(gallery.system.identity)
    mixed = heat_map(shown, similarity, boxes=_boxes(study, concept), padded=padded)
    plain = thumbnail(shown, side=260, alt=f"image of study {study.id}")
    coloured = thumbnail(mixed, side=260, alt=f"similarity with: {sentence}")
    caption = f"<figcaption>“{escape(sentence)}”</figcaption><div class='study'>{escape(study.id)}</div>"
    return card(f'<figure><div class="pair">{plain}{coloured}</div>{caption}</figure>', title=concept_name(concept))
