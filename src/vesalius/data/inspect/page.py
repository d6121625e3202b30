"""The page of an inspection."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from typing import Any

from vesalius.data.corpus import Corpus
from vesalius.data.inspect.pictures import Draw, Sample, open_images
from vesalius.data.inspect.problems import Problem, problems
from vesalius.data.inspect.shifts import Shift, shifts
from vesalius.data.inspect.survey import Spread, Survey
from vesalius.data.inspect.terms import TermCount, Terms, distinctive
from vesalius.page import Cell, Section, card, definitions, details, number, page, paragraph, table

__all__ = ["Inspection", "inspect_corpus", "write_page"]

_ROWS = 40
_STYLE = """
.bar { display: inline-block; height: 9px; border-radius: 3px; background: var(--model); vertical-align: middle; }
.sheet { display: grid; grid-template-columns: repeat(auto-fill, minmax(112px, 1fr)); gap: 8px; margin: 8px 0 22px; }
.sheet figure { margin: 0; } .sheet img { width: 100%; aspect-ratio: 1; object-fit: contain; background: #000; }
.sheet figcaption { font-size: 11px; color: var(--soft); overflow: hidden;
  text-overflow: ellipsis; white-space: nowrap; }
.mend { border-left: 4px solid var(--bad); } .know { border-left: 4px solid var(--open); }
"""


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """What was found, for a page or for a program."""

    corpus: Corpus
    seen: Survey
    sample: Sample
    terms: Terms
    by_split: list[Shift]
    by_site: list[Shift]
    problems: list[Problem]

    def as_dict(self) -> dict[str, Any]:
        """Return the inspection for JSON, without pictures and words."""
        return {
            "corpus": self.corpus.name,
            "content_hash": self.corpus.content_hash,
            "studies": self.seen.studies,
            "patients": len(self.seen.patients),
            "counts": {name: dict(counts) for name, counts in self.seen.names.items()},
            "numbers": {name: _spread(spread) for name, spread in self.seen.numbers.items()},
            "missing": {name: {"missing": lacks, "of": asked} for name, (lacks, asked) in self.seen.missing.items()},
            "findings": {name: dict(counts) for name, counts in self.seen.findings.items()},
            "shifts": {"split": [asdict(s) for s in self.by_split], "site": [asdict(s) for s in self.by_site]},
            "problems": [asdict(problem) for problem in self.problems],
        }  # fmt: skip


Progress = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]


def _silent(title: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
    del title, total
    return nullcontext(lambda count: None)


def inspect_corpus(corpus: Corpus, *, pictures: int = 24, seed: int = 0, progress: Progress = _silent) -> Inspection:
    """Look at all records and terms of a corpus in one pass, and then at a sample of its pictures.

    Args:
        corpus: or a view of one.
        pictures: images opened of every modality.
        seed: of the sample.
        progress: takes a title and a total, gives a context that yields a function that counts.
    """
    seen, draw, counted, part_of = Survey(), Draw(each=pictures, seed=seed), TermCount(len(corpus)), corpus.parts()
    with progress("records", len(corpus)) as advance:
        for study in corpus:
            part = part_of.get(study.id, "")
            seen.add(study, part)
            draw.add(study)
            counted.add(study, part)
            advance(1)
    with progress("pictures", len(draw.images)) as advance:
        sample = open_images(corpus, draw.images, advance=advance)
    by_split = shifts({name: group for name, group in seen.groups["split"].items() if name != "none"})
    return Inspection(
        corpus=corpus, seen=seen, sample=sample, terms=counted.terms, by_split=by_split,
        by_site=shifts(seen.groups["site"]), problems=problems(corpus, seen, sample, by_split),
    )  # fmt: skip


def write_page(found: Inspection, path: Path) -> None:
    """Write the page, whole, as one file that needs nothing from outside."""
    seen, corpus = found.seen, found.corpus
    facts = [
        ("studies", f"{seen.studies:,}"), ("patients", f"{len(seen.patients):,}"),
        ("images", f"{seen.names['modality'].total():,}"), ("licence", corpus.manifest.licence or "not stated"),
        ("content hash", corpus.content_hash[:16]), ("schema", str(corpus.schema_version)),
    ]  # fmt: skip
    head = definitions(facts)
    if corpus.manifest.virtual:
        head += paragraph("VIRTUAL patients: no clinical evidence.", kind="notice")
    sections = [
        Section(anchor="problems", title="Problems", body=_problems(found.problems),
                lead="What spoils results comes first; what may be meant so follows."),
        Section(anchor="pictures", title="Pictures", body=_sheets(found.sample),
                lead="Drawn evenly from every modality; the middle slice of a volume, as a viewer shows it."),
        Section(anchor="findings", title="Findings", body=_findings(seen)),
        Section(anchor="counts", title="Counts", body=_counts(seen.names)),
        Section(anchor="numbers", title="Numbers", body=_numbers(seen)),
        Section(anchor="missing", title="Missing", body=_missing(seen)),
        Section(anchor="shift", title="Parts and sites", body=_shifts(found),
                lead="Standardised differences: 0.1 is worth a look, 0.5 is plain to see."),
        Section(anchor="terms", title="Terms", body=_terms(found.terms)),
    ]  # fmt: skip
    foot = "Nothing here was sent anywhere. Patients' words stand in the tables of terms only as single words."
    text = page(corpus.name, eyebrow="Inspection of a corpus", head=head, sections=sections, foot=foot, style=_STYLE)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _problems(found: Sequence[Problem]) -> str:
    if not found:
        return paragraph("None of those that are looked for.")
    cards = []
    for problem in found:
        body = paragraph(problem.cure)
        if problem.examples:
            body += details("Examples", "".join(paragraph(example, kind="note") for example in problem.examples))
        cards.append(card(body, title=problem.title, kind=problem.weight))
    return f'<div class="grid wide">{"".join(cards)}</div>'


def _sheets(sample: Sample) -> str:
    parts = []
    for sheet in sample.sheets:
        figures = "".join(
            f'<figure><img src="{address}" alt="" loading="lazy"><figcaption>{escape(name)}</figcaption></figure>'
            for name, address in sheet.pictures
        )
        parts.append(f'<h3>{escape(sheet.modality)}</h3><div class="sheet">{figures}</div>')
    return "".join(parts)


def _bar(share: float) -> str:
    return f'<span class="bar" style="width:{max(1, round(140 * share))}px"></span>'


def _findings(seen: Survey) -> str:
    if not seen.findings:
        return ""
    order = sorted(seen.findings, key=lambda name: -seen.findings[name]["present"])
    most = max((seen.findings[name]["present"] for name in order), default=0) or 1
    said = ("present", "absent", "uncertain")
    rows = [
        [Cell(name), *(Cell(str(seen.findings[name][status]), kind="n") for status in said),
         Cell(html=_bar(seen.findings[name]["present"] / most))]
        for name in order
    ]  # fmt: skip
    heads = [
        Cell("finding"),
        Cell("present", kind="n"),
        Cell("absent", kind="n"),
        Cell("uncertain", kind="n"),
        Cell(),
    ]
    return _long(heads, rows)


def _counts(names: Mapping[str, Counter[str]]) -> str:
    cards = []
    for field, counts in names.items():
        total = counts.total()
        rows = [
            [Cell(value, kind="words"), Cell(f"{count:,}", kind="n"), Cell(html=_bar(count / total))]
            for value, count in counts.most_common(12)
        ]
        if len(counts) > 12:
            rest = total - sum(count for _, count in counts.most_common(12))
            rows.append(
                [Cell(f"{len(counts) - 12} others"), Cell(f"{rest:,}", kind="n"), Cell(html=_bar(rest / total))]
            )
        cards.append(card(table([Cell(), Cell(), Cell()], rows), title=field))
    return f'<div class="grid wide">{"".join(cards)}</div>'


def _numbers(seen: Survey) -> str:
    spreads: Iterable[tuple[str, Spread]] = [
        *seen.numbers.items(), *((f"{name}, {unit}", spread) for (name, unit), spread in seen.measurements.items())
    ]  # fmt: skip
    rows = [
        [Cell(name), *(Cell(text, kind="n") for text in (f"{spread.count:,}", *map(_short, _five(spread))))]
        for name, spread in spreads
        if spread.count
    ]
    heads = [Cell("number"), *(Cell(name, kind="n") for name in ("n", "lowest", "5 %", "median", "95 %", "highest"))]
    return _long(heads, rows) if rows else ""


def _five(spread: Spread) -> tuple[float, ...]:
    return (spread.low, *spread.quantiles(0.05, 0.5, 0.95), spread.high)


def _short(value: float) -> str:
    return f"{value:.4g}"


def _spread(spread: Spread) -> dict[str, float]:
    names = ("low", "q05", "median", "q95", "high")
    return {"n": spread.count, "mean": spread.mean, **dict(zip(names, _five(spread), strict=True))}


def _missing(seen: Survey) -> str:
    rows = [
        [Cell(name), Cell(f"{lacking:,}", kind="n"), Cell(f"{asked:,}", kind="n"), Cell(html=_bar(lacking / asked))]
        for name, (lacking, asked) in sorted(seen.missing.items(), key=lambda item: -item[1][0] / item[1][1])
        if lacking
    ]
    return table([Cell("missing"), Cell("of them", kind="n"), Cell("all", kind="n"), Cell()], rows) if rows else ""


def _shifts(found: Inspection) -> str:
    parts = []
    for title, shifted in (("Parts of the split", found.by_split), ("Sites", found.by_site)):
        if shifted:
            groups = sorted({group for shift in shifted for group in shift.values})
            rows = [
                [Cell(shift.name), *(Cell(number(shift.values.get(group)), kind="n") for group in groups),
                 Cell(f"{shift.difference:.2f}{' *' if shift.matters else ''}", kind="n")]
                for shift in shifted
            ]  # fmt: skip
            heads = [Cell(), *(Cell(group, kind="n") for group in groups), Cell("largest difference", kind="n")]
            parts.append(f"<h3>{title}</h3>{_long(heads, rows)}")
    if parts:
        parts.append(
            paragraph(
                "* 0.1 or more, and more than chance makes in one corpus of twenty at these sizes.", kind="note"
            )
        )
    return "".join(parts)


def _terms(terms: Terms) -> str:
    together = terms.together
    if not together:
        return ""
    words = [(word, count) for word, count in together.most_common(400)]
    single = [entry for entry in words if " " not in entry[0]][:30]
    pairs = [entry for entry in words if " " in entry[0]][:30]
    cards = [card(_word_table(entries), title=title) for title, entries in (("Words", single), ("Pairs", pairs))]
    for part in sorted(terms.by_part):
        typical = distinctive(terms, part)
        if typical:
            rows = [
                [Cell(term.word), Cell(str(term.times), kind="n"), Cell(f"{term.score:.1f}", kind="n")]
                for term in typical
            ]
            body = table([Cell(), Cell("count", kind="n"), Cell("z", kind="n")], rows)
            cards.append(card(body, title=f"Typical of {part or 'no part'}"))
    note = paragraph(f"From the texts of {terms.studies:,} studies.", kind="note")
    return f'{note}<div class="grid wide">{"".join(cards)}</div>'


def _word_table(entries: Sequence[tuple[str, int]]) -> str:
    most = entries[0][1] if entries else 1
    rows = [[Cell(word), Cell(f"{count:,}", kind="n"), Cell(html=_bar(count / most))] for word, count in entries]
    return table([Cell(), Cell(), Cell()], rows)


def _long(heads: Sequence[Cell], rows: Sequence[Sequence[Cell]]) -> str:
    """Show the first rows, the others on request."""
    shown = table(heads, rows[:_ROWS])
    return shown + (details(f"{len(rows) - _ROWS} more", table(heads, rows[_ROWS:])) if len(rows) > _ROWS else "")
