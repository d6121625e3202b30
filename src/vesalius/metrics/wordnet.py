"""Synonyms of English words from the files of a WordNet that the user has; nothing is fetched.

The files are those of the WordNet database (``index.noun``, ``data.noun``, ``noun.exc`` and their kin for verbs,
adjectives and adverbs), as Princeton ships them, Debian installs them in /usr/share/wordnet and NLTK keeps them in
``corpora/wordnet``. A word is brought to its base forms by the rules of detachment of the manual page morphy(7WN), a
list of exceptions first; NLTK's ``synsets`` finds the same.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from vesalius.errors import DataError
from vesalius.metrics.treebank import nltk_meteor, treebank_words

__all__ = ["WORDNET_METEOR", "WordNet", "wordnet_meteor"]

WORDNET_METEOR = "meteor_nltk_wordnet"
"""Name of NLTK's METEOR with its stage of synonyms: another number than without."""

_KINDS = {
    "noun": "s: ses:s ves:f xes:x zes:z ches:ch shes:sh men:man ies:y",
    "verb": "s: ies:y es:e es: ed:e ed: ing:e ing:",
    "adj": "er: est: er:e est:e",
    "adv": "",
}
"""Endings of a kind of word and what takes their place."""
_RULES = {
    kind: tuple((end, new) for end, _, new in (pair.partition(":") for pair in table.split()))
    for kind, table in _KINDS.items()
}
_INSIDE = ("", "dict", "wordnet", "corpora/wordnet", "corpora/wordnet31", "corpora/wordnet2021")
"""Where the files may lie below the folder that a user names."""
_LARGEST = 64 * 2**20
_VERSION = re.compile(rb"WordNet (\d[\d.]*)")


class WordNet:
    """A WordNet in a folder, held in memory: about 60 MB for version 3.0."""

    def __init__(self, folder: str | Path) -> None:
        """Read the files.

        Raises:
            DataError: a file is missing, too large or none of a WordNet; says which.
        """
        self.folder = _found(Path(folder))
        self._places: dict[str, dict[str, tuple[int, ...]]] = {}
        """Of each kind, where the sets of synonyms of a word begin in its file."""
        self._data: dict[str, bytes] = {}
        self._exceptions: dict[str, dict[str, tuple[str, ...]]] = {}
        digest = hashlib.sha256()
        for kind in _KINDS:
            index, self._data[kind] = _read(self.folder / f"index.{kind}"), _read(self.folder / f"data.{kind}")
            exceptions = _read(self.folder / f"{kind}.exc")
            for content in (index, self._data[kind], exceptions):
                digest.update(content)
            self._places[kind] = _places(index, self.folder / f"index.{kind}")
            lines = [line.split() for line in exceptions.decode("utf-8", "replace").splitlines()]
            self._exceptions[kind] = {words[0]: tuple(words[1:]) for words in lines if words}
        self.sha256 = digest.hexdigest()
        found = _VERSION.search(self._data["noun"][:4096])
        self.version = found.group(1).decode().rstrip(".") if found else "unknown"
        self.synonyms = lru_cache(maxsize=65536)(self._synonyms)

    def _synonyms(self, word: str) -> frozenset[str]:
        """Return the words of all sets that hold a word in any of its base forms, as they are written there.

        Terms of several words are left out. A word that is not known has none, itself included.
        """
        return frozenset(
            name
            for kind in _KINDS
            for form in self._forms(word.lower(), kind)
            for place in self._places[kind][form]
            for name in self._names(kind, place)
        )

    def _forms(self, word: str, kind: str) -> list[str]:
        """Return the word and its base forms, those that the WordNet has."""
        bases = self._exceptions[kind].get(word)
        if bases is None:
            bases = tuple(word[: -len(end)] + new for end, new in _RULES[kind] if word.endswith(end))
        return [form for form in dict.fromkeys((word, *bases)) if form in self._places[kind]]

    def _names(self, kind: str, place: int) -> list[str]:
        """Return the single words of the set at a place of a file."""
        data = self._data[kind]
        end = data.find(b"\n", place)
        words = data[place : end if end >= 0 else len(data)].decode("utf-8", "replace").split()
        try:
            count = int(words[3], 16)
            if int(words[0]) != place:
                raise ValueError("the line names another place")
            names = [words[4 + 2 * number] for number in range(count)]
        except (IndexError, ValueError):
            raise DataError(
                f"{self.folder / f'data.{kind}'}: no set of synonyms begins at byte {place}, where index.{kind} says "
                "so; take both files from one WordNet"
            ) from None
        return [name for name in (one.partition("(")[0] for one in names) if "_" not in name]


def wordnet_meteor(said: str, truths: Sequence[str], wordnet: WordNet) -> float:
    """Return METEOR as NLTK computes it of NLTK's words, synonyms included; of several references the best."""
    words = treebank_words(said)
    return max(nltk_meteor(words, treebank_words(truth), synonyms=wordnet.synonyms) for truth in truths)


def _found(folder: Path) -> Path:
    for inside in _INSIDE:
        if (folder / inside / "index.noun").is_file():
            return folder / inside
    raise DataError(
        f"{folder} holds no WordNet: no index.noun there, in dict or in corpora/wordnet; name the folder of its files"
    )


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > _LARGEST:
            raise DataError(f"{path} is larger than {_LARGEST // 2**20} MiB and no file of a WordNet")
        return path.read_bytes()
    except OSError as error:
        raise DataError(
            f"{path}: {error.strerror}; a WordNet has index, data and exceptions of {', '.join(_KINDS)}"
        ) from None


def _places(index: bytes, path: Path) -> dict[str, tuple[int, ...]]:
    """Read an index: lemma, kind, number of sets, number of pointers, pointers, two counts, places of the sets."""
    found: dict[str, tuple[int, ...]] = {}
    for number, line in enumerate(index.decode("utf-8", "replace").splitlines(), start=1):
        if line.startswith(" ") or not line:
            continue
        words = line.split()
        try:
            sets, pointers = int(words[2]), int(words[3])
            places = tuple(int(word) for word in words[6 + pointers : 6 + pointers + sets])
        except (IndexError, ValueError):
            places, sets = (), 1
        if len(places) != sets:
            raise DataError(f"{path}: line {number} is no entry of a WordNet index")
        found[words[0]] = places
    return found
