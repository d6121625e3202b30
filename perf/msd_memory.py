"""Peak memory of one optimiser step: MSD's window of 1024 pairs in batches of 64, beside plain steps of 64 and 1024.

Run: ``python perf/msd_memory.py --out perf/results/msd_memory.json``; each figure is a process of its own.
Memory is what the step adds to the process that already holds the model and the batches (VmHWM after, VmRSS before);
MSD's teacher is part of the model and is told apart as `weights_mib`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from time import perf_counter

from measure import save

CASES = {
    "plain, 64 at once": ("pubmedclip", 64, 1),
    "MSD, 64 at once": ("msd", 64, 1),
    "MSD, window of 256 in batches of 64": ("msd", 64, 4),
    "MSD, window of 1024 in batches of 64": ("msd", 64, 16),
    "plain, 1024 at once": ("pubmedclip", 1024, 1),
}


def status(key: str) -> float:
    """A line of /proc/self/status in MiB."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(key))


def one(slug: str, batch: int, pieces: int) -> None:
    """Print the memory and seconds of a step."""
    import torch

    from vesalius.methods.base import load
    from vesalius.models.dual import DualEncoder
    from vesalius.models.settings import DualEncoderConfig
    from vesalius.training.memory import TrainingStep
    from vesalius.training.window import open_window

    torch.manual_seed(0)
    module = load(slug)
    method = module.build(module.SETTINGS(), DualEncoder.build(DualEncoderConfig(image_size=64, text_length=32)))
    step = TrainingStep(method).train()

    def make(rows: int) -> dict[str, torch.Tensor]:
        mask = torch.ones(rows, 32, dtype=torch.int64)
        tokens = torch.randint(5, 2000, (rows, 32))
        image = torch.randn(rows, 1, 64, 64)
        return {"pixel_values": image, "input_ids": tokens, "attention_mask": mask, "index": torch.arange(rows)}

    step(make(2))["loss"].backward()
    given = [make(batch) for _ in range(pieces)]
    before, start = status("VmRSS"), perf_counter()
    for piece in open_window(step, method, given):
        (step(piece)["loss"] / pieces).backward()
    method.after_step()
    seconds = perf_counter() - start
    figures = {
        "added_mib": status("VmHWM") - before,
        "inputs_mib": sum(value.nbytes for piece in given for value in piece.values()) / 2**20,
        "weights_mib": sum(weight.nbytes for weight in method.parameters()) / 2**20,
        "negatives": batch * pieces - 1 if slug == "msd" else batch - 1,
        "seconds": seconds,
    }
    print(json.dumps(figures))


def main() -> None:
    """Measure every case and write the figures, or measure one."""
    if len(sys.argv) == 5 and sys.argv[1] == "--case":
        one(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
        return
    figures = {}
    for name, (slug, batch, pieces) in CASES.items():
        command = [sys.executable, __file__, "--case", slug, str(batch), str(pieces)]
        out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        figures[name] = json.loads(out.splitlines()[-1])
    added = {name: figures[name]["added_mib"] for name in CASES}
    window = added["MSD, window of 1024 in batches of 64"]
    figures["memory_of_window_1024_by_msd_64"] = window / added["MSD, 64 at once"]
    figures["memory_of_window_1024_by_plain_64"] = window / added["plain, 64 at once"]
    figures["memory_of_plain_1024_by_window_1024"] = added["plain, 1024 at once"] / window
    print(json.dumps(figures, indent=1))
    print(save("msd_memory", figures))


if __name__ == "__main__":
    main()
