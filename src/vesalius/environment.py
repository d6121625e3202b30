"""What a bug report and a run must say of the machine; never a user, a host or a path."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version

from vesalius import __version__

__all__ = ["describe", "versions"]

_PACKAGES = (
    "torch",
    "transformers",
    "tokenizers",
    "safetensors",
    "accelerate",
    "datasets",
    "numpy",
    "pyarrow",
    "pillow",
    "pydantic",
    "pydicom",
    "python-gdcm",
    "pylibjpeg-openjpeg",
    "pyjpegls",
    "nibabel",
    "tifffile",
    "scikit-learn",
    "scipy",
)


def versions() -> dict[str, str]:
    """Return the installed version of each package that a result may depend on, or "missing"."""
    return {name: _version(name) for name in _PACKAGES}


def describe() -> dict[str, str]:
    """Return versions, platform, cores, memory and accelerators, all as text."""
    import torch

    cuda = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return {
        "vesalius": __version__,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cores": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
        "memory_gib": _memory(),
        "cuda": ", ".join(cuda) or "none",
        "torch_threads": str(torch.get_num_threads()),
        "omp_num_threads": os.environ.get("OMP_NUM_THREADS", "unset"),
        **versions(),
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"


def _memory() -> str:
    if "SC_PHYS_PAGES" not in os.sysconf_names:
        return "unknown"
    return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.1f}"
