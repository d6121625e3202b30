"""Images a second from a corpus to a batch, with a cold and a warm cache, and the loader's share of training.

Run: ``python perf/loader.py --out perf/results/loader.json``; makes its own corpus of PNG files. Cold is the first
epoch of a run (every file is decoded), warm any later one. Each figure is the median of repeats in one process.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np

from measure import save, spread

STUDIES, SIDE, BATCH, REPEATS = 256, 512, 64, 5


def make_corpus(root: Path) -> None:
    """Write smooth noise of 512 × 512 with a short report each."""
    from PIL import Image as PilImage

    from vesalius.data.corpus import Corpus
    from vesalius.data.records import Image, Study, Text
    from vesalius.data.writer import CorpusWriter

    rng = np.random.default_rng(0)
    with CorpusWriter(root, name="loader") as writer:
        for number in range(STUDIES):
            coarse = PilImage.fromarray(rng.integers(0, 256, (64, 64), dtype=np.uint8))
            file = BytesIO()
            coarse.resize((SIDE, SIDE)).save(file, "PNG")
            path = f"media/{number}.png"
            image = Image(id="cxr", path=path, modality="DX", shape=(SIDE, SIDE), units="display")
            text = Text(text=f"Heart of size {number}. Lungs are clear. No effusion is seen.", role="findings")
            study = Study(id=f"s{number}", patient=f"p{number}", images=(image,), texts=(text,))
            writer.add(study, media={path: file.getvalue()})
    Corpus.open(root).make_split({"train": 0.8, "val": 0.2})


def rate(parts: Any, epoch: int) -> float:
    """Images a second of one pass over the training loader."""
    loader = parts.train_loader()
    loader.set_epoch(epoch)
    start = perf_counter()
    images = sum(len(batch["index"]) for batch in loader)
    return images / (perf_counter() - start)


def milliseconds(work: Callable[[], object], images: int) -> float:
    """Processor milliseconds an image, unmoved by what else the machine does."""
    start = process_time()
    work()
    return (process_time() - start) * 1e3 / images


def stages(parts: Any) -> dict[str, float]:
    """Where the time of a training image goes."""
    import torch

    from vesalius.data.loader import Draw
    from vesalius.training.memory import TrainingStep

    draws = [Draw(0, row) for row in range(BATCH)]
    view, parts.train.view = parts.train.view, None
    decode = milliseconds(lambda: [parts.train[draw] for draw in draws], BATCH)
    kept = milliseconds(lambda: [parts.train[draw] for draw in draws], BATCH)
    parts.train.view = view
    viewed = milliseconds(lambda: [parts.train[draw] for draw in draws], BATCH)
    samples = [parts.train[draw] for draw in draws]
    batch = parts.collator(samples)
    step = TrainingStep(parts.method).train()

    def train(precision: str) -> Callable[[], None]:
        def once() -> None:
            with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
                loss = step(batch)["loss"]
            loss.backward()

        return once

    train("fp32")()
    train("bf16")()
    return {
        "decode_ms": decode - kept,
        "from_cache_ms": kept,
        "view_ms": viewed - kept,
        "collate_ms": milliseconds(lambda: parts.collator(samples), BATCH),
        "step_fp32_ms": milliseconds(train("fp32"), BATCH),
        "step_bf16_ms": milliseconds(train("bf16"), BATCH),
    }


def share(folder: Path, corpus: Path, workers: int) -> dict[str, float]:
    """Seconds of waiting for data and of the step in a short real run."""
    from vesalius.training.trainer import train

    chosen = [f"data={corpus}", "optimisation.steps=12", f"optimisation.workers={workers}"]
    run = train("convirt", overrides=[*chosen, "run.log_every=6", "run.report_to=[]"], out=folder)
    last = [line for line in run.metrics() if "data_seconds" in line][-1]
    waited, stepped = last["data_seconds"], last["step_seconds"]
    return {"data_seconds": waited, "step_seconds": stepped, "data_share": waited / (waited + stepped)}


def main() -> None:
    from vesalius.training.assembly import assemble
    from vesalius.training.recipe import load_recipe

    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        make_corpus(root / "corpus")
        figures: dict[str, Any] = {"images": f"{STUDIES} PNG of {SIDE} × {SIDE}, to 128 × 128, batch {BATCH}"}
        for workers in (0, 1, 2):
            recipe = load_recipe("convirt", overrides=[f"data={root / 'corpus'}", f"optimisation.workers={workers}"])
            parts = assemble(recipe, root / f"workers-{workers}")
            cold = rate(parts, 0)
            warm = spread([rate(parts, epoch) for epoch in range(1, 1 + REPEATS)])
            figures[f"workers_{workers}"] = {"cold_images_per_second": cold, "warm_images_per_second": warm}
            figures[f"workers_{workers}"] |= share(root / f"run-{workers}", root / "corpus", workers)
            if workers == 0:
                parts.close()
                figures["one_image"] = stages(assemble(recipe, root / "stages"))
        print(json.dumps(figures, indent=1))
        print(save("loader", figures))


if __name__ == "__main__":
    main()
