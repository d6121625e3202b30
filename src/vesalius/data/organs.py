"""A report on trunk CT cut by organ: sentences under the sections in which such reports are written.

The sections are those that Merlin's reports are written by (arXiv 2406.06512), as its card lists them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["OTHER", "SECTIONS", "organ_of", "organ_sections"]

SECTIONS: dict[str, tuple[str, ...]] = {
    "lower thorax": (
        "thorax", "lung", "lungs", "pulmonary", "lobe", "pleura", "pleural", "heart", "cardiac", "pericardium",
        "pericardial", "mediastinum", "mediastinal", "costophrenic", "bronchus", "bronchi", "trachea",
    ),
    "liver": (
        "liver", "hepatic", "hepatobiliary", "biliary", "bile", "intrahepatic", "common duct", "cirrhosis",
        "steatosis", "hepatoma",
    ),
    "gallbladder": ("gallbladder", "gallstone", "gallstones", "cholecystitis", "cholelithiasis"),
    "spleen": ("spleen", "splenic", "splenomegaly"),
    "pancreas": ("pancreas", "pancreatic", "pancreatitis", "peripancreatic"),
    "adrenal glands": ("adrenal", "adrenals"),
    "kidneys": (
        "kidney", "kidneys", "renal", "ureter", "ureters", "ureteral", "hydronephrosis", "urothelial",
        "urinary tract", "collecting system", "collecting systems", "genitourinary",
    ),
    "bowel": (
        "bowel", "colon", "colonic", "stomach", "gastric", "duodenum", "duodenal", "appendix", "appendicitis",
        "appendiceal", "rectum", "caecum", "cecum", "gastrointestinal", "oesophagus", "esophagus", "hiatal",
        "diverticula", "diverticulosis", "ileus",
    ),
    "peritoneum": (
        "peritoneum", "peritoneal", "intraperitoneal", "ascites", "free fluid", "free air", "free gas", "mesentery",
        "omentum",
    ),
    "pelvic": (
        "pelvis", "pelvic", "bladder", "prostate", "prostatic", "uterus", "uterine", "ovary", "ovaries", "ovarian",
        "seminal vesicles", "fibroid", "fibroids",
    ),
    "circulatory": (
        "aorta", "aortic", "vasculature", "vascular", "vein", "veins", "artery", "arteries", "vena cava", "aneurysm",
        "thrombosis", "atherosclerosis",
    ),
    "lymph nodes": ("lymph node", "lymph nodes", "lymphadenopathy", "nodal"),
    "musculoskeletal": (
        "musculoskeletal", "bone", "bones", "osseous", "spine", "vertebra", "vertebral", "vertebrae", "rib", "ribs",
        "muscle", "muscles", "abdominal wall", "hernia", "soft tissue", "soft tissues", "hip", "sacrum",
    ),
}  # fmt: skip
"""Section and the words, in lower case, that a sentence is known by."""

OTHER = "other"
"""Section of sentences that name no organ and follow none that does."""

_PLACES = {word: name for name, words in SECTIONS.items() for word in words}
_WORDS = re.compile(rf"\b(?:{'|'.join(sorted(map(re.escape, _PLACES), key=len, reverse=True))})\b")
_HEADING = re.compile(r"\s*([^:.]{1,60}):\s")


def organ_sections(sentences: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Cut a report into sections, in the order in which they first appear; no sentence is lost.

    A heading in front of a sentence ("Kidneys and ureters: normal.") decides; else the organ that is named first.
    A sentence that names none goes on with the one before.
    """
    found: dict[str, tuple[str, ...]] = {}
    current = OTHER
    for sentence in sentences:
        current = organ_of(sentence) or current
        found[current] = (*found.get(current, ()), sentence)
    return found


def organ_of(sentence: str) -> str | None:
    """Return the section that a sentence belongs to by its heading or first organ, or None."""
    text = sentence.lower()
    heading = _HEADING.match(text)
    first = (heading and _WORDS.search(heading[1])) or _WORDS.search(text)
    return _PLACES[first[0]] if first else None
