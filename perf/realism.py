"""Virtual pictures beside real ones of their kind: grey values, power spectrum, local contrast.

The real pictures are those of the folder that VESALIUS_REAL_DATA names, or of `shared/data` beside the checkout; a
kind whose pictures are missing is left out. A statistic is inside its band where the virtual median lies between the
real 5th and 95th percentile. Fewer real pictures give wider bands: their number stands beside each.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from measure import save

SIDE = 128
VIRTUAL = 60
REAL = 60
ROOT = Path(os.environ.get("VESALIUS_REAL_DATA", Path(__file__).parents[2] / "shared" / "data"))
Grey = NDArray[np.float64]


REAL_CT_MM = 3.0


def files(folder: str) -> list[Path]:
    """Every n-th picture of a folder, at most `REAL`."""
    found = sorted(
        path for path in (ROOT / folder).rglob("*") if path.suffix.lower() in (".png", ".jpg", ".jpeg", ".tif")
    )
    return found[:: max(1, len(found) // REAL)][:REAL]


def real_pictures(folder: str) -> Iterator[Grey]:
    """Grey pictures of a folder."""
    for path in files(folder):
        with Image.open(path) as image:
            yield np.asarray(image.convert("L"), float)


def real_slices() -> Iterator[Grey]:
    """Axial slices of the body CT, in the soft-tissue window."""
    import nibabel

    path = ROOT / "volumes" / "ct-body" / "example_ct.nii.gz"
    if path.exists():
        volume = np.asarray(nibabel.load(path).dataobj, float)
        for index in np.linspace(0.2, 0.8, 20):
            yield soft_tissue(volume[:, ::-1, int(index * volume.shape[2])].T, REAL_CT_MM)


def soft_tissue(slice_: Grey, spacing_mm: float) -> Grey:
    """Bring a slice in HU to the pixels of the real scan, cut it to the rows and columns of the body, window it.

    A row or column counts where a tenth of it is denser than fat in air: couch and clothes are thinner.
    """
    shape = [round(side * spacing_mm / REAL_CT_MM) for side in slice_.shape]
    coarse = Image.fromarray(slice_.astype(np.float32), "F").resize(shape[::-1], Image.Resampling.BOX)
    slice_ = np.asarray(coarse, float)
    dense = slice_ > -300
    rows, columns = (np.flatnonzero(dense.mean(axis=axis) > 0.1) for axis in (1, 0))
    body = slice_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return np.asarray(np.clip((body + 160) / 400, 0, 1) * 255)


def virtual_pictures(preset: str, number: int = 0) -> Iterator[Grey]:
    """The n-th picture of patients of a population; the middle slice or frame of volumes and clips."""
    from vesalius.virtual.patient import draw_patient
    from vesalius.virtual.study import pictures_of

    for index in range(VIRTUAL if preset not in ("abdomen-ct", "brain-mr", "endoscopy") else VIRTUAL // 3):
        picture = pictures_of(draw_patient(123, index, preset=preset))[number]
        pixels = picture.pixels.astype(float)
        middle = pixels if picture.kind == "image" else pixels[len(pixels) // 2]
        middle = middle.mean(axis=-1) if picture.axes.endswith("C") else middle
        yield soft_tissue(middle, picture.spacing_mm[-1]) if picture.units == "HU" else middle


KINDS: dict[str, tuple[Callable[[], Iterator[Grey]], Callable[[], Iterator[Grey]]]] = {
    "chest radiograph": (lambda: virtual_pictures("chest"), lambda: real_pictures("cxr-covid/images")),
    "fundus photograph": (lambda: virtual_pictures("fundus"), lambda: real_pictures("fundus-hrf/images")),
    "blood film": (lambda: virtual_pictures("blood"), lambda: real_pictures("blood-cells/images")),
    "endoscopy": (lambda: virtual_pictures("endoscopy"), lambda: real_pictures("endoscopy-polyps/images")),
    "brain MR": (lambda: virtual_pictures("brain-mr"), lambda: real_pictures("brain-mri-classes/images")),
    "body CT": (lambda: virtual_pictures("abdomen-ct"), real_slices),
}


SHARES = {"fundus photograph": (0.68, 0.9), "blood film": (0.5, 1.0)}
"""Share of the side that is looked at, virtual and real, so that the round field is left and cells are as large."""


def statistics(grey: Grey, share: float) -> dict[str, float]:
    """Describe the middle square of one picture, 128 pixels wide, scaled to its own 0.5th and 99.5th percentile."""
    side = int(min(grey.shape) * share)
    top, left = (grey.shape[0] - side) // 2, (grey.shape[1] - side) // 2
    square = Image.fromarray(grey[top : top + side, left : left + side].astype(np.float32), "F")
    small = np.asarray(square.resize((SIDE, SIDE), Image.Resampling.BOX), float)
    low, high = np.percentile(small, (0.5, 99.5))
    small = np.clip((small - low) / max(high - low, 1e-6), 0, 1)
    tenths = np.percentile(small, (10, 50, 90))
    return {
        "mean": float(small.mean()),
        "deviation": float(small.std()),
        "10th percentile": float(tenths[0]),
        "median": float(tenths[1]),
        "90th percentile": float(tenths[2]),
        "spectrum slope": slope(small),
        "local contrast": local_contrast(small),
    }


def slope(square: Grey) -> float:
    """Exponent of the radial power spectrum between 4 and 40 cycles a picture, by least squares on log axes."""
    window = np.hanning(SIDE)
    power = np.abs(np.fft.fftshift(np.fft.fft2((square - square.mean()) * np.outer(window, window)))) ** 2
    y, x = np.indices(power.shape) - SIDE // 2
    radius = np.hypot(x, y).round().astype(int)
    radial = np.bincount(radius.ravel(), power.ravel()) / np.bincount(radius.ravel())
    cycles = np.arange(4, 41)
    return float(np.polyfit(np.log(cycles), np.log(radial[cycles] + 1e-12), 1)[0])


def local_contrast(square: Grey) -> float:
    """Mean standard deviation of blocks of 8 by 8 pixels."""
    blocks = square.reshape(SIDE // 8, 8, SIDE // 8, 8).swapaxes(1, 2)
    return float(blocks.std(axis=(2, 3)).mean())


def main() -> None:
    """Describe both sides of every kind and write the figures, where there are real pictures of any."""
    figures = {}
    for kind, (virtual, real) in KINDS.items():
        there = [statistics(grey, SHARES.get(kind, (1.0, 1.0))[1]) for grey in real()]
        if not there:
            print(f"{kind}: no real pictures here")
            continue
        here = [statistics(grey, SHARES.get(kind, (1.0, 1.0))[0]) for grey in virtual()]
        rows = {}
        for name in here[0]:
            ours, theirs = (np.array([row[name] for row in side]) for side in (here, there))
            band = np.percentile(theirs, (5, 95))
            rows[name] = {
                "virtual": [round(float(value), 3) for value in np.percentile(ours, (50, 25, 75))],
                "real": [round(float(value), 3) for value in np.percentile(theirs, (50, 5, 95))],
                "inside": bool(band[0] <= np.median(ours) <= band[1]),
            }
        figures[kind] = {"virtual pictures": len(here), "real pictures": len(there), "statistics": rows}
        inside = sum(row["inside"] for row in rows.values())
        print(f"{kind}: {inside} of {len(rows)} inside the band of {len(there)} real pictures")
        for name, row in rows.items():
            print(f"  {name:16s} virtual {row['virtual']}  real {row['real']}  {'' if row['inside'] else 'OUTSIDE'}")
    if figures:
        save("realism", {"kinds": figures})


if __name__ == "__main__":
    main()
