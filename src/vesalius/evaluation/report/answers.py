"""The page of a benchmark of questions: leaderboard, rules, subgroups, and a browser of every item.

Items lie in blocks beside the page, which loads the blocks that are looked at, so that 50,000 items stay usable from
a folder without a server. Pictures are small copies; beyond `MOST_PICTURES` an item names its file only.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from html import escape
from itertools import islice
from pathlib import Path
from typing import Any

from vesalius import __version__
from vesalius.benchmarks.base import Item, Mark
from vesalius.data.messages import Media, media_of, text_of
from vesalius.errors import DataError
from vesalius.evaluation.answering.replies import Exam, Replies, said_so_far
from vesalius.evaluation.report import VIRTUAL_NOTICE, numbers, write_page
from vesalius.evaluation.results import REPORT_FILE, Evaluation
from vesalius.evaluation.summary import headline_names, headlines, verdict
from vesalius.inference.requests import Reply
from vesalius.models.media import shown
from vesalius.page import Cell, Section, definitions, details, number, page, paragraph, table

__all__ = ["MOST_PICTURES", "leaderboard", "write_answers_page"]

MOST_PICTURES = 2000
"""Pictures that are copied beside the page."""
_BLOCK = 100
_SIDE = 384
_LONGEST = 20_000
"""Characters of a prompt or reply on the page; the stored reply is whole."""
_HERE = Path(__file__).parent

Bar = AbstractContextManager[Callable[[int], None]]


def write_answers_page(
    evaluation: Evaluation, exam: Exam, replies: Replies, *, rules: Sequence[str], bar: Bar
) -> Path:
    """Write report.html, the items beside it, and the leaderboard as CSV and LaTeX.

    Args:
        evaluation: scores of the model and the controls.
        exam: what the model was asked.
        replies: what it answered.
        rules: conventions that every item is marked by, the benchmark's first one first.
        bar: counts items.
    """
    with bar as advance:
        columns = _write_items(evaluation.folder / "items", _seen(exam, replies, rules, advance))
    rows = leaderboard(evaluation)
    (evaluation.folder / "leaderboard.csv").write_text(_csv(rows), encoding="utf-8")
    (evaluation.folder / "leaderboard.tex").write_text(_latex(rows), encoding="utf-8")
    document = evaluation.document
    sections = [
        numbers.headline_section(evaluation),
        _board(rows),
        _rules(evaluation),
        _subgroups(evaluation),
        _safety(evaluation),
        _browser(columns),
        numbers.controls(evaluation),
        numbers.every_score(evaluation),
        numbers.passports(evaluation),
    ]
    text = page(
        f"{document['model']['name']} on {document['corpus']['name']}",
        eyebrow="Benchmark of questions",
        head=_head(evaluation),
        sections=sections,
        foot=f"Made by Vesalius {__version__}, {document['finished']}. Intervals: 95 %, bootstrap over clusters.",
        style=(_HERE / "answers.css").read_text(encoding="utf-8"),
        script=(_HERE / "answers.js").read_text(encoding="utf-8"),
    )
    return write_page(
        evaluation.folder / REPORT_FILE,
        text.replace("<script>\n", '<script src="items/index.js"></script><script>\n', 1),
    )


def leaderboard(evaluation: Evaluation) -> list[list[str]]:
    """Return the table of systems by headline scores as text, the names of the columns first."""
    names = headline_names(evaluation.document)
    rows = [["system", *(words for *_, words in names)]]
    for control in ["", *evaluation.document["control_notes"]]:
        cells = [evaluation.score(task, metric, label, control=control) for task, metric, label, _ in names]
        rows.append([control or str(evaluation.document["model"]["name"]), *(_value(cell) for cell in cells)])
    for model, found in _published(evaluation.document).items():
        numbers_of = [found.get((task.partition(".")[2], metric)) for task, metric, *_ in names]
        if any(value is not None for value in numbers_of):
            rows.append([f"{model} (published)", *("" if value is None else f"{value:.3f}" for value in numbers_of)])
    return rows


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """An item with what was asked, said and made of it."""

    item: Item
    prompt: str
    said: Sequence[Reply]
    media: tuple[Media, ...]
    marks: Mapping[str, Mark]


@dataclass
class _Pictures:
    """Small copies of the pictures that were shown, each once."""

    folder: Path
    names: dict[Media, str] = field(default_factory=dict)

    def name(self, media: Media) -> str:
        """Return the file of the copy, or nothing where there are too many or it cannot be read."""
        if media not in self.names:
            self.names[media] = self._copy(media) if len(self.names) < MOST_PICTURES else ""
        return self.names[media]

    def _copy(self, media: Media) -> str:
        from PIL import Image

        try:
            picture = shown(media, planes=1)[0]
        except DataError:
            return ""
        copy = Image.fromarray(picture)
        copy.thumbnail((_SIDE, _SIDE), Image.Resampling.LANCZOS)
        self.folder.mkdir(parents=True, exist_ok=True)
        name = f"{len(self.names)}.jpg"
        copy.save(self.folder / name, "JPEG", quality=85)
        return name


def _seen(exam: Exam, replies: Replies, rules: Sequence[str], advance: Callable[[int], None]) -> Iterator[_Seen]:
    for item in exam.items():
        said = said_so_far(exam, replies, item)
        first = exam.request(item, ())
        if said and first is not None:
            yield _Seen(
                item=item,
                prompt=text_of(first.messages),
                said=said,
                media=media_of(first.messages),
                marks={rule: exam.benchmark.mark(item, said, convention=rule) for rule in rules},
            )
        advance(1)


def _write_items(folder: Path, seen: Iterator[_Seen]) -> dict[str, Any]:
    """Write blocks of items and their index; return what the page's filters offer."""
    folder.mkdir(parents=True, exist_ok=True)
    pictures = _Pictures(folder / "pictures")
    index: dict[str, list[Any]] = {"id": [], "part": [], "status": [], "right": [], "question": [], "fields": []}
    number = 0
    while block := list(islice(seen, _BLOCK)):
        rows = [_row(one, pictures) for one in block]
        for one, row in zip(block, rows, strict=True):
            first_rule = next(iter(one.marks))
            entry = (
                one.item.id, one.item.part, row["status"], row["marks"][first_rule].get("accuracy"),
                one.item.question[:90], sorted(f"{name}={value}" for name, value in one.item.fields.items()),
            )  # fmt: skip
            for column, cell in zip(index.values(), entry, strict=True):
                column.append(cell)
        _script(folder / f"block-{number:05d}.js", f"vesaliusBlock({number},", rows, ")")
        number += 1
    _script(folder / "index.js", "window.vesaliusItems=", {**index, "block": _BLOCK}, ";")
    return {
        "count": len(index["id"]),
        "parts": sorted(set(index["part"])),
        "statuses": sorted(set(index["status"])),
        "groups": sorted({group for groups in index["fields"] for group in groups})[:400],
    }


