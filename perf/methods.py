"""Training step of every method beside plain CLIP on the same encoders and the same batch of virtual reports.

One optimiser step each by turns, so that what else the machine does falls on all. A ratio is a method's median step
over that of CLIP in the same rounds; memory is the peak of a process that trains this method alone, over CLIP's.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from statistics import median
from typing import Any

import numpy as np
import torch

from measure import save, spread

BATCH, ROUNDS = 64, 5
MODEL = {
    "image_size": 128, "patch": 16, "width": 192, "depth": 6, "text_depth": 4, "text_length": 96, "vocabulary": 2000,
    "vision_pool": "cls", "text_pool": "cls", "projection": "mlp",
}  # fmt: skip
PLAIN = "pubmedclip"
"""CLIP's own loss on whole captions, without a view."""


def main() -> None:
    """Time every method, or measure the memory of the one that is named."""
    if len(sys.argv) > 2 and sys.argv[1] == "--memory":
        print(json.dumps(alone(sys.argv[2])))
        return
    samples, tokenizer = data()
    sides = {name: Side(name, samples, tokenizer) for name in names()}
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(ROUNDS + 1):
        for name, side in sides.items():
            taken = side.step()
            if turn:
                seconds[name].append(taken)
    plain = peak(PLAIN)
    rows = {}
    for name, taken in seconds.items():
        ratios = [own / base for own, base in zip(taken, seconds[PLAIN], strict=True)]
        memory = peak(name)
        rows[name] = {
            "step_seconds": spread(taken),
            "over_clip": spread(ratios),
            "peak_mib": round(memory / 2**20),
            "peak_over_clip": round(memory / plain, 2),
            "parameters": sides[name].parameters,
        }
        print(f"{name:12} {median(ratios):5.2f} × CLIP, memory {memory / plain:5.2f} ×", flush=True)
    save("methods", {"batch": BATCH, "model": MODEL, "methods": rows})


def names() -> list[str]:
    """Return the methods around two encoders; those of conversations have another step."""
    from vesalius import registry
    from vesalius.methods.conversing import ConversingConfig

    found = registry.names("vesalius.methods")
    return [one for one in found if not issubclass(registry.load("vesalius.methods", one).SETTINGS, ConversingConfig)]


class Side:
    """A method with its optimiser and one batch."""

    def __init__(self, name: str, samples: Any, tokenizer: Any) -> None:
        from vesalius import registry
        from vesalius.data.collator import Collator
        from vesalius.data.transforms import ImageProcessor
        from vesalius.models.dual import DualEncoder
        from vesalius.models.settings import DualEncoderConfig

        torch.manual_seed(0)
        module = registry.load("vesalius.methods", name)
        self.method = module.build(module.SETTINGS(), DualEncoder.build(DualEncoderConfig(**MODEL)))
        self.method.prepare(tokenizer)
        views = self.method.settings.num_views
        given = [sample._replace(others=(sample.image,) * (views - 1)) for sample in samples]
        collator = Collator(tokenizer, MODEL["text_length"], ImageProcessor(size=128), self.method.annotate)
        self.batch = collator(given)
        self.method.train()
        weights = [weight for weight in self.method.parameters() if weight.requires_grad]
        self.parameters = sum(weight.numel() for weight in weights)
        self.optimiser = torch.optim.AdamW(weights, lr=1e-4)

    def step(self) -> float:
        """Make one step; return its seconds."""
        begin = time.perf_counter()
        self.optimiser.zero_grad(set_to_none=True)
        self.method(**self.batch)["loss"].backward()
        self.method.after_backward()
        self.optimiser.step()
        self.method.after_step()
        return time.perf_counter() - begin


def data() -> tuple[list[Any], Any]:
    """Reports and findings of virtual patients with pictures of noise, and a tokenizer trained on the reports."""

    from vesalius.data.loader import Sample
    from vesalius.models.text.tokenizer import train_tokenizer
    from vesalius.virtual.population import make

    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        corpus = make(folder, patients=BATCH, preset="chest", seed=5, image_size=32)
        studies = list(corpus)[:BATCH]
    texts = [study.text("findings", "impression") for study in studies]
    samples = [
        Sample(rng.random((1, 128, 128), dtype=np.float32), text, row, (), study)
        for row, (study, text) in enumerate(zip(studies, texts, strict=True))
    ]
    return samples, train_tokenizer(texts, vocabulary=MODEL["vocabulary"])


def peak(name: str) -> int:
    """Peak memory of a process that makes two steps of a method."""
    done = subprocess.run([sys.executable, __file__, "--memory", name], capture_output=True, text=True, check=True)
    return int(json.loads(done.stdout.splitlines()[-1]))


def alone(name: str) -> int:
    """Make two steps and return the most bytes of the process since its data were there."""
    from vesalius.training.peak import peak_bytes, reset_peak

    side = Side(name, *data())
    reset_peak()
    for _ in range(2):
        side.step()
    return peak_bytes()


if __name__ == "__main__":
    main()
