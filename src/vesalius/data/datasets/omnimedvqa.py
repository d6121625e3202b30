"""OmniMedVQA: 127,995 questions with two to four options about 118,010 pictures of 73 sources; for tests only.

Its own split is none: everything is "test", and papers that train on a part of it contaminate it. `gt_answer` is the
text of the right option, matched whatever its case and last dot. The pictures of the restricted part must be fetched
from their sources; where they are not there, their questions stay without a picture. The strings of `modality_type`
are kept in `Image.sequence`. The twin's pictures are chest radiographs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from vesalius.data.corpus import Corpus
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin
from vesalius.data.records import Image
from vesalius.data.releases.pictures import modality_of, picture
from vesalius.data.releases.questions import asked, matching
from vesalius.data.releases.rows import Row, json_list
from vesalius.data.releases.studies import Item, by_picture
from vesalius.data.releases.twins import QUESTION_FAMILIES, asked_of, identity, options_of, save_picture, write_json
from vesalius.errors import ConfigError

__all__ = ["ABOUT", "TWIN", "read", "write"]

ABOUT = About(
    title="OmniMedVQA", slug="omnimedvqa", licence="open for the open-access part; the rest as its sources",
    access="Download OmniMedVQA.zip from its page; pictures of the restricted part come from their sources",
    home="https://huggingface.co/datasets/foreverbeliever/OmniMedVQA",
)  # fmt: skip
TWIN = Twin(preset="chest", image_size=128, questions=5.0, families=QUESTION_FAMILIES)

_LETTERS = "ABCD"
_ACCESS = ("Open-access", "Restricted-access")
_TABLES = "QA_information"
_TYPES = {
    "modality": "Modality Recognition", "view": "Modality Recognition", "site": "Anatomy Identification",
    "where": "Anatomy Identification", "side": "Anatomy Identification", "severity": "Lesion Grading",
    "appearance": "Other Biological Attributes", "count": "Other Biological Attributes",
}  # fmt: skip


def read(root: Path, *, access: str = "") -> Iterator[Sample]:
    """Yield one study for each picture, all in "test"; sources in the order of their names, open access first.

    `Dialogue.source` is ``omnimedvqa/<dataset>/<question_type>``. `patient` is the picture: the release names none.

    Args:
        root: folder of the release, or with ``OmniMedVQA`` that is it.
        access: "Open-access" or "Restricted-access"; both where none is given.
    """
    if access and access not in _ACCESS:
        raise ConfigError(f"access {access!r} of OmniMedVQA; it has {' and '.join(_ACCESS)}")
    origin = provenance(root, ABOUT)
    root = root.absolute()
    root = root / "OmniMedVQA" if (root / "OmniMedVQA").is_dir() else root
    require_files(root, [_TABLES], ABOUT)
    for folder in [access] if access else _ACCESS:
        for path in sorted((root / _TABLES / folder).glob("*.json")):
            yield from by_picture(_items(json_list(path), root), _described, origin)


def _items(rows: Iterable[Row], root: Path) -> Iterator[Item]:
    for row in rows:
        path = row.text("image_path")
        name = str(Path(path).with_suffix("")).removeprefix("Images/")
        letters = [letter for letter in _LETTERS if row.has(f"option_{letter}")]
        options = tuple(row.text(f"option_{letter}") for letter in letters)
        words = row.text("modality_type")
        dialogue = asked(
            row.text("question_id"), row.text("question"), matching(row.text("gt_answer"), options), images=(name,),
            options=options, answer_type="choice",
            source=f"omnimedvqa/{row.text('dataset')}/{row.text('question_type')}",
        )  # fmt: skip
        yield Item(
            part="test", path=root / path, dialogue=dialogue, name=name,
            facts=(("modality", modality_of(words)), ("sequence", words)),
        )  # fmt: skip


def _described(item: Item) -> Image | None:
    return picture(item.path, id=item.name, **dict(item.facts))


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write three sources, one of them restricted and without its pictures; one answer ends in a dot."""
    root = root.absolute()
    studies = [study for _, study in identity(corpus)]
    everything = [question for study in studies for question in asked_of(study)]
    tables: dict[str, list[dict[str, Any]]] = {}
    for number, study in enumerate(studies):
        source = ("Virtual A", "Virtual B", "Virtual C")[number % 3]
        place = f"Images/{source}/virtual_{number}.png"
        if source != "Virtual C":
            save_picture(corpus, study, root / place)
        for question in asked_of(study):
            options = options_of(question, everything, 2 if question.closed else 4, seed=place + question.question)
            rows = tables.setdefault(source, [])
            rows.append({
                "dataset": source, "question_id": f"{source}_{len(rows):04d}", "question": question.question,
                "question_type": _TYPES.get(question.family, "Disease Diagnosis"), "gt_answer": question.answer,
                "image_path": place, "modality_type": "X-Ray",
                **{f"option_{letter}": option for letter, option in zip(_LETTERS, options, strict=False)},
            })  # fmt: skip
    (root / _TABLES).mkdir(parents=True, exist_ok=True)
    made: list[Sample] = []
    for number, (source, rows) in enumerate(sorted(tables.items())):
        if number == 0:
            rows[-1]["gt_answer"] = rows[-1]["gt_answer"].capitalize() + "."
        access = _ACCESS[source == "Virtual C"]
        write_json(root / _TABLES / access / f"{source}.json", rows)
        found = (Row(row, "row") for row in rows)
        made += by_picture(_items(found, root), _described, virtual_origin(ABOUT))
    return made
