"""MMCQS (MedSumm): questions of patients in Hindi-English with a photograph, and summaries in English.

Two schemes of columns are about, and both are read: that of the sample file (`Codemixed_Question`, `image_path`,
`Question_Summ_Updates`) and that of the training code (`Hinglish_Question`, `new_relative_path`,
`multimodal_Question_summ`). A photograph that is not there is missing in its study. The split is by the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from vesalius.data.corpus import Corpus
from vesalius.data.datasets._labels import write_rows
from vesalius.data.datasets._question_summaries import (
    Asked,
    asked_of,
    question_rows,
    question_study,
    write_photographs,
)
from vesalius.data.datasets._virtual import studies_of
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin

__all__ = ["ABOUT", "TWIN", "read", "write"]

ABOUT = About(
    title="MMCQS, MedSumm", slug="mmcqs", licence="research only",
    access="It is open: download the tables and the folder of images that its authors name",
    home="https://github.com/ArkadeepAcharya/MedSumm-ECIR2024",
)  # fmt: skip
TWIN = Twin(preset="dermatoscopy", settings=("texts=[query:hi-Latn, summary]",), image_size=64)

_SCHEMES = (
    ("Codemixed_Question", "Question_Summ_Updates", "image_path"),
    ("Hinglish_Question", "multimodal_Question_summ", "new_relative_path"),
)
_PARTS = ("train", "val", "test")
_LANGUAGE = "hi-Latn"


def read(root: Path) -> Iterator[Sample]:
    """Yield the rows of the tables that are there, in the order train, val, test."""
    parts = [part for part in _PARTS if (root / f"{part}.csv").exists()]
    if not parts:
        require_files(root, [f"{part}.csv" for part in _PARTS], ABOUT)
    origin = provenance(root, ABOUT)
    for part in parts:
        for number, row in enumerate(question_rows(root / f"{part}.csv", _SCHEMES)):
            yield Sample(question_study(root, f"{part}_{number:04d}", row, language=_LANGUAGE, origin=origin), part)


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write the training part in the columns of the sample file and the others in those of the code."""
    names, made, origin = write_photographs(corpus, root, "images"), [], virtual_origin(ABOUT)
    for part in _PARTS:
        chosen = sorted(studies_of(corpus, part))
        rows: list[Asked] = [asked_of(corpus.study(name), _LANGUAGE, names[name]) for name in chosen]
        write_rows(root / f"{part}.csv", _SCHEMES[int(part != "train")], rows)
        for number, row in enumerate(rows):
            study = question_study(root, f"{part}_{number:04d}", row, language=_LANGUAGE, origin=origin)
            made.append(Sample(study, part))
    return made
