"""MLLM data-mining study: six tasks over pictures of five fields and free-text reports, time as an outcome.

Paper: Zhang et al., 2024, arXiv 2407.05758. Code: none known, so that words and samples are ours.
New: classification, diagnosis, anatomical localisation, segmentation, detection and report writing by one protocol;
the time of a reply is compared.
Differs here: its fourteen sets are known in part; here stands one of each field (HAM10000, OSCC, REFUGE, RSNA,
Kvasir-SEG) and one of reports (CheXpert Plus), asked whole, with the labels in an order of each item's own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vesalius.benchmarks._class_rows import class_rows
from vesalius.benchmarks._costs import cost_values
from vesalius.benchmarks._reports import finding_values
from vesalius.benchmarks.base import Benchmark, Headline, Item, Mark
from vesalius.benchmarks.prompts import prompts
from vesalius.data.datasets.base import dataset
from vesalius.data.messages import Media, Message
from vesalius.data.readers import read
from vesalius.data.records import Study
from vesalius.data.releases.twins import digest
from vesalius.inference.requests import Decoding, Reply, Request
from vesalius.metrics.boxes import iou, matches
from vesalius.metrics.masks import counts, dice
from vesalius.paper import Paper
from vesalius.tasks.answers import Parsed, parse_boxes, parse_choice
from vesalius.tasks.answers.evidence import Boxes, Counts, Evidence, Number
from vesalius.tasks.answers.outlines import parse_mask, runs_of
from vesalius.tasks.answers.reply import empty, refusal, without_reasoning
from vesalius.virtual.twin import virtual_patients

__all__ = ["BENCHMARK", "PAPER", "MLLMDataMiningStudy", "detection_values"]

PAPER = Paper(
    slug="mllm-data-mining-study",
    title="Potential of Multimodal Large Language Models for Data Mining of Medical Images and Free-text Reports",
    year=2024,
    arxiv="2407.05758",
    code="none known",
)

_LETTERS = "ABCDEFGHIJ"
_PLACE = re.compile(r"\{(specialist|question|options|width|height)\}")
_HIT = 0.5
"""Overlap from which a box takes a truth."""


@dataclass(frozen=True, kw_only=True)
class _Task:
    """A part: its data set, what is asked, and how a study answers."""

    dataset: str
    kind: str
    area: str
    specialist: str
    question: str
    truth: Callable[[Study], Any]
    labels: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Concept to words of a choice."""
    splits: tuple[str, ...] = ("test", "")
    """Of the data set, that are asked."""


def _label(*names: str) -> Callable[[Study], Any]:
    """Return the first of some concepts that is present; "none" where there is but one, and it is absent."""

    def found(study: Study) -> str | None:
        present = [name for name in names if study.status(name) == "present"]
        stated = any(study.status(name) for name in names)
        return present[0] if present else "none" if stated and len(names) == 1 else None

    return found


def _boxes_of(concept: str) -> Callable[[Study], Any]:
    def found(study: Study) -> tuple[Any, ...] | None:
        boxes = tuple(region.box for region in study.regions if region.box and region.concept == concept)
        return boxes if boxes or study.status(concept) == "absent" else None

    return found


def _disc(study: Study) -> tuple[Any, ...] | None:
    """Return the box of the optic disc, the cup included."""
    masks = [mask for region in study.regions if region.anatomy == "optic disc" and region.mask
             for mask in (_read(region.mask, region.mask_value),)]  # fmt: skip
    whole = np.logical_or.reduce(masks) if masks else np.zeros((0, 0), dtype=bool)
    rows, columns = np.flatnonzero(whole.any(axis=1)), np.flatnonzero(whole.any(axis=0))
    return (
        ((*(float(edge[0]) for edge in (columns, rows)), float(columns[-1] + 1), float(rows[-1] + 1)),)
        if len(rows)
        else None
    )


def _mask_of(study: Study) -> tuple[str, int] | None:
    found = next((region for region in study.regions if region.kind == "mask"), None)
    return (found.mask, found.mask_value) if found else None


def _impression(study: Study) -> str | None:
    return study.text("impression") if study.text("findings") and study.text("impression") else None


