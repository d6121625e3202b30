"""Synonyms of a WordNet of seven sets, and METEOR with them beside NLTK's on the same files."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest

from vesalius.errors import DataError
from vesalius.metrics.treebank import nltk_meteor
from vesalius.metrics.wordnet import WordNet, wordnet_meteor

SETS = {
    "noun": [["car", "auto", "automobile", "motor_vehicle"], ["lump", "mass", "Knoten"], ["ox"], ["effusion"]],
    "verb": [["show", "display", "reveal"], ["reveal", "uncover"]],
    "adj": [["large", "big"], ["left(a)", "sinistral"]],
    "adv": [],
}
LETTER = {"noun": "n", "verb": "v", "adj": "a", "adv": "r"}


def write_wordnet(folder: Path) -> Path:
    """Write the sets as the WordNet database has them: a licence, then lines whose places the index names."""
    folder.mkdir(parents=True, exist_ok=True)
    for kind, sets in SETS.items():
        data, places = "  1 Made for a test; WordNet 3.9  \n", defaultdict(list)
        for words in sets:
            for word in words:
                places[word.partition("(")[0].lower()].append(len(data))
            entries = " ".join(f"{word} 0" for word in words)
            data += f"{len(data):08d} 03 {LETTER[kind]} {len(words):02x} {entries} 000 | of a test  \n"
        lines = [
            f"{word} {LETTER[kind]} {len(found)} 1 @ {len(found)} 0 {' '.join(f'{place:08d}' for place in found)}  \n"
            for word, found in sorted(places.items())
        ]
        (folder / f"data.{kind}").write_text(data, encoding="utf-8")
        (folder / f"index.{kind}").write_text("  1 Made for a test  \n" + "".join(lines), encoding="utf-8")
        (folder / f"{kind}.exc").write_text("oxen ox\n" if kind == "noun" else "", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def wordnet(tmp_path_factory: pytest.TempPathFactory) -> WordNet:
    return WordNet(write_wordnet(tmp_path_factory.mktemp("data") / "corpora" / "wordnet").parents[1])


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("automobile", {"car", "auto", "automobile"}),  # A term of two words is no single word.
        ("Cars", {"car", "auto", "automobile"}),  # Lower case, -s detached.
        ("masses", {"lump", "mass", "Knoten"}),  # -ses becomes -s; names keep their case.
        ("oxen", {"ox"}),  # The list of exceptions, not the rules.
        ("reveals", {"show", "display", "reveal", "uncover"}),  # Two sets.
        ("bigger", set()),  # -er gives "bigg" and "bigge", which no WordNet has.
        ("larger", {"large", "big"}),  # -er becomes -e.
        ("left", {"left", "sinistral"}),  # A mark of where an adjective stands is cut off.
        ("pneumothorax", set()),
    ],
)
def test_synonyms(wordnet: WordNet, word: str, expected: set[str]) -> None:
    assert wordnet.synonyms(word) == expected


# Scores of meteor_score of NLTK 3.10.4 with its own reader of the same files.
NLTK = [
    ("the car is large", "the automobile is big", 0.25, 0.25),
    ("a lump is seen on the left", "the mass at left is seen", 0.6098360655737705, 0.5174180327868853),
    ("the picture shows a big lump", "a large mass is shown", 0.19607843137254904, 0.09803921568627452),
    ("images display cars", "the auto displays", 0.3333333333333333, 0.16666666666666666),
    ("reveals lumps and lumps", "display a mass mass", 0.375, 0.0),
    ("oxen", "ox", 0.5, 0.0),
    ("big big big", "large big large", 0.16666666666666666, 0.16666666666666666),
    ("no effusion", "effusion", 0.45454545454545453, 0.45454545454545453),
    ("it reveals an effusion", "it will uncover effusions", 0.25, 0.25),
]  # fmt: skip


@pytest.mark.parametrize(("said", "truth", "expected", "without"), NLTK)
def test_meteor_is_that_of_nltk(wordnet: WordNet, said: str, truth: str, expected: float, without: float) -> None:
    words = (said.split(), truth.split())
    assert nltk_meteor(*words, synonyms=wordnet.synonyms) == pytest.approx(expected, abs=1e-15)
    assert nltk_meteor(*words) == pytest.approx(without, abs=1e-15)


def test_one_match_by_hand(wordnet: WordNet) -> None:
    """One word of one: P = R = 1, one chunk of one match, 1 − 0.5 · 1³; nothing matches without synonyms."""
    assert nltk_meteor(["lump"], ["mass"], synonyms=wordnet.synonyms) == 0.5
    assert nltk_meteor(["lump"], ["mass"]) == 0.0


def test_synonyms_are_looked_up_for_the_stem(wordnet: WordNet) -> None:
    """Porter makes "automobil" of "automobile", which no set holds: as in NLTK only the other direction matches."""
    assert nltk_meteor(["automobile"], ["car"], synonyms=wordnet.synonyms) == 0.0
    assert nltk_meteor(["car"], ["automobile"], synonyms=wordnet.synonyms) == 0.0
    assert nltk_meteor(["auto"], ["car"], synonyms=wordnet.synonyms) == 0.5


def test_of_several_references_the_best_counts(wordnet: WordNet) -> None:
    assert wordnet_meteor("A lump.", ["No effusion.", "A mass."], wordnet) == wordnet_meteor(
        "A lump.", ["A mass."], wordnet
    )


def test_the_version_and_the_content_are_known(wordnet: WordNet, tmp_path: Path) -> None:
    again = WordNet(write_wordnet(tmp_path))
    assert (again.version, len(again.sha256)) == ("3.9", 64)
    assert again.sha256 == wordnet.sha256


def test_what_is_no_wordnet_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no WordNet"):
        WordNet(tmp_path)
    folder = write_wordnet(tmp_path / "cut")
    (folder / "verb.exc").unlink()
    with pytest.raises(DataError, match=r"verb\.exc: No such file"):
        WordNet(folder)


@pytest.mark.parametrize("line", ["car n", "car n x 1 @ 1 0 00000034", "car n 2 1 @ 2 0 00000034"])
def test_a_broken_index_is_named(tmp_path: Path, line: str) -> None:
    folder = write_wordnet(tmp_path)
    (folder / "index.noun").write_text(f"  1 Made for a test\n{line}\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"index\.noun: line 2 is no entry"):
        WordNet(folder)


@pytest.mark.parametrize("place", [3, 99999999])
def test_an_index_of_another_wordnet_is_named(tmp_path: Path, place: int) -> None:
    folder = write_wordnet(tmp_path)
    (folder / "index.noun").write_text(f"car n 1 1 @ 1 0 {place:08d}\n", encoding="utf-8")
    with pytest.raises(DataError, match=rf"data\.noun: no set of synonyms begins at byte {place}"):
        WordNet(folder).synonyms("car")
