"""Sheets that raters fill: blinded, in drawn orders, read back without a doubt, and scored."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from choosing import Pairs, Sure

from vesalius.errors import ConfigError, DataError
from vesalius.evaluation.answering.run import answer_benchmark
from vesalius.evaluation.rating.ratings import Ratings, rating_scores, ratings_text, read_ratings
from vesalius.evaluation.rating.records import RatingSettings
from vesalius.evaluation.rating.sheets import write_sheets
from vesalius.evaluation.results import Evaluation
from vesalius.inference.requests import Reply, Request

TWO = RatingSettings(raters=("anna", "ben"), items=12)
EVIDENCE = pytest.mark.evidence(
    "gpt4v-medical-study", "L2", "raters' sheets are blinded and drawn; kappa, means, metrics"
)


class Always(Sure):
    """Says one thing, with markup and a formula's first sign in it."""

    def generate(self, requests: Iterable[Request]) -> Iterator[Reply]:
        yield from (Reply(id=request.id, text="=A <b>") for request in requests)


@pytest.fixture(scope="module")
def systems(tmp_path_factory: pytest.TempPathFactory) -> list[Evaluation]:
    root = tmp_path_factory.mktemp("release")
    told: dict[str, Any] = {"data": root, "resamples": 10, "safety_items": 0, "controls": False, "parts": ("near",)}
    return [
        answer_benchmark(model, on=Pairs(root, pairs=15), out=tmp_path_factory.mktemp("out"), **told)
        for model in (Sure("first-model"), Always("second-model"))
    ]


@pytest.fixture
def key(systems: list[Evaluation], tmp_path: Path) -> Path:
    return write_sheets(systems, tmp_path / "rating", settings=TWO)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def fill(key: Path, rater: str, grade: Callable[[dict[str, Any]], object], *, mark: str = ",") -> Path:
    """Grade each answer of a rater by what the key tells of it, and save code and grade."""
    answers = json.loads(key.read_text(encoding="utf-8"))["answers"]
    lines = [f"code{mark}overall"]
    lines += [f"{code}{mark}{grade(one)}" for code, one in answers.items() if one["rater"] == rater]
    path = key.parent / f"{rater}.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@EVIDENCE
def test_a_sheet_names_no_system_and_holds_every_answer_once(key: Path) -> None:
    pages = [(key.parent / rater / "sheet.html").read_text(encoding="utf-8") for rater in TWO.raters]
    for rater, text in zip(TWO.raters, pages, strict=True):
        rows = rows_of(key.parent / rater / "sheet.csv")
        assert len(rows) == len({row["code"] for row in rows}) == 24
        assert {len([row for row in rows if row["case"] == str(case)]) for case in range(1, 13)} == {2}
        assert all((key.parent / rater / row["pictures"]).is_file() for row in rows)
        whole = text + json.dumps(rows)
        assert not any(word in whole for word in ("first-model", "second-model", "accuracy"))
        assert all(row["code"] in text for row in rows)
        # What begins like a formula is words in a spreadsheet; markup is words on the page.
        assert {row["answer"] for row in rows} >= {"'=A <b>"}
        assert "=A &lt;b&gt;" in text
        assert text.count("<fieldset>") == 24
    codes = [{row["code"] for row in rows_of(key.parent / rater / "sheet.csv")} for rater in TWO.raters]
    assert not codes[0] & codes[1]


@EVIDENCE
def test_orders_are_drawn_for_each_rater_and_item(key: Path) -> None:
    answers = json.loads(key.read_text(encoding="utf-8"))["answers"]
    orders, firsts = {}, set()
    for rater in TWO.raters:
        rows = rows_of(key.parent / rater / "sheet.csv")
        orders[rater] = [answers[row["code"]]["item"] for row in rows[::2]]
        firsts |= {answers[row["code"]]["system"] for row in rows[::2]}
    assert orders["anna"] != orders["ben"]
    assert sorted(orders["anna"]) == sorted(orders["ben"])
    assert len(firsts) == 2


def test_equal_seeds_give_equal_sheets(key: Path, systems: list[Evaluation], tmp_path: Path) -> None:
    again = write_sheets(systems, tmp_path / "again", settings=TWO)
    other = write_sheets(systems, tmp_path / "other", settings=RatingSettings(**{**vars(TWO), "seed": 1}))
    sheets = [(one.parent / "anna" / "sheet.csv").read_bytes() for one in (key, again, other)]
    assert sheets[0] == sheets[1] != sheets[2]


@EVIDENCE
def test_scores_by_hand(key: Path) -> None:
    """Anna gives every answer of the first system 4 and of the second 2; Ben 5 and 2.

    Means 4.5 and 2, difference 2.5. Kappa with quadratic weights over grades 1 to 5: the squared distance is 1 for
    half of the answers, 0.5 on average; by the margins alone (4 or 2 beside 5 or 2, half each) it would be
    (1 + 4 + 9 + 0) / 4 = 3.5, so kappa = 1 - 0.5 / 3.5 = 6 / 7. They agree on half of the answers. Both answered
    every item, so each resample has the same shares and the interval no width.
    """
    sheets = [
        fill(key, "anna", lambda one: 4 if "first" in one["system"] else 2),
        fill(key, "ben", lambda one: 5 if "first" in one["system"] else 2, mark=";"),
    ]
    found = rating_scores(read_ratings(key, sheets), resamples=50)["overall"]
    assert [(row["value"], row["n"]) for row in found["systems"]] == [(4.5, 12), (2.0, 12)]
    (pair,) = found["pairs"]
    assert (pair["value"], pair["low"], pair["wins"], pair["losses"]) == (2.5, 2.5, 12, 0)
    raters = {row["name"].rpartition(" ")[2]: row for row in found["raters"]}
    assert raters["kappa"]["value"] == pytest.approx(6 / 7)
    assert (raters["kappa"]["low"], raters["kappa"]["high"]) == pytest.approx((6 / 7, 6 / 7))
    assert raters["agreement"]["value"] == 0.5
    assert (found["graded"], found["asked"]) == (48, 48)
    assert "anna and ben, kappa" in ratings_text({"overall": found})


