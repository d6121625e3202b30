"""MedQA: questions of medical licensing examinations of the United States, China and Taiwan, as text.

Each comes with five options, and with four in a folder of its own; which one was read stands in the source of every
dialogue. The copy of the hub has the files of four options at its root and no part "val". The twin asks about
described virtual patients: it tests plumbing and not medicine.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from vesalius.data.corpus import Corpus
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin
from vesalius.data.records import Provenance
from vesalius.data.releases.exams import examined, letter_options, padded_options, right_of, text_questions
from vesalius.data.releases.questions import asked
from vesalius.data.releases.rows import Row, json_lines
from vesalius.data.releases.twins import QUESTION_FAMILIES, part_of, write_json_lines
from vesalius.errors import ConfigError

__all__ = ["ABOUT", "TWIN", "read", "write"]

ABOUT = About(
    title="MedQA", slug="medqa", licence="open for research; see its repository",
    access="It is open: download data_clean.zip by the link of its repository",
    home="https://github.com/jind11/MedQA",
)  # fmt: skip
TWIN = Twin(preset="chest", image_size=64, questions=4.0, families=QUESTION_FAMILIES)

_PARTS = {"train": "train", "dev": "val", "test": "test"}
_LANGUAGES = {"US": "en", "Mainland": "zh-Hans", "Taiwan": "zh-Hant"}
_LETTERS = "ABCDE"
_FOUR = "phrases_no_exclude_{}.jsonl"


def read(root: Path, *, country: str = "US", options: int = 5) -> Iterator[Sample]:
    """Yield one study without pictures for each question, in "train", "val" or "test".

    `Dialogue.source` is ``medqa/<country>/<number of options>/<meta_info>``.

    Args:
        root: folder with ``questions``, or with the files of the hub.
        country: "US", "Mainland" or "Taiwan".
        options: 5 or 4, where the country has files of four.
    """
    if country not in _LANGUAGES or options not in (4, 5):
        raise ConfigError(f"MedQA of {country!r} with {options} options; it has US, Mainland, Taiwan with 5 or 4")
    origin = provenance(root, ABOUT)
    root = next((folder for folder in (root / "data_clean", root) if (folder / "questions").is_dir()), root)
    folder = root / "questions" / country
    if (root / _FOUR.format("train")).exists():
        folder, options = root, 4
    elif options == 4:
        folder = folder / "4_options"
    names = {part: _FOUR.format(part) if options == 4 else f"{part}.jsonl" for part in _PARTS}
    if folder == root:
        names.pop("dev")
    require_files(root, [(folder / name).relative_to(root).as_posix() for name in names.values()], ABOUT)
    rows = ((part, row) for part, name in names.items() for row in json_lines(folder / name))
    yield from _samples(rows, country, options, origin)


def _samples(rows: Iterable[tuple[str, Row]], country: str, count: int, origin: Provenance) -> Iterator[Sample]:
    numbers: dict[str, int] = {}
    for part, row in rows:
        numbers[part] = numbers.get(part, -1) + 1
        name = f"{country.lower()}-{part}-{numbers[part]}"
        options = letter_options(row, "options")
        dialogue = asked(
            name, row.text("question"), right_of(row, options, row.text("answer_idx")), options=[*options.values()],
            answer_type="choice", language=_LANGUAGES[country],
            source=f"medqa/{country}/{count}/{row.optional('meta_info')}",
        )  # fmt: skip
        yield examined(name, dialogue, _PARTS[part], origin)


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write five and four options for the United States; the options of one row stand in another order."""
    parts, theirs = part_of(corpus), {ours: name for name, ours in _PARTS.items()}
    rows: dict[str, list[dict[str, Any]]] = {part: [] for part in _PARTS}
    found = list(text_questions(corpus))
    questions = [question for _, _, question in found]
    for place, (study, text, question) in enumerate(found):
        options = dict(zip(_LETTERS, padded_options(question, questions, 5, seed=text), strict=True))
        letter = next(letter for letter, option in options.items() if option == question.answer)
        rows[theirs[parts[study.id]]].append({
            "question": text, "answer": question.answer,
            "options": dict(reversed(options.items())) if place == 0 else options,
            "meta_info": "step2&3" if place % 2 else "step1", "answer_idx": letter, "metamap_phrases": [],
        })  # fmt: skip
    folder = root / "questions" / "US"
    for part, table in rows.items():
        write_json_lines(folder / f"{part}.jsonl", table)
        write_json_lines(folder / "4_options" / _FOUR.format(part), map(_of_four, table))
    pairs = ((part, Row(row, "row")) for part, table in rows.items() for row in table)
    return list(_samples(pairs, "US", 5, virtual_origin(ABOUT)))


def _of_four(row: dict[str, Any]) -> dict[str, Any]:
    """Leave out the last wrong option."""
    kept = sorted(row["options"].items())
    wrong = [pair for pair in kept if pair[0] != row["answer_idx"]]
    kept.remove(wrong[-1])
    options = dict(zip("ABCD", (text for _, text in kept), strict=True))
    letter = next(letter for letter, text in options.items() if text == row["answer"])
    return row | {"options": options, "answer_idx": letter}
