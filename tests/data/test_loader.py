"""Pairs: what is drawn, what is left out, what is kept, and what happens when a file cannot be read."""

from __future__ import annotations

import multiprocessing
import pickle
from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from PIL import Image as PilImage

from vesalius.data.cache import PixelCache
from vesalius.data.collator import Collator
from vesalius.data.corpus import Corpus
from vesalius.data.loader import Draw, PairBatches, PairDataset, Selection
from vesalius.data.records import Image, Study, Text
from vesalius.data.transforms import ImageProcessor
from vesalius.data.writer import CorpusWriter
from vesalius.errors import DataError

PROCESSOR = ImageProcessor(size=8)


def png(level: int) -> bytes:
    file = BytesIO()
    PilImage.fromarray(np.full((8, 8), level, np.uint8)).save(file, "PNG")
    return file.getvalue()


def make_study(name: str, *, images: int = 1, text: str = "Heart normal. Lungs clear.", view: str = "PA") -> Study:
    return Study(
        id=name,
        patient=f"patient-{name}",
        images=tuple(
            Image(id=str(n), path=f"media/{name}-{n}.png", modality="DX", shape=(8, 8), units="display", view=view)
            for n in range(images)
        ),
        texts=(Text(text=text, role="findings"),) if text else (),
    )


def make_corpus(root: Path, studies: Sequence[Study]) -> Corpus:
    with CorpusWriter(root, name="pairs") as writer:
        for number, study in enumerate(studies):
            writer.add(study, media={image.path: png(10 * number) for image in study.images})
    return Corpus.open(root)