@EVIDENCE
def test_a_metric_that_ranks_as_people_do_is_found(key: Path) -> None:
    """The grade is 5 where the answer is right and 1 where it is wrong: accuracy ranks answers just so."""
    sheets = [fill(key, rater, lambda one: 5 if one["metrics"]["accuracy"] else 1) for rater in TWO.raters]
    found = rating_scores(read_ratings(key, sheets), resamples=50)["overall"]
    metrics = {row["name"]: row["value"] for row in found["metrics"]}
    assert metrics["accuracy with the mean grade"] == pytest.approx(1.0)
    assert found["alpha"] == pytest.approx(1.0)


def test_empty_cells_are_left_out_and_counted(key: Path) -> None:
    item = next(iter(json.loads(key.read_text(encoding="utf-8"))["answers"].values()))["item"]
    empty = fill(key, "ben", lambda one: " ")
    found = rating_scores(
        read_ratings(key, [fill(key, "anna", lambda one: 3 if one["item"] == item else ""), empty]), resamples=10
    )["overall"]
    assert (found["graded"], found["asked"]) == (2, 48)
    assert [row["n"] for row in found["systems"]] == [1, 1]
    with pytest.raises(DataError, match="no answer was graded"):
        rating_scores(read_ratings(key, [empty]))


def test_the_table_of_a_sheet_itself_can_be_filled(key: Path) -> None:
    path = key.parent / "anna" / "sheet.csv"
    text = path.read_text(encoding="utf-8-sig")
    lines = list(csv.reader(text.splitlines()))
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([lines[0], *([*line[:-1], "2"] for line in lines[1:])])
    assert np.nansum(read_ratings(key.parent, [path]).grades["overall"]) == 48


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("code,overall\n{code},6\n", "line 2, overall: '6' is no grade; expected 1, 2, 3, 4, 5"),
        ("code,overall\n{code},good\n", "'good' is no grade"),
        ("code,overall\n{code},2.5\n", "'2.5' is no grade"),
        ("code,overall\n0000000000,3\n", "no answer has the code '0000000000'"),
        ("code,overall\n{code},3\n{code},4\n", "line 3: anna graded this answer twice"),
        ("code,other\n{code},3\n", "has no column 'overall'"),
        ("", "has no column 'code'"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_line(key: Path, text: str, said: str) -> None:
    answers = json.loads(key.read_text(encoding="utf-8"))["answers"]
    code = next(code for code, one in answers.items() if one["rater"] == "anna")
    path = key.parent / "bad.csv"
    path.write_text(text.replace("{code}", code), encoding="utf-8")
    with pytest.raises(DataError, match=said.replace("(", r"\(")):
        read_ratings(key, [path])


def test_files_that_are_none(key: Path, tmp_path: Path) -> None:
    path = tmp_path / "latin.csv"
    path.write_bytes(b"code,overall\nn\xe4mlich,3\n")
    with pytest.raises(DataError, match="save the sheet as CSV in UTF-8"):
        read_ratings(key, [path])
    path.write_text("[]", encoding="utf-8")
    with pytest.raises(DataError, match="is no key of rating sheets"):
        read_ratings(path, [])


def test_a_folder_with_sheets_and_systems_without_items_are_named(
    key: Path, systems: list[Evaluation], tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="is not empty"):
        write_sheets(systems, key.parent, settings=TWO)
    with pytest.raises(DataError, match="no item of part 'far'"):
        write_sheets(systems, tmp_path / "far", settings=RatingSettings(part="far"))
    bare = Evaluation(tmp_path / "bare", systems[0].document)
    with pytest.raises(DataError, match="keeps no items"):
        write_sheets([bare], tmp_path / "bare-sheets", settings=TWO)


@pytest.mark.parametrize(
    "settings",
    [{"raters": ()}, {"raters": ("a", "a")}, {"raters": ("../x",)}, {"criteria": ("code",)}, {"scale": (1,)},
     {"scale": (2, 1)}, {"items": 0}],
)  # fmt: skip
def test_settings_that_make_no_sheet(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        RatingSettings(**settings)


def test_three_raters_of_whom_one_was_away() -> None:
    """A third rater without a grade changes nothing of the other two."""
    answers = tuple(
        {"item": str(n), "system": "one", "cluster": str(n), "metrics": {"accuracy": n % 2}} for n in range(4)
    )
    table = np.array([[1, 2, 3, 4], [1, 2, 3, 4], [np.nan] * 4])
    found = rating_scores(
        Ratings(settings=RatingSettings(raters=("a", "b", "c")), answers=answers, grades={"overall": table}),
        resamples=20,
    )["overall"]
    assert {row["name"].partition(",")[0] for row in found["raters"]} == {"a and b"}
    assert next(row["value"] for row in found["raters"] if row["name"].endswith("kappa")) == pytest.approx(1.0)
