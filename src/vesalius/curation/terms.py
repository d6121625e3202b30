"""What pictures and findings are called in English, for the checks and the sentences of curation.

Names of findings are those of the virtual patients' reports; of a concept that these do not know, its own name in
plain words. Names of examinations are a short table of our own by DICOM modality.
"""

from __future__ import annotations

from functools import cache

from vesalius.data.records import Image
from vesalius.virtual.preset import finding, finding_names
from vesalius.virtual.text.grammar import grammar

__all__ = [
    "MODALITIES",
    "SIDES",
    "body_part_name",
    "concept_names",
    "denials",
    "humanised",
    "modality_name",
    "organ_words",
]

MODALITIES: dict[str, tuple[str, ...]] = {
    "DX": ("radiograph", "x-ray", "xray", "x ray", "plain film"),
    "CR": ("radiograph", "x-ray", "xray", "x ray", "plain film"),
    "MG": ("mammogram", "mammography", "mammographic"),
    "CT": ("CT", "computed tomography", "tomogram"),
    "MR": ("MRI", "MR", "magnetic resonance"),
    "US": ("ultrasound", "sonogram", "sonography", "ultrasonography"),
    "PT": ("PET", "positron emission tomography"),
    "NM": ("scintigram", "scintigraphy", "SPECT"),
    "XA": ("angiogram", "angiography"),
    "ES": ("endoscopic image", "endoscopy", "endoscopic", "colonoscopy", "gastroscopy", "laparoscopic"),
    "SM": ("light micrograph", "histology", "histopathology", "section", "smear", "blood film", "microscopy"),
    "GM": ("micrograph", "microscopy", "microscopic"),
    "OP": ("fundus photograph", "fundus", "retinal photograph"),
    "OPT": ("optical coherence tomogram", "OCT", "optical coherence tomography"),
    "XC": ("photograph", "photo", "clinical picture"),
    "DMS": ("dermoscopic image", "dermoscopy", "dermatoscopic", "dermatoscopy"),
}
"""Names of a picture by modality, the first for sentences."""
SIDES = ("left", "right")
_ORGANS: dict[str, tuple[str, ...]] = {
    "CHEST": ("chest", "lung", "pulmonary", "heart", "cardiac", "pleura", "pleural", "mediastinum", "rib",
              "thoracic"),
    "ABDOMEN": ("abdomen", "abdominal", "liver", "hepatic", "kidney", "renal", "spleen", "pancreas", "bowel",
                "gallbladder", "pelvis", "pelvic"),
    "HEAD": ("head", "brain", "cerebral", "skull", "intracranial", "ventricle", "ventricles"),
    "EYE": ("eye", "retina", "retinal", "macula", "macular", "fundus", "optic", "disc"),
    "SKIN": ("skin", "lesion", "cutaneous"),
    "COLON": ("colon", "colonic", "bowel", "mucosa", "rectum"),
    "STOMACH": ("stomach", "gastric", "oesophagus", "esophagus", "duodenum", "mucosa"),
    "BLOOD": ("blood", "erythrocytes", "leukocytes", "platelets", "cells"),
    "BREAST": ("breast", "mammary"),
}  # fmt: skip
"""Words for a body part and its organs by DICOM body part examined."""
_SAME = {"BRAIN": "HEAD", "THORAX": "CHEST", "RETINA": "EYE", "PELVIS": "ABDOMEN", "ABDOMENPELVIS": "ABDOMEN",
         "LUNG": "CHEST", "LIVER": "ABDOMEN", "KIDNEY": "ABDOMEN", "FUNDUS": "EYE"}  # fmt: skip


def humanised(name: str) -> str:
    """Return a class name or code in plain words: ``Pleural_Thickening`` and ``pleuralThickening`` alike."""
    spaced = "".join(f" {c}" if c.isupper() and i and name[i - 1].islower() else c for i, c in enumerate(name))
    plain = " ".join(spaced.replace("_", " ").replace("-", " ").split())
    return plain if plain.isupper() and len(plain) <= 5 else plain.lower()


@cache
def concept_names(concept: str) -> tuple[str, ...]:
    """Names of a concept, first the one for sentences.

    Reports of one region say "nodule" where they mean one of the lung; a sentence of any picture needs both words.
    """
    plain = humanised(concept)
    if concept not in finding_names():
        return (plain,)
    names = grammar(finding(concept).region).findings[concept].names
    first = plain if " " in plain and (plain in names or " " not in names[0]) else names[0]
    return tuple(dict.fromkeys((first, *names, plain)))


@cache
def denials(concept: str) -> tuple[str, ...]:
    """Whole sentences that say that a concept is absent without naming it, such as “Normal cardiac size.”"""
    if concept in finding_names():
        return tuple(grammar(finding(concept).region).findings[concept].absent)
    return ()


def body_part_name(image: Image) -> str:
    """Return the body part of a picture in plain words, or nothing where it states none."""
    return " ".join(image.body_part.replace("_", " ").lower().split())


def modality_name(image: Image) -> str:
    """Return what a picture is called, such as "radiograph"; "image" where the modality is unknown."""
    return MODALITIES.get(image.modality, ("image",))[0]


def organ_words(body_part: str) -> tuple[str, ...]:
    """Return words that speak of a body part; its own name where the table does not have it."""
    key = body_part.upper().replace(" ", "")
    key = _SAME.get(key, key)
    return _ORGANS.get(key, (body_part.lower(),) if body_part else ())