def _row(one: _Seen, pictures: _Pictures) -> dict[str, Any]:
    mark = next(iter(one.marks.values()))
    item = one.item
    return {
        "id": item.id,
        "part": item.part,
        "cluster": item.cluster,
        "question": item.question,
        "options": dict(item.options),
        "truth": item.truth if isinstance(item.truth, str) else json.dumps(item.truth, default=str),
        "prompt": one.prompt[:_LONGEST],
        "replies": [(reply.text or reply.error)[:_LONGEST] for reply in one.said],
        "status": "failed" if one.said[-1].finish == "error" else mark.status,
        "rule": mark.rule,
        "said": mark.said,
        "marks": {rule: {k: v for k, v in m.values.items() if v == v} for rule, m in one.marks.items()},
        "fields": dict(item.fields),
        "pictures": [{"file": pictures.name(media), "path": Path(media.path).name} for media in one.media],
        "boxes": [{"whose": whose, "box": list(box)} for whose, box in mark.boxes],
    }  # fmt: skip


def _script(path: Path, before: str, content: Any, after: str) -> None:
    """Write JSON as a script, which a page may load from a folder where it may not read a file."""
    text = json.dumps(content, allow_nan=False, default=str).replace("<", "\\u003c")
    path.write_text(f"{before}{text}{after}\n", encoding="utf-8")


