"""The page of a leakage audit: what is shared, and the pairs side by side."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from difflib import SequenceMatcher
from html import escape

import numpy as np

from vesalius import __version__
from vesalius.curation.leakage import Audit, Kind, Match
from vesalius.curation.leakage_side import Side
from vesalius.curation.page import VIRTUAL_NOTICE
from vesalius.curation.pictures import Grey, grey, opened
from vesalius.data.corpus import Corpus
from vesalius.data.records import Study
from vesalius.errors import DataError
from vesalius.page import Cell, Section, card, page, paragraph, table

__all__ = ["audit_page", "shared_marked"]

_SHOWN = 12
"""Pairs of each kind on the page; all are in the JSON."""
_SIDE = 168
_MOST_WORDS = 220
_SHORTEST_RUN = 3
"""Words in a row from which a shared part is marked."""
_STYLE = ".pair p{font-size:13.5px;margin:6px 0}.pair mark{background:var(--mark);color:inherit;border-radius:3px}\n"
_TITLES: dict[Kind, tuple[str, str]] = {
    "patient": ("Shared patients", "The patient of a test study has studies in training; one of them is shown."),
    "study": ("Shared studies", "The same study id stands on both sides."),
    "file": ("Shared files", "Files with the same bytes."),
    "pixels": ("Shared pixels", "Different files whose decoded samples are the same."),
    "near_image": ("Copies of images", "The same film, encoded, sized, windowed or cropped in another way."),
    "report": ("Shared reports", "The same words, whatever their case and stops."),
    "near_report": ("Nearly the same reports", "Runs of words in common, marked."),
    "question": ("Shared questions", "The same question with the same options and answer."),
}


def audit_page(result: Audit, train: Corpus, test: Corpus) -> str:
    """Return the page as HTML; it needs nothing from outside.

    Args:
        result: of the audit.
        train: one side, for pictures and texts.
        test: the other side.
    """
    marked = len(result.contamination.kinds)
    verdict = (
        f"{marked:,} of {result.test_studies:,} test studies share something with training."
        if marked
        else f"None of {result.test_studies:,} test studies shares anything with training, by these checks."
    )
    head = f'<p class="verdict {"below" if marked else "above"}">{escape(verdict)}</p>'
    head += paragraph(
        f"Training: {result.train}, {result.train_studies:,} studies. Test: {result.test}.", kind="lead"
    )
    if train.manifest.virtual and test.manifest.virtual:
        head += paragraph(VIRTUAL_NOTICE, kind="notice")
    sections = [Section(anchor="counts", title="What is shared", body=_counts(result))]
    for kind in result.settings.kinds:
        found = [match for match in result.matches if match.kind == kind]
        title, lead = _TITLES[kind]
        pairs = "".join(_pair(match, train, test) for match in found[:_SHOWN])
        more = paragraph(f"{len(found) - _SHOWN:,} further pairs are in the JSON.") if len(found) > _SHOWN else ""
        body = f'<div class="grid wide">{pairs}</div>{more}' if found else ""
        sections.append(Section(anchor=kind, title=title, lead=lead, body=body))
    sections.append(Section(anchor="how", title="Thresholds", body=_how(result)))
    foot = f"Made by Vesalius {__version__}."
    return page("Leakage audit", eyebrow="Curation", head=head, sections=sections, foot=foot, style=_STYLE)


def _counts(result: Audit) -> str:
    pairs = result.pairs()
    titles = {str(kind): title for kind, (title, _) in _TITLES.items()}
    rows = []
    for kind, count in result.studies().items():
        share = count / result.test_studies if result.test_studies else 0.0
        cells = (f"{count:,}", f"{share:.1%}", f"{pairs[kind]:,}")
        rows.append([Cell(titles[kind]), *(Cell(text, kind="n") for text in cells)])
    heads = [Cell("shared"), *(Cell(name, kind="n") for name in ("test studies", "share", "pairs"))]
    notes = ""
    if result.templates:
        notes += paragraph(
            f"{result.templates:,} texts that {result.settings.template_patients} or more patients of one side have "
            "word for word are templates and are not counted.",
            kind="note",
        )
    if result.unreadable:
        first = result.unreadable[0]
        notes += paragraph(f"{len(result.unreadable):,} images were not compared, such as {first}.", kind="notice")
    return table(heads, rows) + notes


def _how(result: Audit) -> str:
    how = result.settings
    copies = (
        f"Copies of images: pHash or dHash within {how.bits} of 64 bits, or descriptors alike, and then agreement of "
        f"fine detail of at least {how.agreement:g} after shifts and scales of up to 4 %."
    )
    reports = (
        f"Nearly the same reports: Jaccard similarity of runs of 4 words of at least {how.jaccard:g}, in texts of at "
        f"least {how.least_words} words."
    )
    lines = (
        copies,
        reports,
        f"Questions: at least {how.least_question_words} words.",
        "Names of patients stand nowhere on this page; studies are called by their ids.",
    )
    return "".join(paragraph(line) for line in lines)


def _pair(match: Match, train: Corpus, test: Corpus) -> str:
    mine, theirs = train.study(match.train), test.study(match.test)
    texts = ("", "")
    if match.kind in ("report", "near_report"):
        texts = shared_marked(Side.text_of(mine), Side.text_of(theirs))
    elif match.kind == "question":
        texts = shared_marked(*_common_questions(mine, theirs))
    elif match.kind in ("patient", "study"):
        texts = escape(_cut(Side.text_of(mine))), escape(_cut(Side.text_of(theirs)))
    sides = (
        _side("training", mine, match.train_image, texts[0], train),
        _side("test", theirs, match.test_image, texts[1], test),
    )
    facts = [f"{match.score:.3f}"] if match.kind in ("near_image", "near_report") else []
    note = " · ".join([*facts, *([match.detail] if match.detail else [])])
    return card(f'<div class="pair">{"".join(sides)}</div>' + (paragraph(note, kind="note") if note else ""))


def _side(title: str, study: Study, image: str, text: str, corpus: Corpus) -> str:
    name = f"{study.id}/{image}" if image else study.id
    words = f"<p>{text}</p>" if text else ""
    return (
        f'<div><p class="tag">{title}</p>{_picture(study, image, corpus)}'
        f'<p class="study">{escape(name)}</p>{words}</div>'
    )


def _common_questions(mine: Study, theirs: Study) -> tuple[str, str]:
    asked = [
        {" ".join(turn.text for turn in part.turns if turn.role == "user"): part.answer for part in study.dialogues}
        for study in (mine, theirs)
    ]
    common = sorted(set(asked[0].items()) & set(asked[1].items()))
    text = f"{common[0][0]} → {common[0][1]}" if common else ""
    return text, text


def shared_marked(one: str, other: str) -> tuple[str, str]:
    """Return both texts as HTML with the runs of three or more words that they share marked."""
    first, second = _cut(one).split(), _cut(other).split()
    lowered = [[word.lower() for word in side] for side in (first, second)]
    blocks = SequenceMatcher(a=lowered[0], b=lowered[1], autojunk=False)
    runs = [block for block in blocks.get_matching_blocks() if block.size >= _SHORTEST_RUN]
    return (
        _marked(first, [(block.a, block.a + block.size) for block in runs]),
        _marked(second, [(block.b, block.b + block.size) for block in runs]),
    )


def _marked(words: Sequence[str], runs: Sequence[tuple[int, int]]) -> str:
    parts, place = [], 0
    for start, stop in runs:
        parts.append(escape(" ".join(words[place:start])))
        parts.append(f"<mark>{escape(' '.join(words[start:stop]))}</mark>")
        place = stop
    parts.append(escape(" ".join(words[place:])))
    return " ".join(part for part in parts if part)


def _cut(text: str) -> str:
    found = text.split()
    return " ".join(found[:_MOST_WORDS]) + (" …" if len(found) > _MOST_WORDS else "")


def _picture(study: Study, image: str, corpus: Corpus) -> str:
    """Return the named image, else the first, as a small PNG inside the page; words where it cannot be opened."""
    chosen = next((one for one in study.images if not image or one.id == image), None)
    if chosen is None:
        return ""
    try:
        return _png(grey(opened(corpus.path(chosen.path), chosen)), alt=chosen.id)
    except DataError:
        return paragraph("The picture cannot be opened.", kind="note")


def _png(picture: Grey, *, alt: str) -> str:
    from PIL import Image

    shown = Image.fromarray((np.clip(picture, 0, 1) * 255).round().astype(np.uint8))
    shown.thumbnail((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    shown.save(file, "PNG", optimize=True)
    data = base64.b64encode(file.getvalue()).decode("ascii")
    size = f'width="{shown.width}" height="{shown.height}"'
    return f'<img {size} alt="{escape(alt)}" src="data:image/png;base64,{data}">'
