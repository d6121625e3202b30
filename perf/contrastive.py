"""Contrastive training step beside open_clip's at equal sizes, and the loss alone beside the whole matrix.

Sizes of ViT-S-32-alt, synthetic tensors, both sides with the same torch release and threads, each in a process of
its own; their steps alternate, so that what else the machine does falls on both. ``PEER_PYTHON`` names the python of
an environment with torch and open_clip_torch. open_clip's package file imports torchvision; where that is missing its
`model`, `transformer` and `loss` files are imported past it, as they are.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from measure import peer_python, save, spread

WORKER = Path(__file__).parent / "_contrastive_worker.py"
THREADS = "2"
ROUNDS, STEPS = 6, 1
BATCHES = (32, 64)
LOSS_ROWS = (4096, 8192, 16384)


class Side:
    """A worker that lives through a measurement."""

    def __init__(self, side: str, *, batch: int, precision: str = "fp32") -> None:
        python = sys.executable if side == "ours" else str(peer_python())
        options = ["--batch", str(batch), "--precision", precision]
        self.process = subprocess.Popen(
            [python, str(WORKER), side, *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": THREADS, "MKL_NUM_THREADS": THREADS},
        )

    def ask(self, command: str) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def equality() -> dict[str, float]:
    """Largest differences between the sides after open_clip's weights were put into our model."""
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/weights.pt"
        theirs = Side("open_clip", batch=8)
        theirs.ask(f"weights {path}")
        theirs.close()
        ours = Side("ours", batch=8)
        found = ours.ask(f"compare {path}")
        ours.close()
    return found


def steps(batch: int, kinds: list[tuple[str, str]]) -> dict[str, Any]:
    """Pairs a second and peak memory of every kind (side, precision), their rounds alternating."""
    sides = {f"{side} {precision}": Side(side, batch=batch, precision=precision) for side, precision in kinds}
    for worker in sides.values():
        worker.ask("step 2")  # warm-up
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for round_number in range(ROUNDS):
        order = list(sides) if round_number % 2 == 0 else list(sides)[::-1]
        for name in order:
            seconds[name].append(sides[name].ask(f"step {STEPS}")["seconds"] / STEPS)
    figures: dict[str, Any] = {}
    for name, worker in sides.items():
        peak = worker.ask("peak")
        worker.close()
        rate = spread([batch / value for value in seconds[name]])
        figures[name] = {"pairs_per_second": rate, "peak_bytes": peak["bytes"], "weights": peak["weights"]}
    reference = seconds.get("open_clip fp32")
    if reference is not None:
        for name, values in seconds.items():
            paired = [theirs / ours for ours, theirs in zip(values, reference, strict=True)]
            figures[name]["rate_by_open_clip_fp32"] = spread(paired)
            figures[name]["memory_by_open_clip_fp32"] = (
                figures[name]["peak_bytes"] / figures["open_clip fp32"]["peak_bytes"]
            )
    return figures


def loss_alone(rows: int, side: str) -> dict[str, Any]:
    """Seconds and memory of the loss alone, in a fresh process."""
    python = sys.executable if side == "ours" else str(peer_python())
    done = subprocess.run(
        [python, str(WORKER), side, "--loss", str(rows)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": THREADS},
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return {"seconds": median(answer["seconds"]), "bytes": answer["bytes"], "loss": answer["loss"]}


def main() -> None:
    """Measure and write the figures."""
    peer = peer_python() is not None
    kinds = [("ours", "fp32"), ("ours", "bf16")]
    if peer:
        kinds += [("open_clip", "fp32"), ("open_clip", "bf16")]
    figures: dict[str, Any] = {"threads": int(THREADS), "rounds": ROUNDS, "steps_a_round": STEPS}
    figures["open_clip"] = "installed" if peer else "peer not installed: set PEER_PYTHON"
    if peer:
        figures["largest_difference_after_weight_copy"] = equality()
    figures["training_step"] = {str(batch): steps(batch, kinds) for batch in BATCHES}
    alone: dict[str, Any] = {}
    for rows in LOSS_ROWS:
        found = {side: loss_alone(rows, side) for side in (("ours", "open_clip") if peer else ("ours",))}
        if peer:
            found["memory_by_open_clip"] = found["ours"]["bytes"] / found["open_clip"]["bytes"]
            found["seconds_by_open_clip"] = found["ours"]["seconds"] / found["open_clip"]["seconds"]
        alone[str(rows)] = found
    figures["loss_alone_512_wide"] = alone
    print(json.dumps(figures, indent=2))
    print(save("contrastive", figures))


if __name__ == "__main__":
    main()
