"""Everything that a recipe asks for, built: data, tokenizer, model and method."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader
from transformers import AutoTokenizer, set_seed

from vesalius.data.collator import Collator
from vesalius.data.corpus import Corpus
from vesalius.data.loader import Draw, PairBatches, PairDataset, Selection
from vesalius.data.transforms import ImageProcessor
from vesalius.errors import ConfigError, DataError
from vesalius.methods.base import Method, Progress
from vesalius.models.dual import DualEncoder
from vesalius.models.text.tokenizer import tokenizer_for
from vesalius.training import distributed
from vesalius.training.checkpoint import TrainedOn, written_whole
from vesalius.training.rates import require_parts
from vesalius.training.recipe import Recipe

__all__ = ["PairLoader", "Parts", "assemble"]

CACHE = ".cache"
"""Folder of the run that holds decoded images while it lasts."""

TOKENIZER = "tokenizer"
"""Folder of the run that holds the tokenizer from the first step on."""


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What training works with."""

    recipe: Recipe
    train: PairDataset
    validation: PairDataset | None
    tokenizer: Any
    processor: ImageProcessor
    method: Method
    trained_on: TrainedOn

    @property
    def collator(self) -> Collator:
        """Return what turns samples into the tensors of a batch."""
        method = self.method
        annotate = method.annotate if type(method).annotate is not Method.annotate else None
        return Collator(self.tokenizer, self.recipe.model.text_length, self.processor, annotate)

    @property
    def may_leave_unused(self) -> bool:
        """Whether some learning weight may get no gradient: towers of transformers hold more than is used."""
        return any(tower.startswith("hf:") for tower in (self.recipe.model.vision, self.recipe.model.text))

    @property
    def steps_per_epoch(self) -> int:
        """Optimiser steps in one pass over the training split."""
        batches = len(self.train) // self.recipe.optimisation.batch
        return max(1, -(-batches // self.recipe.optimisation.accumulate))

    @property
    def steps(self) -> int:
        """Optimiser steps of the whole run."""
        chosen = self.recipe.optimisation
        return chosen.steps or max(1, round(chosen.epochs * self.steps_per_epoch))

    def progress(self, step: int) -> Progress:
        """Say how far training has come after so many optimiser steps."""
        return Progress(step, step / self.steps_per_epoch, step / self.steps)

    @property
    def eval_every(self) -> int:
        """Steps between validations."""
        return self.recipe.optimisation.eval_every or max(self.steps_per_epoch, -(-self.steps // 20))

    def batches(self) -> PairBatches:
        """Return the order of the training rows for this process."""
        return PairBatches(
            num_rows=len(self.train),
            batch=self.recipe.optimisation.batch,
            seed=self.recipe.optimisation.seed,
            rank=distributed.rank(),
            world=distributed.processes(),
        )

    def train_loader(self) -> PairLoader:
        """Return the training batches of this process."""
        return PairLoader(self.train, self.batches(), self.collator, workers=self.workers)

    def validation_loader(self) -> PairLoader | None:
        """Return the validation batches, the same in every process; None without a validation split."""
        if self.validation is None:
            return None
        rows, most = len(self.validation), self.recipe.run.validation_pairs
        chosen = np.arange(rows)
        if rows > most:
            chosen = np.sort(np.random.default_rng(self.recipe.optimisation.seed).permutation(rows)[:most])
        draws = [Draw(-1, int(row)) for row in chosen]
        return PairLoader(self.validation, _Chunks(draws, self.recipe.optimisation.batch), self.collator, workers=0)

    @property
    def workers(self) -> int:
        """Loader processes of this process."""
        return distributed.loader_workers(self.recipe.optimisation.workers)

    def close(self) -> None:
        """Delete the decoded images."""
        for dataset in (self.train, self.validation):
            if dataset is not None:
                dataset.close()


class PairLoader(DataLoader[dict[str, torch.Tensor]]):
    """A torch loader over draws, with its own random state: making one does not move the global generator."""

    def __init__(
        self, dataset: PairDataset, batches: PairBatches | _Chunks, collator: Collator, *, workers: int
    ) -> None:
        super().__init__(
            dataset,  # type: ignore[arg-type]
            batch_sampler=batches,
            collate_fn=collator,
            num_workers=workers,
            persistent_workers=workers > 0,
            pin_memory=torch.cuda.is_available(),
            worker_init_fn=_quiet_worker if workers else None,
            generator=torch.Generator().manual_seed(0),
        )

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose draws come next."""
        if isinstance(self.batch_sampler, PairBatches):
            self.batch_sampler.set_epoch(epoch)


@dataclass
class _Chunks:
    """Fixed draws in batches; the last may be smaller, but is never a single one."""

    draws: list[Draw]
    batch: int

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __iter__(self) -> Iterator[list[Draw]]:
        starts = list(range(0, len(self.draws), self.batch))
        if len(starts) > 1 and len(self.draws) - starts[-1] == 1:
            starts.pop()
        for number, start in enumerate(starts):
            stop = starts[number + 1] if number + 1 < len(starts) else len(self.draws)
            yield self.draws[start:stop]


def assemble(recipe: Recipe, folder: Path, *, model: Callable[[], DualEncoder] | None = None) -> Parts:
    """Open the corpus and build what the recipe asks for; the same seed gives the same weights.

    Args:
        recipe: checked recipe.
        folder: the run; decoded images go into a folder inside it.
        model: gives the dual encoder to start from, instead of a new one from the recipe.

    Raises:
        ConfigError: no corpus is named, or a rate is for no part. DataError: it has no such split, or
            too few pairs.
    """
    if not recipe.data.corpus:
        raise ConfigError(f"recipe {recipe.name}: no data; name a corpus by data=FOLDER")
    distributed.local_batch(recipe.optimisation.batch)
    corpus = Corpus.open(recipe.data.corpus)
    if not corpus.has_split:
        raise DataError(
            f"corpus {corpus.name!r} has no split; make one by patient, stored with it: "
            f"python -c \"from vesalius.data.corpus import Corpus; Corpus.open('{recipe.data.corpus}').make_split()\""
        )
    dataset = partial(_dataset, corpus, recipe, folder=folder)
    train = dataset(recipe.data.train)
    validation = dataset(recipe.data.validation) if recipe.data.validation else None
    tokenizer = _tokenizer(recipe, train, folder=folder)
    set_seed(recipe.optimisation.seed)
    encoder = model() if model is not None else DualEncoder.build(recipe.model)
    method: Method = recipe.method_module().build(recipe.settings, encoder)
    if recipe.optimisation.recompute_activations:
        encoder.recompute_activations()
    method.prepare(tokenizer)
    require_parts(method, recipe.optimisation.rates)
    train.view, train.words = method.view, method.words
    return Parts(
        recipe=recipe,
        train=train,
        validation=validation,
        tokenizer=tokenizer,
        processor=recipe.processor(),
        method=method,
        trained_on=TrainedOn(
            corpus=corpus.name,
            content_hash=corpus.content_hash,
            split=recipe.data.train,
            num_pairs=len(train),
            virtual=bool(corpus.manifest.virtual),
        ),
    )


def _tokenizer(recipe: Recipe, train: PairDataset, *, folder: Path) -> Any:
    """Make the tokenizer once for a run: every process, and the run when it is resumed, reads the same file."""
    kept = folder / TOKENIZER
    if distributed.rank() == 0 and not kept.is_dir():
        with written_whole(kept) as scratch:
            tokenizer_for(recipe.model, train.texts()).save_pretrained(scratch)
    distributed.wait_for_all()
    return AutoTokenizer.from_pretrained(kept, local_files_only=True)


def _dataset(corpus: Corpus, recipe: Recipe, split: str, *, folder: Path) -> PairDataset:
    data = recipe.data
    volumes = not isinstance(recipe.model.image_size, int) and len(recipe.model.image_size) == 3
    selection = Selection(
        roles=data.roles,
        language=data.language,
        modalities=data.modalities,
        views=data.views,
        kinds=("volume", "video") if volumes else ("image",),
        draw_images=data.images == "draw",
        unpaired=recipe.settings.takes_unpaired and split == data.train,
        alternatives=data.alternatives,
        draw_wordings=data.wordings == "draw",
    )
    pairs = PairDataset(
        corpus.split(split),
        recipe.processor(),
        selection,
        cache=folder / CACHE,
        cache_bytes=int(data.cache_gib * 2**30),
        unreadable_share=data.unreadable_share,
        kept=recipe.settings.kept_fields,
        seed=recipe.optimisation.seed,
    )
    pairs.num_views = recipe.settings.num_views
    return pairs


def _quiet_worker(number: int) -> None:
    """A worker tokenizes in its one thread; the tokenizers package would warn of the fork otherwise."""
    import os

    del number
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    torch.set_num_threads(1)
