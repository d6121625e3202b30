"""Write the gallery: sheets as files beside one page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import NamedTuple

from vesalius.page import Section, card, definitions, details, page
from vesalius.virtual.degradation import degradation_names, degrade
from vesalius.virtual.findings.base import Disease
from vesalius.virtual.gallery.cases import Case, cases_of, shown_presets
from vesalius.virtual.gallery.sheets import sheet_of
from vesalius.virtual.patient import Patient
from vesalius.virtual.picture import Axes, Picture
from vesalius.virtual.preset import load_preset
from vesalius.virtual.seeds import stream
from vesalius.virtual.study import pictures_of
from vesalius.virtual.text.narrative import write_report

__all__ = ["Gallery", "make_gallery"]

_HERE = Path(__file__).parent
_LATER_DAYS = 45.0
_SHOWN_DEGRADATIONS = 12
_STRENGTH = 0.8
Progress = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]


class Gallery(NamedTuple):
    """What was written."""

    page: Path
    cases: int
    pictures: int


def make_gallery(
    out: str | Path, *, presets: Sequence[str] = (), seed: int = 0, size: int | None = None,
    progress: Progress | None = None,
) -> Gallery:  # fmt: skip
    """Write `index.html` and its pictures: every examination with every finding that its population has.

    Args:
        out: folder.
        presets: populations; one for each set of examinations where none is named.
        seed: of the patients.
        size: rows of the pictures; each examination's own where none is given.
        progress: shows how far it is.
    """
    writer = _Writer(Path(out), size)
    chosen = {name: list(cases_of(name, seed=seed)) for name in presets or shown_presets()}
    total = sum(len(cases) for cases in chosen.values())
    sections = []
    with (progress or _silent)("gallery", total) as advance:
        for name, cases in chosen.items():
            cards = []
            for case in cases:
                cards.append(writer.case(case))
                advance(1)
            body = "".join(cards) + writer.later(name, cases) + writer.degraded(name, cases[0].patient)
            title = f"{name}: {', '.join(exam.replace('_', ' ') for exam in load_preset(name).exams)}"
            sections.append(Section(anchor=name, title=title, body=f'<div class="grid wide">{body}</div>'))
    text = page(
        "Virtual patients", eyebrow="Gallery", head=_HEAD, sections=sections,
        foot="Virtual patients: rendered, not people, and never clinical evidence.",
        style=(_HERE / "gallery.css").read_text(encoding="utf-8"),
        script=(_HERE / "gallery.js").read_text(encoding="utf-8"),
    )  # fmt: skip
    file = writer.folder / "index.html"
    file.write_text(text, encoding="utf-8")
    return Gallery(file, total, writer.pictures)


_HEAD = (
    '<p class="lead">One patient a finding, and one without any. Move through slices and frames with the slider; '
    "the boxes below switch the marks.</p>"
    '<p class="switches"><label><input type="checkbox" id="show-findings" checked> findings</label> '
    '<label><input type="checkbox" id="show-organs"> structures</label></p>'
)


def _silent(title: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
    del title, total
    return nullcontext(lambda count: None)


class _Writer:
    """Writes sheets and returns the HTML that shows them."""

    def __init__(self, folder: Path, size: int | None) -> None:
        self.folder, self.size, self.pictures = folder, size, 0
        (folder / "sheets").mkdir(parents=True, exist_ok=True)

    def case(self, case: Case) -> str:
        """Return the card of a case."""
        viewers = "".join(self.viewer(part) for part in pictures_of(case.patient, self.size))
        return _card(case.concept.replace("_", " ") or "no finding", viewers, case.patient)

    def viewer(self, picture: Picture) -> str:
        """Write the sheets of a picture and return its viewer."""
        sheet = sheet_of(picture)
        count, rows, columns = sheet.shape
        stem = f"sheets/{self.pictures:05d}"
        self.pictures += 1
        sheet.image("frames").convert("RGB").save(self.folder / f"{stem}.webp", quality=88)
        layers = [f'<div class="layer" data-sheet="{stem}.webp"></div>']
        for name in ("organs", "findings"):
            if getattr(sheet, name)[..., 3].any():
                sheet.image(name).save(self.folder / f"{stem}-{name}.png")
                layers.append(f'<div class="layer {name}" data-sheet="{stem}-{name}.png"></div>')
        seen = sheet.findings[..., 3].sum(axis=(1, 2))
        start = int(seen.argmax()) if seen.any() else count // 2
        slider = f'<input type="range" min="0" max="{count - 1}" value="{start}">' if count > 1 else ""
        label = " ".join(part for part in (picture.modality, picture.view, picture.sequence, picture.name) if part)
        return (
            f'<figure class="viewer" data-count="{count}" style="aspect-ratio:{columns}/{rows}">'
            f'<div class="stage">{"".join(layers)}</div></figure>'
            f'<div class="under">{slider}<span class="note">{escape(label)}</span></div>'
        )

    def later(self, name: str, cases: Sequence[Case]) -> str:
        """Return the card of a follow-up: the first finding of a population that changes with time."""
        for case in cases:
            changed = [disease.at(_LATER_DAYS, 0.4) for disease in case.patient.diseases]
            if case.concept and changed and changed[0] is not None and changed[0] != case.patient.diseases[0]:
                after = case.patient.having([disease for disease in changed if disease is not None])
                pair = [pictures_of(patient, self.size)[0] for patient in (case.patient, after)]
                title = f"{case.concept.replace('_', ' ')}, first visit and {_LATER_DAYS:.0f} days later"
                return _card(title, "".join(self.viewer(picture) for picture in pair), after, previous=case.patient)
        return ""

    def degraded(self, name: str, patient: Patient) -> str:
        """Return the card of a population's first picture, degraded in the ways that fit it."""
        picture = _middle(pictures_of(patient, self.size)[0])
        known = degradation_names(picture.modality, axes=picture.axes)
        own = known[:: max(1, len(known) // _SHOWN_DEGRADATIONS)][:_SHOWN_DEGRADATIONS]
        shown = []
        for kind in own:
            rng = stream(patient.seed, patient.id, "gallery", kind)
            made = degrade(picture, kind, strength=_STRENGTH, rng=rng)
            shown.append(
                f'<div>{self.viewer(made.picture)}<p class="note">{escape(kind.replace("_", " "))}</p></div>'
            )
        return card(
            f'<div class="grid small">{"".join(shown)}</div>', title=f"{name}: severe degradations", kind="full"
        )


def _middle(picture: Picture) -> Picture:
    """Return the middle slice of a volume or frame of a clip as a picture of its own, without marks."""
    if picture.kind == "image":
        return replace(picture, marks=())
    axes: Axes = "YXC" if picture.axes.endswith("C") else "YX"
    return replace(
        picture, pixels=picture.pixels[len(picture.pixels) // 2], axes=axes, spacing_mm=picture.spacing_mm[1:],
        marks=(), frames_per_second=None,
    )  # fmt: skip


def _card(title: str, viewers: str, patient: Patient, *, previous: Patient | None = None) -> str:
    report = write_report(patient, previous=previous, days=_LATER_DAYS) if previous else write_report(patient)
    facts = [(disease.concept.replace("_", " "), ", ".join(_told(disease))) for disease in patient.diseases[:4]]
    text = f"<p>{escape(report.findings_text)}</p><p><strong>{escape(report.impression_text)}</strong></p>"
    return card(viewers + text + details("What is true", definitions(facts)), title=title)


def _told(disease: Disease) -> list[str]:
    """Say what is known of a disease: severity, side, place, attributes, sizes."""
    sizes = [f"{name.replace('_', ' ')} {value:.1f} mm" for name, value in disease.sizes_mm.items()]
    words = [disease.severity, disease.laterality, disease.anatomy, *disease.attributes.values(), *sizes]
    return [word for word in words if word]
