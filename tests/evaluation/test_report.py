"""report.html: whole in itself, escaped, honest in words, with its charts right."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vesalius.data.corpus import Corpus, from_studies
from vesalius.data.records import Finding, Image, Study, Text
from vesalius.evaluation.compare import compare
from vesalius.evaluation.report import charts, curves
from vesalius.evaluation.report.charts import Dot, Frame
from vesalius.evaluation.report.pictures import thumbnail
from vesalius.evaluation.run import evaluate
from vesalius.metrics.bootstrap import patient_weights
from vesalius.metrics.classification import auroc
from vesalius.page import Cell, Section, page, table

TASKS = ("zero_shot", "retrieval")


class Page(HTMLParser):
    """Collects tags, addresses and text; void elements aside, every tag must be closed."""

    VOID = frozenset({"meta", "img", "br", "path", "line", "circle", "rect"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.tags: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [
            value or "" for name, value in attrs if name in ("src", "href", "srcset", "data", "action")
        ]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes another element"

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="module")
def report(corpus: Corpus, band_model: type, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("report")
    evaluate(band_model(noise=0.5), on=corpus, out=folder, tasks=TASKS, resamples=100)
    return (folder / "report.html").read_text(encoding="utf-8")


def test_the_page_is_whole_in_itself(report: str) -> None:
    seen = Page(report)
    assert seen.open == []
    assert seen.addresses
    assert all(address.startswith(("#", "data:image/jpeg;base64,")) for address in seen.addresses)
    assert "url(" not in report
    assert "@import" not in report
    assert "script" not in seen.tags
    assert len(report.encode()) < 3_000_000


def test_the_page_has_every_part_and_its_links_lead_somewhere(report: str) -> None:
    seen = Page(report)
    anchors = set(re.findall(r'<section id="([a-z]+)"', report))
    assert anchors >= {"scores", "findings", "cases", "retrieval", "maps", "curves", "errors", "controls", "passport"}
    assert {address[1:] for address in seen.addresses if address.startswith("#")} == anchors
    assert "not clinical evidence" in seen.text
    assert "34 studies of 24 patients" in seen.text
    assert "100 resamples" in seen.text
    assert "majority" in seen.text


def test_the_page_bears_no_patient_and_no_path(report: str, corpus: Corpus) -> None:
    assert str(corpus.root) not in report
    words = Page(report).text
    assert not any(re.search(rf"\b{patient}\b", words) for patient in set(corpus.patients))


def test_the_page_states_the_words_of_the_prompts(report: str) -> None:
    assert "prompts, word for word" in report


def test_what_comes_from_data_is_escaped(corpus: Corpus, band_model: type, tmp_path: Path) -> None:
    evil = '<script>alert("x")</script><img src=http://example.org/x onerror=1>'
    studies, media = [], {}
    for number, study in enumerate(corpus):
        if number == 12:
            break
        path = f"media/{number}.png"
        media[path] = corpus.path(study.images[0].path).read_bytes()
        studies.append(
            Study(
                id=f"<b>{number}",
                patient=f"p{number}",
                images=(Image(id="cxr", path=path, modality="DX", view="PA"),),
                texts=(Text(text=f"{evil} {number}", role="findings"),),
                findings=(Finding(concept="<i>odd", status="present" if number % 2 else "absent"),),
            )
        )
    hostile = from_studies(studies, tmp_path / "c", name="<u>corpus", media=media)
    evaluate(band_model(name="<s>model"), on=hostile, split="all", out=tmp_path / "e", tasks=TASKS, resamples=20)
    text = (tmp_path / "e" / "report.html").read_text(encoding="utf-8")
    seen = Page(text)
    assert not {"script", "b", "u", "s"} & set(seen.tags)
    assert "http://example.org" not in " ".join(seen.addresses)
    assert 'alert("x")' in seen.text
    assert "<s>model" in seen.text


def test_no_report_where_none_is_wished(corpus: Corpus, band_model: type, tmp_path: Path) -> None:
    evaluate(band_model(), on=corpus, out=tmp_path, tasks=["retrieval"], controls=False, resamples=10, report=False)
    assert not (tmp_path / "report.html").exists()


def test_a_model_without_maps_has_a_page_without_maps(corpus: Corpus, band_model: type, tmp_path: Path) -> None:
    model = band_model(capabilities=frozenset({"embed_image", "embed_text"}))
    evaluate(model, on=corpus, out=tmp_path, tasks=["zero_shot"], controls=False, resamples=10)
    assert 'id="maps"' not in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_the_comparison_page_is_whole_too(corpus: Corpus, band_model: type, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"tasks": TASKS, "controls": False, "resamples": 100, "report": False}
    for name, noise in (("sharp", 0.2), ("blurred", 4.0)):
        evaluate(band_model(name=name, noise=noise), on=corpus, out=tmp_path / name, **settings)
    compare([tmp_path / "sharp", tmp_path / "blurred"], out=tmp_path / "cmp")
    text = (tmp_path / "cmp" / "comparison.html").read_text(encoding="utf-8")
    seen = Page(text)
    assert seen.open == []
    assert all(address.startswith("#") for address in seen.addresses)
    assert "sharp against blurred" in seen.text
    assert "win for sharp" in seen.text


def test_roc_goes_through_its_points_and_its_area_is_the_auroc() -> None:
    rng = np.random.default_rng(0)
    target = rng.integers(0, 2, 400).astype(float)
    score = target + rng.normal(0, 1, 400)
    weights = patient_weights([f"p{row // 2}" for row in range(400)], resamples=100, seed=0)
    curve = curves.roc(target, score, weights)
    assert curve is not None
    area = np.trapezoid(curve.sensitivity, curve.false_positive)
    assert area == pytest.approx(auroc(target, score), abs=0.01)  # 41 points of a step curve
    assert (curve.low <= curve.sensitivity + 1e-12).all()
    assert (curve.sensitivity <= curve.high + 1e-12).all()
    assert curve.sensitivity[-1] == 1.0


def test_roc_of_one_class_is_none_and_ties_are_a_diagonal() -> None:
    weights = patient_weights(["a", "b", "c", "d"], resamples=50, seed=0)
    assert curves.roc(np.ones(4), np.arange(4.0), weights) is None
    level = curves.roc(np.array([0.0, 1, 0, 1]), np.zeros(4), weights)
    assert level is not None
    np.testing.assert_allclose(level.sensitivity, level.false_positive, atol=1e-12)


def test_reliability_bins_are_right_closed() -> None:
    # .1 belongs to (0, .1], .11 to (.1, .2]; .3 is (.2, .3] although .3 * 10 is 3.0000000000000004 in floats.
    weights = patient_weights(list("abcd"), resamples=20, seed=0)
    found = curves.reliability(np.array([0.0, 1, 1, 0]), np.array([0.1, 0.11, 0.3, 0.25]), weights)
    assert found is not None
    np.testing.assert_allclose(found.stated, [0.1, 0.11, 0.275])
    np.testing.assert_allclose(found.came, [0, 1, 0.5])
    assert found.items.tolist() == [1, 1, 2]
    assert found.hollow == [True, True, True]


def test_training_curves_skip_a_line_that_was_cut(tmp_path: Path) -> None:
    rows = [
        {"step": 1, "loss": 2.0},
        {"step": 2, "loss": 1.5, "eval_recall_5": 0.1},
        {"step": 3, "eval_recall_5": 0.2},
    ]
    text = "".join(json.dumps(row) + "\n" for row in rows) + '{"step": 4, "lo'
    (tmp_path / "metrics.jsonl").write_text(text, encoding="utf-8")
    found = {curve.name: (curve.steps, curve.values) for curve in curves.training_curves(tmp_path)}
    assert found == {"loss": ([1, 2], [2.0, 1.5]), "eval_recall_5": ([2, 3], [0.1, 0.2])}
    assert curves.training_curves(tmp_path / "nowhere") == []


def test_places_in_a_frame() -> None:
    frame = Frame(x_range=(0, 2), y_range=(0, 1), width=120, height=60, left=10, right=10, top=5, bottom=5)
    # 100 wide for 2 units, 50 high for 1 unit, downwards.
    assert (frame.x(0), frame.x(1), frame.x(2)) == (10, 60, 110)
    assert (frame.y(0), frame.y(0.5), frame.y(1)) == (55, 30, 5)
    assert 'd="M10.0 55.0L60.0 30.0"' in charts.polyline(frame, [0, 1], [0, 0.5])
    assert 'd="M60.0 30.0"' in charts.polyline(frame, [np.nan, 1], [0, 0.5])


def test_dots_say_what_is_undefined_and_stay_inside() -> None:
    rows = [
        Dot(name="<model>", value=0.7, low=0.6, high=0.8, model=True),
        Dot(name="odd", value=None, low=None, high=None),
        Dot(name="far", value=1.7, low=0.9, high=2.0),
    ]
    drawn = charts.dots(rows, title="a & b", x_range=(0, 1))
    assert "&lt;model&gt;" in drawn
    assert "a &amp; b" in drawn
    assert "–" in drawn
    assert max(float(x) for x in re.findall(r'cx="([\d.]+)"', drawn)) <= 320 - 42


def test_cells_and_titles_are_escaped() -> None:
    drawn = table([Cell("<a>")], [[Cell("x & y"), Cell(html="<svg></svg>")]])
    assert "<th>&lt;a&gt;</th>" in drawn
    assert "x &amp; y" in drawn
    assert "<svg></svg>" in drawn
    whole = page("<t>", eyebrow="e", head="", sections=[Section(anchor="a", title="A", body="")], foot="f")
    assert "&lt;t&gt;" in whole
    assert 'id="a"' not in whole


def test_thumbnails_are_small_and_keep_their_shape() -> None:
    drawn = thumbnail(np.zeros((600, 300), dtype=np.float32), side=100, alt='"quoted"')
    assert 'width="50" height="100"' in drawn
    assert "&quot;quoted&quot;" in drawn
    assert len(drawn) < 3000


def test_undefined_findings_are_told_apart(
    make_bands: Callable[..., Corpus], band_model: type, tmp_path: Path
) -> None:
    healthy = make_bands(tmp_path / "c", patients=24, prevalence=0.0)
    evaluate(band_model(), on=healthy, out=tmp_path / "e", tasks=["zero_shot"], resamples=20)
    words = Page((tmp_path / "e" / "report.html").read_text(encoding="utf-8")).text
    assert "Not defined, since the split holds one class only" in words
    assert "nothing is said of the model" in words