def _head(evaluation: Evaluation) -> str:
    document = evaluation.document
    items = document["corpus"]["items"]
    task = next(iter(document["passports"].values()))["task"]
    words = f"{items['n']:,} questions of {items['n_patients']:,} clusters, split {document['corpus']['split']}, "
    words += f"arm {task['arm']}, {len(task['shots'])} demonstrations."
    parts = [paragraph(words, kind="lead")]
    if document["corpus"]["virtual"]:
        parts.append(paragraph(VIRTUAL_NOTICE, kind="notice"))
    parts += [paragraph(text, kind="notice") for text in document["warnings"]]
    shown_scores = headlines(evaluation)
    standings = {one.overall for one in shown_scores}
    kind = "above" if standings == {"above"} else "open" if "above" in standings else "below"
    return "".join([*parts, f'<p class="verdict {kind}">{escape(verdict(shown_scores))}</p>'])


def _board(rows: Sequence[Sequence[str]]) -> Section:
    heads = [Cell(name, kind="" if place == 0 else "n") for place, name in enumerate(rows[0])]
    body = [[Cell(cell, kind="" if place == 0 else "n") for place, cell in enumerate(row)] for row in rows[1:]]
    links = '<p class="note">Also as <a href="leaderboard.csv">CSV</a>, <a href="leaderboard.tex">LaTeX</a> and '
    links += '<a href="scores.json">JSON</a>. Published numbers were made by their authors, not here.</p>'
    return Section(anchor="leaderboard", title="Leaderboard", body=table(heads, body) + links)


def _rules(evaluation: Evaluation) -> Section:
    """The same replies under every rule."""
    conventions = evaluation.document["conventions"]
    if len(conventions) < 2:
        return Section(anchor="rules", title="Rules", body="")
    ours, *others = conventions
    rows: list[tuple[Mapping[str, Any], list[dict[str, Any] | None]]] = []
    for score in evaluation.scores:
        if "@" in score["task"] or score["label"] != "all":
            continue
        beside = [evaluation.score(f"{score['task']}@{rule}", score["metric"], "all") for rule in others]
        if any(one is not None for one in beside):
            rows.append((score, beside))
    heads = [Cell("Score"), *(Cell(name, kind="n") for name in (ours, *others))]
    apart = [row for row in rows if any(one is not None and one["value"] != row[0]["value"] for one in row[1])]
    alike = [row for row in rows if row not in apart]
    shown_rows = (
        table(heads, _rule_rows(apart)) if apart else paragraph("All rules give the same values.", kind="note")
    )
    rest = details(f"{len(alike)} scores on which the rules agree", table(heads, _rule_rows(alike))) if alike else ""
    return Section(
        anchor="rules",
        title="Rules",
        lead="The same replies, marked by each convention. What lies between the columns is the rule, not the model.",
        body=shown_rows + rest + definitions(conventions.items()),
    )


def _rule_rows(rows: Sequence[tuple[Mapping[str, Any], list[dict[str, Any] | None]]]) -> list[list[Cell]]:
    return [
        [Cell(f"{score['task']}, {score['metric']}"), *(Cell(_value(one), kind="n") for one in (score, *beside))]
        for score, beside in rows
    ]


def _subgroups(evaluation: Evaluation) -> Section:
    """Every headline metric by the values of each field."""
    wanted = {(task, metric) for task, metric, *_ in headline_names(evaluation.document)}
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for score in evaluation.scores:
        name, mark, _ = score["label"].partition("=")
        if mark and (score["task"], score["metric"]) in wanted:
            groups.setdefault(name, []).append(score)
    parts = []
    for name, scores in groups.items():
        heads = [Cell(name), Cell("Score"), Cell("Value", kind="n"), Cell("n", kind="n")]
        rows = [
            [Cell(one["label"].partition("=")[2]), Cell(f"{one['task']}, {one['metric']}"),
             Cell(_value(one), kind="n"), Cell(str(one["n"]), kind="n")]
            for one in scores
        ]  # fmt: skip
        parts.append(details(f"By {name}, {len(rows)} rows", table(heads, rows)))
    lead = "Not adjusted for how many there are: look here for questions, not for answers."
    return Section(anchor="subgroups", title="Subgroups", lead=lead, body="".join(parts))


