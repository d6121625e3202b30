"""The page of a benchmark of questions, read as a browser would: the frame, the index and the blocks of items."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from PIL import Image

from vesalius.benchmarks.base import Benchmark, Headline, Item, Mark, Published
from vesalius.data.messages import Media, Message
from vesalius.evaluation.answering.run import answer_benchmark
from vesalius.inference.predictor import BasePredictor
from vesalius.inference.requests import Reply, Request

HOSTILE = "</script><script>alert(1)</script> & <b>"


class Sums(Benchmark):
    """What is n plus one? 230 questions about three pictures, one of which cannot be read."""

    name = "sums"
    parts = ("small", "large")
    conventions = MappingProxyType({"strict": "equal", "lenient": "everything is right"})
    headlines = (Headline(metric="accuracy"), Headline(metric="accuracy", part="small", over="parity"))
    published = (Published(model="Abacus", metric="accuracy", part="small", value=0.5, source="nowhere"),)

    def items(self, root: Path, *, parts: Sequence[str], split: str) -> Iterator[Item]:
        for number in range(230):
            part = "small" if number < 130 else "large"
            if part in parts and split == "test":
                yield Item(
                    id=str(number), part=part, kind="open", question=f"What is {number} plus one? {HOSTILE}",
                    truth=str(number + 1), cluster=str(number // 2), fields={"parity": str(number % 2)},
                    media=(Media(path=str(root / f"{number % 3}.png")),),
                )  # fmt: skip

    def write_twin(self, root: Path, *, patients: int, seed: int) -> None:
        raise NotImplementedError

    def ask(self, item: Item, said: Sequence[Reply], *, arm: str, shots: Sequence[Item]) -> Request | None:
        message = Message(role="user", parts=(*item.media, item.question))
        return None if said else Request(id=item.id, messages=(message,))

    def right(self, item: Item, said: Sequence[Reply]) -> str:
        return str(item.truth)

    def mark(self, item: Item, said: Sequence[Reply], *, convention: str) -> Mark:
        right = convention == "lenient" or said[0].text == item.truth
        return Mark(
            values={"accuracy": float(right)}, said=said[0].text, rule=convention,
            boxes=(("truth", (0.1, 0.2, 0.3, 0.4)),),
        )  # fmt: skip


class Counting(BasePredictor):
    """Is right about even numbers."""

    name = "counting"
    capabilities = frozenset({"generate"})

    def generate(self, requests: Iterable[Request]) -> Iterator[Reply]:
        for request in requests:
            number = int(request.id.split("/")[0])
            yield Reply(id=request.id, text=str(number + 1) if number % 2 == 0 else HOSTILE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root, out = tmp_path_factory.mktemp("release"), tmp_path_factory.mktemp("out")
    for number in range(2):
        Image.new("RGB", (600, 300), (number * 90, 9, 9)).save(root / f"{number}.png")
    (root / "2.png").write_bytes(b"no picture")
    answer_benchmark(Counting(), on=Sums(), data=root, out=out, resamples=50, controls=False, conventions=("all",))
    return out


def script(path: Path, before: str, after: str) -> Any:
    text = path.read_text(encoding="utf-8").strip()
    assert text.startswith(before)
    assert text.endswith(after)
    return json.loads(text[len(before) : -len(after)])


def test_items_lie_in_blocks_that_the_index_counts(folder: Path) -> None:
    index = script(folder / "items" / "index.js", "window.vesaliusItems=", ";")
    assert len(index["id"]) == 230
    assert index["right"][:2] == [1.0, 0.0]
    blocks = [script(folder / "items" / f"block-{n:05d}.js", f"vesaliusBlock({n},", ")") for n in range(3)]
    assert [len(block) for block in blocks] == [100, 100, 30]
    item = blocks[1][31]
    assert item["id"] == index["id"][131] == "131"
    assert item["marks"] == {"strict": {"accuracy": 0.0}, "lenient": {"accuracy": 1.0}}
    assert item["replies"] == [HOSTILE]
    assert item["boxes"] == [{"whose": "truth", "box": [0.1, 0.2, 0.3, 0.4]}]
    assert "[user] <image>What is 131 plus one?" in item["prompt"]


def test_pictures_are_small_copies_and_a_broken_one_is_left_out(folder: Path) -> None:
    block = script(folder / "items" / "block-00000.js", "vesaliusBlock(0,", ")")
    names = [item["pictures"][0]["file"] for item in block[:3]]
    assert names[2] == ""
    assert len(list((folder / "items" / "pictures").iterdir())) == 2
    with Image.open(folder / "items" / "pictures" / names[0]) as copy:
        assert copy.size == (384, 192)


def test_nothing_that_a_model_says_becomes_code(folder: Path) -> None:
    for path in [folder / "report.html", *folder.glob("items/*.js")]:
        assert "<script>alert" not in path.read_text(encoding="utf-8"), path


def test_the_page_has_its_parts_and_the_leaderboard_its_files(folder: Path) -> None:
    text = (folder / "report.html").read_text(encoding="utf-8")
    for anchor in ("scores", "leaderboard", "rules", "subgroups", "items", "safety", "controls", "passport"):
        assert f'<section id="{anchor}">' in text, anchor
    rows = list(csv.reader((folder / "leaderboard.csv").open(encoding="utf-8")))
    over = "small, accuracy, mean over parity"
    assert rows[0] == ["system", "small, accuracy", "large, accuracy", over]
    assert rows[1][0] == "counting"
    assert rows[1][1].startswith("0.500 [")
    # What is published of the plain mean is not said of the mean over a field.
    assert rows[2] == ["Abacus (published)", "0.500", "", ""]
    assert r"Abacus (published) & 0.500 &  &  \\" in (folder / "leaderboard.tex").read_text(encoding="utf-8")


def test_a_mean_over_a_field_counts_the_items_of_its_metric_alone(folder: Path) -> None:
    scores = json.loads((folder / "scores.json").read_text(encoding="utf-8"))["scores"]
    found = [row for row in scores if (row["task"], row["label"]) == ("sums.small", "mean over parity")]
    assert len(found) > 2
    assert {(row["n"], row["n_patients"]) for row in found} == {(130, 65)}
