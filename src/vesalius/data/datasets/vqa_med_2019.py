"""VQA-Med 2019: 15,292 questions in four categories about 4,200 pictures of MedPix.

Lines hold picture, question and answer between bars, without a header; those of the test part also the category. An
answer of the test part may be several accepted ones joined by "#": it is kept whole, and `accepted` parts it. The
twin's pictures are chest radiographs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from vesalius.data.corpus import Corpus
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin
from vesalius.data.records import Dialogue, Image, Study
from vesalius.data.releases.pictures import picture
from vesalius.data.releases.questions import asked
from vesalius.data.releases.rows import Row, csv_rows
from vesalius.data.releases.studies import Item, by_picture
from vesalius.data.releases.twins import QUESTION_FAMILIES, asked_of, identity, save_picture, write_text

__all__ = ["ABOUT", "CATEGORIES", "TWIN", "accepted", "read", "write"]

ABOUT = About(
    title="VQA-Med 2019", slug="vqa_med_2019", licence="CC BY 4.0, for research",
    access="It is open: download the three archives of the challenge from Zenodo and unpack them",
    home="https://zenodo.org/records/10499039",
)  # fmt: skip
TWIN = Twin(preset="chest", image_size=128, questions=5.0, families=QUESTION_FAMILIES)

CATEGORIES = ("Modality", "Plane", "Organ", "Abnormality")
_YES_NO = ("yes", "no")
_FOLDERS = {"train": "ImageClef-2019-VQA-Med-Training", "val": "ImageClef-2019-VQA-Med-Validation"}
_TEST = "VQAMed2019Test"
_REFERENCE = "VQAMed2019_Test_Questions_w_Ref_Answers.txt"
_COLUMNS = ("image", "question", "answer")
_TEST_COLUMNS = ("image", "category", "question", "answer")
_FIRST_NUMBER = 9_000_000


def read(root: Path) -> Iterator[Sample]:
    """Yield one study a picture, in "train", "val" or "test"; `Dialogue.source` is ``vqa_med_2019/<category>``.

    A question whose answer is yes or no is closed.
    """
    root = root.absolute()
    wanted = [f"{_FOLDERS[part]}/QAPairsByCategory/{_file(number, part)}" for part in _FOLDERS for number in range(4)]
    require_files(root, [*wanted, f"{_TEST}/{_REFERENCE}"], ABOUT)
    items = (_item(row, part, category, folder) for row, part, category, folder in _rows(root))
    yield from by_picture(items, _described, provenance(root, ABOUT))


def accepted(dialogue: Dialogue) -> tuple[str, ...]:
    """Return all answers that count as right."""
    return tuple(answer.strip() for answer in dialogue.answer.split("#") if answer.strip())


def _file(number: int, part: str) -> str:
    return f"C{number + 1}_{CATEGORIES[number]}_{part}.txt"


def _rows(root: Path) -> Iterator[tuple[Row, str, str, Path]]:
    for part, name in _FOLDERS.items():
        folder = root / name
        for number, category in enumerate(CATEGORIES):
            path = folder / "QAPairsByCategory" / _file(number, part)
            for row in csv_rows(path, _COLUMNS, delimiter="|", header=False, quoted=False):
                yield row, part, category, folder / f"{part.capitalize()}_images"
    for row in csv_rows(root / _TEST / _REFERENCE, _TEST_COLUMNS, delimiter="|", header=False, quoted=False):
        yield row, "test", row.text("category").strip().capitalize(), root / _TEST / "VQAMed2019_Test_Images"


def _item(row: Row, part: str, category: str, folder: Path) -> Item:
    name, answer = row.text("image").strip(), row.text("answer").strip()
    dialogue = asked(
        f"{name}-{category}", row.text("question").strip(), answer, images=(name,), source=f"vqa_med_2019/{category}",
        answer_type="closed" if answer.casefold() in _YES_NO else "open",
    )  # fmt: skip
    return Item(part=part, path=folder / f"{name}.jpg", dialogue=dialogue, name=name)


def _described(item: Item) -> Image | None:
    return picture(item.path, id=item.name)


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write three parts with a question a category; a test answer has two accepted forms."""
    root = root.absolute()
    rows: dict[tuple[str, str], list[str]] = {}
    for number, study in identity(corpus):
        part = ("train", "val", "test")[number % 3]
        name = f"synpic{_FIRST_NUMBER + number}"
        folder = root / _FOLDERS.get(part, _TEST)
        images = "VQAMed2019_Test_Images" if part == "test" else f"{part.capitalize()}_images"
        save_picture(corpus, study, folder / images / f"{name}.jpg")
        plain = [("Modality", "what modality is shown?", "xr - plain film"), ("Organ", "what organ?", "lung, chest")]
        plain += [("Plane", "what plane is this?", "pa"), *((("Abnormality", *pair)) for pair in _asked(study))]
        for category, question, answer in plain[number % 4 : number % 4 + 1] if part == "test" else plain:
            cells = (
                (name, category.lower(), question, f"{answer}#{answer}s")
                if part == "test"
                else (name, question, answer)
            )
            rows.setdefault((part, category), []).append("|".join(cells))
    for part, name in _FOLDERS.items():
        for number, category in enumerate(CATEGORIES):
            write_text(root / name / "QAPairsByCategory" / _file(number, part), rows.get((part, category), []))
        lines = [line for (own, _), found in rows.items() if own == part for line in found]
        write_text(root / name / f"All_QA_Pairs_{part}.txt", lines)
    tests = [line for (own, _), found in rows.items() if own == "test" for line in found]
    write_text(root / _TEST / _REFERENCE, tests)
    return list(by_picture(_items_written(rows, root), _described, virtual_origin(ABOUT)))


def _asked(study: Study) -> list[tuple[str, str]]:
    return [(asked.question.replace("|", " "), asked.answer) for asked in asked_of(study)[:1]]


def _items_written(rows: dict[tuple[str, str], list[str]], root: Path) -> Iterable[Item]:
    for part in _FOLDERS:
        for category in CATEGORIES:
            for line in rows.get((part, category), []):
                row = Row(dict(zip(_COLUMNS, line.split("|"), strict=True)), "row")
                yield _item(row, part, category, root / _FOLDERS[part] / f"{part.capitalize()}_images")
    for (part, category), lines in rows.items():
        for line in lines if part == "test" else []:
            row = Row(dict(zip(_TEST_COLUMNS, line.split("|"), strict=True)), "row")
            yield _item(row, part, category, root / _TEST / "VQAMed2019_Test_Images")
