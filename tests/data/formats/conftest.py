"""Small pictures on disk, and studies with them, for the tests of formats."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from vesalius.data.records import Dialogue, Finding, Image, Region, Study, Text, Turn
from vesalius.data.samples import Sample


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., Path]:
    """Function that writes a picture of (width, height) below `tmp_path`, its pixels from its name."""

    def make(name: str, size: tuple[int, int] = (20, 10), mode: str = "L") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        values = np.random.default_rng(sum(name.encode())).integers(0, 255, (size[1], size[0])).astype(np.uint8)
        Picture.fromarray(values).convert(mode).save(path)
        return path

    return make


@pytest.fixture
def samples(save: Callable[..., Path]) -> list[Sample]:
    """Return studies with a picture, a box, a question with options and a conversation, in two parts."""
    made = []
    for number in range(3):
        image = Image(
            id="view", path=str(save(f"source/{number}.png")), modality="DX", shape=(10, 20), units="display"
        )
        box = Region(image="view", kind="box", concept="lung_nodule", box=(2.0, 3.0, 8.0, 7.5))  # type: ignore[arg-type]
        first = Dialogue(
            id=f"q{number}", turns=(Turn(role="user", text="Is it there?", images=("view",)),), answer="yes",
            options=("yes", "no"), answer_type="choice", source="mine/presence", evidence=(0,),
        )  # fmt: skip
        talk = Dialogue(
            id=f"t{number}", answer="Left.", answer_type="open", language="en",
            turns=(Turn(role="system", text="Be brief."), Turn(role="user", text="What?", images=("view",)),
                   Turn(role="assistant", text="A nodule."), Turn(role="user", text="Where?")),
        )  # fmt: skip
        study = Study(
            id=f"study-{number}", patient=f"patient-{number}", images=(image,), regions=(box,),
            texts=(Text(text="A nodule.", role="caption", images=("view",)),), dialogues=(first, talk),
            findings=(Finding(concept="lung_nodule"),),
        )  # fmt: skip
        made.append(Sample(study, "test" if number == 2 else "train"))
    return made
