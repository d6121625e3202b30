"""MedNLI: 14 049 pairs of a sentence of a MIMIC-III history and a sentence that clinicians wrote of it.

See `vesalius.data.datasets._inference` for how a pair is a study. "dev" is called "val". The hypotheses alone tell
much of the labels: print a control without the premises. The parse trees of the files are left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from vesalius.data.corpus import Corpus
from vesalius.data.datasets._inference import LABELS, pair, read_pairs, virtual_pairs
from vesalius.data.datasets._pictures import cases
from vesalius.data.datasets._tables import find, write_lines
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files
from vesalius.data.records import Provenance

__all__ = ["ABOUT", "LABELS", "TWIN", "read", "write"]

ABOUT = About(
    title="MedNLI", slug="mednli", licence="PhysioNet Credentialed Health Data License 1.5.0",
    access="It is credentialed: finish the training, sign the data use agreement and download it from PhysioNet",
    home="https://physionet.org/content/mednli/",
)  # fmt: skip
TWIN = Twin(preset="chest", image_size=64)

_PARTS = {"train": "mli_train_v1.jsonl", "val": "mli_dev_v1.jsonl", "test": "mli_test_v1.jsonl"}
_SOURCE = "clinicians"


def read(root: Path) -> Iterator[Sample]:
    """Yield the pairs; splits "train", "val" and "test"."""
    require_files(root, [name for name in _PARTS.values() if not find(root, name)], ABOUT)
    origin = provenance(root, ABOUT)
    for part, name in _PARTS.items():
        path = find(root, name)
        assert path is not None
        for study in read_pairs(path, key="pairID", part=part, source=_SOURCE, origin=origin):
            yield Sample(study, part)


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write pairs about the findings of the virtual patients with parse strings, in three parts."""
    origin = Provenance(source=ABOUT.title, licence=ABOUT.licence, virtual=True)
    made: dict[str, list[Sample]] = {part: [] for part in _PARTS}
    lines: dict[str, list[str]] = {part: [] for part in _PARTS}
    for case in cases(corpus):
        part = list(_PARTS)[case.number % 3]
        for premise, hypothesis, label in virtual_pairs(case):
            name = f"virtual-{part}-{len(lines[part])}"
            row = {"gold_label": label, "pairID": name}
            for number, sentence in enumerate((premise, hypothesis), start=1):
                row[f"sentence{number}"] = sentence
                row[f"sentence{number}_parse"] = f"(ROOT (S {sentence}))"
                row[f"sentence{number}_binary_parse"] = f"( {sentence} )"
            lines[part].append(json.dumps(row))
            study = pair(f"{part}/{name}", premise, hypothesis, label, _SOURCE, origin)
            made[part].append(Sample(study, part))
    for part, content in lines.items():
        write_lines(root / _PARTS[part], content)
    return [sample for samples in made.values() for sample in samples]
