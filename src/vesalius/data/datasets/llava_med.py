"""LLaVA-Med: 500,000 alignment pairs, 60,000 conversations and 193 evaluation questions about figures of articles.

The pictures must be fetched by the list of addresses and a part of them is gone: the studies of those have no image.
Parts: "alignment", "train" (the conversations) and "test" (the evaluation). A figure that is in several parts has a
study in each, with the same `patient`, which is the article where the list of addresses is there; figures of the
evaluation must not stay in training data. The twin's pictures are chest radiographs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from vesalius.data.corpus import Corpus
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin
from vesalius.data.records import Dialogue, Provenance, Text
from vesalius.data.releases.pictures import picture, stem
from vesalius.data.releases.questions import asked, conversation
from vesalius.data.releases.rows import Row, json_lines, json_list, json_value
from vesalius.data.releases.studies import captioned
from vesalius.data.releases.twins import (
    QUESTION_FAMILIES,
    asked_of,
    identity,
    save_picture,
    spoken,
    write_json,
    write_json_lines,
)
from vesalius.errors import DataError

__all__ = ["ABOUT", "TWIN", "read", "write"]

ABOUT = About(
    title="LLaVA-Med", slug="llava_med", licence="CC BY-NC 4.0, each figure under its article's licence",
    access="It is open: download the JSON files of its repository and the pictures of llava_med_image_urls.jsonl",
    home="https://github.com/microsoft/LLaVA-Med",
)  # fmt: skip
TWIN = Twin(preset="chest", image_size=128, questions=5.0, families=QUESTION_FAMILIES)

_ALIGNMENT = "alignment/llava_med_alignment_500k.json"
_INSTRUCT = ("60k_inline_mention", "60k", "10k")
"""Conversations, the most first; the smaller are contained in the larger."""
_CAPTIONS = "instruct/llava_med_instruct_fig_captions.json"
_EVALUATION = "eval/llava_med_eval_qa50_qa.jsonl"
_ADDRESSES = "llava_med_image_urls.jsonl"
_DOMAINS = {"chest_xray": "DX", "mri": "MR", "ct_scan": "CT", "histology": "SM", "gross": "XC"}
_ARTICLE = re.compile(r"PMC\d+")


def read(root: Path) -> Iterator[Sample]:
    """Yield one study for each figure and part; the files that are there are read, at least one must be.

    `Dialogue.source` is ``llava_med/<part or type>/<domain>``.
    """
    root = root.absolute()
    found = [name for name in (_ALIGNMENT, _instruct(root), _EVALUATION) if (root / name).exists()]
    if not found:
        require_files(root, [_ALIGNMENT, _instruct(root), _EVALUATION, "images"], ABOUT)
    articles = _articles(root / _ADDRESSES)
    captions = _captions(root / _CAPTIONS)
    origin = provenance(root, ABOUT)
    rows = {name: json_lines(root / name) if name == _EVALUATION else json_list(root / name) for name in found}
    yield from _samples(rows, root, origin, articles=articles, captions=captions)


def _instruct(root: Path) -> str:
    names = [f"instruct/llava_med_instruct_{size}.json" for size in _INSTRUCT]
    return next((name for name in names if (root / name).exists()), names[1])


def _samples(
    files: Mapping[str, Iterable[Row]], root: Path, origin: Provenance, *, articles: Mapping[str, str],
    captions: Mapping[str, str],
) -> Iterator[Sample]:  # fmt: skip
    for name, rows in files.items():
        if name == _EVALUATION:
            yield from _evaluation(rows, root, origin, articles)
            continue
        part = "alignment" if name == _ALIGNMENT else "train"
        for row in rows:
            pair = row.text("id")
            dialogue = _conversation(row, pair, part)
            text = captions.get(pair, "") if part == "train" else dialogue.answer
            yield _sample(
                root, row.text("image"), part, [dialogue], text=text, domain=_domain(row), origin=origin,
                patient=articles.get(pair, pair),
            )  # fmt: skip


def _sample(
    root: Path, file: str, part: str, dialogues: list[Dialogue], *, text: str, domain: str, origin: Provenance,
    patient: str,
) -> Sample:  # fmt: skip
    name = stem(file)
    image = picture(root / "images" / file, id=name, modality=_DOMAINS[domain], sequence=domain)
    caption = Text(text=text, role="caption", images=(name,) if image else ())
    study = captioned(f"{name}_{part}", [caption], image, patient=patient, origin=origin, dialogues=tuple(dialogues))
    return Sample(study, part)


def _conversation(row: Row, pair: str, part: str) -> Dialogue:
    turns = row.parts("conversations" if "conversations" in row.cells else "conversatons")
    spoken_turns = [(turn.text("from"), turn.text("value")) for turn in turns]
    source = f"llava_med/{part}/{_domain(row)}"
    try:
        return conversation(f"{pair}_{part}", spoken_turns, images=[stem(row.text("image"))], source=source)
    except DataError as error:
        raise row.fault(str(error)) from None


def _domain(row: Row) -> str:
    domain = row.part("domain")
    true = [name for name, value in domain.cells.items() if value is True]
    if len(true) != 1 or true[0] not in _DOMAINS:
        raise domain.fault(f"{true} are true, expected exactly one of {', '.join(_DOMAINS)}")
    return true[0]


def _evaluation(rows: Iterable[Row], root: Path, origin: Provenance, articles: Mapping[str, str]) -> Iterator[Sample]:
    """Gather the questions of each unseen figure; `Dialogue.rationale` holds its in-text mentions for judges."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.text("pair_id"), []).append(row)
    for pair, group in groups.items():
        first = group[0]
        domain = _domain(first) if isinstance(first.cells.get("domain"), dict) else first.text("domain")
        name = stem(first.text("image"))
        dialogues = [
            replace(
                asked(row.text("question_id"), row.text("text"), row.text("gpt4_answer"), images=(name,),
                      source=f"llava_med/{row.text('type')}/{domain}"),
                rationale=" ".join(str(part) for part in _mentions(row)),
            )
            for row in group
        ]  # fmt: skip
        yield _sample(
            root, first.text("image"), "test", dialogues, text=first.optional("fig_caption"), domain=domain,
            origin=origin, patient=articles.get(pair, pair),
        )  # fmt: skip


