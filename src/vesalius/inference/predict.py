"""Use a model on images or a corpus without any truth: scores of sentences and findings, and maps of where.

Letters: N images, T sentences, C findings.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vesalius.errors import ConfigError, DataError
from vesalius.inference.overlay import heat_map, picture, sees_padded
from vesalius.inference.predictor import Predictor, open_predictor
from vesalius.tasks.prompts import PromptSet, load_prompts
from vesalius.tasks.zero_shot import prompt_scores

if TYPE_CHECKING:
    from vesalius.data.readers import Pixels

__all__ = ["Answer", "Predictions", "predict"]

_BLOCK = 32


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a model says of one image and one sentence or finding."""

    image: str
    """Path of the image, or id of the study."""
    label: str
    """The finding, or the sentence itself."""
    kind: str
    """"label" (prompts for and against) or "text" (the sentence alone)."""
    score: float
    """Cosine to the sentence; for a finding cosine to the prompts for it minus to those against it. Logits that they
    match in the place of cosines, where a model reads image and text together and embeds no text."""
    probability: float | None
    """Of the finding against its denial, or of the sentence among all given; None for a single one. By matching: that
    the sentence is true of the image."""
    map: str = ""
    """File of the similarity map, where one was written."""


@dataclass(frozen=True, kw_only=True)
class Predictions:
    """All answers, and the files that were written."""

    model: Mapping[str, Any]
    answers: tuple[Answer, ...]
    files: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        rows = [asdict(answer) for answer in self.answers]
        return {"model": dict(self.model), "predictions": rows, "files": list(self.files)}


def predict(
    model: str | Path | Predictor,
    images: Sequence[str | Path],
    *,
    texts: Sequence[str] = (),
    labels: Sequence[str] = (),
    prompts: str = "convirt",
    out: str | Path | None = None,
) -> Predictions:
    """Score images against sentences and findings.

    Args:
        model: a spec as `open_predictor` reads it.
        images: image files, or one folder of a corpus.
        texts: sentences to compare with.
        labels: findings, told by prompts for and against each.
        prompts: name of the prompt set for `labels`.
        out: folder; of files it gets predictions.json and a map for each image and sentence (where the model
            can), of a corpus predictions.parquet.

    Raises:
        ConfigError: nothing is asked, or no image is named.
        DataError: an image cannot be read.
        CapabilityError: the model cannot embed images or texts.
    """
    if not texts and not labels:
        raise ConfigError(
            "nothing to predict: give a text, labels such as pneumothorax,pleural_effusion, or --ask a question"
        )
    if not images:
        raise ConfigError("no image is named")
    predictor = open_predictor(model)
    question = _Question(predictor=predictor, texts=tuple(texts), labels=tuple(labels), prompts=load_prompts(prompts))
    is_corpus = len(images) == 1 and (Path(images[0]) / "corpus.json").is_file()
    source = _corpus_images(Path(images[0])) if is_corpus else _file_images(images)
    folder = None if out is None else Path(out)
    maps = folder / "maps" if folder is not None and not is_corpus else None
    answers: list[Answer] = []
    for names, pixels in _blocks(source):
        found = question.ask(names, pixels)
        answers += question.with_maps(found, names, pixels, maps) if maps is not None else found
    if not answers:
        raise DataError(f"{images[0]} holds no image")
    files = _write(folder, predictor, answers, table=is_corpus) if folder is not None else ()
    return Predictions(model=dict(predictor.identity), answers=tuple(answers), files=files)


