"""RadNLI: 480 + 480 pairs of sentences of MIMIC-CXR reports, and machine-made ones to train on.

See `vesalius.data.datasets._inference` for how a pair is a study. "dev" is called "val"; the companion of
machine-made pairs (``radnli_pseudo-train.jsonl``) is "train" where it is there. Sentences mostly lack their full
stop and stay so.
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
    title="RadNLI", slug="radnli", licence="PhysioNet Credentialed Health Data License 1.5.0",
    access="It is credentialed: finish the training, sign the data use agreement and download it from PhysioNet",
    home="https://physionet.org/content/radnli-report-inference/",
)  # fmt: skip
TWIN = Twin(preset="chest", image_size=64)

_PSEUDO = "radnli_pseudo-train.jsonl"
_PARTS = {"train": _PSEUDO, "val": "radnli_dev_v1.jsonl", "test": "radnli_test_v1.jsonl"}
_SOURCES = {"train": "machine", "val": "radiologists", "test": "radiologists"}


def read(root: Path) -> Iterator[Sample]:
    """Yield the pairs; splits "train" (where the companion is there), "val" and "test"."""
    require_files(root, [name for part, name in _PARTS.items() if part != "train" and not find(root, name)], ABOUT)
    origin = provenance(root, ABOUT)
    for part, name in _PARTS.items():
        path = find(root, name)
        if path is not None:
            for study in read_pairs(path, key="pair_id", part=part, source=_SOURCES[part], origin=origin):
                yield Sample(study, part)


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write pairs about the findings of the virtual patients: every label, and pairs that stand reversed, too."""
    origin = Provenance(source=ABOUT.title, licence=ABOUT.licence, virtual=True)
    made: dict[str, list[Sample]] = {part: [] for part in ("val", "test")}
    lines: dict[str, list[str]] = {part: [] for part in made}
    for case in cases(corpus):
        part = "val" if case.number % 2 == 0 else "test"
        for premise, hypothesis, label in virtual_pairs(case):
            name = str(len(lines[part]) + 1)
            row = {"pair_id": name, "gold_label": label, "sentence1": premise, "sentence2": hypothesis}
            lines[part].append(json.dumps(row))
            study = pair(f"{part}/{name}", premise, hypothesis, label, _SOURCES[part], origin)
            made[part].append(Sample(study, part))
    for part, content in lines.items():
        write_lines(root / _PARTS[part], content)
    return [sample for samples in made.values() for sample in samples]
