"""Preference pairs of a stage: made of a corpus when the stage begins, kept in files, and read back from there.

A stage's folder holds ``pairs/SOURCE.jsonl`` (and ``SOURCE-validation.jsonl``), rows of a chat file with both sides,
beside it ``SOURCE.json`` with what was made and what was left out, and the pictures that were destroyed. A stage that
goes on after a stop reads what is there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from vesalius.curation.base import Dropped, chance
from vesalius.curation.preferences.base import Outcome, PairTally, counted
from vesalius.curation.preferences.hallucination import hallucinated_pair
from vesalius.curation.preferences.judging import judge_named, judged_pair
from vesalius.curation.preferences.lesion_noise import NoiseConfig
from vesalius.curation.preferences.noised_pictures import NoisedPictureConfig, noised_pair
from vesalius.curation.preferences.relevance import UrgencyRater, consensus, normalised
from vesalius.data.conversations.base import Source
from vesalius.data.conversations.corpus import CorpusSource
from vesalius.data.conversations.jsonl import JsonLines
from vesalius.data.conversations.records import Conversation
from vesalius.data.conversations.writing import row_of
from vesalius.data.disk import replacing
from vesalius.errors import ConfigError, DataError
from vesalius.methods.conversing import ConversingMethod
from vesalius.training import distributed
from vesalius.training.conversing.assembly import reader_of, sides_of
from vesalius.training.conversing.sampling import sampled_answers
from vesalius.training.conversing.settings import PairSettings
from vesalius.training.recipe import ConversationRecipe

__all__ = ["PAIRS", "stage_sources"]

PAIRS = "pairs"
"""Folder of a stage that holds its pairs."""
REGIONS = "regions in the texts"
_VALIDATION_SEED = 1
_RATERS = (UrgencyRater(),)

Sources = dict[str, Source]


def stage_sources(
    recipe: ConversationRecipe, train: Sources, validation: Sources | None, *, method: ConversingMethod,
    tokenizer: Any, folder: Path,
) -> tuple[Sources, Sources | None]:  # fmt: skip
    """Return the sources that a stage learns from and is validated on, pairs made of those that give pairs.

    Args:
        recipe: of the stage alone.
        train: sources by name.
        validation: the same, or None.
        method: as the stage before left it; it answers where pairs are sampled.
        tokenizer: of the run.
        folder: of the stage.

    Raises:
        ConfigError: a source whose conversations are no pairs. DataError: no pair could be made.
    """
    stage = next(iter(recipe.stages.values()))
    if sides_of(recipe) == 1:
        unread = {name for name, one in recipe.data.sources.items() if one.pairs and name not in stage.mixture}
        held = {name: source for name, source in (validation or {}).items() if name not in unread}
        return train, held or None
    chosen = {name: source for name, source in train.items() if not stage.mixture or name in stage.mixture}
    maker = _Maker(recipe, method, tokenizer, folder / PAIRS)
    made: Sources = {name: maker.pairs(name, source) for name, source in chosen.items()}
    held = {
        name: maker.pairs(name, source, validation=True)
        for name, source in (validation or {}).items()
        if name in chosen
    }
    return made, {name: source for name, source in held.items() if len(source)} or None


class _Maker:
    """Makes the pairs of one stage."""

    def __init__(self, recipe: ConversationRecipe, method: ConversingMethod, tokenizer: Any, folder: Path) -> None:
        self._recipe, self._method, self._folder = recipe, method, folder
        self._reader = reader_of(recipe, tokenizer, method.model)
        self._seed = recipe.optimisation.seed

    def pairs(self, name: str, source: Source, *, validation: bool = False) -> Source:
        """Return the pairs of a source; a file of pairs is taken as it is."""
        settings = self._recipe.data.sources[name].pairs
        if not isinstance(source, CorpusSource):
            return source
        if settings is None:
            raise ConfigError(
                f"data.sources.{name}: the stage learns from pairs and this family gives none; set its pairs, such "
                "as {maker: hallucinated}, give a path, or let the stage be supervised"
            )
        path = self._folder / f"{name}{'-validation' if validation else ''}.jsonl"
        if distributed.rank() == 0 and not path.is_file():
            self._write(path, name, source, settings, validation=validation)
        distributed.wait_for_all()
        return JsonLines(path, name=name)

    def _write(
        self, path: Path, name: str, source: CorpusSource, settings: PairSettings, *, validation: bool
    ) -> None:
        most = self._recipe.run.validation_pairs if validation else len(source)
        most = min(len(source), most, settings.most or most)
        rows = np.unique(np.linspace(0, len(source) - 1, most).round().astype(int)).tolist()
        tally = PairTally()
        seed = 2 * self._seed + (_VALIDATION_SEED if validation else 0)
        pairs = list(counted(self._outcomes(source, rows, settings, seed), tally))
        if not pairs:
            raise DataError(f"data.sources.{name}: none of {len(rows)} conversations gave a pair: {tally.as_dict()}")
        # Errors are put in to be learnt from; what is validated on is right.
        pairs = _weighed(pairs, replace(settings, turned=0.0) if validation else settings, seed)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".json").write_text(json.dumps(tally.as_dict(), indent=2) + "\n", encoding="utf-8")
        with replacing(path, scratch=path.parent) as file:
            for pair in pairs:
                file.write(json.dumps(row_of(pair), ensure_ascii=False).encode() + b"\n")

    def _outcomes(
        self, source: CorpusSource, rows: Sequence[int], settings: PairSettings, seed: int
    ) -> Iterator[Outcome]:
        """Yield what the maker makes of some rows."""
        kept = [row for row in rows if not source.conversation(row).objects]
        yield from (Dropped(REGIONS) for _ in range(len(rows) - len(kept)))
        judge = judge_named(settings.judge)
        pixels = NoisedPictureConfig(region=settings.region, noise=NoiseConfig(kind=settings.noise))
        media = self._folder / "media"
        for row, candidates in zip(kept, self._candidates(source, kept, settings, seed), strict=True):
            conversation, study = source.conversation(row), source.study(row)
            if settings.maker == "sampled":
                yield judged_pair(conversation, candidates, judge, study=study)
            elif settings.maker == "hallucinated":
                yield hallucinated_pair(conversation, study=study, seed=seed, candidates=candidates)
            else:
                media.mkdir(parents=True, exist_ok=True)
                yield noised_pair(conversation, media, study=study, files=source.corpus, settings=pixels, seed=seed)

    def _candidates(
        self, source: CorpusSource, rows: Sequence[int], settings: PairSettings, seed: int
    ) -> Iterator[tuple[str, ...]]:
        """Yield the model's own answers to each row, where the maker looks at them."""
        if settings.maker == "noised" or not settings.candidates:
            return iter([()] * len(rows))
        asked = [source.conversation(row) for row in rows]
        return sampled_answers(self._method, self._reader, asked, settings=settings, seed=seed)


def _weighed(pairs: Sequence[Conversation], settings: PairSettings, seed: int) -> list[Conversation]:
    """Return the pairs with their weights, some of them turned round where that is asked for."""
    turned = [bool(chance(seed, pair.id, "turned").random() < settings.turned) for pair in pairs]
    weights = [pair.weight for pair in pairs]
    if settings.weights == "urgency":
        rated = [consensus(pair, _RATERS).score for pair in pairs]
        weights = [0.0 if wrong else score for score, wrong in zip(rated, turned, strict=True)]
    if settings.normalised:
        weights = normalised(weights).tolist()
    made = [_turned(pair) if wrong else pair for pair, wrong in zip(pairs, turned, strict=True)]
    return [replace(pair, weight=weight) for pair, weight in zip(made, weights, strict=True)]


def _turned(pair: Conversation) -> Conversation:
    """Return a pair whose better side is its worse one."""
    worse = pair.side("rejected")
    return replace(
        worse, rejected=pair.answers[-1] if pair.rejected else "",
        rejected_media=pair.media if pair.rejected_media else (),
    )  # fmt: skip