def _mentions(row: Row) -> list[Any]:
    value = row.cells.get("in_text_mention")
    found = value if isinstance(value, list) else [value] if value else []
    return [part.get("tokens", "") if isinstance(part, dict) else part for part in found]


def _articles(path: Path) -> dict[str, str]:
    """Read the article of every figure from the addresses; nothing where the list is not there."""
    if not path.exists():
        return {}
    found = ((row.text("pair_id"), _ARTICLE.search(row.text("pmc_tar_url"))) for row in json_lines(path))
    return {pair: match[0] for pair, match in found if match}


def _captions(path: Path) -> dict[str, str]:
    """Read the caption of every figure of the conversations; nothing where the file is not there."""
    if not path.exists():
        return {}
    document = Row({}, str(path)).inside("document", json_value(path))
    rows = (row for domain in document.cells for row in document.parts(domain))
    return {row.text("pair_id"): row.optional("fig_caption") for row in rows}


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write alignment, conversations and evaluation of the same figures; one picture is missing."""
    root = root.absolute()
    pairs = {f"9{number:07d}_1": study for number, study in identity(corpus)}
    instruct_name = f"instruct/llava_med_instruct_{_INSTRUCT[0]}.json"
    files: dict[str, list[dict[str, Any]]] = {_ALIGNMENT: [], instruct_name: [], _EVALUATION: []}
    for number, (pair, study) in enumerate(pairs.items()):
        lead = "<image>\nWhat is shown?" if number % 2 else "What is shown?\n<image>"
        files[_ALIGNMENT].append(_figure(pair) | {"conversations": _turns([(lead, spoken(study))])})
        questions = [(asked.question, asked.answer) for asked in asked_of(study)]
        if questions and number % 3:
            turns = _turns([(f"<image>\n{questions[0][0]}", questions[0][1]), *questions[1:]])
            files[instruct_name].append(_figure(pair) | {"conversations": turns})
        else:
            first = len(files[_EVALUATION])
            files[_EVALUATION] += [
                _question(first + place, pair, question, answer, spoken(study))
                for place, (question, answer) in enumerate(questions)
            ]
        if number != len(pairs) - 1:
            save_picture(corpus, study, root / "images" / f"{pair}.jpg")
    captions = {row["id"]: spoken(pairs[row["id"]]) for row in files[instruct_name]}
    for name, rows in files.items():
        (write_json_lines if name == _EVALUATION else write_json)(root / name, rows)
    articles = _write_beside(root, list(pairs), captions)
    found = {name: [Row(cells, "row") for cells in rows] for name, rows in files.items()}
    return list(_samples(found, root, virtual_origin(ABOUT), articles=articles, captions=captions))


def _write_beside(root: Path, pairs: list[str], captions: Mapping[str, str]) -> dict[str, str]:
    """Write captions and addresses, and return the article of every figure."""
    listed = [
        {"pair_id": pair, "pmid": pair[:8], "fig_caption": caption, "in_text_mention": None}
        for pair, caption in captions.items()
    ]
    write_json(root / _CAPTIONS, {"chest_xray": listed})
    articles = {pair: f"PMC{pair[:8]}" for pair in pairs}
    addresses = (
        {"pair_id": pair, "pmc_tar_url": f"virtual/{article}.tar.gz", "image_file_path": f"{pair}.jpg"}
        for pair, article in articles.items()
    )
    write_json_lines(root / _ADDRESSES, addresses)
    return articles


def _figure(pair: str) -> dict[str, Any]:
    return {"id": pair, "image": f"{pair}.jpg", "domain": {name: name == "chest_xray" for name in _DOMAINS}}


def _turns(pairs: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    return [
        {"from": speaker, "value": text}
        for pair in pairs
        for speaker, text in zip(("human", "gpt"), pair, strict=True)
    ]


def _question(number: int, pair: str, question: str, answer: str, caption: str) -> dict[str, Any]:
    return {
        "question_id": number, "image": f"{pair}.jpg", "pair_id": pair, "text": question, "fig_caption": caption,
        "in_text_mention": [{"tokens": "See the figure."}],
        "domain": {name: name == "chest_xray" for name in _DOMAINS},
        "type": "conversation" if number % 2 else "detailed_description", "gpt4_answer": answer,
    }  # fmt: skip
