"""What tells a finding of virtual patients without a look at it, 2000 patients a population, and what a look tells.

The shortcuts are those of `vesalius.virtual.audit`, each by a cross-validated linear classifier. `network` is a small
convolutional network on the pixels, trained on the training patients and tried on the test patients: one training,
one seed. `blind` answers questions of the same patients from their words alone; see
`vesalius.virtual.questions.audit`. With `--words` only `company` and `text` are audited, and nothing is rendered:
what the same patient's other findings tell of one, and what the rest of its report tells beyond them; see
`vesalius.virtual.text.audit`. Populations that are not asked for keep the figures that they have.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import torch
from torch import nn

from measure import RESULTS, save

PATIENTS = 2000
POPULATIONS = {
    "chest": 96, "fundus": 96, "dermatoscopy": 96, "pathology": 96, "chest-ct": 40, "abdomen-ct": 40, "brain-mr": 40,
}  # fmt: skip
"""Rows of the pictures of each population."""
EPOCHS = 25
SEED = 2024
LIMIT = 0.05
"""How far from one half an AUROC may lie."""
CHANCE = {"row": "standard_error", "name": "standard_error", "image_size": "standard_error", "text": "text_error"}
"""Rows that nothing in nature lifts above chance, and where their errors stand."""


def main() -> None:
    """Audit the populations named on the command line, or all, and write the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--populations", default=",".join(POPULATIONS))
    parser.add_argument("--patients", type=int, default=PATIENTS)
    parser.add_argument("--words", action="store_true", help="audit words only")
    chosen = parser.parse_known_args()[0]
    file = RESULTS / "shortcuts.json"
    stored = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    tables = stored.get("populations", {}) if stored.get("patients") == chosen.patients else {}
    with tempfile.TemporaryDirectory() as folder:
        for name in chosen.populations.split(","):
            if not chosen.words:
                tables[name] = audited(Path(folder), name, chosen.patients)
            add_words(tables.setdefault(name, {"auroc": {}}), name, chosen.patients)
            print(table(name, tables[name]), flush=True)
    chance = {feature: beyond(tables, feature) for feature in CHANCE}
    print(json.dumps(chance, indent=2))
    save("shortcuts", {"patients": chosen.patients, "populations": tables, "chance": chance})


def add_words(found: dict[str, Any], name: str, patients: int) -> None:
    """Audit the words of a population's reports, without a picture, and add them to its tables."""
    from vesalius.virtual.patient import draw_patient
    from vesalius.virtual.preset import load_preset
    from vesalius.virtual.text.audit import audit_text

    people = [draw_patient(SEED, index, preset=name) for index in range(patients)]
    errors = found["text_error"] = {}
    for part in audit_text(people, list(load_preset(name).prevalence)):
        found["auroc"].setdefault(part.finding, {})[part.feature] = round(part.auroc, 3)
        errors[part.finding] = round(part.standard_error, 3)


def beyond(tables: dict[str, Any], feature: str) -> dict[str, float]:
    """Count the findings whose AUROC is further than 0.05 from one half, and say how many chance puts there."""
    areas = list(deviations(tables, feature))
    furthest = max((abs(gap) / error for gap, error in areas), default=0.0)
    outside = [2 * NormalDist(0, error).cdf(-LIMIT) for _, error in areas]
    return {
        "comparisons": len(areas),
        "beyond": sum(abs(gap) > LIMIT for gap, _ in areas),
        "expected_beyond": round(sum(outside), 1),
        "error_of_expected": round(sum(share * (1 - share) for share in outside) ** 0.5, 1),
        "furthest_in_errors": round(furthest, 2),
        "chance_of_one_as_far": round(1 - (1 - 2 * NormalDist().cdf(-furthest)) ** len(areas), 3),
    }


def deviations(tables: dict[str, Any], feature: str) -> Iterator[tuple[float, float]]:
    """Yield the distance from one half and its error for each finding; a constant feature is left out."""
    for found in tables.values():
        values = {concept: row[feature] for concept, row in found["auroc"].items() if feature in row}
        if set(values.values()) != {0.5}:
            yield from ((value - 0.5, found[CHANCE[feature]][concept]) for concept, value in values.items())


