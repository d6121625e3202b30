"""What is asked: the items of a release, counted, checked and named before a model is opened."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from vesalius.benchmarks.base import Benchmark, Item
from vesalius.data.datasets.base import VIRTUAL_NOTE
from vesalius.errors import ConfigError, DataError, did_you_mean
from vesalius.evaluation.passport import canonical, ids_fingerprint

__all__ = ["Survey", "choose_parts", "shots_of", "survey", "twin_of"]


@dataclass(frozen=True, kw_only=True)
class Survey:
    """The items that will be asked, by what is needed to find them again."""

    benchmark: Benchmark
    root: Path
    parts: tuple[str, ...]
    split: str
    ids: frozenset[str]
    clusters: int
    of_part: dict[str, int]
    revision: str
    """Hash of ids, questions, truths and of names and sizes of the pictures of all items that will be asked."""
    left_out: tuple[tuple[str, str], ...]
    """Item and file of those that cannot be asked, because the file is missing."""
    virtual: bool
    limit: int = 0
    """Items that were asked for; more are asked where a group of items that are marked together goes beyond it."""
    mark: Callable[[Item], Item] = field(default=lambda item: item)
    """Adds what is known of an item from elsewhere, such as whether it was seen in training."""

    def items(self) -> Iterator[Item]:
        """Yield the items that will be asked, read anew."""
        for item in self.benchmark.items(self.root, parts=self.parts, split=self.split):
            if item.id in self.ids:
                yield self.mark(item)

    def sample(self, count: int, *, seed: int) -> Survey:
        """Return the survey of some of the items only, drawn by the seed, groups that are marked together whole."""
        groups = {item.id: self.benchmark.group(item) for item in self.items()}
        return replace(self, ids=frozenset(_drawn_groups(groups, count, seed)))

    def document(self) -> dict[str, Any]:
        """Return what a passport says of the data."""
        return {
            "name": self.benchmark.name,
            "revision": self.revision,
            "split": self.split,
            "items": {"n": len(self.ids), "n_patients": self.clusters, "ids": ids_fingerprint(self.ids)},
            "parts": dict(self.of_part),
            "left_out": len(self.left_out),
            "virtual": self.virtual,
        }


def choose_parts(bench: Benchmark, wished: Sequence[str]) -> tuple[str, ...]:
    """Return the wished parts in the benchmark's order, all where none is wished.

    Raises:
        ConfigError: an unknown part; offers the nearest.
    """
    for name in wished:
        if name not in bench.parts:
            raise ConfigError(f"{bench.name} has no part {name!r}{did_you_mean(name, bench.parts)}")
    return tuple(name for name in bench.parts if not wished or name in wished)


def survey(
    bench: Benchmark, root: Path, *, parts: Sequence[str] = (), split: str = "test", limit: int = 0, seed: int = 0
) -> Survey:
    """Go once through the items of a release.

    Args:
        bench: the benchmark.
        root: folder of the release or its twin.
        parts: all where none is named.
        split: part of the release that is asked.
        limit: ask so many items only, drawn by `seed` alone; 0 asks all. Items that are marked together are drawn
            together, the last such group whole.
        seed: of that draw.

    Raises:
        DataError: no item, two items of one id, or no item whose files are there.
    """
    chosen = choose_parts(bench, parts) if parts else bench.parts_at(root)
    if not chosen:
        raise DataError(f"{bench.name}: {root} holds none of its parts; there are {', '.join(bench.parts)}")
    seen: set[str] = set()
    usable: dict[str, tuple[str, str, bytes]] = {}
    groups: dict[str, str] = {}
    left_out: list[tuple[str, str]] = []
    for item in bench.items(root, parts=chosen, split=split):
        if item.id in seen:
            raise DataError(f"{bench.name} in {root}: two items are called {item.id!r}; the release has it once")
        seen.add(item.id)
        missing = next((media.path for media in item.media if not Path(media.path).exists()), "")
        if missing:
            left_out.append((item.id, missing))
        else:
            usable[item.id] = (item.cluster, item.part, _digest(item))
            if limit:
                groups[item.id] = bench.group(item)
    if not usable:
        files = f"; {len(left_out)} items lack their pictures, such as {left_out[0][1]}" if left_out else ""
        raise DataError(f"{bench.name}: nothing to ask in {root} (parts {', '.join(chosen)}, split {split!r}){files}")
    ids = frozenset(_drawn_groups(groups, limit, seed) if limit else usable)
    content = hashlib.sha256(b"".join(usable[name][2] for name in sorted(ids))).hexdigest()
    return Survey(
        benchmark=bench,
        root=root,
        parts=chosen,
        split=split,
        ids=ids,
        clusters=len({usable[name][0] for name in ids}),
        of_part=dict(sorted(Counter(usable[name][1] for name in ids).items())),
        revision=content,
        left_out=tuple(left_out),
        virtual=(root / VIRTUAL_NOTE).exists(),
        limit=limit,
    )


def twin_of(bench: Benchmark, root: Path, *, patients: int, seed: int) -> Path:
    """Return the folder of a benchmark's twin, written where it is not there yet.

    Raises:
        DataError: the folder holds something else, or a twin of other patients.
    """
    note = root / VIRTUAL_NOTE
    made = canonical({"benchmark": bench.name, "patients": patients, "seed": seed})
    if note.exists():
        if note.read_text(encoding="utf-8") != made:
            raise DataError(f"{root} holds another twin than {made}; choose another folder by --data")
        return root
    if root.exists() and any(root.iterdir()):
        raise DataError(f"{root} is not empty and no twin; choose another folder by --data")
    root.mkdir(parents=True, exist_ok=True)
    bench.write_twin(root, patients=patients, seed=seed)
    note.write_text(made, encoding="utf-8")
    return root


def shots_of(bench: Benchmark, root: Path, count: int, *, parts: Sequence[str], seed: int) -> tuple[Item, ...]:
    """Draw so many demonstrations for each part from its training items.

    Raises:
        DataError: a part has not so many.
    """
    found: list[Item] = []
    for part in parts if count else ():
        names = [item.id for item in bench.items(root, parts=(part,), split="train")]
        if len(names) < count:
            raise DataError(
                f"{bench.name}: {count} demonstrations wanted, part {part} has {len(names)} training items; "
                "name other parts"
            )
        drawn = {name: place for place, name in enumerate(_drawn(names, count, seed))}
        kept = [item for item in bench.items(root, parts=(part,), split="train") if item.id in drawn]
        found += sorted(kept, key=lambda item: drawn[item.id])
    return tuple(found)


def _drawn(names: Iterable[str], limit: int, seed: int) -> list[str]:
    """Return `limit` names by a hash of seed and name, so that a larger limit only adds names; all for 0."""
    ordered = sorted(names, key=lambda name: hashlib.sha256(f"{seed}/{name}".encode()).digest())
    return ordered[:limit] if limit else ordered


def _drawn_groups(groups: Mapping[str, str], limit: int, seed: int) -> list[str]:
    """Return items of whole groups, drawn as `_drawn` draws names, until there are `limit` of them or a few more."""
    members: dict[str, list[str]] = {}
    for name, group in groups.items():
        members.setdefault(group, []).append(name)
    found: list[str] = []
    for group in _drawn(members, 0, seed):
        if len(found) >= limit:
            break
        found += members[group]
    return found


def _digest(item: Item) -> bytes:
    media = [(Path(one.path).name, _size(Path(one.path))) for one in item.media]
    text = canonical([item.id, item.part, item.question, item.truth, item.options, media])
    return hashlib.sha256(text.encode()).digest()


def _size(path: Path) -> int:
    """Return the bytes of a file, which tell another picture nearly always and cost no reading; 0 of a folder."""
    return path.stat().st_size if path.is_file() else 0
