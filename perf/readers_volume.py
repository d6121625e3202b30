"""DICOM series and NIfTI files to normalised float tensors: ours, MONAI's readers and SimpleITK.

The gate is the geometry: a rate counts only where every sample has its true value at its true place. A table says
of each odd geometry whether a reader gets it right, refuses it, or is wrong with or without a warning; where the
samples lie on no regular grid, refusing is right. Every reader runs in a process of its own on one core, each volume
several times.

`--slices` and `--side` make it smaller. ``PEER_PYTHON`` names the python of the peers' environment.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from _readers_cases import Case, cases
from measure import peer_has, peer_python, save, spread

WORKER = Path(__file__).parent / "_readers_worker.py"
PASSES = 5
PLACE_MM = 0.01
"""Error of a sample's place that counts as right: a hundredth of a millimetre."""
VALUE = 1e-4
"""Error of a value of 0..1: float32 of HU over 2000."""
VERDICTS = ("right", "refused", "wrong, warned", "wrong")
REAL = Path(os.environ.get("VESALIUS_REAL_DATA", Path(__file__).parents[2] / "shared" / "data"))


def large(folder: Path, *, slices: int, side: int) -> list[tuple[str, Path]]:
    """Write what is timed: a CT series, the same as NIfTI plain and packed; and name the real volumes."""
    import nibabel
    from series_files import write_slice

    rng = np.random.default_rng(0)
    wave = np.sin(np.linspace(0, 9, side))
    smooth = 1000 + 500 * np.outer(wave, wave)
    volume = (smooth + rng.normal(0, 10, (slices, side, side))).clip(0, 4095).astype(np.uint16)
    for place, array in enumerate(volume):
        tags = {"BitsStored": 12, "HighBit": 11, "PixelSpacing": [0.7, 0.7], "InstanceNumber": place + 1}
        write_slice(
            folder / "series" / f"{slices - place:04d}.dcm", (-180, -180, 1.5 * place), 0, array=array, **tags
        )
    affine = np.diag([-0.7, -0.7, 1.5, 1.0])
    affine[:3, 3] = (180, 180, 0)
    for name in ("volume.nii", "volume.nii.gz"):
        nibabel.save(nibabel.Nifti1Image((volume.astype(np.int16) - 1024).T, affine), folder / name)
    found = [
        ("DICOM series", folder / "series"),
        ("NIfTI", folder / "volume.nii"),
        ("NIfTI gz", folder / "volume.nii.gz"),
    ]
    real = [("real MR series", REAL / "dicom" / "series-mr-vs"), ("real CT gz", REAL / "volumes/head/CT_AVM.nii.gz")]
    return found + [(name, path) for name, path in real if path.exists()]


