"""Squares with questions about them, of which some are told by the picture alone."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from vesalius.adaptation.examples import Examples
from vesalius.adaptation.protocols.vqa import VQA, VQASettings
from vesalius.adaptation.trunk import open_trunk
from vesalius.data.corpus import Corpus, from_studies
from vesalius.data.records import Dialogue, Study, Turn

SMALL: dict[str, Any] = {"width": 16, "word_width": 8, "glimpses": 2, "question_length": 6, "precision": "fp32"}


def dialogue(name: str, question: str, answer: str, kind: str, **more: Any) -> Dialogue:
    return Dialogue(
        id=name,
        turns=(Turn(role="user", text=question),),
        answer=answer,
        answer_type=kind,
        source=f"test/{name}",
        **more,
    )


def with_questions(study: Study) -> Study:
    """Is there a nodule (closed), what is seen (open): nothing, a nodule, a cyst or both."""
    there = [name for name in ("nodule", "cyst") if study.status(name) == "present"]
    questions = (
        dialogue("nodule", "Is there a nodule?", "Yes." if "nodule" in there else "no", "closed"),
        dialogue("seen", "What is seen?", " and ".join(there) or "nothing", "open"),
    )
    return replace(study, dialogues=questions)


def questions(corpus: Corpus, root: Path) -> Corpus:
    """The squares with two questions each, in the same split."""
    made = [with_questions(study) for study in corpus]
    media = {path: (corpus.root / path).read_bytes() for study in made for path in _files(study)}
    parts = {study.id: part for part in ("train", "val", "test") for study in corpus.split(part)}
    from_studies(made, root, name="asked", media=media).set_split(parts)
    return Corpus.open(root)


def _files(study: Study) -> set[str]:
    return {image.path for image in study.images} | {region.mask for region in study.regions if region.mask}


def protocol(model: Path, corpus: Corpus, *, seed: int = 0, **settings: Any) -> VQA:
    chosen = VQASettings(**{**SMALL, **settings})
    torch.manual_seed(seed)
    views = {part: corpus.split(part) for part in ("train", "val", "test")}
    made = VQA(chosen, open_trunk(model), (), **VQA.facts_of(views, chosen))
    made.begin(views["train"])
    return made


def examples(head: VQA, corpus: Corpus, part: str, folder: Path) -> Examples:
    view = corpus.split(part)
    return Examples(
        view, head.choose(view, ()), head.trunk.processor, target=partial(head.target, corpus=view), folder=folder
    )
