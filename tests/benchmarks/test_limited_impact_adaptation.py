"""Limited impact: layouts of notes, prompts, long notes, a planted effect, a model against itself, broken rows."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from vesalius.benchmarks import _notes
from vesalius.benchmarks._notes import NOTE_PARTS, folder_of, note_items
from vesalius.benchmarks._notes_twin import write_notes
from vesalius.benchmarks._suite import write_suite
from vesalius.benchmarks.base import Item
from vesalius.benchmarks.limited_impact_adaptation import BENCHMARK
from vesalius.cli.main import app
from vesalius.data.messages import text_of
from vesalius.data.releases.twins import write_json
from vesalius.errors import ConfigError, DataError
from vesalius.evaluation.answering.run import answer_benchmark
from vesalius.evaluation.win_tie_loss import cases, rates, table
from vesalius.inference.predictor import BasePredictor
from vesalius.inference.requests import Reply, Request

GOLDEN: dict[str, str] = json.loads(
    (Path(__file__).parent.parent / "golden" / "prompts_limited_impact_adaptation.json").read_text(encoding="utf-8")
)


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("notes")
    write_notes(root, patients=16, seed=0)
    write_suite(root, ("mednli",), patients=6, seed=0)
    return root


def items(root: Path, part: str, split: str = "test") -> list[Item]:
    return list(note_items(part, root, split=split))


def write_arrow(path: Path, rows: list[dict[str, Any]]) -> None:
    found = pa.Table.from_pylist(rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, found.schema) as stream:
        stream.write_table(found)


def obesity(root: Path, *rows: dict[str, Any], split: str = "test") -> Path:
    write_arrow(root / folder_of("obesity_cad") / split / "data-00000-of-00001.arrow", list(rows))
    return root


class Reader(BasePredictor):
    """Says what a function makes of the question, or a letter by chance."""

    capabilities = frozenset({"generate"})

    def __init__(self, name: str, read: Callable[[str], str] = lambda words: "") -> None:
        self.name, self.read = name, read

    def generate(self, requests: Iterable[Request]) -> Iterator[Reply]:
        for request in requests:
            drawn = "ABC"[int(hashlib.sha256(request.id.encode()).hexdigest()[:8], 16) % 3]
            yield Reply(id=request.id, text=self.read(request.messages[-1].text) or drawn)


def reads_histories(words: str) -> str:
    """Know what "known", "no" and "possible" mean for the disease that is asked for, and nothing else."""
    asked = words.lower().rpartition("does this patient have ")[2].partition("?")[0]
    found = [letter for letter, word in zip("ABC", ("known", "no", "possible"), strict=True)
             if asked and f"{word} {asked}" in words.lower()]  # fmt: skip
    return found[0] if found else ""


def test_every_task_is_written_and_read(release: Path) -> None:
    assert set(BENCHMARK.parts_at(release)) == set(NOTE_PARTS)
    for part in NOTE_PARTS:
        found = {split: items(release, part, split) for split in ("train", "val", "test")}
        names = Counter(one.id for held in found.values() for one in held)
        assert set(names.values()) == {1}, part
        assert all(found.values()), part
    assert {one.options["A"] for one in items(release, "obesity_asthma")} == {"Yes"}
    assert all(note.fields["note"] == "whole" for note in items(release, "ehrnoteqa"))


def test_a_note_of_four_tasks_is_one_cluster(release: Path) -> None:
    held = [{one.cluster for one in items(release, f"obesity_{name}")} for name in ("asthma", "cad", "diabetes")]
    assert held[0] == held[1] == held[2]


@pytest.mark.parametrize("part", NOTE_PARTS)
@pytest.mark.evidence("limited-impact-adaptation", "L2", "system prompts and questions of notes are the release's")
def test_prompts_are_frozen(release: Path, part: str) -> None:
    request = BENCHMARK.ask(items(release, part)[0], (), arm="grammar", shots=())
    assert request is not None
    assert text_of(request.messages) == GOLDEN[part]


def test_an_acronym_names_the_last_letter_by_a_drawn_prompt(release: Path) -> None:
    question = next(one for one in items(release, "casi_sense") if len(one.options) == 3)
    request = BENCHMARK.ask(question, (), arm="grammar:default+0", shots=())
    assert request is not None
    assert request.messages[0].text.endswith("A to C.")


@pytest.mark.evidence(
    "limited-impact-adaptation", "L2", "a long note is cut, question and options stay, and it is counted"
)
def test_a_long_note_is_cut_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_notes, "MOST_WORDS", 50)
    rows = [{"id": str(size), "text": "word " * size, "label": "Y"} for size in (10, 4000)]
    short, long = items(obesity(tmp_path, *rows), "obesity_cad")
    assert (short.fields["note"], long.fields["note"]) == ("whole", "cut")
    assert long.question.count("word") == 50
    assert long.question.endswith("\n\nDoes this patient have CAD?")
    values = [BENCHMARK.mark(one, [Reply(id="", text="A")], convention="strict").values for one in (short, long)]
    assert [(one["accuracy"], one["note_cut"]) for one in values] == [(1, 0), (1, 1)]


def evaluated(root: Path, out: Path, model: Reader, **settings: Any) -> Any:
    shared: dict[str, Any] = {"controls": False, "report": False, "resamples": 50, "safety_items": 0}
    return answer_benchmark(model, on=BENCHMARK, data=root, out=out / model.name, **shared, **settings)


@pytest.mark.evidence(
    "limited-impact-adaptation",
    "L2",
    "a planted effect is a win on its task and a tie elsewhere; a model ties with itself",
)
def test_a_planted_effect_is_found_and_nothing_else(tmp_path: Path) -> None:
    """The adapted model reads histories, which answers comorbidities and no acronym; the base draws letters."""
    write_notes(tmp_path / "release", patients=40, seed=1)
    parts = ("obesity_asthma", "obesity_diabetes", "casi_sense")
    adapted = evaluated(tmp_path / "release", tmp_path, Reader("adapted", reads_histories), parts=parts)
    base = evaluated(tmp_path / "release", tmp_path, Reader("base"), parts=parts)
    found = cases(adapted, base, resamples=2000)
    assert {case.part: case.verdict for case in found} == dict(zip(parts, ("win", "win", "tie"), strict=True))
    assert {case.part: case.difference for case in found}["casi_sense"] == 0
    assert rates(found).wins == pytest.approx(2 / 3)
    itself = cases(adapted, adapted, resamples=200)
    assert {(case.verdict, case.difference, case.low, case.high) for case in itself} == {("tie", 0, 0, 0)}
    shown = table(found)
    assert all(f"{case.part:<32}{case.n:>6}" in shown for case in found)


def test_cases_are_printed_from_the_command_line(release: Path, tmp_path: Path) -> None:
    parts = ("obesity_asthma",)
    for name in ("adapted", "base"):
        evaluated(
            release, tmp_path, Reader(name, reads_histories if name == "adapted" else lambda words: ""), parts=parts
        )
    folders = [str(tmp_path / "adapted"), str(tmp_path / "base")]
    done = CliRunner().invoke(app, ["compare", *folders, "--win-tie-loss", "--resamples", "200", "--json"])
    (row,) = json.loads(done.stdout)
    assert (row["part"], row["adapted"], row["base"]) == ("obesity_asthma", "adapted", "base")
    assert row["adapted_value"] == 1
    odd = CliRunner().invoke(app, ["compare", folders[0], "--win-tie-loss"])
    assert odd.exit_code
    assert isinstance(odd.exception, ConfigError)


def test_broken_rows_are_named(tmp_path: Path) -> None:
    row = {"id": "1", "text": "A note.", "label": "U"}
    with pytest.raises(DataError, match="answer 'U' is none of 3 options"):
        items(obesity(tmp_path, row), "obesity_cad")
    (tmp_path / folder_of("obesity_cad") / "test" / "data-00000-of-00001.arrow").write_bytes(b"no arrow at all")
    with pytest.raises(DataError, match="no stream of Arrow"):
        items(tmp_path, "obesity_cad")
    with pytest.raises(DataError, match=r"holds no data-\*.arrow. It is credentialed"):
        items(tmp_path, "obesity_asthma")
    with pytest.raises(DataError, match=r"EHRNoteQA_processed.jsonl is missing"):
        items(tmp_path, "ehrnoteqa")
    folder = tmp_path / folder_of("casi_sense")
    write_arrow(folder / "test" / "data-0.arrow", [{"sf": "XY", "target_lf_sense": "a", "context": "b"}])
    write_json(folder / "sf_lf_map.json", {"PE": ["a", "b"]})
    with pytest.raises(DataError, match="no senses of 'XY'"):
        items(tmp_path, "casi_sense")


def test_spellings_of_a_sense_are_one_option(tmp_path: Path) -> None:
    folder = tmp_path / folder_of("casi_sense")
    write_arrow(
        folder / "test" / "data-0.arrow", [{"sf": "DC", "target_lf_sense": "Stop;stopped;stop", "context": "b"}]
    )
    write_json(folder / "sf_lf_map.json", {"DC": ["direct current", "Stop;stopped;stop"]})
    (found,) = items(tmp_path, "casi_sense")
    assert (found.options["B"], found.truth) == ("stop / stopped", "B")
