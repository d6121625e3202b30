"""Twins of data sets: the same files and fields, filled with virtual patients.

A twin lets a recipe that names a data set run where the data set may not be had. It is read by the very reader of the
release, and what is read back equals what was written.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from vesalius.data.corpus import Corpus
from vesalius.data.datasets.base import VIRTUAL_NOTE, Sample, dataset
from vesalius.errors import DataError
from vesalius.virtual.files import VIRTUAL
from vesalius.virtual.population import make
from vesalius.virtual.questions.ask import write_questions
from vesalius.virtual.study import LICENCE

__all__ = ["virtual_patients", "write_twin"]

_README = """# VIRTUAL: twin of {title}

These files have the layout of {title} ({home})
and hold {studies} studies of {patients} virtual patients, made from seed {seed}.
Nothing in them is a person or comes from the data set. They are for testing programs and comparing methods, and never
stand in for clinical evidence. Licence of the twin: {licence}. Licence of the data set itself: {their_licence}.
"""


def write_twin(
    name: str, out: str | Path, *, patients: int = 10, seed: int = 0, workers: int = 1,
    progress: Callable[[str, int], AbstractContextManager[Callable[[int], None]]] | None = None,
) -> list[Sample]:  # fmt: skip
    """Write the twin of a data set and return the studies in it, checked by reading them back.

    Args:
        name: of the data set, see `vesalius.data.datasets`.
        out: folder of the twin; it must be empty.
        patients: how many virtual patients.
        seed: another seed gives other patients.
        workers: processes.
        progress: shows how far it is.

    Raises:
        ConfigError: unknown name.
        DataError: the folder is not empty, or what is read back differs (an error in the data set's module).
    """
    module, root = dataset(name), Path(out)
    if root.exists() and any(root.iterdir()):
        raise DataError(f"{root} is not empty: choose another folder for the twin")
    root.mkdir(parents=True, exist_ok=True)
    twin = module.TWIN
    with virtual_patients(
        twin.preset, patients=patients, seed=seed, settings=twin.settings, image_size=twin.image_size,
        questions=twin.questions, families=twin.families, language=twin.language, workers=workers, progress=progress,
    ) as corpus:  # fmt: skip
        made = module.write(corpus, root)
    _mark(root, name, made, seed)
    _require_equal(name, made, list(module.read(root)))
    return made


@contextmanager
def virtual_patients(
    preset: str, *, patients: int, seed: int, settings: Iterable[str] = (), image_size: int | None = 128,
    questions: float = 0.0, families: Sequence[str] = (), language: str = "en", workers: int = 1,
    progress: Callable[[str, int], AbstractContextManager[Callable[[int], None]]] | None = None,
) -> Iterator[Corpus]:  # fmt: skip
    """Make virtual patients for as long as their files are written into another layout.

    Args:
        preset: population, a file of `presets`.
        patients: how many.
        seed: another seed gives other patients.
        settings: changes of the preset.
        image_size: rows and columns of the pictures; each examination's own where it is None.
        questions: mean number of questions of a study; 0 asks none.
        families: of the questions; all where none is named.
        language: of the questions.
        workers: processes.
        progress: shows how far it is.
    """
    with tempfile.TemporaryDirectory() as folder:
        corpus = make(
            Path(folder, "patients"), patients=patients, preset=preset, seed=seed, settings=settings,
            image_size=image_size, workers=workers, progress=progress,
        )  # fmt: skip
        if questions:
            corpus = write_questions(
                corpus, Path(folder, "asked"), per_study=questions, families=families, seed=seed, language=language
            )
        yield corpus


def _mark(root: Path, name: str, made: list[Sample], seed: int) -> None:
    about = dataset(name).ABOUT
    patients = len({sample.study.patient for sample in made})
    text = _README.format(
        title=about.title, home=about.home, studies=len(made), patients=patients, seed=seed, licence=LICENCE,
        their_licence=about.licence,
    )  # fmt: skip
    (root / "README.md").write_text(text, encoding="utf-8")
    note = {"virtual": True, "note": VIRTUAL, "dataset": name, "seed": seed, "licence": LICENCE}
    (root / VIRTUAL_NOTE).write_text(json.dumps(note, indent=2) + "\n", encoding="utf-8")


def _require_equal(name: str, written: list[Sample], found: list[Sample]) -> None:
    if written == found:
        return
    first = next((pair for pair in zip(written, found, strict=False) if pair[0] != pair[1]), None)
    told = f"study {first[0].study.id} is read as {first[1]}" if first else f"{len(found)} of {len(written)} are read"
    raise DataError(f"the twin of {name} is not read as it was written: {told}")