@dataclass(frozen=True, kw_only=True)
class _Question:
    predictor: Predictor
    texts: tuple[str, ...]
    labels: tuple[str, ...]
    prompts: PromptSet

    def ask(self, names: Sequence[str], pixels: Sequence[Pixels]) -> list[Answer]:
        if "embed_text" not in self.predictor.capabilities and "match" in self.predictor.capabilities:
            return list(self._matched(names, pixels))
        image = self.predictor.embed_image(pixels)
        return [*self._of_labels(names, image), *self._of_texts(names, image)]

    def _matched(self, names: Sequence[str], pixels: Sequence[Pixels]) -> Iterator[Answer]:
        """Answer by a model that reads image and text together and embeds no text."""
        for label in self.labels:
            stated, denied = self.prompts.positive(label), self.prompts.negative(label)
            apart = self.predictor.match(pixels, stated).mean(axis=1)
            if denied:
                apart = apart - self.predictor.match(pixels, denied).mean(axis=1)
            for name, score in zip(names, apart, strict=True):
                yield Answer(image=name, label=label, kind="label", score=float(score), probability=_logistic(score))
        if self.texts:
            logits = self.predictor.match(pixels, self.texts)
            for row, name in enumerate(names):
                for place, text in enumerate(self.texts):
                    score = float(logits[row, place])
                    yield Answer(image=name, label=text, kind="text", score=score, probability=_logistic(score))

    def with_maps(
        self, answers: Sequence[Answer], names: Sequence[str], pixels: Sequence[Pixels], folder: Path
    ) -> list[Answer]:
        """Write a map for each answer; a model that cannot is left without."""
        if "similarity_map" not in self.predictor.capabilities:
            return list(answers)
        return [self._with_map(answer, pixels[names.index(answer.image)], folder) for answer in answers]

    def _with_map(self, answer: Answer, pixels: Pixels, folder: Path) -> Answer:
        from PIL import Image

        sentence = answer.label if answer.kind == "text" else self.prompts.positive(answer.label)[0]
        shown = picture(pixels)
        mixed = heat_map(
            shown, self.predictor.similarity_map(pixels, sentence), padded=sees_padded(self.predictor.identity)
        )
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{_file_name(Path(answer.image).stem)}-{_file_name(answer.label)}.png"
        Image.fromarray((np.clip(mixed, 0, 1) * 255).round().astype(np.uint8)).save(path)
        return Answer(**{**asdict(answer), "map": str(path)})

    def _of_labels(self, names: Sequence[str], image: NDArray[np.float32]) -> Iterator[Answer]:
        for label in self.labels:
            stated, denied = self.prompts.positive(label), self.prompts.negative(label)
            against = self.predictor.embed_text(denied) if denied else np.empty((0, image.shape[1]), np.float32)
            found = prompt_scores(
                image,
                self.predictor.embed_text(stated),
                against,
                ensemble="embedding",
                temperature=self.predictor.temperature,
            )
            for name, score, probability in zip(names, found.score, found.probability, strict=True):
                stated_probability = float(probability) if np.isfinite(probability) else None
                yield Answer(
                    image=name, label=label, kind="label", score=float(score), probability=stated_probability
                )

    def _of_texts(self, names: Sequence[str], image: NDArray[np.float32]) -> Iterator[Answer]:
        if not self.texts:
            return
        cosine = image @ self.predictor.embed_text(self.texts).T
        scaled = np.exp((cosine - cosine.max(axis=1, keepdims=True)) / self.predictor.temperature)
        share = scaled / scaled.sum(axis=1, keepdims=True)
        for row, name in enumerate(names):
            for place, text in enumerate(self.texts):
                probability = float(share[row, place]) if len(self.texts) > 1 else None
                yield Answer(
                    image=name,
                    label=text,
                    kind="text",
                    score=float(cosine[row, place]),
                    probability=probability,
                )


def _logistic(logit: float) -> float:
    return float(np.exp(-np.logaddexp(0.0, -logit)))


def _file_images(paths: Sequence[str | Path]) -> Iterator[tuple[str, Pixels]]:
    from vesalius.data import readers

    for path in paths:
        yield str(path), readers.read(path)


def _corpus_images(root: Path) -> Iterator[tuple[str, Pixels]]:
    from vesalius.data.corpus import Corpus
    from vesalius.inference.encode import read_image

    corpus = Corpus.open(root)
    for study in corpus:
        if study.images:
            yield study.id, read_image(corpus, study.main_image, study=study.id)


def _blocks(source: Iterator[tuple[str, Pixels]]) -> Iterator[tuple[list[str], list[Pixels]]]:
    names: list[str] = []
    pixels: list[Pixels] = []
    for name, image in source:
        names.append(name)
        pixels.append(image)
        if len(names) == _BLOCK:
            yield names, pixels
            names, pixels = [], []
    if names:
        yield names, pixels


def _write(folder: Path, predictor: Predictor, answers: Sequence[Answer], *, table: bool) -> tuple[str, ...]:
    folder.mkdir(parents=True, exist_ok=True)
    if table:
        import pyarrow as pa
        import pyarrow.parquet as pq

        path = folder / "predictions.parquet"
        pq.write_table(pa.Table.from_pylist([asdict(answer) for answer in answers]), path, compression="zstd")
        return (str(path),)
    path = folder / "predictions.json"
    document = Predictions(model=dict(predictor.identity), answers=tuple(answers)).to_dict()
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return (str(path), *(answer.map for answer in answers if answer.map))


def _file_name(text: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in text)[:60].strip("-") or "map"
