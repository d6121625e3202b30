"""Worse sides that see destroyed pictures: lesions of a study, attention, whole pictures, what is left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from curation_studies import Folder, mask_region, study
from PIL import Image as Raster

from vesalius.curation.base import Dropped
from vesalius.curation.preferences.base import PairTally, counted
from vesalius.curation.preferences.lesion_noise import NoiseConfig
from vesalius.curation.preferences.noised_pictures import (
    NO_PICTURE,
    NO_REGION,
    NoisedPictureConfig,
    noised_pair,
    region_mask,
)
from vesalius.data import readers
from vesalius.data.conversations.records import Conversation
from vesalius.data.corpus import Corpus
from vesalius.data.messages import Media, Message
from vesalius.data.records import Box, Region


def asked(*media: Media, name: str = "c") -> Conversation:
    turns = (Message(role="user", parts=(*media, "Report.")), Message(role="assistant", parts=("An effusion.",)))
    return Conversation(id=name, messages=turns, patient="p")


@pytest.fixture
def nodule(folder: Folder):
    """A grey picture with a mask on rows 3 to 5 and columns 4 to 7, and a box of another finding."""
    rng = np.random.default_rng(0)
    folder.put("a.png", rng.integers(60, 200, (20, 30)).astype(np.uint8))
    mask = np.zeros((20, 30), np.uint8)
    mask[3:6, 4:8] = 1
    folder.put("m.png", mask)
    box = Region(image="i", kind="box", box=Box(10.0, 12.0, 14.0, 15.0), concept="cardiomegaly")
    return study("s", path="a.png", shape=(20, 30), regions=(mask_region("m.png"), box))


def pixels(media: Media) -> np.ndarray:
    return readers.read(media.path).array


def test_only_the_lesion_is_destroyed(nodule, folder: Folder, tmp_path: Path) -> None:
    picture = Media(path=str(folder.path("a.png")))
    settings = NoisedPictureConfig(concepts=("lung_nodule",))
    pair = noised_pair(asked(picture), tmp_path / "noised", study=nodule, files=folder, settings=settings)
    assert isinstance(pair, Conversation)
    assert (pair.rejected, pair.answers[-1], pair.side("rejected").answers[-1]) == (
        "",
        "An effusion.",
        "An effusion.",
    )
    before, after = pixels(picture), pixels(pair.rejected_media[0])
    mask = region_mask(nodule, nodule.images[0], folder, concepts=("lung_nodule",))
    assert int(mask.sum()) == 12
    assert np.array_equal(before[~mask], after[~mask])
    assert (after[mask] < 60).all()
    again = noised_pair(asked(picture), tmp_path / "again", study=nodule, files=folder, settings=settings)
    assert isinstance(again, Conversation)
    assert np.array_equal(pixels(again.rejected_media[0]), after)


def test_masks_and_boxes_together(nodule, folder: Folder) -> None:
    # 3 × 4 of the mask and 4 × 3 of the box.
    assert int(region_mask(nodule, nodule.images[0], folder).sum()) == 24


def test_whole_pictures_and_attention(nodule, folder: Folder, tmp_path: Path) -> None:
    picture = Media(path=str(folder.path("a.png")))
    whole = NoisedPictureConfig(region="whole", noise=NoiseConfig(kind="added", sd=10.0))
    pair = noised_pair(asked(picture), tmp_path / "w", study=nodule, files=folder, settings=whole)
    assert isinstance(pair, Conversation)
    assert np.isin(pixels(pair.rejected_media[0]), (0, 255)).mean() > 0.9
    attention = np.zeros((14, 14))
    attention[:, 7:] = 1
    look = NoisedPictureConfig(region="attention")
    pair = noised_pair(
        asked(picture), tmp_path / "a", study=nodule, files=folder, settings=look, attention=lambda media: attention
    )
    assert isinstance(pair, Conversation)
    after = pixels(pair.rejected_media[0])
    assert np.array_equal(after[:, :6], pixels(picture)[:, :6])
    assert (after[:, 15:] < 60).all()
    level = noised_pair(
        asked(picture), tmp_path / "l", study=nodule, files=folder, settings=look,
        attention=lambda media: np.ones((14, 14)),
    )  # fmt: skip
    assert level == Dropped(NO_REGION, "c")


def test_what_gives_no_pair_and_writes_nothing(nodule, folder: Folder, tmp_path: Path) -> None:
    out = tmp_path / "none"
    plain = Media(path=str(folder.path("a.png")))
    none = study("n", path="a.png", shape=(20, 30))
    assert noised_pair(asked(plain), out, study=none, files=folder) == Dropped(NO_REGION, "c")
    clip = Media(path=str(folder.path("a.png")), kind="video")
    assert noised_pair(asked(clip), out, study=nodule, files=folder) == Dropped(NO_PICTURE, "c")
    edited = plain.edited("blank")
    assert noised_pair(asked(edited), out, study=nodule, files=folder) == Dropped(NO_PICTURE, "c")
    small = NoisedPictureConfig(largest_share=0.01)
    assert noised_pair(asked(plain), out, study=nodule, files=folder, settings=small) == Dropped(NO_REGION, "c")
    assert not out.exists()


def test_of_several_pictures_those_with_a_lesion_change(nodule, folder: Folder, tmp_path: Path) -> None:
    Raster.fromarray(np.full((9, 9), 77, np.uint8)).save(folder.path("b.png"))
    first, second = (Media(path=str(folder.path(name))) for name in ("a.png", "b.png"))
    pair = noised_pair(asked(second, first), tmp_path / "x", study=nodule, files=folder)
    assert isinstance(pair, Conversation)
    assert pair.rejected_media[0] == second
    assert pair.rejected_media[1].path != first.path


def test_virtual_patients(chest: Corpus, tmp_path: Path) -> None:
    tally = PairTally()
    studies = list(chest)

    def outcome(study):
        picture = Media(path=str(chest.path(study.main_image.path)))
        return noised_pair(asked(picture, name=study.id), tmp_path, study=study, files=chest)

    pairs = list(counted(map(outcome, studies), tally))
    marked = [study for study in studies if any(region.concept for region in study.regions)]
    assert tally.made > 3
    assert tally.made + tally.dropped[NO_REGION] == len(studies)
    assert tally.made <= len(marked)
    for pair in pairs:
        study = next(study for study in studies if study.id == pair.id)
        before, after = pixels(pair.media[0]), pixels(pair.rejected_media[0])
        mask = region_mask(study, study.main_image, chest)
        assert np.array_equal(before[~mask], after[~mask])
        assert study.id not in pair.rejected_media[0].path
