"""Models on disk: back as they were, or refused."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from vesalius.data.transforms import ImageProcessor
from vesalius.errors import CheckpointError
from vesalius.methods.convirt import ConVIRTConfig, build
from vesalius.models.dual import DualEncoder
from vesalius.models.settings import DualEncoderConfig
from vesalius.models.text.tokenizer import train_tokenizer
from vesalius.training.checkpoint import find_model, load_model, save_model, written_whole
from vesalius.training.safety import require_plain

SMALL = DualEncoderConfig(width=16, depth=1, heads=2, image_size=16, patch=8, projection_dim=8, vocabulary=60)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    method = build(ConVIRTConfig(image_weight=0.6), DualEncoder.build(SMALL))
    tokenizer = train_tokenizer(["The heart is normal.", "No effusion."], vocabulary=60)
    processor = ImageProcessor(size=16, mean=0.4)
    save_model(tmp_path / "best", method=method, tokenizer=tokenizer, processor=processor, info={"step": 7})
    return tmp_path / "best"


def test_a_model_comes_back_as_it_was(folder: Path) -> None:
    loaded = load_model(folder)
    torch.manual_seed(0)
    wanted = build(ConVIRTConfig(image_weight=0.6), DualEncoder.build(SMALL)).state_dict()
    got = loaded.method.state_dict()
    assert wanted.keys() == got.keys()
    assert all(torch.equal(wanted[name], got[name]) for name in wanted)
    assert loaded.method.settings == ConVIRTConfig(image_weight=0.6)
    assert loaded.processor == ImageProcessor(size=16, mean=0.4)
    assert loaded.info["step"] == 7
    assert loaded.info["method"] == "convirt"
    assert not loaded.method.training
    assert loaded.tokenizer("The heart").input_ids


def test_a_run_gives_its_best_and_else_its_last(folder: Path) -> None:
    assert find_model(folder.parent) == folder
    folder.rename(folder.with_name("last"))
    assert find_model(folder.parent) == folder.with_name("last")
    with pytest.raises(CheckpointError, match="is no model of ours"):
        find_model(folder / "nowhere")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def changed(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))


def to_pickle(path: Path) -> None:
    path.unlink()
    path.with_name("pytorch_model.bin").write_bytes(pickle.dumps({}))


def another_model(path: Path) -> None:
    settings = json.loads(path.read_text(encoding="utf-8"))
    settings["settings"]["width"] = 32
    path.write_text(json.dumps(settings), encoding="utf-8")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("name", "harm", "message"),
    [
        ("model.safetensors", cut, "bytes, written were"),
        ("model.safetensors", changed, "has changed since it was written"),
        ("model.safetensors", Path.unlink, "has no model.safetensors"),
        ("model.safetensors", to_pickle, "is a pickle, which can run any code"),
        ("config.json", cut, "cannot be read"),
        ("config.json", another_model, "does not fit|cannot be read"),
        ("processor.json", cut, "processor.json is not readable JSON"),
        ("processor.json", Path.unlink, "processor.json is missing"),
        ("vesalius.json", cut, "vesalius.json is not readable JSON"),
        ("files.json", Path.unlink, "files.json is missing"),
        ("tokenizer.json", cut, "tokenizer cannot be read"),
    ],
)
def test_damage_is_named(folder: Path, name: str, harm: Callable[[Path], Any], message: str) -> None:
    harm(folder / name)
    with pytest.raises(CheckpointError, match=message):
        load_model(folder)


def test_a_folder_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    place = tmp_path / "best"
    place.mkdir()
    (place / "old").touch()

    def fail() -> None:
        with written_whole(place) as scratch:
            (scratch / "new").touch()
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        fail()
    assert [path.name for path in tmp_path.iterdir()] == ["best"]
    assert [path.name for path in place.iterdir()] == ["old"]
    with written_whole(place) as scratch:
        (scratch / "new").touch()
    assert [path.name for path in place.iterdir()] == ["new"]


class _Harmful:
    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("harm-was-done"),))


def test_the_index_of_a_distributed_checkpoint_is_read_as_an_index_only(tmp_path: Path) -> None:
    (tmp_path / "optimizer_0").mkdir()
    (tmp_path / "optimizer_0" / ".metadata").write_bytes(pickle.dumps(_Harmful()))
    with pytest.raises(CheckpointError, match=r"\.metadata is refused: it asks for pathlib"):
        require_plain(tmp_path)
    assert not Path("harm-was-done").exists()
