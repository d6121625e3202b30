"""Controls of a benchmark of questions: what its scores are for one who knows nothing, sees nothing or sees another.

Some answer without a model (majority, random, oracle); the others put the same questions to the same model with
something taken away from the picture.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from vesalius.benchmarks.base import Benchmark, Item
from vesalius.data.messages import Media
from vesalius.errors import ConfigError, did_you_mean
from vesalius.inference.controls import derangement
from vesalius.inference.predictor import BasePredictor
from vesalius.inference.requests import Reply, Request

__all__ = ["CHANGED", "KNOWING", "NOTES", "KnowingPredictor", "Known", "change_of", "knowing", "right_answers"]

NOTES: Mapping[str, str] = {
    "majority": "the most frequent right answer of the same part and kind, whatever is asked and shown",
    "random": "an answer drawn from the options, or from the right answers of the same part and kind",
    "copy-last": "the answer of the last demonstration, whatever is asked and shown",
    "question-only": "the same model without any picture: what can be had from the words of the question",
    "blank": "the same model, every picture middle grey",
    "noise": "the same model, every picture noise",
    "other": "the same model, every picture that of another patient",
    "oracle": "the right answer: the highest score that the rule can give",
}
"""The controls and what each one shows."""
KNOWING = ("majority", "random", "oracle")
"""Controls that answer from the truths and without a model."""
CHANGED = ("question-only", "blank", "noise", "other")
"""Controls that put the questions of changed items to the model itself."""


class KnowingPredictor(BasePredictor):
    """A control that looks up what to say by the item of each request.

    Requests come in the order of the items, so that the release is read along and no item is held.
    """

    capabilities = frozenset({"generate"})

    def __init__(
        self,
        name: str,
        say: Callable[[Item, str], str],
        items: Callable[[], Iterable[Item]],
        *,
        facts: Mapping[str, Any],
    ) -> None:
        self.name = f"control:{name}"
        self._say = say
        self._items = items
        self._facts = facts

    @property
    def identity(self) -> Mapping[str, Any]:
        """Kind, name and where its answers come from."""
        return {"kind": "control", "name": self.name, "weights_sha256": "none", **self._facts}

    def generate(self, requests: Iterable[Request]) -> Iterator[Reply]:
        """Answer each request at once."""
        walk = iter(self._items())
        for request in requests:
            wanted = request.id.rpartition("/")[0]
            item = next((one for one in walk if one.id == wanted), None)
            if item is None:
                walk = iter(self._items())
                item = next(one for one in walk if one.id == wanted)
            yield Reply(id=request.id, text=self._say(item, request.id))


Known = Mapping[tuple[str, str, int], Counter[str]]
"""How often each text is right, by part, kind and turn."""


def right_answers(
    benchmark: Benchmark, items: Callable[[], Iterable[Item]], pool: Callable[[], Iterable[Item]]
) -> tuple[Known, tuple[str, ...]]:
    """Count right answers, and return the parts that have items of training.

    Args:
        benchmark: says what a right answer is.
        items: what will be asked.
        pool: items of training, whose answers stand in the place of those of the same part and kind.
    """
    trained: set[str] = set()

    def learnt() -> Iterator[Item]:
        for item in pool():
            trained.add(item.part)
            yield item

    known = _right_answers(benchmark, items()) | _right_answers(benchmark, learnt())
    return known, tuple(sorted(trained))


def knowing(
    name: str, benchmark: Benchmark, items: Callable[[], Iterable[Item]], known: tuple[Known, tuple[str, ...]], *,
    seed: int,
) -> KnowingPredictor:  # fmt: skip
    """Build a control that answers from truths.

    Args:
        name: of `KNOWING`.
        benchmark: says what a right answer is.
        items: what will be asked.
        known: of `right_answers`: of training, of which the most frequent answer is taken; of a part and kind that
            training lacks, of the asked items themselves, which is the best constant answer to them.
        seed: of the draws of "random".

    Raises:
        ConfigError: an unknown name.
    """
    if name not in KNOWING:
        raise ConfigError(f"no control {name!r}{did_you_mean(name, KNOWING)}")
    seen, trained = known
    most = {key: counted.most_common(1)[0][0] for key, counted in seen.items()}
    texts = {key: tuple(sorted(counted)) for key, counted in seen.items()} if name == "random" else {}
    facts = {"answers_from": {"training": list(trained), "elsewhere": "the asked items"}, "seed": seed}

    def say(item: Item, request: str) -> str:
        said = [Reply(id="")] * int(request.rpartition("/")[2])
        if name == "oracle":
            return benchmark.right(item, said)
        if name == "random" and item.options and item.kind == "choice":
            return _drawn(tuple(item.options), request, seed)
        key = (item.part, item.kind, len(said))
        return most[key] if name == "majority" else _drawn(texts[key], request, seed)

    return KnowingPredictor(name, say, items, facts=facts)


def change_of(name: str, items: Iterable[Item], *, seed: int) -> Callable[[Item], Item]:
    """Return what a control of `CHANGED` does to an item; its truth stays.

    Raises:
        ConfigError: an unknown name.
        DataError: pictures cannot be exchanged, for there is one patient only.
    """
    if name == "question-only":
        return lambda item: replace(item, media=())
    if name in ("blank", "noise"):
        edit = "blank" if name == "blank" else f"noise:{seed}"
        return lambda item: replace(item, media=tuple(media.edited(edit) for media in item.media))
    if name != "other":
        raise ConfigError(f"no control {name!r}{did_you_mean(name, CHANGED)}")
    media: dict[str, tuple[Media, ...]] = {}
    for item in items:
        if item.media:
            media.setdefault(item.cluster, item.media)
    partner = derangement(sorted(media), seed=seed)
    return lambda item: replace(item, media=_as_many(media[partner[item.cluster]], item)) if item.media else item


def _as_many(media: tuple[Media, ...], item: Item) -> tuple[Media, ...]:
    """Return as many of another patient's pictures as the item has, the first ones again where there are fewer."""
    return tuple(media[place % len(media)] for place in range(len(item.media)))


def _right_answers(benchmark: Benchmark, items: Iterable[Item]) -> dict[tuple[str, str, int], Counter[str]]:
    found: dict[tuple[str, str, int], Counter[str]] = {}
    for item in items:
        for turn in range(benchmark.turns):
            right = benchmark.right(item, [Reply(id="")] * turn)
            found.setdefault((item.part, item.kind, turn), Counter())[right] += 1
    return found


def _drawn(options: Sequence[str], request: str, seed: int) -> str:
    digest = hashlib.sha256(f"{seed}/{request}".encode()).digest()
    return options[int.from_bytes(digest[:8], "big") % len(options)]
