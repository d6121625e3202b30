"""Heavy and optional packages, imported where they are used."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from vesalius.errors import MissingDependency

__all__ = ["require"]

_EXTRA_OF = {
    "pydicom": "imaging",
    "gdcm": "imaging",
    "jpeg_ls": "imaging",
    "openjpeg": "imaging",
    "highdicom": "imaging",
    "nibabel": "imaging",
    "tifffile": "imaging",
    "SimpleITK": "imaging",
    "openslide": "imaging",
    "av": "imaging",
    "h5py": "imaging",
    "scipy": "imaging",
    "rapidocr_onnxruntime": "deidentify",
    "zarr": "scale",
    "fsspec": "scale",
    "ray": "scale",
    "networkx": "knowledge",
    "obonet": "knowledge",
    "rdflib": "knowledge",
    "accelerate": "train",
    "datasets": "train",
    "tensorboard": "train",
    "peft": "vlm",
    "trl": "vlm",
    "llguidance": "vlm",
    "sklearn": "eval",
    "matplotlib": "eval",
    "httpx2": "eval",
}


def require(*modules: str, purpose: str) -> ModuleType:
    """Import the first of ``modules`` after checking that all of them are installed.

    Raises:
        MissingDependency: names everything that is lacking and the line that installs it.
    """
    missing = [name for name in modules if find_spec(name.split(".")[0]) is None]
    if missing:
        roots = {name.split(".")[0] for name in missing}
        extras = sorted({_EXTRA_OF[root] for root in roots if root in _EXTRA_OF})
        install = f"vesalius[{','.join(extras)}]" if extras else " ".join(sorted(roots))
        raise MissingDependency(
            f"{purpose} needs {', '.join(sorted(roots))}, which is not installed: pip install '{install}'"
        )
    return import_module(modules[0])
