"""An inspection names what was planted, counts what is there, and stays quiet where nothing is wrong."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture
from typer.testing import CliRunner

from vesalius.cli.main import app
from vesalius.data.corpus import Corpus, from_studies
from vesalius.data.inspect.page import inspect_corpus, write_page
from vesalius.data.inspect.shifts import shifts
from vesalius.data.inspect.survey import Group, Spread
from vesalius.data.inspect.terms import Terms, distinctive
from vesalius.data.records import Box, Finding, Image, Measurement, Provenance, Region, Study, Text

LONG = "the lungs are clear and the heart is of normal size without any effusion"


def png(number: int, *, flat: bool = False) -> bytes:
    values = np.full((40, 40), 7) if flat else np.random.default_rng(number).integers(0, 255, (40, 40))
    file = io.BytesIO()
    Picture.fromarray(values.astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


def study(number: int, **other: object) -> Study:
    values: dict[str, object] = {
        "id": f"study-{number}", "patient": f"patient-{number}",
        "images": (Image(id="cxr", path=f"media/{number}.png", modality="DX", shape=(40, 40), view="PA",
                         spacing_mm=(0.2, 0.2), body_part="CHEST", units="display"),),
        "texts": (Text(text=f"No effusion, picture {number}.", role="report"),),
        "findings": (Finding(concept="nodule", status="present" if number % 2 else "absent"),),
        "age_years": 40.0 + number % 30, "sex": "F" if number % 3 else "M", "site": "north",
        "provenance": Provenance(source="test", licence="CC0"),
    }  # fmt: skip
    return Study(**{**values, **other})  # type: ignore[arg-type]


def corpus_of(folder: Path, studies: list[Study], *, flat: frozenset[int] = frozenset()) -> Corpus:
    media = {f"media/{number}.png": png(number, flat=number in flat) for number in range(len(studies))}
    return from_studies(studies, folder, name="inspected", media=media)


def titles(corpus: Corpus) -> str:
    return "\n".join(f"{found.weight} {found.title}" for found in inspect_corpus(corpus, pictures=100).problems)


def test_nothing_is_said_of_a_plain_corpus(tmp_path: Path) -> None:
    made = corpus_of(tmp_path, [study(number) for number in range(80)])
    made.set_split({f"study-{number}": "train" if number % 4 < 2 else "test" for number in range(80)})
    assert titles(Corpus.open(made.root)) == ""


def test_what_is_planted_is_named(tmp_path: Path) -> None:
    studies = [study(number) for number in range(40)]
    same = Image(id="cxr", path="media/1.png", modality="DX", shape=(40, 40), units="stored")
    studies[2] = study(2, images=(same,))
    studies[3] = study(3, texts=(Text(text="  ", role="report"),), sex="F")
    studies[4] = study(4, patient="patient-3", sex="M")
    studies[5] = study(5, regions=(Region(image="cxr", kind="box", concept="nodule", box=Box(30, 0, 60, 9)),))
    studies[6] = study(6, measurements=(Measurement(name="ratio", value=float("nan"), unit="1"),))
    for number in range(20, 28):
        studies[number] = study(number, texts=(Text(text=LONG, role="report"),))
    for number in range(28, 40):
        studies[number] = replace(studies[number], findings=(Finding(concept="mass"),))
    told = titles(corpus_of(tmp_path, studies, flat=frozenset({7})))
    for wanted in (
        "mend there is no split", "know 1 of 40 studies have no text", "mend empty text: 1",
        "mend 1 patients have different sexes", "mend box outside its picture: 1",
        "mend measurement that is no number: 1", "mend 1 files belong to more than one patient",
        "know DX images have values of 2 kinds: display, stored", "know 8 texts are copies of 1 templates",
        "know 1 findings are never said to be absent",
        "mend 1 images of 40 that were opened have one value everywhere",
    ):  # fmt: skip
        assert wanted in told


def test_a_file_in_two_parts_and_a_site_that_tells_the_finding(tmp_path: Path) -> None:
    studies = [study(number, site="north" if number % 2 else "south") for number in range(80)]
    studies[1] = replace(studies[1], images=studies[0].images)
    corpus = corpus_of(tmp_path, studies)
    corpus.set_split({found.id: "train" if found.id == "study-0" else "test" for found in studies})
    told = titles(Corpus.open(corpus.root))
    assert "mend 1 files are in more than one part of the split" in told
    assert "mend 40 of 40 studies with nodule come from 'north', which has 50% of all" in told


def test_unreadable_pictures_are_counted_and_the_page_is_written(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path / "corpus", [study(number) for number in range(6)])
    (corpus.root / "media" / "3.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    found = inspect_corpus(corpus)
    assert [problem.examples[0].split(":")[0] for problem in found.problems if "cannot be read" in problem.title] == [
        "study-3/cxr"
    ]
    write_page(found, tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert page.count("data:image/jpeg") == 5
    assert 'src="http' not in page


def test_the_same_seed_opens_the_same_pictures(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path, [study(number) for number in range(30)])
    names = [
        [name for name, _ in inspect_corpus(corpus, pictures=5, seed=seed).sample.sheets[0].pictures]
        for seed in (0, 0, 1)
    ]
    assert names[0] == names[1] != names[2]
    assert len(names[0]) == 5


def test_chance_alone_is_rarely_told() -> None:
    told = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        groups = {name: Group(studies=60) for name in ("train", "val", "test")}
        for group in groups.values():
            for finding in "abcdefgh":
                group.stated[finding], group.present[finding] = 60, int(rng.binomial(60, 0.3))
        told += any(shift.matters for shift in shifts(groups))
    # One corpus of twenty at most: 10 of 200, with a standard error of 3.
    assert told <= 19


def test_standardised_difference_by_hand() -> None:
    # Shares 0.5 and 0.8: 0.3 / √((0.25 + 0.16) / 2) = 0.6626; one test: 1.96 · √(1/100 + 1/50) = 0.3395.
    one, other = Group(studies=100), Group(studies=50)
    one.stated["nodule"], one.present["nodule"] = 100, 50
    other.stated["nodule"], other.present["nodule"] = 50, 40
    [shift] = shifts({"train": one, "test": other, "small": Group(studies=3)})
    assert (shift.name, shift.matters) == ("nodule", True)
    assert shift.difference == pytest.approx(0.6626, abs=1e-4)
    assert shift.chance == pytest.approx(0.3395, abs=1e-4)


def test_a_spread_keeps_quantiles_of_many_values() -> None:
    spread = Spread()
    for value in range(50_000):
        spread.add(float(value))
    spread.add(float("nan"))
    assert (spread.count, spread.broken, spread.low, spread.high) == (50_000, 1, 0, 49_999)
    assert spread.mean == pytest.approx(24_999.5)
    # 10 000 of 50 000 values: the median's standard error is 250.
    assert spread.quantiles(0.5)[0] == pytest.approx(25_000, abs=1000)


def test_words_of_one_part_are_found() -> None:
    from collections import Counter

    shared = Counter({"the": 500, "lung": 300})
    terms = Terms(2, {"train": shared + Counter({"portable": 60}), "test": shared + Counter({"upright": 60})})
    assert distinctive(terms, "train", number=1)[0].word == "portable"
    assert distinctive(terms, "test", number=1)[0].word == "upright"


def test_command(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path / "corpus", [study(number) for number in range(6)])
    done = CliRunner().invoke(app, ["inspect", str(corpus.root), "--out", str(tmp_path / "p.html"), "--json"])
    assert done.exit_code == 0
    document = json.loads(done.output)
    assert document["studies"] == 6
    assert document["findings"]["nodule"] == {"present": 3, "absent": 3}
    assert (tmp_path / "p.html").exists()


def test_the_corpus_is_gone_over_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    provenance = Provenance(source="test", made_by="test")
    studies = [Study(id=f"s{n}", patient=f"p{n}", texts=(Text(text=LONG),), provenance=provenance) for n in range(3)]
    corpus = from_studies(studies, tmp_path / "c", name="c")
    passes = []
    iterate = Corpus.__iter__

    def counted(self: Corpus) -> Iterator[Study]:
        passes.append(len(self))
        return iterate(self)

    monkeypatch.setattr(Corpus, "__iter__", counted)
    found = inspect_corpus(corpus, pictures=1)
    assert passes == [3]
    assert found.seen.studies == found.terms.studies == 3