def _safety(evaluation: Evaluation) -> Section:
    """What changes when something does that should not matter."""
    sheet = evaluation.document["safety"]
    if sheet is None:
        return Section(anchor="safety", title="Safety sheet", body="")
    heads = [Cell("Changed"), *(Cell(name, kind="n") for name in ("As is", "Changed", "Difference", "Flipped", "n"))]
    rows = []
    for one in sheet["rows"]:
        bounds = f" [{one['low']:+.3f}, {one['high']:+.3f}]" if one["low"] is not None else ""
        cells = (
            number(one["model"]), number(one["changed"]), f"{one['difference']:+.3f}{bounds}",
            number(one["flipped"]), str(one["n"]),
        )  # fmt: skip
        rows.append([Cell(one["words"], kind="words"), *(Cell(cell, kind="n") for cell in cells)])
    notes = [sheet["contamination"]] if sheet["contamination"] else []
    if sheet["wording"]:
        spread = sheet["wording"]
        notes.append(
            "Over the wordings: mean "
            f"{spread['mean']:.3f}, standard deviation {spread['sd']:.3f}, range {spread['range']:.3f}."
        )
    return Section(
        anchor="safety",
        title="Safety sheet",
        lead=f"{sheet['metric']} on {sheet['items']} drawn items, asked again with something changed that should not "
        "matter. Flipped: share of items whose mark changes.",
        body=table(heads, rows) + "".join(paragraph(text, kind="note") for text in notes),
    )


def _browser(columns: Mapping[str, Any]) -> Section:
    """The frame of the item browser, which answers.js fills."""
    filters = "".join(
        f'<label>{title}<select id="by-{name}"><option value="">all</option>{_options(values)}</select></label>'
        for title, name, values in (
            ("Part", "part", columns["parts"]),
            ("Status", "status", columns["statuses"]),
            ("Marked", "right", ["right", "wrong"]),
            ("Group", "group", columns["groups"]),
        )
    )
    body = (
        f'<form id="filters" onsubmit="return false">{filters}'
        '<label>Words<input id="by-words" type="search" placeholder="id or question"></label></form>'
        '<p class="note" id="found" aria-live="polite"></p><div class="items"><ol id="list" tabindex="0"></ol>'
        '<article id="item" class="card" aria-live="polite"></article></div>'
        '<p class="note">Keys: j and k, or the arrows, go on and back; n and p turn the pages.</p>'
    )
    lead = f"{columns['count']:,} items with what was put, what was said, and what each rule made of it."
    return Section(anchor="items", title="Items", lead=lead, body=body)


def _options(values: Iterable[str]) -> str:
    return "".join(f'<option value="{escape(value)}">{escape(value)}</option>' for value in values)


def _value(row: Mapping[str, Any] | None) -> str:
    if row is None or row["value"] is None:
        return "–"
    bounds = f" [{row['low']:.3f}, {row['high']:.3f}]" if row["low"] is not None else ""
    return number(row["value"]) + bounds


def _published(document: Mapping[str, Any]) -> dict[str, dict[tuple[str, str], float]]:
    found: dict[str, dict[tuple[str, str], float]] = {}
    for one in document["published"]:
        found.setdefault(one["model"], {})[one["part"], one["metric"]] = one["value"]
    return found


def _csv(rows: Sequence[Sequence[str]]) -> str:
    file = io.StringIO()
    csv.writer(file).writerows(rows)
    return file.getvalue()


def _latex(rows: Sequence[Sequence[str]]) -> str:
    lines = [" & ".join(_tex(cell) for cell in row) + r" \\" for row in rows]
    return "\n".join(
        [rf"\begin{{tabular}}{{l{'r' * (len(rows[0]) - 1)}}}", r"\toprule", lines[0], r"\midrule", *lines[1:],
         r"\bottomrule", r"\end{tabular}", ""]
    )  # fmt: skip


def _tex(text: str) -> str:
    for mark in "&%$#_{}":
        text = text.replace(mark, f"\\{mark}")
    return text
