"""The source of a corpus with a family made for the test: balance by key, seeds, workers, and what it hands on."""

from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from vesalius.data.conversations.corpus import CorpusSource, Scene, Spot
from vesalius.data.conversations.records import Conversation
from vesalius.data.corpus import Corpus, from_studies
from vesalius.data.messages import Message
from vesalius.data.records import Image, Prior, Study
from vesalius.errors import DataError


@dataclass(frozen=True)
class Sexes:
    """Asks for the sex; as many of each as of the rarest."""

    name: str = "sexes"

    def spots(self, study: Study) -> Sequence[Spot]:
        return [Spot(0, "sex", study.sex)] if study.sex else [Spot(0), Spot(1)]

    def conversation(self, spot: Spot, scene: Scene) -> Conversation:
        drawn = int(scene.rng.integers(1_000_000))
        parts = (scene.media(scene.study.images[0], frame=spot.place), f"{spot.key} {drawn}")
        answer = spot.kind or f"free {spot.place}"
        messages = (Message(role="user", parts=parts), Message(role="assistant", parts=(answer,)))
        return Conversation(id=scene.name, messages=messages, patient=scene.study.patient)


def corpus(root: Path, sexes: str) -> Corpus:
    (root / "film.png").write_bytes(b"film")
    studies = [
        Study(
            id=f"s{number}", patient=f"p{number}", sex="" if sex == "-" else sex,  # type: ignore[arg-type]
            images=(Image(id="a", path="media/film.png", modality="CT", kind="volume"),),
            priors=(Prior(study=f"s{number - 1}", days_before=30),),
        )
        for number, sex in enumerate(sexes)
    ]  # fmt: skip
    return from_studies(studies, root / "corpus", name="hand", media={"media/film.png": root / "film.png"})


def test_kinds_of_a_key_are_even_and_the_rest_is_kept(tmp_path: Path) -> None:
    source = CorpusSource(corpus(tmp_path, "FFFFFFMM--"), [Sexes()])
    # Two women against two men, and two free questions of each of the last two.
    assert Counter(row.answers[0] for row in source) == {"F": 2, "M": 2, "free 0": 2, "free 1": 2}
    assert len(source) == 8
    taken = {tuple(source.conversation(row, epoch=epoch).id for row in range(8)) for epoch in range(6)}
    assert len(taken) > 1


def test_a_kind_without_its_opposite_is_not_asked(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nothing to ask for sexes"):
        CorpusSource(corpus(tmp_path, "FFF"), [Sexes()])


def test_rows_depend_on_seed_and_epoch_and_survive_a_worker(tmp_path: Path) -> None:
    whole = corpus(tmp_path, "FM-")
    source = CorpusSource(whole, [Sexes()], seed=3)
    first = [source.conversation(row, epoch=2) for row in range(len(source))]
    copy = pickle.loads(pickle.dumps(source))
    assert [copy.conversation(row, epoch=2) for row in range(len(source))] == first
    assert [CorpusSource(whole, [Sexes()], seed=4).conversation(row, epoch=2) for row in range(4)] != first
    assert [source.conversation(row, epoch=3) for row in range(4)] != first


def test_media_are_absolute_and_of_one_frame(tmp_path: Path) -> None:
    media = CorpusSource(corpus(tmp_path, "-"), [Sexes()])[1].media[0]
    assert Path(media.path).read_bytes() == b"film"
    assert (media.kind, media.frame) == ("volume", 1)


def test_an_earlier_study_outside_the_view_is_not_there(tmp_path: Path) -> None:
    whole = corpus(tmp_path, "FM")

    def earlier(view: Corpus) -> tuple[Study, float] | None:
        import numpy as np

        study = view.study("s1")
        return Scene(corpus=view, rng=np.random.default_rng(0), study=study, name="x").earlier()

    found = earlier(whole)
    assert found is not None
    assert (found[0].id, found[1]) == ("s0", 30)
    assert earlier(whole.filter(ids=["s1"])) is None
