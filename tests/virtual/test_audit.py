"""No shortcuts: findings are not told by name, order, border or size; the picture holds the signal."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vesalius.data.corpus import Corpus
from vesalius.virtual.audit import audit, rank_auroc
from vesalius.virtual.population import make
from vesalius.virtual.preset import load_preset

PATIENTS = 2000
CONCEPTS = tuple(load_preset("chest").prevalence)

# Findings that change much of the lung, the heart or the level of the domes must change histogram and file size; the
# others may be told from them as far as their usual company (effusion with oedema, and so on) goes.
PHYSICAL = {
    "cardiomegaly": "a larger heart has more light pixels",
    "edema": "fluid lightens both lungs",
    "emphysema": "dark lungs and low domes",
    "fibrosis": "lines and high domes",
    "pleural_effusion": "the lower zone is light",
    "consolidation": "filled lung is light",
    "lung_mass": "a mass of 30 to 95 mm is light",
    "atelectasis": "comes with effusion and mass; collapse is light",
    "pneumothorax": "air without vessels is dark",
    "hiatal_hernia": "gas behind the heart",
}


def test_area_under_the_curve_by_hand() -> None:
    # Pairs (positive, negative): 0.9 > 0.1, 0.9 > 0.4, 0.4 = 0.4 (half), 0.4 > 0.1: 3.5 of 4.
    area, error = rank_auroc(np.array([True, True, False, False]), np.array([0.9, 0.4, 0.1, 0.4]))
    assert area == pytest.approx(0.875)
    assert error == pytest.approx(np.sqrt(5 / 48))
    assert np.isnan(rank_auroc(np.array([True, True]), np.array([0.1, 0.2]))[0])


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    root = tmp_path_factory.mktemp("audit") / "corpus"
    return make(root, patients=PATIENTS, image_size=96, seed=77)


@pytest.mark.slow
def test_findings_have_no_shortcuts(corpus: Corpus, tmp_path: Path) -> None:
    table = audit(corpus, CONCEPTS)
    assert len(table) == 8 * len(CONCEPTS)
    lines = [f"{row.finding:18s} {row.feature:10s} {row.auroc:.3f} ± {row.standard_error:.3f}" for row in table]
    (tmp_path / "audit.txt").write_text("\n".join(lines), encoding="utf-8")
    for row in table:
        if row.feature in ("row", "name", "border", "image_size"):
            # 48 comparisons: four standard errors, which for 200 of 2000 is 0.09, hold all of them.
            assert abs(row.auroc - 0.5) < 4 * row.standard_error, row
        elif row.feature in ("file_size", "histogram") and row.finding not in PHYSICAL:
            assert abs(row.auroc - 0.5) < 4 * row.standard_error, row


@pytest.mark.slow
def test_small_network_finds_them_in_the_picture(corpus: Corpus) -> None:
    import torch
    from PIL import Image

    concepts = [name for name in CONCEPTS if name not in ("rib_fracture", "lung_nodule")]
    labels = torch.tensor(corpus.labels(concepts))
    pictures = []
    for study in corpus:
        with Image.open(corpus.path(study.images[0].path)) as image:
            pictures.append(np.asarray(image, np.float32) / 255 - 0.5)
    x = torch.tensor(np.stack(pictures))[:, None]
    train = torch.arange(len(x)) % 4 != 0
    torch.manual_seed(0)
    layers: list[torch.nn.Module] = []
    for before, after in ((1, 16), (16, 32), (32, 64), (64, 64)):
        layers += [
            torch.nn.Conv2d(before, after, 3, stride=2, padding=1),
            torch.nn.BatchNorm2d(after),
            torch.nn.ReLU(),
        ]
    network = torch.nn.Sequential(*layers, torch.nn.Flatten(), torch.nn.Dropout(0.3),
                                  torch.nn.Linear(64 * 36, len(concepts)))  # fmt: skip
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=0.05)
    known, truth = x[train], labels[train]
    for _ in range(30):
        for batch in torch.randperm(len(known)).split(32):
            optimiser.zero_grad()
            loss = torch.nn.functional.binary_cross_entropy_with_logits(network(known[batch]), truth[batch])
            loss.backward()
            optimiser.step()
    network.eval()
    with torch.no_grad():
        scores = network(x[~train]).double().numpy()
    target = labels[~train].numpy() == 1
    areas = {name: rank_auroc(target[:, i], scores[:, i])[0] for i, name in enumerate(concepts)}
    # Far above the controls, for a network of 60 thousand weights after 1500 pictures.
    assert np.mean(list(areas.values())) > 0.72, areas
    assert sum(area > 0.65 for area in areas.values()) >= len(concepts) - 3, areas