_SKIN = {
    "actinic_keratosis": "actinic keratosis or carcinoma in situ", "basal_cell_carcinoma": "basal cell carcinoma",
    "benign_keratosis": "benign keratosis", "dermatofibroma": "dermatofibroma", "melanoma": "melanoma",
    "melanocytic_naevus": "melanocytic naevus", "vascular_skin_lesion": "vascular lesion",
}  # fmt: skip
_TASKS = {
    "skin_classes": _Task(
        dataset="ham10000", kind="choice", area="dermatology", specialist="dermatologist", labels=_SKIN,
        question="Which lesion does this dermatoscopic picture show?", truth=_label(*_SKIN),
    ),
    "oral_diagnosis": _Task(
        dataset="oscc", kind="choice", area="dentistry", specialist="oral pathologist",
        labels={"squamous_cell_carcinoma": "squamous cell carcinoma", "none": "normal mucosa"},
        question="What is the diagnosis of this histological field of the mouth?",
        truth=_label("squamous_cell_carcinoma"),
    ),
    "glaucoma_diagnosis": _Task(
        dataset="refuge", kind="choice", area="ophthalmology", specialist="ophthalmologist",
        labels={"glaucoma": "glaucoma", "none": "no glaucoma"}, splits=("val", "test"),
        question="What is the diagnosis of this fundus photograph?", truth=_label("glaucoma"),
    ),
    "disc_localisation": _Task(
        dataset="refuge", kind="box", area="ophthalmology", specialist="ophthalmologist", splits=("val", "test"),
        question="Where is the optic disc in this fundus photograph?", truth=_disc,
    ),
    "pneumonia_detection": _Task(
        dataset="rsna_pneumonia", kind="box", area="radiology", specialist="radiologist", splits=("train",),
        question="Find every opacity that may be pneumonia in this chest radiograph.", truth=_boxes_of("pneumonia"),
    ),
    "polyp_segmentation": _Task(
        dataset="kvasir_seg", kind="mask", area="endoscopy", specialist="gastroenterologist",
        question="Outline the polyp in this colonoscopic picture.", truth=_mask_of,
    ),
    "impression": _Task(
        dataset="chexpert_plus", kind="summary", area="reports", specialist="radiologist", splits=("val",),
        question="", truth=_impression,
    ),
}  # fmt: skip
_TASK_OF = {
    "skin_classes": "classification", "oral_diagnosis": "diagnosis", "glaucoma_diagnosis": "diagnosis",
    "disc_localisation": "localisation", "pneumonia_detection": "detection", "polyp_segmentation": "segmentation",
    "impression": "report generation",
}  # fmt: skip
_SHARE = {"kvasir_seg": 8}
"""One of so many virtual patients stands for a set whose pictures take long to draw."""


