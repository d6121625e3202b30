"""Blocks on disk: made once, found again, mended when broken; texts and images of a study."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vesalius.data.records import Image, Study, Text
from vesalius.inference.encode import REPORT_ROLES, BlockStore, Encoder, report_text
from vesalius.inference.predictor import open_predictor


def study(*texts: tuple[str, str, str], views: tuple[str, ...] = ("LATERAL",)) -> Study:
    images = tuple(Image(id=f"i{row}", path=f"{row}.png", modality="DX", view=view) for row, view in enumerate(views))
    written = tuple(Text(text=text, role=role, language=language) for text, role, language in texts)  # type: ignore[arg-type]
    return Study(id="s", patient="p", images=images, texts=written)


@pytest.mark.parametrize(
    ("texts", "roles", "expected"),
    [
        ([("B.", "impression", "en"), ("A.", "findings", "en")], REPORT_ROLES, "A. B."),  # in the order of the roles
        ([("Cough.", "indication", "en")], REPORT_ROLES, ""),  # why it was taken is not what it shows
        ([("Cough.", "indication", "en")], ("indication",), "Cough."),
        ([("Herz normal.", "findings", "de")], REPORT_ROLES, "Herz normal."),  # the only language
        ([("Herz normal.", "findings", "de"), ("Normal.", "impression", "en")], REPORT_ROLES, "Normal."),
        ([("  ", "findings", "en")], REPORT_ROLES, ""),
    ],
)
def test_the_text_of_a_study(texts: list[tuple[str, str, str]], roles: tuple[str, ...], expected: str) -> None:
    assert report_text(study(*texts), roles) == expected


@pytest.mark.parametrize(
    ("views", "expected"), [(("LATERAL", "PA"), "i1"), (("LATERAL", "LATERAL"), "i0"), (("AP", "PA"), "i0")]
)
def test_the_image_of_a_study_is_its_first_frontal_one(views: tuple[str, ...], expected: str) -> None:
    assert study(views=views).main_image.id == expected


def test_a_block_is_made_once_and_again_when_it_is_broken(tmp_path: Path) -> None:
    made = []

    def make() -> dict[str, np.ndarray]:
        made.append(1)
        return {"joint": np.arange(6, dtype=np.float32).reshape(2, 3)}

    first = BlockStore(tmp_path).get("a", make)
    again = BlockStore(tmp_path).get("a", make)
    np.testing.assert_array_equal(first["joint"], again["joint"])
    assert len(made) == 1
    path = tmp_path / "a.safetensors"
    path.write_bytes(path.read_bytes()[:20])  # as a full disk leaves it
    np.testing.assert_array_equal(BlockStore(tmp_path).get("a", make)["joint"], first["joint"])
    assert len(made) == 2
    BlockStore(tmp_path, reuse=False).get("a", make)
    assert len(made) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["a.safetensors"]


def test_each_text_is_encoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = open_predictor("control:random")
    asked: list[str] = []
    embed = model.embed_text
    monkeypatch.setattr(model, "embed_text", lambda texts: asked.extend(texts) or embed(texts))
    encoder = Encoder(predictor=model, store=BlockStore(tmp_path))
    texts = ["normal", "pneumothorax", "normal"] * 50
    rows = encoder.texts(texts)
    assert asked == ["normal", "pneumothorax"]
    np.testing.assert_array_equal(rows, embed(texts))
    encoder.texts(texts)
    assert asked == ["normal", "pneumothorax"]
