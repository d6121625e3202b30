"""Figures of articles: captions cut by panel, the sentences of the text that mention them, requests to describe.

A study of an article has its pictures, a caption (role "caption", beginning with its label, such as "Figure 2.") and
paragraphs of the article (role "note"). The step cuts captions with panels (A), (B) where the images' ids end in
these letters, and adds for each caption the sentences of the paragraphs that mention the figure (role "summary"),
from which LLaVA-Med had its conversations written.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from vesalius.curation.base import Dropped, Outcome, Stage, StudyStep
from vesalius.curation.text_keys import words
from vesalius.data.records import Image, Study, Text
from vesalius.data.sentences import sentences

__all__ = ["STEP", "FigureCaptions", "figure_number", "mentions", "panels"]

_LABEL = re.compile(r"^\s*(?:supplementary\s+)?fig(?:ure|\.)?\s*(\d+|[IVX]+\b)\s*[.:|–—-]?\s*", re.IGNORECASE)
_PANEL = re.compile(r"(?:^|(?<=[\s;,.]))\(?([A-Ha-h])\s*(?:\)|[:.](?=\s))\s*")
_NUMBER = (
    r"(?:fig(?:ure|s|\.|ures)?\.?\s*)(?:\d+[A-Ha-h]?\s*(?:,|and|&|to|-|–)\s*)*{number}(?:\s*\(?[A-Ha-h]\b\)?)?(?!\d)"
)


def figure_number(caption: str) -> str:
    """Return the number at the head of a caption, such as "2"; empty where it has none."""
    match = _LABEL.match(caption)
    return match[1] if match else ""


def mentions(paragraphs: Sequence[str], number: str) -> list[str]:
    """Return the sentences that mention a figure by number, in order, each once."""
    pattern = re.compile(_NUMBER.format(number=re.escape(number)), re.IGNORECASE)
    # "Fig. 2" must not end a sentence: its stop goes before the text is cut.
    bare = (re.sub(r"\b([Ff]igs?)\.\s*", r"\1 ", paragraph) for paragraph in paragraphs)
    return list(dict.fromkeys(sentence for text in bare for sentence in sentences(text) if pattern.search(sentence)))


def panels(caption: str) -> dict[str, str]:
    """Return the text of each panel by its letter; empty unless they run A, B, … from the first letter.

    What stands before panel A is said of all panels and goes before each.
    """
    body = caption[match.end() :] if (match := _LABEL.match(caption)) else caption
    marks = list(_PANEL.finditer(body))
    letters = [found[1].upper() for found in marks]
    wanted = [chr(ord("A") + place) for place in range(len(letters))]
    if len(letters) < 2 or letters != wanted:
        return {}
    shared = body[: marks[0].start()].strip(" ,;")
    ends = [*[found.start() for found in marks[1:]], len(body)]
    parts = [body[found.end() : end].strip(" ,;") for found, end in zip(marks, ends, strict=True)]
    return {letter: f"{shared} {part}".strip() for letter, part in zip(letters, parts, strict=True)}


@dataclass(frozen=True, kw_only=True)
class FigureCaptions(StudyStep):
    """Captions lose their label, are cut by panel, and get the sentences that mention their figure."""

    most_mentions: int = 5
    least_words: int = 3
    """A study whose captions are all shorter is dropped."""

    def apply(self, study: Study, stage: Stage) -> Outcome:
        """Go through the captions."""
        paragraphs = [text.text for text in study.texts if text.role == "note"]
        texts: list[Text] = [text for text in study.texts if text.role != "caption"]
        captions = [text for text in study.texts if text.role == "caption"]
        kept = [part for caption in captions for part in _cut(caption, study.images)]
        kept = [text for text in kept if len(words(text.text)) >= self.least_words]
        if captions and not kept:
            return Dropped("caption too short")
        for caption in captions:
            number = figure_number(caption.text)
            found = mentions(paragraphs, number)[: self.most_mentions] if number else []
            if found and not any(text.role == "summary" and text.text == " ".join(found) for text in texts):
                texts.append(replace(caption, role="summary", text=" ".join(found)))
        return replace(study, texts=(*kept, *texts))


def _cut(caption: Text, images: Sequence[Image]) -> list[Text]:
    """Return the caption without label, or one text a panel where the images' ids name all panels."""
    parts = panels(caption.text)
    last = {image.id[-1].upper(): image.id for image in images if image.id}
    if parts and set(parts) <= set(last) and len(images) == len(parts):
        return [replace(caption, text=text, images=(last[letter],)) for letter, text in parts.items()]
    return [replace(caption, text=_LABEL.sub("", caption.text).strip())]


STEP = FigureCaptions