def audited(folder: Path, name: str, patients: int) -> dict[str, Any]:
    """Make a population, audit it, train the network and ask the questions."""
    from vesalius.virtual.audit import audit
    from vesalius.virtual.population import make
    from vesalius.virtual.preset import load_preset
    from vesalius.virtual.questions.ask import write_questions
    from vesalius.virtual.questions.audit import audit_questions

    corpus = make(folder / name, patients=patients, preset=name, seed=SEED, image_size=POPULATIONS[name])
    concepts = [concept for concept in load_preset(name).prevalence if corpus.concepts()[concept].present >= 20]
    rows: dict[str, dict[str, float]] = {concept: {} for concept in concepts}
    errors = {}
    for found in audit(corpus, concepts):
        rows[found.finding][found.feature] = round(found.auroc, 3)
        errors[found.finding] = round(found.standard_error, 3)
    for concept, area in network(corpus, concepts).items():
        rows[concept]["network"] = round(area, 3)
    asked = write_questions(corpus, folder / f"{name}-asked", per_study=8)
    blind = {
        part.family: {"n": part.n, "accuracy": round(part.accuracy, 3), "majority": round(part.majority, 3)}
        for part in audit_questions(asked)
    }
    return {"auroc": rows, "standard_error": errors, "blind": blind, "rows": POPULATIONS[name]}


def network(corpus: Any, concepts: list[str]) -> dict[str, float]:
    """Train a small network on the training patients and return its AUROC on the test patients, by finding.

    What is not stated of a patient, such as a finding of the other sex, is neither learnt nor scored.
    """
    from vesalius.virtual.audit import rank_auroc

    torch.manual_seed(0)
    stated = ~np.isnan(corpus.labels(concepts))
    pictures, labels = tensors(corpus), torch.tensor(np.nan_to_num(corpus.labels(concepts)))
    counted = torch.tensor(stated, dtype=torch.float32)
    known, held = (np.isin(corpus.ids, corpus.split(part).ids) for part in ("train", "test"))
    mean, spread = pictures[known].mean(), pictures[known].std()
    pictures = (pictures - mean) / spread
    model = small_network(pictures.shape[1], pictures.ndim - 2, len(concepts))
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.05)
    train, truth, weight = pictures[known], labels[known], counted[known]
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(train)).split(32):
            optimiser.zero_grad()
            loss = nn.functional.binary_cross_entropy_with_logits(
                model(train[batch]), truth[batch], weight=weight[batch]
            )
            loss.backward()
            optimiser.step()
    model.eval()
    with torch.no_grad():
        scores = torch.cat([model(part) for part in pictures[held].split(64)]).double().numpy()
    target, who = labels[held].numpy() == 1, stated[held]
    return {name: rank_auroc(target[who[:, i], i], scores[who[:, i], i])[0] for i, name in enumerate(concepts)}


def tensors(corpus: Any) -> torch.Tensor:
    """First pictures of all studies, (N, C, H, W) at 64 pixels or (N, 1, D, H, W) at 32."""
    from vesalius.data.readers import read

    made = []
    for study in corpus:
        pixels = read(corpus.path(study.images[0].path))
        array = torch.from_numpy(pixels.array.astype(np.float32))
        array = array.movedim(-1, 0) if pixels.axes.endswith("C") else array[None]
        size = (32, 32, 32) if pixels.axes == "ZYX" else (64, 64)
        mode = "trilinear" if pixels.axes == "ZYX" else "bilinear"
        made.append(nn.functional.interpolate(array[None], size=size, mode=mode, antialias=mode == "bilinear")[0])
    return torch.stack(made)


def small_network(channels: int, axes: int, outputs: int) -> nn.Module:
    """Four steps of convolution to a sixteenth of the side, then one linear layer."""
    convolution = nn.Conv3d if axes == 3 else nn.Conv2d
    norm = nn.BatchNorm3d if axes == 3 else nn.BatchNorm2d
    layers: list[nn.Module] = []
    widths = (channels, 16, 32, 64, 64)
    for before, after in pairwise(widths):
        layers += [convolution(before, after, 3, stride=2, padding=1), norm(after), nn.ReLU()]
    side = 2**axes if axes == 3 else 4**axes
    return nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.3), nn.Linear(64 * side, outputs))


def table(name: str, found: dict[str, Any]) -> str:
    """Write a population's table in Markdown."""
    rows = found["auroc"]
    heads = list(next(iter(rows.values())))
    lines = [f"\n### {name}\n", f"| finding | {' | '.join(heads)} | error |", "|---" * (len(heads) + 2) + "|"]
    for concept, values in rows.items():
        cells = " | ".join(f"{values[head]:.2f}" for head in heads)
        error = found.get("standard_error", found["text_error"])[concept]
        lines.append(f"| {concept.replace('_', ' ')} | {cells} | {error:.2f} |")
    worst = max(
        found.get("blind", {}).items(), key=lambda part: part[1]["accuracy"] - part[1]["majority"], default=None
    )
    if worst:
        over = worst[1]["accuracy"] - worst[1]["majority"]
        lines.append(
            f"\nBlind answers, worst of {len(found['blind'])} families: {worst[0]}, {over:+.3f} (n {worst[1]['n']})"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
