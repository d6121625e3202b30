"""ODIR-5K: photographs of both eyes of 3,500 patients with keywords for each eye and eight flags for both together.

A study is a patient. The flags N, D, G, C, A, H, M and O hold for the patient, not for an eye: they are findings
without a side. What an eye shows stands in its keywords, joined by a full-width comma; they are findings of that
side in our words where they name a disease of the flags, and the caption of the eye as they are. "Lens dust" and
the like are no disease. The workbook of the release and `full_df.csv` of its mirror, which repeats each patient for
both eyes, are read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

from vesalius.data.corpus import Corpus
from vesalius.data.datasets._fundus import seen_as
from vesalius.data.datasets._labels import closed, rows_of
from vesalius.data.datasets._paths import first_of
from vesalius.data.datasets._rasters import described, save_picture
from vesalius.data.datasets._sheet import sheet_rows, write_sheet
from vesalius.data.datasets._virtual import patient_numbers, pixels, present
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin
from vesalius.data.records import Finding, Image, Provenance, Study, Text
from vesalius.errors import DataError

__all__ = ["ABOUT", "FLAGS", "TWIN", "keywords", "read", "write"]

ABOUT = About(
    title="ODIR-5K", slug="odir", licence="by agreement, for research",
    access="Register with the ODIR 2019 challenge and download its training images and annotations",
    home="https://odir2019.grand-challenge.org",
)  # fmt: skip
TWIN = Twin(
    preset="fundus", settings=("follow_up.share=0.95", "follow_up.visits=2", "texts=[caption]"), image_size=64
)

FLAGS = {
    "N": "", "D": "diabetic_retinopathy", "G": "glaucoma", "C": "cataract", "A": "age_related_macular_degeneration",
    "H": "hypertensive_retinopathy", "M": "myopic_fundus", "O": "other_eye_disease",
}  # fmt: skip
"""The release's flags and ours; N says that there is no finding."""
_WORDS = {
    "diabetic retinopathy": "diabetic_retinopathy", "proliferative retinopathy": "diabetic_retinopathy",
    "glaucoma": "glaucoma", "cataract": "cataract", "macular degeneration": "age_related_macular_degeneration",
    "hypertensive retinopathy": "hypertensive_retinopathy", "myopi": "myopic_fundus",
    "epiretinal membrane": "epiretinal_membrane", "vein occlusion": "retinal_vein_occlusion",
    "macular hole": "macular_hole", "macular edema": "macular_oedema",
}  # fmt: skip
"""Parts of keywords, and the disease that they name."""
_SPOKEN = {
    "diabetic_retinopathy": "moderate non proliferative retinopathy", "glaucoma": "glaucoma", "cataract": "cataract",
    "age_related_macular_degeneration": "dry age-related macular degeneration",
    "hypertensive_retinopathy": "hypertensive retinopathy", "myopic_fundus": "pathological myopia",
    "epiretinal_membrane": "epiretinal membrane", "retinal_vein_occlusion": "branch retinal vein occlusion",
    "macular_hole": "macular hole", "macular_oedema": "macular edema",
}  # fmt: skip
_BOOK = "ODIR-5K_Training_Annotations(Updated)_V2.xlsx"
_SIDES: tuple[tuple[Literal["left", "right"], str], ...] = (("left", "Left"), ("right", "Right"))
_NEEDS = (
    "ID", "Patient Age", "Patient Sex", "Left-Fundus", "Right-Fundus", "Left-Diagnostic Keywords",
    "Right-Diagnostic Keywords", *FLAGS,
)  # fmt: skip


def keywords(text: str) -> tuple[str, ...]:
    """Part the keywords of an eye at full-width and plain commas."""
    return tuple(word.strip() for word in re.split("[，,]", text) if word.strip())


