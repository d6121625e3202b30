"""From a corpus to pairs of image and text: drawn by seed, epoch and row alone, each image decoded once."""

# C channels, D slices or frames, H rows, W columns

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vesalius.data.cache import PixelCache
from vesalius.data.kept import KeptFields
from vesalius.data.readers import read
from vesalius.data.records import Image, Study
from vesalius.data.sentences import sentences
from vesalius.data.transforms import ImageProcessor
from vesalius.errors import DataError

if TYPE_CHECKING:
    from vesalius.data.corpus import Corpus

__all__ = ["Draw", "PairBatches", "PairDataset", "Sample", "Selection", "View", "Words"]

View = Callable[[np.ndarray, np.random.Generator], np.ndarray]
"""Augmentation of a float32 image of 0..1, (C, H, W), to one of the same shape."""

Words = Callable[[Sequence[str], np.random.Generator], str]
"""Choice of a training text from the sentences of a report."""

_EVALUATION = -1
_SUBSTITUTES = 20


class Draw(NamedTuple):
    """One row of an epoch; everything random about a sample follows from it and the seed."""

    epoch: int
    """−1 for evaluation: first image, whole text, no augmentation."""
    row: int


class Sample(NamedTuple):
    """What a draw gives."""

    image: np.ndarray
    """float32 of 0..1, (C, H, W) or (C, D, H, W), before normalisation."""
    text: str
    row: int
    """Row of the image and text in the dataset: another than the draw's where the draw's image cannot be read."""
    others: tuple[np.ndarray, ...] = ()
    """Further views of the image, drawn by themselves; in evaluation the image again."""
    study: Study | None = None
    """The study with the fields that the dataset keeps, the others empty; None where it keeps none."""
    alternative: bool = False
    """The text is one of several wordings of `Selection.alternatives`, such as those made of labels."""
    has_image: bool = True
    """False where `Selection.unpaired` let in a study without an image: `image` is black."""
    has_text: bool = True
    """False where it let in one without a text: `text` is empty."""


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which images and texts of a study make a pair."""

    roles: tuple[str, ...] = ("findings", "impression", "report", "caption", "note")
    language: str = "en"
    modalities: tuple[str, ...] = ()
    views: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ("image",)
    draw_images: bool = True
    """Draw one of several images of a study anew in every epoch; otherwise take the first always."""
    alternatives: tuple[str, ...] = ()
    """Those of the roles whose texts say one thing in several wordings: one is drawn in training, the first read in
    evaluation. They are read only where no text of another role is."""
    draw_wordings: bool = True
    """Draw one of several wordings anew in every epoch; otherwise take the first always."""
    unpaired: bool = False
    """Take in studies with an image alone or a text alone, too."""

    def images(self, study: Study) -> list[Image]:
        """Return the images that may be paired."""
        return [
            image
            for image in study.images
            if image.kind in self.kinds
            and (not self.modalities or image.modality in self.modalities)
            and (not self.views or image.view in self.views)
        ]

    def sentences(self, study: Study) -> list[str]:
        """Return the sentences that may be paired, in the order of `roles`, without the alternatives."""
        roles = (role for role in self.roles if role not in self.alternatives)
        texts = (study.text(role, language=self.language) for role in roles)  # type: ignore[arg-type]
        return [sentence for text in texts for sentence in sentences(text)]

    def wordings(self, study: Study) -> list[str]:
        """Return the alternatives that may be paired, each whole, in the order of `roles`."""
        roles = [role for role in self.roles if role in self.alternatives]
        texts = [text for role in roles for text in study.texts if text.role == role]
        return [text.text.strip() for text in texts if text.language == self.language and text.text.strip()]


class PairDataset:
    """Studies that have an image and a text, as samples; a map-style dataset of torch without importing it.

    Studies without a fitting image or text are left out and counted in `dropped`; where the selection takes unpaired
    ones in, only those without both. An image that cannot be read is
    named in `unreadable` and replaced by that of another row, drawn from the same seed; above `unreadable_share` of
    all images the error is raised.
    """

    def __init__(
        self,
        corpus: Corpus,
        processor: ImageProcessor,
        selection: Selection,
        *,
        cache: Path,
        cache_bytes: int = 2 * 2**30,
        unreadable_share: float = 0.05,
        kept: frozenset[str] = frozenset(),
        seed: int = 0,
    ) -> None:
        """Read every record once.

        Args:
            corpus: the split to draw from.
            processor: makes arrays of the images.
            selection: which images and texts make a pair.
            cache: folder for decoded images.
            cache_bytes: bound of them.
            unreadable_share: share of the images that may fail.
            kept: fields of `Study` that samples bring along, such as findings; they stay in memory.
            seed: of all draws.
        """
        self._corpus = corpus
        self._processor = processor
        self._selection = selection
        self._unreadable_share = unreadable_share
        self._seed = seed
        self.view: View | None = None
        """Training augmentation; None for none."""
        self.words: Words | None = None
        """Training choice of a text; None for the whole text."""
        self.num_views = 1
        """Views of an image in a sample; those after the first are in `Sample.others`."""
        self._kept = KeptFields(kept)
        self.dropped: dict[str, int] = {}
        """Reason → number of studies that were left out."""
        eight_bits = self._index()
        key = _key(corpus, self.ids, processor, selection)
        self._log = cache / f"{key}.unreadable.jsonl"
        self.cache = PixelCache(
            cache,
            key=key,
            num_images=len(self._paths),
            shape=processor.shape,
            bits=8 if eight_bits else 16,
            bound_bytes=cache_bytes,
        )

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, draw: Draw) -> Sample:
        """Return the sample of a draw: equal draws give equal samples, in any process and order."""
        rng = np.random.default_rng((self._seed, draw.epoch + 1, draw.row))
        image, row = self._image(draw, rng)
        training = draw.epoch != _EVALUATION
        view = self.view if training else None
        views = [image if view is None else view(image, rng) for _ in range(self.num_views)]
        spoken = self.sentences(row)
        alternative = bool(self._alternative[row])
        if alternative:
            drawn = training and self._selection.draw_wordings
            spoken = [spoken[int(rng.integers(len(spoken))) if drawn else 0]]
        choose = self.words if training and spoken else None
        text = " ".join(spoken) if choose is None else choose(spoken, rng)
        shown = bool(self._ends[row + 1] > self._ends[row])
        return Sample(views[0], text, row, tuple(views[1:]), self.study(row), alternative, shown, bool(spoken))

    @property
    def num_images(self) -> int:
        """Images of all rows together."""
        return len(self._paths)

    def sentences(self, row: int) -> list[str]:
        """Return the sentences of a row, or all of its wordings where it has alternatives."""
        return [str(sentence) for sentence in self._sentences[row].as_py()]

    def study(self, row: int) -> Study | None:
        """Return the study of a row with its kept fields alone; None where none is kept."""
        return self._kept[row]

    def texts(self) -> Iterator[str]:
        """Yield the whole text of every row that has one, such as for training a tokenizer."""
        for row in range(len(self)):
            if said := self.sentences(row):
                yield " ".join(said)

    @property
    def unreadable(self) -> list[dict[str, str]]:
        """Images that could not be read so far, with study, path and reason."""
        if not self._log.exists():
            return []
        entries = [json.loads(line) for line in self._log.read_text(encoding="utf-8").splitlines()]
        return list({entry["image"]: entry for entry in entries}.values())

    def close(self) -> None:
        """Delete the image cache."""
        self.cache.remove()

    def _index(self) -> bool:
        """Read every record once, rows in order of their ids; return whether 8 bits hold all of the images."""
        import pyarrow as pa

        rows: list[tuple[str, list[tuple[str, int, str]], list[str], bool]] = []
        eight_bits = True
        for study in self._corpus:
            images, told = self._selection.images(study), self._selection.sentences(study)
            said = told or self._selection.wordings(study)
            if not (images or said) or not (self._selection.unpaired or (images and said)):
                reason = "no fitting image" if not images else "no text"
                self.dropped[reason] = self.dropped.get(reason, 0) + 1
                continue
            images = images if self._selection.draw_images else images[:1]
            eight_bits = eight_bits and all(image.units in ("display", "rgb") for image in images)
            files = [
                (image.path, _EVALUATION if image.frame is None else image.frame, image.units) for image in images
            ]
            rows.append((study.id, files, said, not told and bool(said)))
            self._kept.add(study)
        if not rows:
            need = "an image or a text" if self._selection.unpaired else "both an image and a text"
            raise DataError(f"no study of {self._corpus.name!r} has {need}: {self._reasons()}")
        # The shards' order depends on how many workers wrote them; training must not.
        self._kept.order(sorted(range(len(rows)), key=lambda number: rows[number][0]))
        rows.sort(key=itemgetter(0))
        files = [file for _, ours, _, _ in rows for file in ours]
        # Arrow columns hold strings without a Python object each: small, and not copied into worker processes.
        self.ids = pa.array([study for study, _, _, _ in rows])
        """Study id of every row."""
        self._paths = pa.array([path for path, _, _ in files])
        self._frames = np.array([frame for _, frame, _ in files], dtype=np.int64)
        self._units = pa.array([units for _, _, units in files]).dictionary_encode()
        self._ends = np.cumsum([0, *(len(ours) for _, ours, _, _ in rows)], dtype=np.int64)
        self._sentences = pa.array([said for _, _, said, _ in rows], type=pa.list_(pa.string()))
        self._alternative = np.array([alternative for _, _, _, alternative in rows])
        return eight_bits

    def _reasons(self) -> str:
        counts = ", ".join(f"{count} studies with {reason}" for reason, count in self.dropped.items())
        return counts or "it has no studies"

    def _image(self, draw: Draw, rng: np.random.Generator) -> tuple[np.ndarray, int]:
        """Return the image of the draw and its row, or those of a substitute where it cannot be read.

        A row without an image gives a black one.
        """
        row = draw.row
        if self._ends[row] == self._ends[row + 1]:
            return np.zeros(self._processor.shape, np.float32), row
        for _ in range(_SUBSTITUTES):
            first, last = int(self._ends[row]), int(self._ends[row + 1])
            drawn = draw.epoch != _EVALUATION and self._selection.draw_images and last - first > 1
            number = int(rng.integers(first, last)) if drawn else first
            image = self._pixels(number, row)
            if image is not None:
                return image, row
            row = int(np.searchsorted(self._ends, int(rng.integers(self.num_images)), side="right")) - 1
        raise DataError(f"study {self.ids[draw.row].as_py()!r}: its image and {_SUBSTITUTES} others cannot be read")

    def _pixels(self, number: int, row: int) -> np.ndarray | None:
        """Return the processed image with this number, from the cache or the file; None where it cannot be read."""
        if self.cache.is_unreadable(number):
            return None
        kept = self.cache.get(number)
        if kept is not None:
            return kept
        path = self._paths[number].as_py()
        frame = int(self._frames[number])
        try:
            pixels = read(self._corpus.path(path), frame=None if frame == _EVALUATION else frame)
            meant = pixels.meant_as(self._units[number].as_py())
            return self.cache.put(number, self._processor(meant))
        except DataError as error:
            self._note_unreadable(number, row, path, error)
            return None

    def _note_unreadable(self, number: int, row: int, path: str, error: DataError) -> None:
        entry = {"study": self.ids[row].as_py(), "image": path, "reason": str(error)}
        with self._log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry, ensure_ascii=False) + "\n")
        count = self.cache.mark_unreadable(number)
        if count > self._unreadable_share * len(self._paths):
            raise DataError(
                f"{count} of {len(self._paths)} images cannot be read, more than the share of "
                f"{self._unreadable_share:g} that data.unreadable_share allows; the last was that of study "
                f"{entry['study']!r}: {error}. All are listed in {self._log}"
            ) from error


@dataclass
class PairBatches:
    """Draws of an epoch in batches, for one of several processes; only whole batches.

    The order follows from seed and epoch. Process `rank` of `world` gets its part of every batch, so that the parts
    of all processes together are the batch that one process would get.
    """

    num_rows: int
    batch: int
    """Rows of a batch over all processes."""
    seed: int = 0
    rank: int = 0
    world: int = 1
    epoch: int = 0

    def __post_init__(self) -> None:
        if self.batch % self.world:
            raise DataError(
                f"a batch of {self.batch} cannot be shared by {self.world} processes; use a multiple of it"
            )
        if self.num_rows < self.batch:
            raise DataError(
                f"{self.num_rows} training pairs are fewer than one batch of {self.batch}; lower optimisation.batch"
            )

    @property
    def batch_size(self) -> int:
        """Rows that this process gets of every batch."""
        return self.batch // self.world

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose draws come next."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.num_rows // self.batch

    def __iter__(self) -> Iterator[list[Draw]]:
        epoch = self.epoch
        order = np.random.default_rng((self.seed, epoch)).permutation(self.num_rows)
        for number in range(len(self)):
            start = number * self.batch + self.rank * self.batch_size
            yield [Draw(epoch, int(row)) for row in order[start : start + self.batch_size]]


def _key(corpus: Corpus, ids: Any, processor: ImageProcessor, selection: Selection) -> str:
    """Name of the cache files: another data set or another processing never meets the same files."""
    digest = hashlib.sha256(repr((corpus.content_hash, processor, selection)).encode())
    for buffer in ids.buffers()[1:]:
        digest.update(buffer)
    return digest.hexdigest()[:16]
