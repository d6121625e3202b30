"""Duplicates and leakage: 100 000 embeddings in seconds, and what the thresholds find and call alike by mistake.

Speed: all pairs of 100 000 × 512 unit vectors with a cosine of at least 0.95, 500 of them planted, that all planted
pairs are found checked, by the clock and in processor seconds. Recall: films of virtual patients, each changed in
eight ways, looked for among all originals. False alarms: pairs of films and of reports of different patients that are
called alike. Intervals: Wilson 95 % for recall; for false alarms the upper end counts patients, not pairs, as each
patient stands in many pairs.
"""

from __future__ import annotations

import argparse
import io
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from measure import save, spread
from vesalius.curation.leakage import AuditSettings
from vesalius.curation.leakage_side import Side
from vesalius.curation.minhash import near_texts, shingles
from vesalius.curation.pictures import Grey, grey, opened
from vesalius.curation.seen import Seen, look_at, near_pictures
from vesalius.curation.text_keys import words
from vesalius.curation.vectors import near_vectors
from vesalius.data.corpus import Corpus
from vesalius.metrics.proportions import clopper_pearson, wilson
from vesalius.virtual.population import make

VECTORS, WIDTH, PLANTED, COSINE = 100_000, 512, 500, 0.95
PATIENTS = {"chest": 300, "mixed": 200}
PARTS = ("embeddings", *(f"images_{preset}" for preset in PATIENTS), "reports")
SIZE = 256
REPORTS = 1000
DEVELOPMENT_SEED = 11
"""Of the patients on whom the thresholds were chosen; give it to --seed to see them again."""
SEED = 90731
"""Of patients that nothing was chosen on."""


