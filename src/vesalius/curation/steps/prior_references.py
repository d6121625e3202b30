"""Remove or mark what a report says of earlier studies, which a model that sees one study can only invent."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from vesalius.curation.base import Outcome, Stage, StudyStep
from vesalius.data.records import Study, Text
from vesalius.data.sentences import sentences

__all__ = ["MARK", "STEP", "PriorReferences", "refers_to_prior", "without_prior"]

MARK = "[prior]"
_PRIOR_NOUN = r"(?:prior|previous|earlier|preceding|last|old|outside|comparison)"
_STUDY_NOUN = (
    r"(?:stud(?:y|ies)|exam(?:ination)?s?|radiographs?|films?|ct|mri?|images?|imaging|scans?|x-?rays?|reports?"
    r"|chest|one|day|visit)"
)
_REFERENCE = re.compile(
    rf"\b(?:compar(?:ed|ison|ing)|since|from|to|than|as in|as on) (?:with |to |the |a |an |his |her |its )*"
    rf"{_PRIOR_NOUN}\b"
    rf"|\b{_PRIOR_NOUN} (?:\w+ ){{0,2}}?{_STUDY_NOUN}\b"
    r"|\bno (?:\w+ ){0,2}?(?:priors?|comparisons?)\b"
    r"|\b(?:in|by) comparison\b|\bcompared (?:to|with)\b|\bas (?:before|previously)\b"
    r"|\bpreviously (?:seen|noted|described)\b"
    r"|\b(?:again|re-?demonstrated|redemonstrated)\b|\b(?:in|over) the interval\b|\binterval\b|\bno longer\b"
    r"|\b(?:un|no significant |no |little )chang(?:ed|e)\b|\bnew(?:ly)? (?:since|from|compared)\b"
    r"|\b(?:has|have) (?:\w+ )?(?:increased|decreased|improved|worsened|resolved|cleared|progressed|grown|enlarged"
    r"|developed|been removed|been placed|appeared)\b"
    r"|\b(?:stable|persistent(?:ly)?|worsening|improving|increasing|decreasing|enlarging)\b",
    re.IGNORECASE,
)
_TAIL = re.compile(
    rf",? *(?:which (?:is|are|was|were) )?\b(?:as )?(?:compared (?:to|with)|in comparison (?:to|with)|since|than on)"
    rf" (?:the |a |an )*(?:{_PRIOR_NOUN}\b)?[^.;]*",
    re.IGNORECASE,
)
_STILL = re.compile(
    r"\b(?:again (?:seen|noted|demonstrated)|again|unchanged|stable|persistent|interval"
    r"|previously (?:seen|noted|described)|worsening|improving|increasing|decreasing|enlarging)\b[ ,]*",
    re.IGNORECASE,
)
_SPACED_STOP = re.compile(r"\s+([.,;])")
_OPEN_END = re.compile(
    r"\b(?:is|are|was|were|remains?|appears?|has|have|been|the|a|an|of|with|and)[.]?$", re.IGNORECASE
)


def refers_to_prior(sentence: str) -> bool:
    """Say whether a sentence speaks of an earlier study or of change."""
    return bool(_REFERENCE.search(sentence))


def without_prior(sentence: str) -> str:
    """Return a sentence without its words of comparison, or nothing where it is no statement without them.

    "Stable cardiomegaly compared to the prior study." becomes "Cardiomegaly."; what still speaks of a change
    ("The effusion has increased.") goes as a whole, since the change is all it says.
    """
    bare = _SPACED_STOP.sub(r"\1", _STILL.sub("", _TAIL.sub("", sentence))).strip(" ,")
    if refers_to_prior(bare) or len(re.findall(r"[^\W\d_]{3,}", bare)) == 0 or _hangs(bare):
        return ""
    bare = bare if bare.endswith((".", "!", "?")) else f"{bare}."
    return bare[0].upper() + bare[1:]


def _hangs(bare: str) -> bool:
    """Say whether a verb has lost its other half: "The heart is", "Is a small nodule"."""
    if re.match(r"(?:is|are|was|were)\b", bare, re.IGNORECASE):
        return True
    return bool(_OPEN_END.search(bare))


@dataclass(frozen=True, kw_only=True)
class PriorReferences(StudyStep):
    """English texts lose what refers to earlier studies, unless the study names its prior."""

    how: str = "rewrite"
    """rewrite: words of comparison go, and sentences that are nothing without them; drop: such sentences go;
    mark: such sentences get "[prior]" before them."""
    spare_with_priors: bool = True
    """Studies that name an earlier one keep their words: there the comparison can be seen."""

    def __post_init__(self) -> None:
        if self.how not in ("rewrite", "drop", "mark"):
            raise ValueError("how is rewrite, drop or mark")

    def apply(self, study: Study, stage: Stage) -> Outcome:
        """Go through the sentences of findings, impressions and reports."""
        if self.spare_with_priors and study.priors:
            return study
        texts: list[Text] = []
        for text in study.texts:
            if text.language != "en" or text.role not in ("findings", "impression", "report", "caption", "summary"):
                texts.append(text)
                continue
            found = sentences(text.text)
            if not any(map(refers_to_prior, found)):
                texts.append(text)
            elif kept := " ".join(filter(None, map(self._treated, found))):
                texts.append(replace(text, text=kept))
        return replace(study, texts=tuple(texts))

    def _treated(self, sentence: str) -> str:
        if not refers_to_prior(sentence):
            return sentence
        if self.how == "mark":
            return f"{MARK} {sentence}"
        return without_prior(sentence) if self.how == "rewrite" else ""


STEP = PriorReferences