def make_dataset(
    root: Path, studies: Sequence[Study], *, selection: Selection | None = None, **more: Any
) -> PairDataset:
    corpus = make_corpus(root / "corpus", studies)
    return PairDataset(corpus, PROCESSOR, selection or Selection(), cache=root / "cache", **more)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Files that are decoded, in order."""
    from vesalius.data import loader

    seen: list[Path] = []
    original = loader.read

    def read(path: Path, **more: Any) -> Any:
        seen.append(path)
        return original(path, **more)

    monkeypatch.setattr(loader, "read", read)
    return seen


def test_studies_without_image_or_text_are_left_out_and_counted(tmp_path: Path) -> None:
    studies = [make_study("a"), make_study("b", images=0), make_study("c", text=""), make_study("d", view="LL")]
    dataset = make_dataset(tmp_path, studies, selection=Selection(views=("PA",)))
    assert dataset.ids.to_pylist() == ["a"]
    assert dataset.dropped == {"no fitting image": 2, "no text": 1}


def test_rows_stand_in_order_of_their_ids_however_the_corpus_was_written(tmp_path: Path) -> None:
    studies = [make_study(name, text=f"Study {name}.") for name in ("c", "a", "b")]
    one = make_dataset(tmp_path / "one", studies)
    other = make_dataset(tmp_path / "other", studies[::-1])
    assert one.ids.to_pylist() == other.ids.to_pylist() == ["a", "b", "c"]
    assert list(one.texts()) == list(other.texts()) == ["Study a.", "Study b.", "Study c."]


def test_a_corpus_without_a_pair_says_why(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="1 studies with no text"):
        make_dataset(tmp_path, [make_study("a", text="")])


def test_roles_come_in_the_order_asked_for_and_as_sentences(tmp_path: Path) -> None:
    texts = (Text(text="Second. Third.", role="impression"), Text(text="First.", role="findings"))
    study = Study(id="a", patient="p", images=make_study("a").images, texts=texts)
    dataset = make_dataset(tmp_path, [study])
    assert dataset.sentences(0) == ["First.", "Second.", "Third."]
    assert list(dataset.texts()) == ["First. Second. Third."]


def test_equal_draws_are_equal_samples_and_other_epochs_are_not(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path, [make_study("a"), make_study("b")])
    dataset.view = lambda image, rng: image + rng.normal(size=image.shape).astype(np.float32)
    dataset.words = lambda sentences, rng: sentences[int(rng.integers(len(sentences)))]
    first, again, later = dataset[Draw(3, 1)], dataset[Draw(3, 1)], dataset[Draw(4, 1)]
    assert np.array_equal(first.image, again.image)
    assert first.text == again.text
    assert not np.array_equal(first.image, later.image)
    texts = {dataset[Draw(epoch, 0)].text for epoch in range(20)}
    assert texts == {"Heart normal.", "Lungs clear."}


def test_evaluation_takes_the_whole_text_and_no_augmentation(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path, [make_study("a"), make_study("b")])
    dataset.view = lambda image, rng: image * 0
    sample = dataset[Draw(-1, 1)]
    assert sample.text == "Heart normal. Lungs clear."
    assert np.allclose(sample.image, 10 / 255)


def test_one_of_several_wordings_is_drawn_and_a_report_wins_over_them(tmp_path: Path) -> None:
    captions = tuple(Text(text=f"Wording {n}. It has two sentences.", role="caption") for n in range(3))
    studies = [replace(make_study("a", text=""), texts=captions), make_study("b"), make_study("c", text="")]
    studies[1] = replace(studies[1], texts=(*captions, *studies[1].texts))
    dataset = make_dataset(tmp_path, studies, selection=Selection(alternatives=("caption",)))
    assert len(dataset) == 2
    drawn = [dataset[Draw(epoch, 0)] for epoch in range(30)]
    assert {sample.text for sample in drawn} == {text.text for text in captions}
    assert all(sample.alternative for sample in drawn)
    assert dataset[Draw(-1, 0)].text == captions[0].text
    first = Selection(alternatives=("caption",), draw_wordings=False)
    always = PairDataset(Corpus.open(tmp_path / "corpus"), PROCESSOR, first, cache=tmp_path / "cache")
    assert {always[Draw(epoch, 0)].text for epoch in range(9)} == {captions[0].text}
    report = dataset[Draw(0, 1)]
    assert (report.text, report.alternative) == ("Heart normal. Lungs clear.", False)
    assert next(iter(dataset.texts())).count("Wording") == 3, "a tokenizer learns from all of them"


def test_one_of_several_images_is_drawn_in_training_and_the_first_in_evaluation(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    with CorpusWriter(corpus, name="pairs") as writer:
        writer.add(make_study("a", images=2), media={"media/a-0.png": png(0), "media/a-1.png": png(255)})
    dataset = PairDataset(Corpus.open(corpus), PROCESSOR, Selection(), cache=tmp_path)
    assert {float(dataset[Draw(epoch, 0)].image.mean()) for epoch in range(20)} == {0.0, 1.0}
    assert {float(dataset[Draw(-1, 0)].image.mean()) for _ in range(5)} == {0.0}
    first = PairDataset(Corpus.open(corpus), PROCESSOR, Selection(draw_images=False), cache=tmp_path)
    assert {float(first[Draw(epoch, 0)].image.mean()) for epoch in range(20)} == {0.0}


def test_every_image_is_decoded_once(tmp_path: Path, reads: list[Path]) -> None:
    dataset = make_dataset(tmp_path, [make_study(name) for name in "abcd"])
    for epoch in range(3):
        for row in range(4):
            dataset[Draw(epoch, row)]
    assert len(reads) == len(set(reads)) == 4
    assert dataset.cache.num_kept == 4


def test_images_beyond_the_bound_are_decoded_again_and_it_is_said(tmp_path: Path, reads: list[Path]) -> None:
    # Four images of 64 bytes, room for two.
    dataset = make_dataset(tmp_path, [make_study(name) for name in "abcd"], cache_bytes=130)
    values = [[float(dataset[Draw(epoch, row)].image.mean()) for row in range(4)] for epoch in range(2)]
    assert len(reads) == 6
    assert "2 of 4 images" in dataset.cache.note
    assert values[0] == values[1]


def test_another_process_finds_what_one_has_decoded(tmp_path: Path, reads: list[Path]) -> None:
    dataset = make_dataset(tmp_path, [make_study(name) for name in "ab"])
    process = multiprocessing.get_context("fork").Process(target=dataset.__getitem__, args=(Draw(0, 0),))
    process.start()
    process.join()
    assert process.exitcode == 0
    copy = pickle.loads(pickle.dumps(dataset))
    assert np.array_equal(copy[Draw(0, 0)].image, dataset[Draw(0, 0)].image)
    assert reads == []


def test_sixteen_bits_are_kept_where_the_file_has_them(tmp_path: Path) -> None:
    file = BytesIO()
    PilImage.fromarray(np.full((8, 8), 32769, np.uint16)).save(file, "PNG")
    image = Image(id="0", path="media/a.png", modality="DX", shape=(8, 8), units="stored")
    study = Study(id="a", patient="p", images=(image,), texts=(Text(text="Normal heart."),))
    with CorpusWriter(tmp_path / "corpus", name="deep") as writer:
        writer.add(study, media={"media/a.png": file.getvalue()})
    dataset = PairDataset(Corpus.open(tmp_path / "corpus"), PROCESSOR, Selection(), cache=tmp_path / "cache")
    cold, warm = dataset[Draw(0, 0)].image, dataset[Draw(0, 0)].image
    assert np.array_equal(cold, warm)
    assert dataset.cache.row_bytes == 128


def damage(dataset: PairDataset, *names: str) -> None:
    for name in names:
        dataset._corpus.path(f"media/{name}-0.png").write_bytes(b"not a picture")


def test_an_image_that_cannot_be_read_is_named_and_replaced(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path, [make_study(name) for name in "abcdefgh"], unreadable_share=0.2)
    damage(dataset, "c")
    sample = dataset[Draw(0, 2)]
    assert sample.row != 2
    assert np.array_equal(sample.image, dataset[Draw(0, 2)].image)
    assert [(entry["study"], entry["image"]) for entry in dataset.unreadable] == [("c", "media/c-0.png")]


def test_too_many_images_that_cannot_be_read_stop_the_run(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path, [make_study(name) for name in "abcdefgh"], unreadable_share=0.2)
    damage(dataset, "a", "b")
    dataset[Draw(0, 0)]
    with pytest.raises(DataError, match=r"2 of 8 images cannot be read.*study 'b'"):
        dataset[Draw(0, 1)]


@given(rows=st.integers(4, 40), per=st.integers(1, 3), world=st.integers(1, 3), epoch=st.integers(0, 3))
@hypothesis_settings(deadline=None)
def test_processes_share_every_batch_without_a_row_twice(rows: int, per: int, world: int, epoch: int) -> None:
    batch = min(per * world, rows // world * world)
    whole = PairBatches(num_rows=rows, batch=batch, seed=5)
    parts = [PairBatches(num_rows=rows, batch=batch, seed=5, rank=rank, world=world) for rank in range(world)]
    for sampler in (whole, *parts):
        sampler.set_epoch(epoch)
    drawn = [draw.row for draws in whole for draw in draws]
    assert len(drawn) == len(set(drawn)) == rows // batch * batch
    joined = [[draw for piece in pieces for draw in piece] for pieces in zip(*parts, strict=True)]
    assert joined == list(whole)


def test_epochs_have_other_orders_and_seeds_too() -> None:
    def order(seed: int, epoch: int) -> list[int]:
        return [draw.row for draws in PairBatches(num_rows=30, batch=5, seed=seed, epoch=epoch) for draw in draws]

    assert order(0, 0) == order(0, 0)
    assert order(0, 0) != order(0, 1)
    assert order(0, 0) != order(1, 0)


def test_batches_that_cannot_be() -> None:
    with pytest.raises(DataError, match="fewer than one batch"):
        PairBatches(num_rows=3, batch=4)
    with pytest.raises(DataError, match="cannot be shared by 2"):
        PairBatches(num_rows=30, batch=3, world=2)


def test_collator_normalises_cuts_and_pads(tmp_path: Path) -> None:
    from vesalius.models.text.tokenizer import train_tokenizer

    dataset = make_dataset(tmp_path, [make_study("a"), make_study("b", text="Lungs.")])
    tokenizer = train_tokenizer(dataset.texts(), vocabulary=100)
    batch = Collator(tokenizer, 4, PROCESSOR)([dataset[Draw(-1, 0)], dataset[Draw(-1, 1)]])
    assert batch["pixel_values"].shape == (2, 1, 8, 8)
    # Black is (0 - 0.5) / 0.25.
    assert float(batch["pixel_values"][0].mean()) == pytest.approx(-2.0)
    assert batch["input_ids"].shape[1] <= 4
    assert batch["attention_mask"][0].all()
    assert batch["index"].tolist() == [0, 1]


def test_a_full_disk_means_no_cache_and_a_word_about_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int, offset: int, size: int) -> None:
        if size > 100:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.posix_fallocate", full)
    cache = PixelCache(tmp_path, key="a", num_images=4, shape=(1, 8, 8), bits=8, bound_bytes=2**20)
    assert cache.slots == 0
    assert "No space left" in cache.note
    assert np.allclose(cache.put(0, np.full((1, 8, 8), 0.2, np.float32)), 0.2)
    assert cache.get(0) is None
