"""GPT-4V medical study: a general model asked for reports, answers and boxes; examples in the prompt are a factor.

Paper: Li et al., 2023, arXiv 2310.20381. Code: none known, so that words, examples and samples are ours.
New: report generation on MIMIC-CXR, questions of VQA-RAD and phrases of MS-CXR asked alike, with no example, two
normal, two abnormal, or one of each; n-gram metrics beside what a report states; open answers judged for meaning.
Differs here: whole test parts are asked; a box's form is declared by the rule and never guessed; a refusal is wrong
in every metric; the share of reports that state a finding stands beside every arm.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vesalius.benchmarks._costs import cost_values
from vesalius.benchmarks._reports import finding_values, report_items
from vesalius.benchmarks._suite import Part, folders_at, questions
from vesalius.benchmarks.base import Arm, Benchmark, Headline, Item, Mark
from vesalius.benchmarks.prompts import prompts
from vesalius.data.datasets.base import dataset
from vesalius.data.messages import Media, Message
from vesalius.data.records import Study
from vesalius.data.releases.twins import QUESTION_FAMILIES
from vesalius.errors import DataError
from vesalius.inference.requests import Decoding, Reply, Request
from vesalius.metrics.answers import plain_answer
from vesalius.metrics.boxes import union_iou
from vesalius.metrics.label_f1 import THIRTEEN
from vesalius.metrics.observations import NEGATED, observation_classes
from vesalius.paper import Paper
from vesalius.tasks.answers import Parsed, parse_boxes, parse_judge, score_closed, score_open
from vesalius.tasks.answers.regions import Corners, Scale
from vesalius.tasks.answers.reply import empty, refusal, without_reasoning
from vesalius.virtual.twin import virtual_patients

__all__ = ["BENCHMARK", "PAPER", "GPT4VMedicalStudy", "states_finding"]

PAPER = Paper(
    slug="gpt4v-medical-study",
    title="A Systematic Evaluation of GPT-4V's Multimodal Capability for Medical Image Analysis",
    year=2023,
    arxiv="2310.20381",
    code="none known",
)

_Drawn = tuple[Literal["truth", "said"], tuple[float, float, float, float]]
_REPORT = Part(name="report", dataset="mimic_cxr")
_VQA = Part(name="vqa", dataset="vqa_rad", fields=("phrase_type", "question_type"))
_GROUNDING = Part(name="grounding", dataset="ms_cxr")
_SUITE = (_REPORT, _VQA, _GROUNDING)
_EXAMPLES = {"zero-shot": (), "two-normal": (True, True), "two-abnormal": (False, False), "mixed": (True, False)}
"""Arm to its examples, each normal or not."""
_SETTINGS = ("normal=0.4", "prevalence.pleural_effusion=0.6", "prevalence.cardiomegaly=0.5")
_EACH = 2
"""Examples of a kind that are kept."""
_HIT = 0.5
"""Overlap from which a box counts as found."""
_CENTRE = (0.25, 0.25, 0.75, 0.75)
"""Shares of the picture of the box that looks at nothing."""
_PLACE = re.compile(r"\{(\w+)\}")
_BEGIN = re.compile(r"\bfindings\s*:", re.IGNORECASE)


class _Form(NamedTuple):
    """How the numbers of a box are meant."""

    scale: Scale
    corners: Corners


_FORMS = {"strict": _Form("pixel", "xyxy"), "unit-boxes": _Form("unit", "xyxy"),
          "thousand-boxes": _Form("thousand", "xyxy"), "width-height-boxes": _Form("pixel", "xywh")}  # fmt: skip


class GPT4VMedicalStudy(Benchmark):
    """Three tasks by three data sets, each a folder below the root that is called as the data set."""

    name = "gpt4v_medical_study"
    parts = tuple(part.name for part in _SUITE)
    credentialed = ("report", "grounding")
    arms = (
        Arm(name="zero-shot", words="no example"),
        Arm(
            name="two-normal", words="reports: two training reports without a finding as turns before; else zero-shot"
        ),
        Arm(name="two-abnormal", words="reports: two training reports with findings as turns before; else zero-shot"),
        Arm(name="mixed", words="reports: a normal and an abnormal one as turns before (best of the paper)"),
        Arm(name="findings-list", words="reports: the findings as a list, then the report; else zero-shot"),
        Arm(name="classify-first", words="reports: normal or abnormal, then the report; else zero-shot"),
    )
    conventions = MappingProxyType(
        {
            "strict": "the one parser; a box is two corners in pixels; an open answer must be the right words",
            "unit-boxes": "the numbers of a box are shares of the picture, 0 to 1",
            "thousand-boxes": "the numbers of a box are thousandths of the picture",
            "width-height-boxes": "a box is its left upper corner with width and height, in pixels",
        }
    )
    headlines = (
        Headline(metric="f1_14", part="report"),
        Headline(metric="coco_bleu_4", part="report"),
        Headline(metric="cider_d", part="report"),
        Headline(metric="accuracy", part="vqa", over="answer_type"),
        Headline(metric="judged", part="vqa", over="answer_type"),
        Headline(metric="iou", part="grounding"),
        Headline(metric="iou_centre", part="grounding"),
        Headline(metric="iou_mean_box", part="grounding"),
    )
    text_metrics = (
        "coco_bleu_1",
        "coco_bleu_2",
        "coco_bleu_3",
        "coco_bleu_4",
        "coco_rouge_l",
        "meteor_es",
        "cider_d",
    )

    def parts_at(self, root: Path) -> tuple[str, ...]:
        """Return the parts whose data set lies below the root."""
        return folders_at(root, _SUITE)

    def items(self, root: Path, *, parts: Sequence[str], split: str) -> Iterator[Item]:
        """Yield the items of each part; reports come with the examples of the training part."""
        for name in parts:
            yield from _READERS[name](root, split)

    def write_twin(self, root: Path, *, patients: int, seed: int) -> None:
        """Write the three layouts with the same virtual patients, almost half of them without a finding."""
        with virtual_patients(
            "chest-two-views", patients=patients, seed=seed, settings=_SETTINGS, image_size=64, questions=4,
            families=QUESTION_FAMILIES,
        ) as corpus:  # fmt: skip
            for part in _SUITE:
                (root / part.dataset).mkdir(parents=True)
                dataset(part.dataset).write(corpus, root / part.dataset)

    def ask(self, item: Item, said: Sequence[Reply], *, arm: str, shots: Sequence[Item]) -> Request | None:
        """Put one item, examples as turns before it."""
        if said:
            return None
        messages: list[Message] = []
        examples = [*_examples(item, arm), *(shot for shot in shots if shot.kind == item.kind)]
        for shot in examples:
            messages += [_message(shot, arm), Message(role="assistant", parts=(self.right(shot, ()),))]
        decoding = Decoding(max_tokens=1024 if item.kind == "report" else 128)
        return Request(id=item.id, messages=(*messages, _message(item, arm)), decoding=decoding)

    def right(self, item: Item, said: Sequence[Reply]) -> str:
        """Return the report, the answer, or the box in pixels; several as a list."""
        if item.kind != "box":
            return str(item.truth)
        boxes = [[round(value, 2) for value in box] for box in item.truth]
        return str(boxes[0] if len(boxes) == 1 else boxes)

    def mark(self, item: Item, said: Sequence[Reply], *, convention: str) -> Mark:
        """Mark a report, an answer or boxes, with what the reply cost."""
        rule = _boxes if item.kind == "box" else _written if item.kind == "report" else _answered
        mark = rule(item, said[0].text, convention)
        return replace(mark, values={**mark.values, **cost_values(said[0])})

    def judge(self, item: Item, said: Sequence[Reply]) -> Request | None:
        """Ask whether an open answer means the right one."""
        if item.part != "vqa" or item.kind == "closed":
            return None
        words = _filled("judge", question=item.question, truth=str(item.truth), reply=said[0].text)
        return Request(id=item.id, messages=(Message(role="user", parts=(words,)),), decoding=Decoding(max_tokens=8))

    def judged(self, item: Item, mark: Mark, verdict: Reply) -> Mark:
        """Add what the judge said beside what the words say; a refusal stays wrong."""
        parsed = parse_judge(verdict.text.strip(), judge="smmile")
        if parsed.status != "answered":
            return replace(mark, values={**mark.values, "judged": 0.0}, status="unparsed", rule="judge gave no digit")
        right = float(parsed.value) if mark.status not in ("refused", "empty") else 0.0
        return replace(mark, values={**mark.values, "judged": right})


BENCHMARK = GPT4VMedicalStudy()


def states_finding(report: str) -> bool:
    """Say whether a report states or suspects one of thirteen observations, by the rules of `observed`."""
    classes = observation_classes([report], THIRTEEN)
    return bool(((classes > 0) & (classes != NEGATED)).any())


def _reports(root: Path, split: str) -> Iterator[Item]:
    examples = _chosen(root) if split == "test" else {}
    patients = {shot.cluster for shots in examples.values() for shot in shots}
    for item in report_items(_REPORT, root, split=split):
        if item.cluster not in patients:
            normal = "no" if states_finding(str(item.truth)) else "yes"
            yield replace(item, fields={**item.fields, "normal": normal}, more={"examples": examples})


def _chosen(root: Path) -> Mapping[bool, tuple[Item, ...]]:
    """Return the first training reports without and with findings, each of a patient of its own."""
    found: dict[bool, list[Item]] = {True: [], False: []}
    seen: set[str] = set()
    for item in report_items(_REPORT, root, split="train"):
        kind = found[not states_finding(str(item.truth))]
        if item.cluster not in seen and len(kind) < _EACH:
            kind.append(item)
            seen.add(item.cluster)
        if all(len(items) == _EACH for items in found.values()):
            break
    return {normal: tuple(items) for normal, items in found.items()}


def _examples(item: Item, arm: str) -> Iterator[Item]:
    if item.kind != "report":
        return
    taken = {True: 0, False: 0}
    for normal in _EXAMPLES.get(arm, ()):
        there = item.more["examples"].get(normal, ())
        if taken[normal] >= len(there):
            kind = "without" if normal else "with"
            raise DataError(
                f"arm {arm}: the training part of {_REPORT.dataset} has {len(there)} reports {kind} a finding, "
                f"{_EXAMPLES[arm].count(normal)} are needed; add its training studies or take the arm zero-shot"
            )
        yield there[taken[normal]]
        taken[normal] += 1


def _questions(root: Path, split: str) -> Iterator[Item]:
    yield from questions(_VQA, root, split=split)


def _phrases(root: Path, split: str) -> Iterator[Item]:
    """Yield the phrases of a split; all are for testing where the release states none."""
    samples = list(dataset(_GROUNDING.dataset).read(root.absolute() / _GROUNDING.dataset))
    mean = _mean_box(study for study, held in samples if held == "train")
    for study, held in samples:
        if held in (split, "" if split == "test" else split):
            yield from _of_study(study, mean)


def _of_study(study: Study, mean: tuple[float, ...]) -> Iterator[Item]:
    for dialogue in study.dialogues:
        for image in (image for image in study.images if image.id in dialogue.turns[-1].images):
            boxes = [study.regions[place] for place in dialogue.evidence]
            yield Item(
                id=f"grounding-{dialogue.id}".replace("/", "_"), part="grounding", kind="box",
                question=dialogue.turns[-1].text, truth=tuple(region.box for region in boxes if region.box),
                cluster=f"ms_cxr-{study.patient}", media=(Media(path=image.path),),
                fields={"finding": boxes[0].concept, "boxes": "1" if len(boxes) == 1 else "2 or more"},
                more={"size": (image.shape[1], image.shape[0]), "mean_box": mean},
            )  # fmt: skip


def _mean_box(studies: Iterator[Study]) -> tuple[float, ...]:
    """Return the mean box of the training part in shares of the picture; the middle where there is none."""
    shares = []
    for study in studies:
        sizes = {image.id: (image.shape[1], image.shape[0]) for image in study.images}
        shares += [np.asarray(one.box) / (*sizes[one.image], *sizes[one.image]) for one in study.regions if one.box]
    return tuple(np.mean(shares, axis=0).tolist()) if shares else _CENTRE


_READERS = {"report": _reports, "vqa": _questions, "grounding": _phrases}


def _filled(name: str, **words: str) -> str:
    """Fill the places of a prompt; braces of what is filled in stay."""
    return _PLACE.sub(lambda place: words[place[1]], prompts("gpt4v_medical_study")[name])


def _message(item: Item, arm: str) -> Message:
    if item.kind == "report":
        words = _filled(f"report_{arm if arm in ('findings-list', 'classify-first') else 'zero-shot'}")
    elif item.kind == "box":
        width, height = item.more["size"]
        words = _filled("grounding", question=item.question, width=str(width), height=str(height))
    else:
        words = _filled("closed" if item.kind == "closed" else "open", question=item.question)
    return Message(role="user", parts=(*item.media, words))


def _written(item: Item, reply: str, convention: str) -> Mark:
    """Mark the report in a reply, from its findings on; one that is refused states nothing right."""
    whole = without_reasoning(reply).strip()
    begin = _BEGIN.search(whole)
    text = whole[begin.start() :] if begin else whole
    declined, rest = refusal(text)
    parsed = empty(text) or Parsed(status="refused" if declined and not rest else "answered", rule="text")
    values = finding_values(text, item.truth) | {"states_finding": float(states_finding(text))}
    if parsed.status != "answered":
        values = dict.fromkeys(values, 0.0)
    return Mark(
        values=values, status=parsed.status, said=text, rule=parsed.rule, written=text, references=(item.truth,)
    )


def _answered(item: Item, reply: str, convention: str) -> Mark:
    """Mark an answer by the parser, by equality as it stands, and by equality but for case and marks at the ends."""
    truth = str(item.truth)
    scored = score_closed(truth, reply) if item.kind == "closed" else score_open(truth, reply)
    correct = scored.values["em"] if item.kind != "closed" else scored.correct
    values = {
        "accuracy": correct,
        "exact": float(reply == truth),
        "normalised": float(plain_answer(reply) == plain_answer(truth)),
    }
    if item.kind == "closed":
        values["judged"] = correct
    parsed = scored.parsed
    return Mark(values=values, status=parsed.status, said=str(parsed.value or ""), rule=parsed.rule)


def _boxes(item: Item, reply: str, convention: str) -> Mark:
    """Mark boxes by the overlap of what they cover; those that cannot be read overlap nothing."""
    size, form = item.more["size"], _FORMS[convention]
    parsed = parse_boxes(reply, size=size, scale=form.scale, corners=form.corners)
    read: Any = parsed.value if parsed.value is not None else np.empty((0, 4))
    edge = np.array([*size, *size], dtype=np.float64)
    overlap = union_iou(read, item.truth)
    values = {
        "iou": overlap,
        "found": float(overlap >= _HIT),
        "iou_centre": union_iou(np.array([_CENTRE]) * edge, item.truth),
        "iou_mean_box": union_iou(np.array([item.more["mean_box"]]) * edge, item.truth),
    }
    drawn: list[_Drawn] = [("truth", _shares(box, edge)) for box in item.truth]
    drawn += [("said", _shares(box, edge)) for box in read]
    said = "; ".join(str([round(float(value)) for value in box]) for box in read)
    return Mark(values=values, status=parsed.status, said=said, rule=parsed.rule, boxes=tuple(drawn))


def _shares(box: Any, edge: NDArray[np.float64]) -> tuple[float, float, float, float]:
    left, top, right, bottom = (float(value) for value in np.asarray(box) / edge)
    return left, top, right, bottom