def run(name: str, listed: Path, out: Path) -> dict[str, Any]:
    """Read all cases with one reader in its own process."""
    out.mkdir()
    python = sys.executable if name == "vesalius" else str(peer_python())
    done = subprocess.run(
        [python, str(WORKER), name, str(listed), str(out), str(PASSES)],
        env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        return {"failed": done.stderr.strip().splitlines()[-1:]}
    found: dict[str, Any] = json.loads((out / "found.json").read_text())
    return found


def verdict(case: Case, found: dict[str, Any], out: Path) -> str:
    """Return one of `VERDICTS`; a refusal of what lies on no grid is right."""
    if "error" in found:
        return "right" if case.no_grid else "refused"
    return "right" if is_right(case, out) else "wrong, warned" if found["warned"] else "wrong"


def is_right(case: Case, out: Path) -> bool:
    """Say whether every sample has its value at its place."""
    if case.no_grid:
        return False
    stored = np.load(out / f"{case.name}.npz")
    values, affine = stored["values"].astype(float), stored["affine"]
    if values.ndim != 3 or values.size != len(case.values):
        return False
    index = np.moveaxis(np.indices(values.shape), 0, -1).reshape(-1, 3)
    places = index @ affine[:3, :3].T + affine[:3, 3]
    shown = np.clip((case.values + 1000) / 2000, 0, 1)
    ours, theirs = (np.lexsort(np.round(where, 1).T) for where in (case.places, places))
    near = np.abs(case.places[ours] - places[theirs]).max() <= PLACE_MM
    return bool(near and np.abs(shown[ours] - values.reshape(-1)[theirs]).max() <= VALUE)


def agree(first: Path, second: Path) -> bool:
    """Say whether two readers put the corner samples of a large volume at the same places with the same values."""

    def corners(path: Path) -> dict[tuple[float, ...], float]:
        stored = np.load(path)
        values, affine = stored["values"], stored["affine"]
        ends = np.array(np.meshgrid(*[(0, length - 1) for length in values.shape])).reshape(3, -1).T
        places = ends @ affine[:3, :3].T + affine[:3, 3]
        return {
            tuple(np.round(place, 2) + 0.0): float(values[tuple(end)])
            for place, end in zip(places, ends, strict=True)
        }

    ours, theirs = corners(first), corners(second)
    return ours.keys() == theirs.keys() and all(abs(ours[place] - theirs[place]) <= VALUE for place in ours)


def main() -> None:
    """Measure, print a table and write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--slices", type=int, default=128)
    parser.add_argument("--side", type=int, default=512)
    options = parser.parse_known_args()[0]
    modules = {"vesalius": "vesalius", "monai": "monai", "simpleitk": "SimpleITK"}
    names = [name for name, module in modules.items() if name == "vesalius" or peer_has(module)]
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        (folder / "odd").mkdir()
        odd = cases(folder / "odd")
        timed = large(folder, slices=options.slices, side=options.side)
        listed = folder / "cases.json"
        entries = [{"name": case.name, "path": str(case.path), "timed": False} for case in odd]
        entries += [{"name": name, "path": str(path), "timed": True} for name, path in timed]
        listed.write_text(json.dumps(entries))
        found = {name: run(name, listed, folder / name) for name in names}
        figures = summary(odd, [name for name, _ in timed], found, folder)
    figures |= {"slices": options.slices, "side": options.side}
    figures |= {name: "not installed: set PEER_PYTHON" for name in modules if name not in names}
    print(f"written to {save('readers_volume', figures)}")


def summary(odd: list[Case], timed: list[str], found: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Gather verdicts and times, and print them."""
    working = {name: read for name, read in found.items() if "failed" not in read}
    table = {
        case.name: {name: verdict(case, read[case.name], folder / name) for name, read in working.items()}
        for case in odd
    }
    for case, row in table.items():
        print(f"{case:32}", "  ".join(f"{name} {said}" for name, said in row.items()))
    times: dict[str, Any] = {}
    for volume in timed:
        for name, read in working.items():
            entry = read[volume]
            if "error" in entry:
                print(f"{volume:18}{name:12} {entry['error'][:80]}")
                times.setdefault(volume, {})[name] = entry["error"]
                continue
            gate = agree(folder / "vesalius" / f"{volume}.npz", folder / name / f"{volume}.npz")
            times.setdefault(volume, {})[name] = {
                "same_places_and_values_as_ours": gate,
                "wall_s": spread(entry["wall_s"]),
                "processor_s": spread(entry["processor_s"]),
            }
            print(f"{volume:18}{name:12}{np.median(entry['wall_s']):8.3f} s  same as ours: {gate}")
    said = {name: Counter(row[name] for row in table.values()) for name in working}
    counts = {name: {word: said[name][word] for word in VERDICTS} for name in working}
    print(counts)
    peaks = {name: read["peak_mib"] for name, read in working.items()}
    failed = {name: read["failed"] for name, read in found.items() if "failed" in read}
    return {"geometries": table, "geometries_counted": counts, "seconds": times, "peak_mib": peaks, "failed": failed}


if __name__ == "__main__":
    main()
