"""What tells a finding of virtual patients without a look at it, 2000 patients a population, and what a look tells.

The shortcuts are those of `vesalius.virtual.audit`, each by a cross-validated linear classifier. `network` is a small
convolutional network on the pixels, trained on the training patients and tried on the test patients: one training,
one seed. `blind` answers questions of the same patients from their words alone; see
`vesalius.virtual.questions.audit`.
"""

from __future__ import annotations

import argparse
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from measure import save

PATIENTS = 2000
POPULATIONS = {
    "chest": 96, "fundus": 96, "dermatoscopy": 96, "pathology": 96, "chest-ct": 40, "abdomen-ct": 40, "brain-mr": 40,
}  # fmt: skip
"""Rows of the pictures of each population."""
EPOCHS = 25


def main() -> None:
    """Audit the populations named on the command line, or all, and write the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--populations", default=",".join(POPULATIONS))
    parser.add_argument("--patients", type=int, default=PATIENTS)
    chosen = parser.parse_known_args()[0]
    tables = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in chosen.populations.split(","):
            tables[name] = audited(Path(folder), name, chosen.patients)
            print(table(name, tables[name]), flush=True)
    save("shortcuts", {"patients": chosen.patients, "populations": tables})


def audited(folder: Path, name: str, patients: int) -> dict[str, Any]:
    """Make a population, audit it, train the network and ask the questions."""
    from vesalius.virtual.audit import audit
    from vesalius.virtual.population import make
    from vesalius.virtual.preset import load_preset
    from vesalius.virtual.questions.ask import write_questions
    from vesalius.virtual.questions.audit import audit_questions

    corpus = make(folder / name, patients=patients, preset=name, seed=2024, image_size=POPULATIONS[name])
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
    """Train a small network on the training patients and return its AUROC on the test patients, by finding."""
    from vesalius.virtual.audit import rank_auroc

    torch.manual_seed(0)
    pictures, labels = tensors(corpus), torch.tensor(np.nan_to_num(corpus.labels(concepts)))
    known, held = (np.isin(corpus.ids, corpus.split(part).ids) for part in ("train", "test"))
    mean, spread = pictures[known].mean(), pictures[known].std()
    pictures = (pictures - mean) / spread
    model = small_network(pictures.shape[1], pictures.ndim - 2, len(concepts))
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.05)
    train, truth = pictures[known], labels[known]
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(train)).split(32):
            optimiser.zero_grad()
            loss = nn.functional.binary_cross_entropy_with_logits(model(train[batch]), truth[batch])
            loss.backward()
            optimiser.step()
    model.eval()
    with torch.no_grad():
        scores = torch.cat([model(part) for part in pictures[held].split(64)]).double().numpy()
    target = labels[held].numpy() == 1
    return {name: rank_auroc(target[:, i], scores[:, i])[0] for i, name in enumerate(concepts)}


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
        lines.append(f"| {concept.replace('_', ' ')} | {cells} | {found['standard_error'][concept]:.2f} |")
    worst = max(found["blind"].items(), key=lambda part: part[1]["accuracy"] - part[1]["majority"], default=None)
    if worst:
        over = worst[1]["accuracy"] - worst[1]["majority"]
        lines.append(
            f"\nBlind answers, worst of {len(found['blind'])} families: {worst[0]}, {over:+.3f} (n {worst[1]['n']})"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
