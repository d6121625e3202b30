"""Runs in the peers' environment: a radiograph of a voxel volume by diffdrr's exact ray tracing."""

from __future__ import annotations

import sys
import time

import numpy as np
import torch
from diffdrr.renderers import Siddon

CHUNK = 4096


def main() -> None:
    """Read volume and rays, in voxel coordinates, and write path integrals and seconds."""
    given = np.load(sys.argv[1])
    volume, source = torch.from_numpy(given["volume"]), torch.from_numpy(given["source"])
    targets, lengths = torch.from_numpy(given["targets"]), given["lengths"]
    renderer = Siddon()
    seconds = []
    with torch.inference_mode():
        for _ in range(3):
            start = time.perf_counter()
            parts = [
                renderer(volume, source.expand(1, len(rays), 3), rays[None], None).reshape(-1)
                for rays in targets.split(CHUNK)
            ]
            seconds.append(time.perf_counter() - start)
    np.savez(sys.argv[2], integrals=torch.cat(parts).numpy() * lengths, seconds=np.array(seconds))


if __name__ == "__main__":
    main()
