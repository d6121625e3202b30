"""Peak memory of one training step: 4096 pairs by the gradient cache in chunks of 64, beside 64 pairs at once.

Run: ``python perf/gradient_cache.py --out perf/results/gradient_cache.json``; each figure is a process of its own.
Memory is what the step adds to the process that already holds the model and the batch (VmHWM after, VmRSS before).
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from time import perf_counter

from measure import save

CASES = {"64 at once": (64, 0), "1024 at once": (1024, 0), "4096 in chunks of 64": (4096, 64)}


def status(key: str) -> float:
    """A line of /proc/self/status in MiB."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(key))


def one(batch: int, chunk: int) -> None:
    """Print the memory and seconds of a step."""
    import torch

    from vesalius.methods.convirt import ConVIRTConfig, build
    from vesalius.models.dual import DualEncoder
    from vesalius.models.settings import DualEncoderConfig
    from vesalius.training.memory import TrainingStep, cached_step

    torch.manual_seed(0)
    method = build(ConVIRTConfig(), DualEncoder.build(DualEncoderConfig(image_size=64, text_length=32))).train()
    step = TrainingStep(method)

    def make(rows: int) -> dict[str, torch.Tensor]:
        mask = torch.ones(rows, 32, dtype=torch.int64)
        tokens = torch.randint(5, 2000, (rows, 32))
        return {"pixel_values": torch.randn(rows, 1, 64, 64), "input_ids": tokens, "attention_mask": mask}

    step(make(2))["loss"].backward()
    inputs = make(batch)
    before, start = status("VmRSS"), perf_counter()
    if chunk:
        cached_step(step, method, inputs, chunk=chunk)
    else:
        step(inputs)["loss"].backward()
    seconds = perf_counter() - start
    held = sum(value.nbytes for value in inputs.values()) / 2**20
    print(json.dumps({"added_mib": status("VmHWM") - before, "inputs_mib": held, "seconds": seconds}))


def main() -> None:
    if len(sys.argv) == 4 and sys.argv[1] == "--case":
        one(int(sys.argv[2]), int(sys.argv[3]))
        return
    figures = {}
    for name, (batch, chunk) in CASES.items():
        command = [sys.executable, __file__, "--case", str(batch), str(chunk)]
        out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        figures[name] = json.loads(out.splitlines()[-1])
    figures["memory_ratio_4096_to_64"] = (
        figures["4096 in chunks of 64"]["added_mib"] / figures["64 at once"]["added_mib"]
    )
    print(json.dumps(figures, indent=1))
    print(save("gradient_cache", figures))


if __name__ == "__main__":
    main()
