"""Everything that a stage of a conversation recipe asks for, built: sources, tokenizer, model, method, batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader
from transformers import set_seed

from vesalius.data.conversations.base import Source
from vesalius.data.conversations.corpus import CorpusSource
from vesalius.data.conversations.jsonl import JsonLines
from vesalius.data.conversations.studies import StudyConversations
from vesalius.data.corpus import Corpus
from vesalius.data.mixture import Draw, Mixture
from vesalius.data.packing import pack
from vesalius.errors import ConfigError, DataError
from vesalius.methods.base import Progress
from vesalius.methods.conversing import ConversingMethod
from vesalius.models.vlm.kinds import model_kind
from vesalius.models.vlm.looking import Looker
from vesalius.models.vlm.reading import ConversationReader
from vesalius.tasks.grammar import grammar, write
from vesalius.tasks.instructions.families import families
from vesalius.training import distributed
from vesalius.training.checkpoint import TrainedOn, find_model, load_pretrained, written_whole
from vesalius.training.conversing.batches import Chosen, ConversationSet, PackedBatches, collated
from vesalius.training.conversing.parts import load_adapters
from vesalius.training.conversing.saving import kept_settings
from vesalius.training.conversing.settings import SourceSettings
from vesalius.training.conversing.starting import load_vision
from vesalius.training.rates import require_parts
from vesalius.training.recipe import ConversationRecipe

__all__ = [
    "ConversationParts", "assemble", "new_method", "open_sources", "reader_of", "sides_of", "stage_parts", "started",
]  # fmt: skip

TOKENIZER = "tokenizer"
"""Folder of the run that holds the tokenizer from the first step on."""

_MOST_TEXTS = 20_000
"""Conversations that a tokenizer is trained on, evenly spread over each source."""

_MEASURED = 2_000
"""Conversations by whose lengths the rows of an epoch are reckoned."""


@dataclass(frozen=True, kw_only=True)
class ConversationParts:
    """What one stage works with."""

    recipe: ConversationRecipe
    """Of this stage alone."""
    train: ConversationSet
    validation: ConversationSet | None
    tokenizer: Any
    """Of our models; the processor of a base."""
    method: ConversingMethod
    trained_on: TrainedOn

    @property
    def reader(self) -> ConversationReader:
        """Return what reads conversations for the model."""
        return self.train.reader

    @cached_property
    def mixture(self) -> Mixture:
        """Which rows come when."""
        stage = next(iter(self.recipe.stages.values()))
        lengths = {name: len(source) for name, source in self.train.sources.items()}
        ratios = dict(stage.mixture) or None
        if ratios is not None:
            lengths = {name: length for name, length in lengths.items() if ratios.get(name)}
            ratios = {name: ratio for name, ratio in ratios.items() if ratio}
        return Mixture(lengths, ratios=ratios, seed=self.recipe.optimisation.seed)

    @property
    def collator(self) -> Any:
        """Return what turns packs into the tensors of a batch."""
        return partial(
            collated,
            padding=self.reader.tokenizer.pad_token_id,
            sides=self.train.count,
            apart=not self.recipe.data.pack,
        )

    @property
    def may_leave_unused(self) -> bool:
        """Whether some learning weight may get no gradient: without media, encoder and connector do nothing."""
        return True

    @cached_property
    def steps_per_epoch(self) -> int:
        """Optimiser steps in one pass over the mixture, reckoned from the lengths of its first conversations."""
        draws = self.mixture.epoch(0)
        lengths = [self.train.length(Chosen(draw, 0)) for draw in islice(draws, _MEASURED)]
        data, chosen = self.recipe.data, self.recipe.optimisation
        kept = np.array([length for length in lengths if 0 < length <= data.length])
        if not len(kept):
            raise DataError(
                f"none of the first {len(lengths)} conversations fits a row of {data.length} tokens; "
                "raise data.length"
            )
        rows = len(pack(kept, budget=data.length, window=data.together)) if data.pack else len(kept)
        whole = rows * len(draws) / len(lengths)
        return max(1, round(whole / (chosen.batch * chosen.accumulate)))

    @property
    def steps(self) -> int:
        """Optimiser steps of the stage."""
        chosen = self.recipe.optimisation
        return chosen.steps or max(1, round(chosen.epochs * self.steps_per_epoch))

    def progress(self, step: int) -> Progress:
        """Say how far training has come after so many optimiser steps."""
        return Progress(step, step / self.steps_per_epoch, step / self.steps)

    @property
    def eval_every(self) -> int:
        """Steps between validations."""
        return self.recipe.optimisation.eval_every or max(1, -(-self.steps // 5))

    def train_loader(self) -> ConversationLoader:
        """Return the training batches of this process, for all steps."""
        chosen, data = self.recipe.optimisation, self.recipe.data
        batches = PackedBatches(
            self.train,
            self.mixture,
            batch=distributed.local_batch(chosen.batch),
            batches=self.steps * chosen.accumulate,
            budget=data.length,
            together=data.together,
            pack=data.pack,
            too_long=data.too_long,
            rank=distributed.rank(),
            world=distributed.processes(),
        )
        workers = distributed.loader_workers(chosen.workers)
        return ConversationLoader(self.train, batches, self.collator, workers=workers)

    def validation_loader(self) -> None:
        """Return nothing: see `validation_batches`."""
        return None

    def validation_batches(self) -> Iterator[tuple[str, Iterator[dict[str, Any]]]]:
        """Return batches of each validation source, the same at every validation and in every process."""
        if self.validation is None:
            return
        most = max(1, self.recipe.run.validation_pairs // max(1, len(self.validation.sources)))
        for name, source in self.validation.sources.items():
            places = np.unique(np.linspace(0, len(source) - 1, min(most, len(source))).round().astype(int))
            yield name, self._packed(self.validation, [Chosen(Draw(name, int(row)), 0) for row in places])

    def _packed(self, conversations: ConversationSet, chosen: list[Chosen]) -> Iterator[dict[str, Any]]:
        read = [found for one in chosen if (found := conversations.read(one)) is not None]
        fits = [one for one in read if one.length <= self._budget]
        if not fits:
            return
        if self.recipe.data.pack:
            packs = list(pack([one.length for one in fits], budget=self._budget))
        else:
            packs = [np.array([row]) for row in range(len(fits))]
        size = distributed.local_batch(self.recipe.optimisation.batch)
        groups = [tuple(fits[row] for row in rows) for rows in packs]
        for start in range(0, len(groups), size):
            rows = [conversations[group] for group in groups[start : start + size]]
            if any(rows):
                yield self.collator([own for own in rows if own])

    @property
    def _budget(self) -> int:
        return self.recipe.data.length


class ConversationLoader(DataLoader[dict[str, Any]]):
    """A torch loader over packs, with its own random state."""

    def __init__(self, dataset: ConversationSet, batches: PackedBatches, collator: Any, *, workers: int) -> None:
        super().__init__(
            dataset,  # type: ignore[arg-type]
            batch_sampler=batches,
            collate_fn=collator,
            num_workers=workers,
            persistent_workers=workers > 0,
            worker_init_fn=_quiet_worker if workers else None,
            generator=torch.Generator().manual_seed(0),
        )

    def set_epoch(self, epoch: int) -> None:
        """Take notice of nothing: the batches run through their epochs themselves."""


def assemble(recipe: ConversationRecipe, folder: Path) -> tuple[Any, ConversingMethod, dict[str, Source], Any]:
    """Open the training sources, make or read the tokenizer, and build model and method; equal seeds, equal weights.

    Returns:
        tokenizer, method, training sources and, where there is a validation split, its sources or None.
    """
    train = open_sources(recipe, split=recipe.data.train)
    validation = open_sources(recipe, split=recipe.data.validation) if recipe.data.validation else None
    tokenizer = _tokenizer(recipe, train, folder=folder)
    set_seed(recipe.optimisation.seed)
    method = new_method(recipe, tokenizer)
    require_parts(method, recipe.optimisation.rates)
    return tokenizer, method, train, validation


def started(recipe: ConversationRecipe) -> ConversationRecipe:
    """Return a recipe whose section `model` is that of the run that it starts from, where it starts from one.

    Raises:
        CheckpointError: there is no vision-language model of ours.
    """
    if not recipe.model.start:
        return recipe
    folder = find_model(Path(recipe.model.start)).resolve()
    return replace(recipe, model=replace(kept_settings(folder), start=str(folder), adapters=recipe.model.adapters))


def new_method(recipe: ConversationRecipe, tokenizer: Any) -> ConversingMethod:
    """Build model and method of a recipe, weights as the recipe says."""
    kind = model_kind(recipe.model)
    if recipe.model.start:
        model = load_pretrained(Path(recipe.model.start), kind)
        model.change(recipe.model)
    else:
        model = kind.of(recipe.model, tokenizer)
        if recipe.model.vision_from:
            load_vision(model, recipe.model.vision_from)
    if recipe.model.adapters:
        load_adapters(model, recipe.model.adapters)
    if recipe.optimisation.recompute_activations:
        model.recompute()
    method: ConversingMethod = recipe.method_module().build(recipe.settings, model)
    method.prepare(getattr(tokenizer, "tokenizer", tokenizer))
    return method


def open_sources(recipe: ConversationRecipe, *, split: str) -> dict[str, Source]:
    """Open the sources for a split that some stage draws from; those without conversations for it are left out.

    Raises:
        ConfigError: a family without a corpus. DataError: nothing is left to train on.
    """
    found: dict[str, Source] = {}
    corpus = _corpus(recipe, split)
    drawn = _drawn(recipe)
    for name, settings in recipe.data.sources.items():
        if name not in drawn:
            continue
        source = _source(name, settings, corpus, recipe, training=split == recipe.data.train)
        if source is not None and len(source):
            found[name] = source
    if not found and split == recipe.data.train:
        raise DataError(f"recipe {recipe.name}: no source has a conversation in the split {split!r}")
    return found


def _drawn(recipe: ConversationRecipe) -> set[str]:
    """Return the sources that some stage draws from."""
    found: set[str] = set()
    for stage in recipe.stages.values():
        found |= {name for name in recipe.data.sources if not stage.mixture or stage.mixture.get(name, 0) > 0}
    return found


def sides_of(recipe: ConversationRecipe) -> int:
    """Return how many conversations of a stage's batches belong together, see `ConversationBatch.sides`."""
    stage = next(iter(recipe.stages.values()))
    if stage.supervised or not recipe.settings.learns_pairs:
        return 1
    return 3 if recipe.settings.learns_mismatched else 2


