"""Radiographs of virtual patients a second: one and two processes, three sizes, with masks, report and encoding."""

from __future__ import annotations

import os
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

SIZES = (224, 256, 512)
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
    path = save("virtual", {"studies_a_second": figures, "reports_a_second": text})
    print(f"written to {path.name}")


if __name__ == "__main__":
    main()
