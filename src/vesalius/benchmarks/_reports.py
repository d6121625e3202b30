"""Reports with findings and impression as items of a benchmark: read, written as a twin, compared with what is said.

Two layouts are read: a list ``<split>.json`` of objects with id, image (a name, or several, below ``images``),
findings and impression; and where that is not there the data set's own release.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from vesalius.benchmarks._suite import Part, studies
from vesalius.benchmarks.base import Item
from vesalius.data.messages import Media
from vesalius.data.records import TextRole
from vesalius.data.releases.rows import Row, json_list
from vesalius.data.releases.twins import identity, save_picture, write_json
from vesalius.metrics.bleu import nltk_bleu, nltk_counts
from vesalius.metrics.label_f1 import CONVENTIONS, label_f1, label_statistics
from vesalius.metrics.lexical import Texts
from vesalius.metrics.observations import observation_classes
from vesalius.metrics.rouge import package_rouge
from vesalius.virtual.twin import virtual_patients

__all__ = ["finding_values", "report_items", "sentence_values", "write_reports"]

_PATIENT = re.compile(r"\bp(?:atient)?\d{4,}")
"""Folder of a patient in the paths of MIMIC-CXR and CheXpert."""
_SECTIONS: tuple[TextRole, ...] = ("findings", "impression")
_ORDERS = (1, 2, 3, 4)


def report_items(part: Part, root: Path, *, split: str) -> Iterator[Item]:
    """Yield one item a study that has pictures and whose findings or impression is not empty."""
    folder = root.absolute() / part.dataset
    if (folder / "test.json").exists():
        table = folder / f"{split}.json"
        for row in json_list(table) if table.exists() else ():
            sections = {name: row.optional(name) for name in _SECTIONS}
            media, patient = _pictures(row, folder)
            yield from _item(part, row.text("id"), patient or row.text("id"), media=media, **sections)
    else:
        for study in studies(part, root, split=split):
            media = tuple(Media(path=image.path) for image in study.images)
            findings, impression = study.text("findings"), study.text("impression")
            yield from _item(part, study.id, study.patient, media=media, findings=findings, impression=impression)


def _pictures(row: Row, folder: Path) -> tuple[tuple[Media, ...], str]:
    """Return the pictures of a row of a list, and the patient where their paths name one."""
    told = row.cells.get("image")
    names = [told] if isinstance(told, str) else row.items("image")
    if not names or not all(isinstance(name, str) and ".." not in Path(name).parts for name in names):
        raise row.fault("image names no picture below images; expected a name or a list of names")
    patient = _PATIENT.search(names[0])
    return tuple(Media(path=str(folder / "images" / name)) for name in names), patient[0] if patient else ""


def _item(
    part: Part, name: str, patient: str, *, media: tuple[Media, ...], findings: str, impression: str
) -> Iterator[Item]:
    if media and (findings.strip() or impression.strip()):
        yield Item(
            id=f"{part.name}-{name}".replace("/", "_"),
            part=part.name,
            kind="report",
            question="What are the findings, and what is the impression?",
            truth=f"Findings: {findings} Impression: {impression}.",
            cluster=f"{part.dataset}-{patient}",
            media=media,
            fields={"pictures": str(len(media)) if len(media) < 3 else "3 or more"},
        )


def finding_values(written: str, reference: str) -> dict[str, float]:
    """Return F1 of the fourteen observations of one report, and of five of them, by the rules of `observed`.

    Uncertain counts as stated; a report that rightly states none has 1. Their means over reports are the averages
    "samples_honest" of `LabelF1`.
    """
    values = {}
    for name, convention in (("f1_14", "f1chexbert14"), ("f1_5", "f1chexbert5")):
        chosen = CONVENTIONS[convention]
        theirs, ours = (observation_classes([text], chosen.labels) for text in (reference, written))
        counts = label_statistics(theirs, ours, uncertain=chosen.uncertain)
        values[name] = float(label_f1(counts[0]).samples_honest)
    return values


def sentence_values(written: str, reference: str) -> dict[str, float]:
    """Return BLEU-1 to -4 and ROUGE-1, -2 and -L of one text as MedEvalKit's script has them, 0 for an empty one.

    BLEU is NLTK's of single texts without smoothing, ROUGE the package ``rouge``'s, both of lower-case text; its
    means are over all items, empty ones among them (utils/Metrics_Compute/cal_report_metrics.py).
    """
    texts = Texts([written.lower()], [reference.lower()])
    counts = nltk_counts(texts.pairs("dot_split"))
    values = {f"bleu_{order}": float(nltk_bleu(counts, order=order)[0]) for order in _ORDERS}
    rouge = package_rouge(written.lower(), reference.lower())
    return values | dict(zip(("rouge_1", "rouge_2", "rouge_l"), rouge, strict=True))


def write_reports(root: Path, names: Sequence[str], *, patients: int, seed: int) -> None:
    """Write the list and the pictures of each data set named; virtual patients are dealt out among them."""
    with virtual_patients("chest-two-views", patients=patients, seed=seed, image_size=64) as corpus:
        rows: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
        for number, study in identity(corpus):
            name = names[number % len(names)]
            picture = f"patient{90000 + number}/{study.id}.png"
            save_picture(corpus, study, root / name / "images" / picture, mode="L")
            findings, impression = (" ".join(study.text(role).split()) for role in _SECTIONS)
            image = picture if name == "chexpert_plus" else [picture]
            rows[name].append({"id": study.id, "image": image, "findings": findings, "impression": impression})
    for name, found in rows.items():
        write_json(root / name / "test.json", found)