def reader_of(recipe: ConversationRecipe, tokenizer: Any, model: Any) -> ConversationReader:
    """Return what reads conversations for a model."""
    reader: ConversationReader = model.reader(
        tokenizer, context=recipe.model.context, grammar=grammar(recipe.data.grammar)
    )
    return reader


def stage_parts(
    recipe: ConversationRecipe,
    *,
    tokenizer: Any,
    method: ConversingMethod,
    train: dict[str, Source],
    validation: dict[str, Source] | None,
) -> ConversationParts:
    """Put a stage together from what the whole run shares.

    Args:
        recipe: of the stage alone, see `ConversationRecipe.of_stage`.
        tokenizer: of the run.
        method: as the stage before left it.
        train: sources by name.
        validation: sources by name, or None.
    """
    if recipe.data.pack and method.model.unpackable:
        raise ConfigError(f"data.pack: {method.model.unpackable}; set data.pack=false")
    reader = reader_of(recipe, tokenizer, method.model)
    of_set = partial(
        ConversationSet,
        reader=reader,
        rewrite=method.rewrite,
        seed=recipe.optimisation.seed,
        unreadable_share=recipe.data.unreadable_share,
        sides=sides_of(recipe),
        weights={name: source.weight for name, source in recipe.data.sources.items()},
    )
    corpus = _corpus(recipe, recipe.data.train)
    return ConversationParts(
        recipe=recipe,
        train=of_set(train),
        validation=of_set(validation) if validation else None,
        tokenizer=tokenizer,
        method=method,
        trained_on=TrainedOn(
            corpus=corpus.name if corpus is not None else ", ".join(sorted(train)),
            content_hash=corpus.content_hash if corpus is not None else "",
            split=recipe.data.train,
            num_pairs=sum(map(len, train.values())),
            virtual=bool(corpus is not None and corpus.manifest.virtual),
        ),
    )


