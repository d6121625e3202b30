"""MMQS (CLIPSyntel): questions of patients in English with a photograph, and summaries.

The table is `clipsyntel_data.csv`. Its columns have not been seen in a release: question, image and summary are
looked for under the names below, and another name is refused with what was found. No split is given.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from vesalius.data.corpus import Corpus
from vesalius.data.datasets._labels import write_rows
from vesalius.data.datasets._question_summaries import asked_of, question_rows, question_study, write_photographs
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin

__all__ = ["ABOUT", "TWIN", "read", "write"]

ABOUT = About(
    title="MMQS, CLIPSyntel", slug="mmqs", licence="research only",
    access="It is open: download clipsyntel_data.csv and the archive of images that its authors name",
    home="https://github.com/AkashGhosh/CLIPSyntel-AAAI2024",
)  # fmt: skip
TWIN = Twin(preset="dermatoscopy", settings=("texts=[query, summary]",), image_size=64)

_TABLE = "clipsyntel_data.csv"
_SCHEMES = (
    ("question", "golden_summary", "image_path"), ("question", "summary", "image"),
    ("Question", "Question_Summ_Updates", "image_path"), ("Question", "multimodal_Question_summ",
    "new_relative_path"),
)  # fmt: skip


def read(root: Path) -> Iterator[Sample]:
    """Yield the rows of the table."""
    require_files(root, [_TABLE], ABOUT)
    origin = provenance(root, ABOUT)
    for number, row in enumerate(question_rows(root / _TABLE, _SCHEMES)):
        yield Sample(question_study(root, f"mmqs_{number:04d}", row, language="en", origin=origin), "")


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write the table and the photographs; one is missing."""
    names, origin = write_photographs(corpus, root, "Multimodal Captioning Dataset"), virtual_origin(ABOUT)
    rows = [asked_of(corpus.study(name), "en", names[name]) for name in sorted(names)]
    write_rows(root / _TABLE, _SCHEMES[0], rows)
    return [
        Sample(question_study(root, f"mmqs_{number:04d}", row, language="en", origin=origin), "")
        for number, row in enumerate(rows)
    ]
