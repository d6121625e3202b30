"""What every measurement shares: the machine it was made on, quiet repeats, and where its figures go."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median, quantiles
from typing import Any

RESULTS = Path(__file__).parent / "results"


def machine() -> dict[str, Any]:
    """Return processor, cores, load and versions: what a figure means nothing without."""
    from vesalius.environment import describe

    return describe() | {"processor": _processor(), "load_1_min": round(os.getloadavg()[0], 2)}


def spread(seconds: Sequence[float]) -> dict[str, float]:
    """Median and quartiles of repeated figures."""
    low, _, high = quantiles(seconds, n=4) if len(seconds) > 1 else (seconds[0],) * 3
    return {"median": median(seconds), "q1": low, "q3": high, "repeats": len(seconds)}


def peer_python() -> Path | None:
    """Interpreter of the environment that holds the peers, or None where there is none."""
    path = os.environ.get("PEER_PYTHON", "")
    return Path(path) if path and Path(path).is_file() else None


def peer_has(module: str) -> bool:
    """Say whether the peers' environment can import the module."""
    python = peer_python()
    if python is None:
        return False
    return subprocess.run([python, "-c", f"import {module}"], capture_output=True, check=False).returncode == 0


def save(name: str, figures: Mapping[str, Any]) -> Path:
    """Write the figures of one measurement beside the machine's description; `--out` names another place."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, default=RESULTS / f"{name}.json")
    out: Path = parser.parse_known_args()[0].out
    out.parent.mkdir(parents=True, exist_ok=True)
    document = {
        "command": f"python perf/{Path(sys.argv[0]).name}",
        "machine": machine(),
        "python": platform.python_version(),
        **figures,
    }
    out.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return out


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")