def main() -> None:
    """Measure all, or the parts that ``--parts`` names; ``--less 10`` divides the sizes for a short run."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--less", type=int, default=1)
    parser.add_argument("--seed", type=int, default=SEED, help=f"{DEVELOPMENT_SEED} is that of the choice")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    options = parser.parse_known_args()[0]
    less, seed, parts = options.less, options.seed, options.parts
    found: dict[str, Any] = {"seed": seed}
    if "embeddings" in parts:
        found["embeddings"] = embeddings(VECTORS // less)
    with tempfile.TemporaryDirectory() as folder:
        for preset, patients in PATIENTS.items():
            name, number = f"images_{preset}", max(20, patients // less)
            if name in parts:
                found[name] = images(Path(folder) / preset, preset, number, seed=seed)
        if "reports" in parts:
            found["reports"] = reports(Path(folder) / "reports", max(50, REPORTS // less), seed=seed)
    save("dedup" if "embeddings" in parts else "dedup_recall", found)


def embeddings(number: int) -> dict[str, Any]:
    """Time near_vectors; a second run has decaying variances, as real embeddings have."""
    rng = np.random.default_rng(SEED)
    result: dict[str, Any] = {"number": number, "width": WIDTH, "cosine": COSINE}
    for name, decay in (("isotropic", 0.0), ("decaying", 0.5)):
        vectors = rng.standard_normal((number, WIDTH), dtype=np.float32) * np.arange(1, WIDTH + 1) ** -decay
        vectors = vectors.astype(np.float32)
        noise = rng.standard_normal((PLANTED, WIDTH), dtype=np.float32) * vectors.std(axis=0) * 0.1
        vectors[number - PLANTED :] = vectors[:PLANTED] + noise
        start, processor = time.perf_counter(), time.process_time()
        near = near_vectors(vectors, cosine=COSINE)
        seconds, processor = time.perf_counter() - start, time.process_time() - processor
        pairs = {(int(one), int(other)) for one, other in near.pairs}
        planted = {(place, number - PLANTED + place) for place in range(PLANTED)}
        missing = planted - pairs
        assert not missing, f"{len(missing)} planted pairs were not found"
        result[name] = {"seconds": seconds, "processor_seconds": processor, "pairs": len(pairs)}
    result["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return result


def as_bytes(picture: Grey) -> Image.Image:
    return Image.fromarray((np.clip(picture, 0, 1) * 255).round().astype(np.uint8))


def from_image(image: Image.Image) -> Grey:
    return np.asarray(np.asarray(image, np.float32) / 255, np.float32)


def encoded(picture: Grey, quality: int) -> Grey:
    file = io.BytesIO()
    as_bytes(picture).save(file, "JPEG", quality=quality)
    return from_image(Image.open(file))


def resized(picture: Grey, factor: float) -> Grey:
    size = (round(picture.shape[1] * factor), round(picture.shape[0] * factor))
    return from_image(as_bytes(picture).resize(size, Image.Resampling.LANCZOS))


def cropped(picture: Grey) -> Grey:
    rows, columns = (max(1, round(0.02 * side)) for side in picture.shape)
    return picture[rows:-rows, columns:-columns]


CHANGES: dict[str, Callable[[Grey], Grey]] = {
    "jpeg_60": lambda picture: encoded(picture, 60),
    "jpeg_20": lambda picture: encoded(picture, 20),
    "half_size": lambda picture: resized(picture, 0.5),
    "larger": lambda picture: resized(picture, 1.37),
    "window": lambda picture: np.clip((picture - 0.15) / 0.6, 0, 1),
    "gamma": lambda picture: picture**0.6,
    "crop_2_percent": cropped,
    "all_at_once": lambda picture: encoded(resized(np.clip((cropped(picture) - 0.1) / 0.75, 0, 1), 0.7), 70),
}


def images(folder: Path, preset: str, patients: int, *, seed: int) -> dict[str, Any]:
    """Return recall by change, and false alarms among films of different patients, one film a patient."""
    corpus = make(folder, patients=patients, preset=preset, seed=seed, image_size=SIZE)
    films = [(study, grey(opened(corpus.path(image.path), image))) for study in corpus for image in study.images[:1]]
    originals = Seen(of=[(study.id, "i") for study, _ in films], looks=[look_at(film) for _, film in films])
    start = time.perf_counter()
    alarms = near_pictures(originals)
    seconds = time.perf_counter() - start
    touched = {place for pair in alarms for place in (pair.one, pair.other)}
    pairs = len(films) * (len(films) - 1) // 2
    result: dict[str, Any] = {
        "films": len(films), "pairs": pairs, "false_alarms": len(alarms),
        "patients_in_false_alarms": len(touched),
        "share_of_patients_interval": list(clopper_pearson(len(touched), len(films))),
        "seconds": seconds, "recall": {},
    }  # fmt: skip
    for name, change in CHANGES.items():
        copies = Seen(of=originals.of, looks=[look_at(change(film)) for _, film in films])
        matches = near_pictures(originals, copies)
        found = sum(pair.one == pair.other for pair in matches)
        wrong = sum(pair.one != pair.other for pair in matches)
        result["recall"][name] = {
            "found": found, "of": len(films), "recall": found / len(films),
            "interval": list(wilson(found, len(films))),
            "wrong_pairs": wrong,
        }  # fmt: skip
    return result


def reports(folder: Path, patients: int, *, seed: int) -> dict[str, Any]:
    """Return how many reports of different patients are called nearly the same, and the recall of edited ones."""
    how = AuditSettings()
    corpus = make(folder, patients=patients, preset="chest", seed=seed, image_size=128)
    side = Side.of(corpus, corpus, pictures=False, least_words=how.least_words)
    names = list(side.runs)
    start = time.perf_counter()
    near = near_texts([side.runs[name] for name in names], threshold=how.jaccard)
    seconds = time.perf_counter() - start
    touched = {place for pair in near for place in (pair.one, pair.other)}
    return {
        "reports": len(names), "pairs": len(names) * (len(names) - 1) // 2, "alike": len(near),
        "same_words": sum(len(found) > 1 for found in side.reports.values()),
        "share_of_reports_interval": list(clopper_pearson(len(touched), len(names))), "seconds": seconds,
        "recall_of_edited": edited(corpus, how),
    }  # fmt: skip


def edited(corpus: Corpus, how: AuditSettings) -> dict[str, Any]:
    """Return how many reports are found again after one sentence is added or case and stops are changed."""
    texts = [text for study in corpus if len(words(text := Side.text_of(study))) >= how.least_words]
    changes: dict[str, Callable[[str], str]] = {
        "upper_case": str.upper,
        "sentence_added": lambda text: f"{text} Clinical correlation is recommended.",
    }
    result: dict[str, Any] = {}
    for name, change in changes.items():
        both = [shingles(text) for text in texts] + [shingles(change(text)) for text in texts]
        groups = [0] * len(texts) + [1] * len(texts)
        pairs = near_texts(both, threshold=how.jaccard, groups=groups)
        found = len({pair.one for pair in pairs if pair.other - pair.one == len(texts)})
        result[name] = {"found": found, "of": len(texts), "interval": list(wilson(found, len(texts)))}
    result["spread_of_words"] = spread([float(len(words(text))) for text in texts])
    return result


if __name__ == "__main__":
    main()
