"""Our radiographs beside those that diffdrr traces through voxels of the same patients, at equal geometry.

Compared is the line integral of attenuation at 60 keV, before scatter and noise: ours from rays met analytically,
diffdrr's from the patient's CT numbers sampled at 2 mm. The two models of the body share shapes and differ in what a
film needs and a CT does not, and the other way round; the difference is stated for the body and behind the lungs.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from measure import peer_has, peer_python, save, spread

SIZE = 128
PATIENTS = 4
VOXEL_MM = 2.0
WATER = 0.02059
"""Attenuation of water at 60 keV, 1/mm."""
WORKER = Path(__file__).parent / "_drr_worker.py"
Array = NDArray[np.float32]


def main() -> None:
    """Render some patients both ways and write differences and times."""
    if not peer_has("diffdrr.renderers"):
        save("drr", {"peer": "diffdrr not installed"})
        return
    rows, ours_s, theirs_s, sampling_s = [], [], [], []
    for index in range(PATIENTS):
        ours, seconds, rays, lungs = analytic(index)
        volume, grid_s, place = voxels(index)
        traced, peer_s = trace(volume, place(rays[0]), place(rays[1]), np.linalg.norm(rays[1] - rays[0], axis=-1))
        ours_s.append(seconds)
        sampling_s.append(grid_s)
        theirs_s.append(peer_s)
        rows.append(difference(ours, traced.reshape(ours.shape), lungs))
    figures = {
        "size": SIZE, "voxel_mm": VOXEL_MM, "patients": PATIENTS,
        "difference": {name: float(np.median([row[name] for row in rows])) for name in rows[0]},
        "seconds": {"ours": spread(ours_s), "diffdrr": spread(theirs_s), "sampling the voxels": spread(sampling_s)},
        "times_faster": float(np.median(theirs_s) / np.median(ours_s)),
    }  # fmt: skip
    path = save("drr", figures)
    print(figures["difference"], f"{figures['times_faster']:.0f} times faster, written to {path.name}")


def analytic(index: int):
    """Our line integrals (H, W), seconds of rendering them, source (3,) and targets (H·W, 3) in mm, lungs (H, W)."""
    from vesalius.virtual.patient import draw_patient
    from vesalius.virtual.radiograph.exposure import attenuation, masses
    from vesalius.virtual.radiograph.film import camera_of, paint

    patient = draw_patient(5, index).having(())
    camera = camera_of(patient, SIZE)
    start = time.perf_counter()
    canvas = paint(patient, camera)
    found = attenuation(masses(canvas), 60.0)
    seconds = time.perf_counter() - start
    u, v = np.meshgrid(camera.u, camera.v)
    depth = camera.detector_y_mm
    targets = np.stack([u - camera.rotation * depth, np.full_like(u, depth), camera.centre_z_mm + v], axis=-1)
    source = np.array([-camera.rotation * camera.source_y_mm, camera.source_y_mm, camera.centre_z_mm])
    lungs = sum(canvas.spaces.values()) > 60
    return found, seconds, (source, targets.reshape(-1, 3).astype(float)), lungs


def voxels(index: int):
    """Attenuation of the same patient's voxels (W, H, D) per mm, seconds of sampling, and mm to voxel places."""
    from vesalius.virtual.anatomy.parts import Grid, sample
    from vesalius.virtual.anatomy.thorax import build_thorax
    from vesalius.virtual.anatomy.tissues import tissues
    from vesalius.virtual.patient import draw_patient

    patient = draw_patient(5, index).having(())
    palette = {name: ((tissue.hu[0],), (0.0,)) for name, tissue in tissues().items()}
    grid = Grid((210, 150, 260), (VOXEL_MM,) * 3, (-259.0, -149.0, -70.0))
    start = time.perf_counter()
    values = sample(build_thorax(patient), grid, palette).values[0]
    seconds = time.perf_counter() - start
    volume = np.maximum(WATER * (1 + values / 1000), 0).astype(np.float32).transpose(2, 1, 0)
    return volume, seconds, lambda points: ((points - np.array(grid.origin_mm)) / VOXEL_MM).astype(np.float32)


def trace(volume: Array, source: Array, targets: Array, lengths: NDArray[np.float64]) -> tuple[Array, float]:
    """Line integrals by diffdrr and the median of its seconds."""
    with tempfile.TemporaryDirectory() as folder:
        given, found = Path(folder) / "given.npz", Path(folder) / "found.npz"
        np.savez(
            given,
            volume=np.ascontiguousarray(volume),
            source=source,
            targets=targets,
            lengths=lengths.astype(np.float32),
        )
        subprocess.run([str(peer_python()), str(WORKER), str(given), str(found)], check=True)
        answer = np.load(found)
        return answer["integrals"], float(np.median(answer["seconds"]))


def difference(ours: Array, theirs: Array, lungs: NDArray[np.bool_]) -> dict[str, float]:
    """Compare line integrals where diffdrr's rays stay within the voxels: rows of the middle of the picture."""
    rows = slice(SIZE // 6, 5 * SIZE // 6)
    a, b = ours[rows].astype(float), theirs[rows].astype(float)
    body, lung = b > 0.3, lungs[rows]
    return {
        "correlation": float(np.corrcoef(a[body], b[body])[0, 1]),
        "mean of ours": float(a[body].mean()),
        "mean of diffdrr": float(b[body].mean()),
        "mean absolute difference": float(np.abs(a - b)[body].mean()),
        "mean behind lung, ours": float(a[lung].mean()),
        "mean behind lung, diffdrr": float(b[lung].mean()),
        "mean absolute difference behind lung": float(np.abs(a - b)[lung].mean()),
    }


if __name__ == "__main__":
    main()