def _corpus(recipe: ConversationRecipe, split: str) -> Corpus | None:
    drawn = _drawn(recipe)
    if not any(settings.asked for name, settings in recipe.data.sources.items() if name in drawn):
        return None
    if not recipe.data.corpus:
        raise ConfigError(f"recipe {recipe.name}: no data; name a corpus by data=FOLDER, or give every source a path")
    corpus = Corpus.open(recipe.data.corpus)
    if not corpus.has_split:
        raise DataError(
            f"corpus {corpus.name!r} has no split; make one by patient, stored with it: "
            f"python -c \"from vesalius.data.corpus import Corpus; Corpus.open('{recipe.data.corpus}').make_split()\""
        )
    return corpus.split(split)


def _source(
    name: str, settings: SourceSettings, corpus: Corpus | None, recipe: ConversationRecipe, *, training: bool
) -> Source | None:
    if settings.asked:
        assert corpus is not None
        asked = families(settings.asked, language=settings.language, wording=recipe.data.wording)
        kind = partial(StudyConversations, mean=settings.together) if settings.families else CorpusSource
        try:
            return kind(corpus, asked, name=name, seed=recipe.optimisation.seed)
        except DataError:
            if training:
                raise
            return None
    path = settings.path if training else settings.validation_path
    return JsonLines(path, name=name) if path else None


def _tokenizer(recipe: ConversationRecipe, sources: dict[str, Source], *, folder: Path) -> Any:
    """Make the tokenizer once for a run: every process, and the run when it is resumed, reads the same file."""
    kind = model_kind(recipe.model)
    kept = folder / TOKENIZER
    if distributed.rank() == 0 and not kept.is_dir():
        start = recipe.model.start
        words = kind.saved_words(Path(start)) if start else kind.new_words(recipe.model, _texts(recipe, sources))
        with written_whole(kept) as scratch:
            words.save_pretrained(scratch)
    distributed.wait_for_all()
    return kind.saved_words(kept)


def _texts(recipe: ConversationRecipe, sources: dict[str, Source]) -> Iterable[str]:
    """Yield what is said in the training conversations, regions written out as the model will write them."""
    looker, how = Looker(recipe.model.views, places=lambda size: None), grammar(recipe.data.grammar)
    for source in sources.values():
        most = max(1, _MOST_TEXTS // len(sources))
        for row in np.unique(np.linspace(0, len(source) - 1, min(most, len(source))).round().astype(int)):
            conversation = source.conversation(int(row))
            if conversation.objects:
                conversation = write(conversation, how, [looker.plane(media) for media in conversation.media])
            yield from (message.text for message in conversation.messages)


def _quiet_worker(number: int) -> None:
    """A worker tokenizes in its one thread; the tokenizers package would warn of the fork otherwise."""
    import os

    del number
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    torch.set_num_threads(1)