class MLLMDataMiningStudy(Benchmark):
    """Each part is a task on a data set, in the folder of its name; only ``impression`` has no picture."""

    name = "mllm_data_mining_study"
    parts = tuple(_TASKS)
    credentialed = ("impression",)
    headlines = (
        *(Headline(metric="accuracy", part=name) for name, task in _TASKS.items() if task.kind == "choice"),
        Headline(metric="f1", part="skin_classes", over="class"),
        Headline(metric="iou", part="disc_localisation"),
        Headline(metric="detection_f1", part="pneumonia_detection"),
        Headline(metric="dice", part="polyp_segmentation"),
        Headline(metric="rouge_1", part="impression"),
        Headline(metric="rouge_l", part="impression"),
    )
    text_metrics = ("rouge_1", "rouge_2", "rouge_l")

    def parts_at(self, root: Path) -> tuple[str, ...]:
        """Return the parts whose data set lies below the root."""
        return tuple(name for name, task in _TASKS.items() if (root / task.dataset).is_dir())

    def items(self, root: Path, *, parts: Sequence[str], split: str) -> Iterator[Item]:
        """Yield an item for each labelled study; all are test items."""
        for name in parts if split == "test" else ():
            task = _TASKS[name]
            for study, held in dataset(task.dataset).read(root.absolute() / task.dataset):
                truth = task.truth(study) if held in task.splits else None
                if truth is not None:
                    yield _item(name, task, study, truth)

    def write_twin(self, root: Path, *, patients: int, seed: int) -> None:
        """Write the layout of every data set with virtual patients of its own field."""
        for name in dict.fromkeys(task.dataset for task in _TASKS.values()):
            module = dataset(name)
            (root / name).mkdir(parents=True)
            count = max(patients // _SHARE.get(name, 1), 2)
            with virtual_patients(
                module.TWIN.preset, patients=count, seed=seed, settings=module.TWIN.settings, image_size=64
            ) as corpus:
                module.write(corpus, root / name)

    def ask(self, item: Item, said: Sequence[Reply], *, arm: str, shots: Sequence[Item]) -> Request | None:
        """Put one item with role, task, labels and form of the answer; demonstrations as turns before it."""
        if said:
            return None
        messages: list[Message] = []
        for shot in (shot for shot in shots if shot.part == item.part):
            messages += [_message(shot), Message(role="assistant", parts=(self.right(shot, ()),))]
        decoding = Decoding(max_tokens=2048 if item.kind == "mask" else 512)
        return Request(
            id=item.id, messages=(*messages, _message(item)), choices=tuple(item.options), decoding=decoding,
            question=item.question, option_texts=item.options,
        )  # fmt: skip

    def right(self, item: Item, said: Sequence[Reply]) -> str:
        """Return the letter, the boxes, the mask as runs, or the impression."""
        if item.kind == "box":
            return json.dumps([list(box) for box in item.truth])
        if item.kind == "mask":
            return json.dumps({"runs": runs_of(_read(item.more["mask"], item.truth[1]))})
        return str(item.truth)

    def mark(self, item: Item, said: Sequence[Reply], *, convention: str) -> Mark:
        """Mark a reply by the kind of its answer, with what it cost."""
        mark = _RULES[item.kind](item, said[0].text)
        return replace(mark, values={**mark.values, **cost_values(said[0])}, ids=(item.id,))

    def gather(self, marks: Iterable[tuple[Item, Mark]], *, convention: str) -> Iterator[tuple[Item, Mark]]:
        """Yield each mark, and of choices what F1 is made of."""
        for item, mark in marks:
            yield item, mark
            if item.kind == "choice":
                said = str(item.more["concepts"].get(mark.said, ""))
                yield from class_rows(item, mark, truth=str(item.more["concepts"][item.truth]), said=said)


BENCHMARK = MLLMDataMiningStudy()


def detection_values(said: NDArray[np.float64], truth: NDArray[np.float64]) -> dict[str, float]:
    """Return F1, precision and recall of the boxes of a picture at an overlap of 0.5, and the overlap of those found.

    Each truth is taken once, by the first box that overlaps it, so that a second one is a false positive. A picture
    that rightly has no box is 1 in F1; precision without boxes and recall without truths are NaN.

    Args:
        said: boxes, (D, 4).
        truth: boxes, (T, 4).
    """
    hit = matches(said, -np.arange(len(said), dtype=np.float64), truth, threshold=_HIT).hit
    found, total = int(hit.sum()), len(said) + len(truth)
    overlaps = iou(said, truth).max(axis=1)[hit] if found else np.zeros(0)
    return {
        "detection_f1": 2 * found / total if total else 1.0,
        "precision": found / len(said) if len(said) else float("nan"),
        "recall": found / len(truth) if len(truth) else float("nan"),
        "mean_iou": float(overlaps.mean()) if found else float("nan"),
    }


def _item(name: str, task: _Task, study: Study, truth: Any) -> Item:
    media = tuple(Media(path=image.path) for image in study.images[:1]) if task.kind != "summary" else ()
    item = Item(
        id=f"{name}-{study.id}".replace("/", "_"), part=name, kind=task.kind,
        question=task.question or study.text("findings"), truth=truth, cluster=f"{task.dataset}-{study.patient}",
        media=media, fields={"field": task.area, "task": _TASK_OF[name]},
    )  # fmt: skip
    if task.kind == "choice":
        order = sorted(task.labels, key=lambda label: digest(item.id, label))
        letters = dict(zip(_LETTERS, order, strict=False))
        return replace(
            item, truth=next(letter for letter, label in letters.items() if label == truth),
            options={letter: task.labels[label] for letter, label in letters.items()},
            fields={**item.fields, "label": truth}, more={"concepts": letters},
        )  # fmt: skip
    if task.kind == "summary":
        return item
    height, width = study.images[0].shape[:2]
    more: dict[str, Any] = {"size": (width, height)}
    if task.kind == "mask":
        more["mask"], item = truth[0], replace(item, truth=(Path(truth[0]).name, truth[1]))
    return replace(item, more=more)


def _read(path: str, value: int) -> NDArray[np.bool_]:
    mask: NDArray[np.bool_] = np.asarray(read(path).array) == value
    return mask


def _message(item: Item) -> Message:
    width, height = item.more.get("size", (0, 0))
    words = {
        "specialist": _TASKS[item.part].specialist, "question": item.question, "width": str(width),
        "height": str(height),
        "options": "\n".join(f"{letter}. {text}" for letter, text in item.options.items()),
    }  # fmt: skip
    text = _PLACE.sub(lambda place: words[place[1]], prompts("mllm_data_mining_study")[item.kind])
    return Message(role="user", parts=(*item.media, text))


def _chosen(item: Item, reply: str) -> Mark:
    parsed = parse_choice(reply, item.options)
    read_as = str(parsed.value or "")
    return Mark(
        values={"accuracy": float(read_as == item.truth)}, status=parsed.status, said=read_as, rule=parsed.rule
    )


def _boxed(item: Item, reply: str) -> Mark:
    """Mark boxes; what cannot be read finds nothing, also where there is nothing to be found."""
    parsed = parse_boxes(reply, size=item.more["size"], scale="pixel")
    boxes = np.asarray(parsed.value if parsed.status == "answered" else np.empty((0, 4)), dtype=np.float64)
    truth = np.array(item.truth, dtype=np.float64).reshape(-1, 4)
    values = detection_values(boxes, truth)
    if parsed.status != "answered":
        values["detection_f1"] = 0.0
    if _TASK_OF[item.part] == "localisation":
        values["iou"] = float(iou(boxes[:1], truth[:1]).max(initial=0.0))
    said = json.dumps(boxes.round(1).tolist())
    evidence = (
        _found(boxes, truth, answered=parsed.status == "answered") if item.part == "pneumonia_detection" else ()
    )
    return Mark(values=values, status=parsed.status, said=said, rule=parsed.rule, evidence=evidence)


def _found(boxes: NDArray[np.float64], truth: NDArray[np.float64], *, answered: bool) -> tuple[Evidence, ...]:
    """Return what FROC, F1 over all pictures and the agreement in number are made of."""
    hit = matches(boxes, -np.arange(len(boxes), dtype=np.float64), truth, threshold=_HIT).hit
    count = Number(truth=float(len(truth)), said=float(len(boxes)) if answered else None, unit="opacities")
    pooled = Counts(metric="micro_f1", found=float(hit.sum()), said=float(len(boxes)), wanted=float(len(truth)))
    return Boxes(said=_tuples(boxes), truth=_tuples(truth)), pooled, count


def _tuples(boxes: NDArray[np.float64]) -> tuple[tuple[float, float, float, float], ...]:
    return tuple((float(a), float(b), float(c), float(d)) for a, b, c, d in boxes)


def _masked(item: Item, reply: str) -> Mark:
    """Mark a mask by Dice; nothing where there is nothing is right, what cannot be read is wrong."""
    parsed = parse_mask(reply, size=item.more["size"])
    truth = _read(item.more["mask"], item.truth[1])
    area = Number(truth=float(truth.sum()), unit="pixels")
    if parsed.status != "answered":
        return Mark(values={"dice": 0.0}, status=parsed.status, rule=parsed.rule, evidence=(area,))
    score, said = float(dice(counts(parsed.value, truth), empty="one")), int(parsed.value.sum())
    area = replace(area, said=float(said))
    return Mark(values={"dice": score}, said=f"{said} pixels", rule=parsed.rule, evidence=(area,))


def _told(item: Item, reply: str) -> Mark:
    text = without_reasoning(reply).strip()
    declined, rest = refusal(text)
    parsed = empty(text) or Parsed(status="refused" if declined and not rest else "answered", rule="text")
    values = finding_values(text, str(item.truth))
    if parsed.status != "answered":
        values = dict.fromkeys(values, 0.0)
    return Mark(
        values=values, status=parsed.status, said=text, rule=parsed.rule, written=text, references=(str(item.truth),)
    )


_RULES = {"choice": _chosen, "box": _boxed, "mask": _masked, "summary": _told}
