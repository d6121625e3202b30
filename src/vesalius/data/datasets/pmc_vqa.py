"""PMC-VQA: 227,000 questions with four options about 149,000 figures of articles, written by a language model.

Version 1 (train.csv, test.csv, test_clean.csv) asks about whole figures; version 2 (train_2.csv, test_2.csv) about
single panels and gives the caption. There are no patients: the article is what a split must not part, and the
release's own split does part articles. Many questions can be answered without the picture. The twin's pictures are
chest radiographs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from vesalius.data.corpus import Corpus
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin
from vesalius.data.records import Image
from vesalius.data.releases.pictures import first_of, picture, stem
from vesalius.data.releases.questions import asked, matching, unlettered
from vesalius.data.releases.rows import Row, csv_rows
from vesalius.data.releases.studies import Item, by_picture
from vesalius.data.releases.twins import (
    QUESTION_FAMILIES,
    asked_of,
    identity,
    options_of,
    save_picture,
    spoken,
    write_csv,
)
from vesalius.errors import ConfigError

__all__ = ["ABOUT", "TWIN", "read", "write"]

ABOUT = About(
    title="PMC-VQA", slug="pmc_vqa", licence="CC BY-SA 4.0, each figure under its article's licence",
    access="It is open: download the tables and the archives of pictures from the hub and unpack them",
    home="https://huggingface.co/datasets/xmcmic/PMC-VQA",
)  # fmt: skip
TWIN = Twin(preset="chest", image_size=128, questions=5.0, families=QUESTION_FAMILIES)

_LETTERS = "ABCD"
_TABLES = {
    1: {"train": "train.csv", "test": "test.csv", "test_clean": "test_clean.csv"},
    2: {"train": "train_2.csv", "test": "test_2.csv"},
}
_NEEDED = {1: ("train.csv", "test.csv"), 2: ("train_2.csv", "test_2.csv")}
_FOLDERS = {
    1: ("images", "figures", "images/figures"),
    2: ("images_2", "figures_2", "images_2/figures", "images", "figures"),
}
_COLUMNS = ("Figure_path", "Question", *(f"Choice {letter}" for letter in _LETTERS))
_FIRST_ARTICLE = 90_000_000
_FILLERS = ("cannot be told", "not on this picture", "not stated")
"""Wrong options of the twin where there are not enough others."""


def read(root: Path, *, version: int = 0) -> Iterator[Sample]:
    """Yield one study for each figure and part: "train", "test" and, in version 1, "test_clean" (a part of "test").

    Args:
        root: folder with the tables and the unpacked pictures.
        version: 1 or 2; where none is given, 1 if its tables are there.
    """
    root = root.absolute()
    if version not in (0, 1, 2):
        raise ConfigError(f"version {version} of PMC-VQA; it has 1 and 2")
    version = version or (1 if (root / _NEEDED[1][0]).exists() or not (root / _NEEDED[2][0]).exists() else 2)
    require_files(root, [*_NEEDED[version]], ABOUT)
    tables = [(part, root / name) for part, name in _TABLES[version].items() if (root / name).exists()]
    rows = ((part, row) for part, path in tables for row in csv_rows(path, _COLUMNS))
    yield from _samples(rows, root, version, provenance(root, ABOUT))


def _samples(rows: Iterable[tuple[str, Row]], root: Path, version: int, origin: Any) -> Iterator[Sample]:
    folders = [root / name for name in _FOLDERS[version]]
    counts: dict[str, int] = {}
    items: list[Item] = []
    for part, row in rows:
        counts[part] = counts.get(part, -1) + 1
        items.append(_item(row, part, counts[part], folders))
    yield from by_picture(items, _described, origin)


def _item(row: Row, part: str, number: int, folders: Sequence[Path]) -> Item:
    path = row.text("Figure_path")
    name = stem(path)
    options = tuple(unlettered(row.text(f"Choice {letter}"), letter) for letter in _LETTERS)
    dialogue = asked(
        f"{part}-{number}", row.text("Question").strip(), _answer(row, options), images=(name,), options=options,
        answer_type="choice", source="pmc_vqa",
    )  # fmt: skip
    return Item(part=part, path=first_of(folders, path), dialogue=dialogue, name=name, patient=name.partition("_")[0])


def _answer(row: Row, options: Sequence[str]) -> str:
    """Return the option that is right: by its letter, or by its words where the table has no letter."""
    stated = row.optional("Answer", "Anwser").strip()
    letter = row.optional("Answer_label").strip() or (stated if stated in _LETTERS else "")
    if letter:
        if letter not in _LETTERS:
            raise row.fault(f"Answer_label is {letter!r}, expected one of {', '.join(_LETTERS)}")
        return options[_LETTERS.index(letter)]
    found = matching(unlettered(stated, stated.strip()[:1]), options)
    if found not in options:
        raise row.fault(f"the answer {stated!r} is none of the options {options}")
    return found


def _described(item: Item) -> Image | None:
    return picture(item.path, id=item.name)


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write version 1, and version 2 of the same questions beside it; figures of one article lie in both parts."""
    root = root.absolute()
    studies = [study for _, study in identity(corpus)]
    everything = [question for study in studies for question in asked_of(study)]
    rows: dict[str, list[dict[str, str]]] = {"train": [], "test": [], "test_clean": []}
    for number, study in enumerate(studies):
        # Two figures an article, so that the fourth and fifth of them part an article.
        name = f"PMC{_FIRST_ARTICLE + number // 2}_F{number % 2 + 1}.jpg"
        save_picture(corpus, study, root / "images" / name)
        part = "test" if number % 5 == 3 else "train"
        for question in asked_of(study):
            options = options_of(question, everything, len(_LETTERS), seed=f"{name}{question.question}")
            options += _FILLERS[: len(_LETTERS) - len(options)]
            row = {"Figure_path": name, "Question": f" {question.question} ", "Caption": spoken(study)}
            row |= {f"Choice {a}": f" {a}: {text} " for a, text in zip(_LETTERS, options, strict=True)}
            row |= {"Answer": question.answer, "Answer_label": _LETTERS[options.index(question.answer)]}
            rows[part].append(row)
    rows["test_clean"] = rows["test"][:1]
    _write_tables(rows, root)
    found = ((part, Row(row, "row")) for part, table in rows.items() for row in table)
    return list(_samples(found, root, 1, virtual_origin(ABOUT)))


def _write_tables(rows: Mapping[str, list[dict[str, str]]], root: Path) -> None:
    choices = [f"Choice {letter}" for letter in _LETTERS]
    first = ["Figure_path", "Question", "Answer", *choices, "Answer_label"]
    second = ["index", "Figure_path", "Caption", "Question", *choices, "Answer", "split"]
    for part, table in rows.items():
        write_csv(root / _TABLES[1][part], first, ([row[name] for name in first] for row in table))
        if part in _TABLES[2]:
            newer = [
                {**row, "Answer": row["Answer_label"], "index": str(place), "split": part}
                for place, row in enumerate(table)
            ]
            write_csv(root / _TABLES[2][part], second, ([row[name] for name in second] for row in newer))
