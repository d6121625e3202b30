"""Reads volumes with one reader, ours or a peer's, in its own environment: times, values and affines.

Arguments: the reader's name, a JSON file with the cases, a folder for what was read, and the number of timed passes.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

LOW, HIGH = -1000.0, 1000.0
REFUSALS: list[type[Exception]] = [
    ArithmeticError, AssertionError, AttributeError, LookupError, OSError, RuntimeError, TypeError, ValueError,
]  # fmt: skip
"""What counts as a reader's refusal of a file."""
TELLING = ("affine", "spacing", "uniform", "missing slices", "orientation")
"""Words of a warning about the geometry."""
LPS_FROM_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def vesalius() -> Callable[[str], tuple[Any, np.ndarray]]:
    """Ours: (Z, Y, X) of 0..1 and the affine of its indices in LPS."""
    import torch

    from vesalius.data import readers
    from vesalius.errors import VesaliusError

    REFUSALS.append(VesaliusError)
    window = readers.Window((LOW + HIGH) / 2, HIGH - LOW, "LINEAR_EXACT")

    def load(path: str) -> tuple[Any, np.ndarray]:
        pixels = readers.read(path)
        return torch.from_numpy(pixels.display(window)), pixels.require_geometry(position=True).affine

    return load


def monai() -> Callable[[str], tuple[Any, np.ndarray]]:
    """MONAI's reader by its own choice for NIfTI, and PydicomReader for DICOM; (X, Y, Z), affine turned to LPS."""
    from monai.transforms import LoadImage, ScaleIntensityRange

    nifti, dicom = LoadImage(image_only=True), LoadImage(reader="PydicomReader", image_only=True)
    scale = ScaleIntensityRange(LOW, HIGH, 0.0, 1.0, clip=True)

    def load(path: str) -> tuple[Any, np.ndarray]:
        image = scale((nifti if ".nii" in path else dicom)(path))
        return image.as_tensor(), LPS_FROM_RAS @ np.asarray(image.affine, dtype=np.float64)

    return load


def simpleitk() -> Callable[[str], tuple[Any, np.ndarray]]:
    """SimpleITK as its examples read a series: the file names of the first series, in GDCM's order."""
    import SimpleITK
    import torch

    SimpleITK.ProcessObject.SetGlobalDefaultNumberOfThreads(1)

    def load(path: str) -> tuple[Any, np.ndarray]:
        if Path(path).is_dir():
            reader = SimpleITK.ImageSeriesReader()
            reader.SetFileNames(reader.GetGDCMSeriesFileNames(path))
            image = reader.Execute()
        else:
            image = SimpleITK.ReadImage(path)
        array = SimpleITK.GetArrayFromImage(image)
        tensor = torch.from_numpy(array.astype(np.float32))
        tensor = tensor.sub_(LOW).div_(HIGH - LOW).clamp_(0.0, 1.0)
        if image.GetDimension() != 3:
            return tensor, np.full((4, 4), np.nan)
        affine = np.eye(4)
        steps = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
        affine[:3, :3], affine[:3, 3] = steps[:, ::-1], image.GetOrigin()
        return tensor, affine

    return load


@contextmanager
def overheard() -> Iterator[list[str]]:
    """Collect what is written to standard error, by C++ code, too; warnings of Python are shown every time."""
    said = [""]
    kept = os.dup(2)
    with tempfile.TemporaryFile() as file, warnings.catch_warnings():
        warnings.simplefilter("always")
        sys.stderr.flush()
        os.dup2(file.fileno(), 2)
        try:
            yield said
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
            file.seek(0)
            said[0] = file.read().decode("utf-8", "replace")


READERS = {"vesalius": vesalius, "monai": monai, "simpleitk": simpleitk}


def main() -> None:
    """Read every case; write values, affine and times, or the error's first line."""
    name, listed, out, passes = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])
    import torch

    torch.set_num_threads(1)
    load = READERS[name]()
    found: dict[str, Any] = {}
    for case in json.loads(listed.read_text()):
        key, path = case["name"], case["path"]
        with overheard() as said:
            try:
                tensor, affine = load(path)
            except tuple(REFUSALS) as error:
                found[key] = {"error": f"{type(error).__name__}: {' '.join(str(error).split())}"[-300:]}
                continue
        found[key] = {"warned": any(word in said[0].lower() for word in TELLING)}
        if case["timed"]:
            walls, processors = [], []
            for _ in range(passes):
                wall, processor = time.perf_counter(), time.process_time()
                load(path)
                walls.append(time.perf_counter() - wall)
                processors.append(time.process_time() - processor)
            found[key] |= {"wall_s": walls, "processor_s": processors}
        np.savez(out / f"{key}.npz", values=np.asarray(tensor), affine=affine)
    found["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    (out / "found.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main()
