"""A WordNet named at the evaluation: METEOR with synonyms stands beside the other scores of texts, and is told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import MappingProxyType

import pytest
from choosing import Pairs, Sure

from vesalius.benchmarks.base import Headline, Item, Mark
from vesalius.errors import DataError
from vesalius.evaluation.answering.run import answer_benchmark
from vesalius.inference.requests import Reply, Request


class Written(Pairs):
    """Texts that are compared, half of them in another language."""

    parts = ("near",)
    headlines = (Headline(metric="token_f1"),)
    ratios = ()
    text_metrics = ("token_f1",)
    conventions = MappingProxyType({"strict": "words", "kind": "the same words"})

    def items(self, root: Path, *, parts: Sequence[str], split: str) -> Iterator[Item]:
        for number in range(4 if split == "test" else 0):
            language = "en" if number < 2 else "de"
            yield Item(
                id=f"n-{number}", part="near", kind="report", question="What?", truth="a mass", cluster=str(number),
                language=language,
            )  # fmt: skip

    def group(self, item: Item) -> str:
        return item.id

    def gather(self, marks: Iterable[tuple[Item, Mark]], *, convention: str) -> Iterator[tuple[Item, Mark]]:
        yield from marks

    def mark(self, item: Item, said: Sequence[Reply], *, convention: str) -> Mark:
        return Mark(values={"length": 1.0}, written=said[0].text, references=(str(item.truth),))


class Lump(Sure):
    def generate(self, requests: Iterable[Request]) -> Iterator[Reply]:
        yield from (Reply(id=request.id, text="a lump") for request in requests)


def wordnet(folder: Path) -> Path:
    """Write a WordNet of one set, lump and mass."""
    for kind in ("noun", "verb", "adj", "adv"):
        (folder / f"{kind}.exc").write_text("", encoding="utf-8")
        (folder / f"data.{kind}").write_text("", encoding="utf-8")
        (folder / f"index.{kind}").write_text("", encoding="utf-8")
    (folder / "data.noun").write_text("00000000 03 n 02 lump 0 mass 0 000 | WordNet 3.9\n", encoding="utf-8")
    lines = [f"{word} n 1 0 1 0 00000000\n" for word in ("lump", "mass")]
    (folder / "index.noun").write_text("".join(lines), encoding="utf-8")
    return folder


def test_meteor_with_synonyms_is_a_score_of_english_texts(tmp_path: Path) -> None:
    """Two words of two match in one chunk: 1 − 0.5 · (1 / 2)³ = 0.9375; without synonyms one word alone would."""
    done = answer_benchmark(
        Lump(), on=Written(tmp_path), data=tmp_path, out=tmp_path / "out", resamples=20, safety_items=0,
        controls=False, wordnet=str(wordnet(tmp_path)), conventions=("all",),
    )  # fmt: skip
    score = done.score("pairs.near", "meteor_nltk_wordnet", "all")
    assert score is not None
    assert (score["value"], score["n"]) == (0.9375, 2)
    assert done.score("pairs.near@kind", "meteor_nltk_wordnet", "all") is None
    (passport,) = done.document["passports"].values()
    assert passport["task"]["wordnet"]["version"] == "3.9"
    assert len(passport["task"]["wordnet"]["sha256"]) == 64


def test_without_a_wordnet_there_is_no_such_score(tmp_path: Path) -> None:
    done = answer_benchmark(
        Lump(),
        on=Written(tmp_path),
        data=tmp_path,
        out=tmp_path / "out",
        resamples=20,
        safety_items=0,
        controls=False,
    )
    assert done.score("pairs.near", "meteor_nltk_wordnet", "all") is None
    assert all("wordnet" not in passport["task"] for passport in done.document["passports"].values())


def test_a_folder_without_one_is_named_before_anything_is_asked(tmp_path: Path) -> None:
    model = Lump()
    with pytest.raises(DataError, match="holds no WordNet"):
        answer_benchmark(
            model, on=Written(tmp_path), data=tmp_path, out=tmp_path / "out", wordnet=str(tmp_path / "none")
        )
    assert not (tmp_path / "out" / "replies.jsonl").exists()