def read(root: Path) -> Iterator[Sample]:
    """Yield the patients in the order of the table; the release has no parts with labels but one."""
    table = first_of(root, _BOOK, "ODIR-5K_Training_Annotations(Updated)_V2.csv", "full_df.csv")
    require_files(root, [table.name], ABOUT)
    rows = sheet_rows(table, needs=_NEEDS) if table.suffix == ".xlsx" else rows_of(table, needs=_NEEDS)
    folder = first_of(root, "ODIR-5K_Training_Images", "ODIR-5K/Training Images", "ODIR-5K_Training_Dataset")
    origin, seen = provenance(root, ABOUT), set()
    for line, row in rows:
        if row["ID"] not in seen:
            seen.add(row["ID"])
            yield Sample(_study(row, folder, f"{table}, row {line}", origin), "")


def _study(row: Mapping[str, str], folder: Path, where: str, origin: Provenance) -> Study:
    images, texts, findings = [], [], []
    for side, word in _SIDES:
        like = Image(id=side, path="", modality="OP", body_part="EYE", laterality=side)
        images.append(described(folder / row[f"{word}-Fundus"], like=like))
        words = keywords(row[f"{word}-Diagnostic Keywords"])
        texts.append(Text(text=", ".join(words), role="caption", images=(side,)))
        shown = dict.fromkeys(name for word in words for part, name in _WORDS.items() if part in _plain(word))
        findings += [Finding(concept=name, laterality=side, source="keywords") for name in shown]
    flags = {name: row[name] for name in FLAGS}
    if not set(flags.values()) <= {"0", "1"}:
        raise DataError(f"{where}: flags {flags}; expected 0 or 1")
    ours = [FLAGS[name] for name, flag in flags.items() if flag == "1" and FLAGS[name]]
    findings += closed(ours, [name for name in FLAGS.values() if name], source="label file")
    age, sex = row["Patient Age"], row["Patient Sex"]
    return Study(
        id=f"odir_{row['ID']}", patient=f"odir_{row['ID']}", images=tuple(images),
        texts=tuple(text for text in texts if text.text), findings=tuple(findings),
        age_years=float(age) if age else None, sex="F" if sex == "Female" else "M" if sex == "Male" else "",
        provenance=origin,
    )  # fmt: skip


def _plain(word: str) -> str:
    """Return a keyword with the one spelling that names diabetes without saying so."""
    return word.casefold().replace("-", " ").replace("proliferative retinopathy", "diabetic retinopathy")


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write patients who came twice with an eye of each visit; one eye has dust on the lens besides."""
    numbers, visits = patient_numbers(corpus), dict[int, list[Study]]()
    for study in sorted(corpus, key=lambda study: (numbers[study.patient], study.id)):
        visits.setdefault(numbers[study.patient], []).append(study)
    folder, rows, made = root / "ODIR-5K_Training_Images", [], []
    for number, studies in visits.items():
        eyes = [studies[0], studies[-1]]
        for study, (side, _) in zip(eyes, _SIDES, strict=True):
            values = seen_as(side, study.images[0], pixels(corpus, study.images[0]))
            save_picture(folder / f"{number}_{side}.jpg", values)
        shown = [[name for name in present(study) if name in _SPOKEN] for study in eyes]
        words = ["，".join(_SPOKEN[name] for name in names) or "normal fundus" for names in shown]
        words[0] = f"lens dust，{words[0]}" if number == 1 else words[0]
        ours = {name for names in shown for name in names}
        known = [name for name in FLAGS.values() if name]
        ours |= {"other_eye_disease"} if ours - set(known) else set()
        flags = [int(name in ours) if name else int(not ours) for name in FLAGS.values()]
        sex = "Female" if eyes[0].sex == "F" else "Male"
        rows.append(
            [number, int(eyes[0].age_years or 0), sex, f"{number}_left.jpg", f"{number}_right.jpg", *words, *flags]
        )
    write_sheet(root / _BOOK, _NEEDS, rows)
    for row in rows:
        stated = dict(zip(_NEEDS, map(str, row), strict=True))
        made.append(Sample(_study(stated, folder, "twin", virtual_origin(ABOUT)), ""))
    return made
