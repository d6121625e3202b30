"""M3D-Cap and M3D-VQA: volumes of teaching cases with texts, and questions with four choices.

Volumes are the prepared arrays (``M3D_Cap_npy/…/Axial_C.npy``, one channel of 32 × 256 × 256 values from 0 to 1):
screen windows and no Hounsfield values, without spacing, the slices unevenly far apart. Each is written once as
TIFF below ``unpacked/``. The caption is what follows "study_findings:" in the text file, else "discussion:", else
all of it; of cases from the web it may speak of another series. Questions stand in tables by part and are joined by
the path of the volume; `M3D_VQA_test5k.csv` is read where the whole test table is not there. The case is the
patient. M3D-Seg and M3D-RefSeg are not read.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vesalius.data.corpus import Corpus
from vesalius.data.datasets._labels import rows_of, write_rows
from vesalius.data.datasets._paths import below
from vesalius.data.datasets._rasters import convert_once
from vesalius.data.datasets._virtual import pixels, present, studies_of
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin
from vesalius.data.formats.nnunet import load_json
from vesalius.data.readers.limits import DECODER_FAULTS, check_size
from vesalius.data.records import Dialogue, Image, Provenance, Study, Text, Turn
from vesalius.errors import DataError
from vesalius.optional import require

__all__ = ["ABOUT", "TWIN", "TYPES", "caption_of", "read", "write"]

ABOUT = About(
    title="M3D-Cap and M3D-VQA", slug="m3d", licence="Apache-2.0; pictures as their site states",
    access="It is open: download M3D_Cap_npy, M3D_Cap.json and the tables of M3D-VQA from the hub",
    home="https://huggingface.co/datasets/GoodBaiBai88/M3D-Cap",
)  # fmt: skip
TWIN = Twin(preset="chest-ct", image_size=24)

TYPES = {"1": "plane", "2": "phase", "3": "organ", "4": "abnormality", "5": "location"}
"""Types of questions by number."""
_PARTS = {"train": ("M3D_VQA_train.csv",), "validation": ("M3D_VQA_val.csv", "M3D_VQA_validation.csv"),
          "test": ("M3D_VQA_test.csv", "M3D_VQA_test5k.csv")}  # fmt: skip
_LIST = "M3D_Cap.json"
_HEADER = (
    "Image Path", "Text", "Question Type", "Question", "Choice A", "Choice B", "Choice C", "Choice D", "Answer",
    "Answer Choice",
)  # fmt: skip


class _Asked(NamedTuple):
    """A question with its choices."""

    kind: str
    question: str
    options: tuple[str, ...]
    answer: str


def caption_of(text: str) -> str:
    """Return the findings of a text file, else its discussion, else all of it."""
    for heading in ("study_findings:", "discussion:"):
        _, found, rest = text.partition(heading)
        if found:
            return rest.strip()
    return text.strip()


def read(root: Path) -> Iterator[Sample]:
    """Yield the volumes in the order of the list; questions of a part go with its volumes."""
    require_files(root, [_LIST], ABOUT)
    listed, origin = load_json(root / _LIST), provenance(root, ABOUT)
    for part, tables in _PARTS.items():
        table = next((root / name for name in tables if (root / name).exists()), None)
        asked = _questions(table) if table is not None else {}
        for entry in listed.get(part, []):
            if not isinstance(entry, dict) or not {"image", "text"} <= entry.keys():
                raise DataError(f"{root / _LIST}: {part} has the entry {entry!r}; expected image and text")
            image, text = str(entry["image"]), below(root, str(entry["text"]))
            if not text.is_file():
                raise DataError(f"{text}: no such text, though {_LIST} names it; download it, or drop its entry")
            said = caption_of(text.read_text(encoding="utf-8", errors="replace"))
            yield Sample(_study(root, part, image, said, asked.get(image, ()), origin), part)


def _questions(table: Path) -> Mapping[str, Sequence[_Asked]]:
    """Gather the questions of a part by volume; half a million are some hundred megabytes."""
    found: dict[str, list[_Asked]] = {}
    for line, row in rows_of(table, needs=_HEADER):
        if row["Question Type"] not in TYPES:
            raise DataError(f"{table}, line {line}: question type {row['Question Type']!r}; expected 1 to 5")
        options = tuple(row[f"Choice {letter}"] for letter in "ABCD")
        asked = _Asked(TYPES[row["Question Type"]], row["Question"], options, row["Answer Choice"].strip())
        if asked.answer not in ("A", "B", "C", "D"):
            raise DataError(f"{table}, line {line}: answer choice {asked.answer!r}; expected A, B, C or D")
        found.setdefault(row["Image Path"], []).append(asked)
    return found


def _study(root: Path, part: str, name: str, text: str, asked: Sequence[_Asked], origin: Provenance) -> Study:
    source = below(root, name)
    values = _shape(source)
    path = convert_once(root, f"{Path(name).with_suffix('.tif').as_posix()}", lambda: _tiff(_array(source)))
    image = Image(id="volume", path=str(path), modality="CT", kind="volume", shape=values, units="stored")
    stem = Path(name).with_suffix("").as_posix().removeprefix("M3D_Cap_npy/")
    dialogues = tuple(
        Dialogue(id=f"{stem}_{number}", answer=one.answer, options=one.options, answer_type="choice", source=one.kind,
                 turns=(Turn(role="user", text=one.question, images=("volume",)),
                        Turn(role="assistant", text=one.options["ABCD".index(one.answer)])))
        for number, one in enumerate(asked)
    )  # fmt: skip
    return Study(
        id=f"{part}_{stem}", patient=Path(stem).parent.as_posix(), images=(image,), dialogues=dialogues,
        texts=(Text(text=text, role="findings"),) if text else (), provenance=origin,
    )  # fmt: skip


def _array(path: Path) -> NDArray[np.float32]:
    """Return the volume without its channel axis, (slices, rows, columns)."""
    array = _open(path)
    return np.asarray(array[0], np.float32)


def _shape(path: Path) -> tuple[int, ...]:
    return tuple(int(count) for count in _open(path).shape[1:])


def _open(path: Path) -> NDArray[np.generic]:
    """Map an array of a .npy file; pickled objects are refused."""
    if not path.is_file():
        raise DataError(f"{path}: no such volume, though {_LIST} names it; download it, or drop its entry")
    try:
        array: NDArray[np.generic] = np.load(path, mmap_mode="r", allow_pickle=False)
    except DECODER_FAULTS as error:
        raise DataError(f"{path}: no array that opens ({error}); download it again") from None
    if array.ndim != 4 or array.shape[0] != 1 or array.dtype.kind not in "fui":
        raise DataError(f"{path}: array of {array.dtype}, shape {array.shape}; expected (1, slices, rows, columns)")
    check_size(str(path), array.size * 4)
    return array


def _tiff(values: NDArray[np.float32]) -> bytes:
    tifffile = require("tifffile", purpose="unpacking M3D's volumes")
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, values, photometric="minisblack", compression="adobe_deflate", metadata=None,
                     software="vesalius")  # fmt: skip
    return buffer.getvalue()


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write arrays with texts of the three kinds, and two questions each; the test table is the cut one."""
    lists: dict[str, list[dict[str, str]]] = {part: [] for part in _PARTS}
    made: list[Sample] = []
    for part, ours in (("train", "train"), ("validation", "val"), ("test", "test")):
        rows: list[Sequence[object]] = []
        for number, name in enumerate(sorted(studies_of(corpus, ours))):
            study = corpus.study(name)
            folder = f"M3D_Cap_npy/ct_case/9{len(made):05d}"
            values = np.clip((pixels(corpus, study.images[0]).astype(np.float32) + 1000) / 1400, 0, 1)
            (root / folder).mkdir(parents=True)
            np.save(root / folder / "Axial_C.npy", values[None])
            heading = ("study_findings: ", "discussion: ", "")[number % 3]
            said = study.text("findings")
            (root / folder / "text.txt").write_text(
                f"title: Chest.\n{heading}{said}" if heading else said, encoding="utf-8"
            )
            lists[part].append({"image": f"{folder}/Axial_C.npy", "text": f"{folder}/text.txt"})
            asked = _asked(study)
            for one in asked:
                kind = next(key for key, word in TYPES.items() if word == one.kind)
                answer = one.options["ABCD".index(one.answer)]
                rows.append((f"{folder}/Axial_C.npy", said, kind, one.question, *one.options, answer, one.answer))
            made.append(
                Sample(_study(root, part, f"{folder}/Axial_C.npy", said.strip(), asked, virtual_origin(ABOUT)), part)
            )
        write_rows(root / _PARTS[part][-1], _HEADER, rows)
    (root / _LIST).write_text(json.dumps(lists, indent=1), encoding="utf-8")
    return made


def _asked(study: Study) -> list[_Asked]:
    """Return a question for the plane and one for a finding."""
    answer = "A" if present(study) else "B"
    return [
        _Asked("plane", "In which plane is it?", ("axial", "coronal", "sagittal", "oblique"), "A"),
        _Asked("abnormality", "Is there a finding?", ("yes", "no", "both", "neither"), answer),
    ]
