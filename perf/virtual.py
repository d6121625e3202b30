"""Virtual patients: radiographs a second with masks, report and encoding; seconds and memory of volumes and clips.

Volumes and clips are made in fresh processes; their peak memory is the high-water mark of the resident set, the
interpreter and its libraries included.
"""

from __future__ import annotations

import os
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

SIZES = (224, 256, 512)
WHOLES = {
    "CT 192³ with masks": ("chest-ct", 192),
    "brain MR 64 × 128 × 128, seven series with marks": ("brain-mr", 128),
    "clip of 32 frames, 256²": ("endoscopy", 256),
    "surgical clip, 256²": ("surgery", 256),
}
NUMBER = 30
REPORTS = 2000

os.environ.setdefault("OMP_NUM_THREADS", "1")


def work(size: int, first: int, number: int) -> float:
    """Make `number` studies whole and return the seconds."""
    from vesalius.virtual.patient import draw_patient
    from vesalius.virtual.study import make_study

    make_study(draw_patient(0, first), size)
    start = time.perf_counter()
    for index in range(first, first + number):
        make_study(draw_patient(0, index), size)
    return time.perf_counter() - start


def processor_time(size: int) -> float:
    """Processor milliseconds for each study, which other work on the machine disturbs less."""
    start = time.process_time()
    work(size, 5000, NUMBER)
    return 1000 * (time.process_time() - start) / (NUMBER + 1)


def two(pool: ProcessPoolExecutor, size: int) -> float:
    """Studies a second of two processes that work at once."""
    parts = [pool.submit(work, size, NUMBER * i, NUMBER) for i in range(2)]
    return sum(NUMBER / part.result() for part in parts)


def reports() -> float:
    """Reports a second."""
    from vesalius.virtual.patient import draw_patient
    from vesalius.virtual.text.narrative import write_report

    patients = [draw_patient(0, index) for index in range(REPORTS)]
    start = time.perf_counter()
    for patient in patients:
        write_report(patient)
    return REPORTS / (time.perf_counter() - start)


def whole(preset: str, size: int) -> dict[str, float]:
    """Seconds of rendering the pictures of a patient with their marks, and peak memory; runs in a fresh process."""
    import resource

    from vesalius.virtual.patient import draw_patient
    from vesalius.virtual.study import pictures_of

    patients = [draw_patient(3, index, preset=preset) for index in range(4)]
    pictures_of(patients[0], 64)
    seconds = []
    for patient in patients[1:]:
        start = time.perf_counter()
        pictures_of(patient, size)
        seconds.append(time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": sorted(seconds)[1], "peak_mib": peak}


def cube() -> dict[str, float]:
    """Seconds of six sequences and an ADC map of a head on 128³ voxels, and peak memory; in a fresh process."""
    import resource

    from vesalius.virtual.anatomy.diseased import diseased
    from vesalius.virtual.anatomy.head import build_head
    from vesalius.virtual.exams.brain_mr import head_grid
    from vesalius.virtual.mr import PROTOCOLS, scan
    from vesalius.virtual.patient import draw_patient
    from vesalius.virtual.seeds import stream

    seconds = []
    for index in range(3):
        patient = draw_patient(3, index, preset="brain-mr")
        start = time.perf_counter()
        anatomy = diseased(build_head(patient), patient)
        scan(anatomy, head_grid(patient, 128, 128), PROTOCOLS, stream(0, "perf", index))
        seconds.append(time.perf_counter() - start)
    return {"seconds": sorted(seconds)[1], "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def main() -> None:
    """Measure and write the figures."""
    from measure import save, spread

    figures = {}
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        for size in SIZES:
            single = spread([NUMBER / work(size, 1000 * repeat, NUMBER) for repeat in range(3)])
            double = spread([two(pool, size) for _ in range(3)])
            busy = processor_time(size)
            figures[str(size)] = {"one_process": single, "two_processes": double, "processor_ms": busy}
            rates = f"{single['median']:.1f} a second, with two processes {double['median']:.1f}"
            print(f"{size}²: {rates}, {busy:.0f} ms of processor each")
    text = reports()
    print(f"{text:.0f} reports a second")
    wholes = {}
    for name, (preset, size) in WHOLES.items():
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            wholes[name] = pool.submit(whole, preset, size).result()
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        wholes["brain MR 128³, seven series"] = pool.submit(cube).result()
    for name, found in wholes.items():
        print(f"{name}: {found['seconds']:.2f} s, {found['peak_mib']:.0f} MiB")
    path = save("virtual", {"studies_a_second": figures, "reports_a_second": text, "volumes_and_clips": wholes})
    print(f"written to {path.name}")


if __name__ == "__main__":
    main()
