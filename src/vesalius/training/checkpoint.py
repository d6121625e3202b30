"""Checkpoints: written whole or not at all, and refused when they are damaged, pickled or of another model."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from vesalius import __version__, registry
from vesalius.config import validate
from vesalius.data.transforms import ImageProcessor
from vesalius.errors import CheckpointError
from vesalius.training.safety import require_plain

if TYPE_CHECKING:
    from torch import Tensor, nn

    from vesalius.methods.base import Method, TrainedMethod

__all__ = [
    "CARD",
    "LoadedModel",
    "TrainedOn",
    "find_model",
    "latest_state",
    "load_model",
    "load_own",
    "load_pretrained",
    "load_tokenizer",
    "read_card",
    "save_model",
    "seal",
    "verify",
    "written_whole",
]

CARD = "vesalius.json"
"""File that makes a Hugging Face folder one of ours: method, settings, version, data."""

_SEAL = "files.json"
_METHOD_WEIGHTS = "method.safetensors"
_SEALED = (".safetensors", ".pt", ".pth", ".distcp")
_SEALED_NAMES = (".metadata",)
_PICKLED = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt")


class Processor(Protocol):
    """What brings images to a model, and says how."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""


@dataclass(frozen=True, kw_only=True)
class TrainedOn:
    """What a model has seen, so that a test on it is noticed."""

    corpus: str
    content_hash: str
    split: str
    num_pairs: int = 0
    virtual: bool = False


@dataclass(frozen=True, kw_only=True)
class LoadedModel:
    """A trained model with all that is needed to use it."""

    folder: Path
    method: Method
    tokenizer: Any
    processor: ImageProcessor
    info: Mapping[str, Any] = field(default_factory=dict)
    """The content of `vesalius.json`."""


@contextmanager
def written_whole(folder: Path) -> Iterator[Path]:
    """Give a folder to write into, and put it in the place of `folder` when the block ends without an error.

    A reader sees the old folder or the new one, never a half; after a crash the old one is still there.
    """
    scratch = folder.with_name(f".{folder.name}.writing")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    try:
        yield scratch
        publish(scratch, folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def publish(scratch: Path, folder: Path) -> None:
    """Flush the files of `scratch` to disk and rename it to `folder`, in place of what was there."""
    for path in sorted(scratch.rglob("*")):
        _flush(path)
    _flush(scratch)
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    scratch.rename(folder)
    _flush(folder.parent)
    shutil.rmtree(old, ignore_errors=True)


def restore_interrupted(folder: Path) -> None:
    """Finish or undo a `publish` that a crash cut short, for everything inside `folder`."""
    for old in folder.glob(".*.old"):
        place = folder / old.name.removeprefix(".").removesuffix(".old")
        if place.exists():
            shutil.rmtree(old)
        else:
            old.rename(place)
    for scratch in folder.glob(".*.writing"):
        shutil.rmtree(scratch)


def seal(folder: Path) -> None:
    """Write the size and SHA-256 of every file that `verify` will check."""
    files = {
        path.relative_to(folder).as_posix(): {"bytes": path.stat().st_size, "sha256": _sha256(path)}
        for path in sorted(folder.rglob("*"))
        if path.is_file() and (path.suffix in _SEALED or path.name in _SEALED_NAMES)
    }
    (folder / _SEAL).write_text(json.dumps(files, indent=1), encoding="utf-8")


def verify(folder: Path) -> None:
    """Check a sealed folder against its seal.

    Raises:
        CheckpointError: names the first file that is missing, cut short or changed.
    """
    for name, expected in _read_json(folder / _SEAL).items():
        path = folder / name
        if not path.is_file():
            raise CheckpointError(f"checkpoint {folder}: {name} is missing; copy the folder again or use another")
        size = path.stat().st_size
        if size != expected["bytes"]:
            raise CheckpointError(f"checkpoint {folder}: {name} has {size} bytes, written were {expected['bytes']}")
        if _sha256(path) != expected["sha256"]:
            raise CheckpointError(f"checkpoint {folder}: {name} has changed since it was written (SHA-256 differs)")


def verify_state(folder: Path) -> None:
    """Check a checkpoint to resume from: its seal, and that its pickles hold nothing but tensors and plain values.

    Raises:
        CheckpointError: names the file that is missing, damaged or refused.
    """
    verify(folder)
    require_plain(folder)


def latest_state(run: Path) -> Path:
    """Return the newest checkpoint of a run that training can resume from.

    Raises:
        CheckpointError: there is none.
    """
    found = [path for path in run.glob("checkpoint-*") if path.name.removeprefix("checkpoint-").isdigit()]
    if not found:
        raise CheckpointError(
            f"{run} holds no checkpoint to resume from; start without --resume and with a new --out"
        )
    return max(found, key=lambda path: int(path.name.removeprefix("checkpoint-")))


def find_model(path: Path) -> Path:
    """Return the model folder of a run (`best`, or else `last`), or the folder itself where it holds a model.

    Raises:
        CheckpointError: there is no model of ours.
    """
    for folder in (path, path / "best", path / "last"):
        if (folder / CARD).is_file():
            return folder
    raise CheckpointError(f"{path} is no model of ours: neither it nor its best/ or last/ holds {CARD}")


def save_model(
    folder: Path,
    *,
    method: TrainedMethod,
    tokenizer: Any,
    processor: Processor,
    info: Mapping[str, Any],
    weights: Mapping[str, Tensor] | None = None,
) -> None:
    """Write a model in Hugging Face form with our card, whole or not at all.

    Args:
        folder: where it goes; what was there is replaced.
        method: its `model` goes to `config.json` and `model.safetensors`, its own weights to `method.safetensors`.
        tokenizer: of transformers.
        processor: goes to `processor.json`.
        info: added to the card, such as step, scores and `trained_on`.
        weights: state dict of the method to write instead of the one in memory, such as gathered shards.
    """
    from safetensors.torch import save_file

    state = {name: value.detach() for name, value in (weights or method.state_dict()).items()}
    of_model = {name.removeprefix("model."): value for name, value in state.items() if name.startswith("model.")}
    own = {name: value.contiguous() for name, value in state.items() if not name.startswith("model.")}
    card = {
        "method": registry.name_of(type(method)),
        "settings": asdict(method.settings),
        "version": __version__,
        "capabilities": sorted(method.capabilities),
        **info,
    }
    with written_whole(folder) as scratch:
        with _no_bars():
            method.model.save_pretrained(scratch, state_dict=of_model)
        if own:
            save_file(own, scratch / _METHOD_WEIGHTS)
        tokenizer.save_pretrained(scratch)
        _write_json(scratch / "processor.json", processor.to_dict())
        _write_json(scratch / CARD, card)
        seal(scratch)


def load_model(path: str | Path) -> LoadedModel:
    """Load a model of ours from a run or a model folder, offline.

    Raises:
        CheckpointError: it is missing, cut short, changed, pickled, or does not fit the code.
    """
    from vesalius.models.dual import DualEncoder

    folder = find_model(Path(path))
    card = read_card(folder)
    module = registry.load("vesalius.methods", str(card.get("method")))
    settings = validate(module.SETTINGS, card.get("settings", {}), where=str(folder / CARD))
    processor = ImageProcessor.from_dict(_read_json(folder / "processor.json"), where=str(folder / "processor.json"))
    method: Method = module.build(settings, load_pretrained(folder, DualEncoder))
    load_own(method, folder)
    tokenizer = load_tokenizer(folder)
    method.prepare(tokenizer)
    return LoadedModel(folder=folder, method=method.eval(), tokenizer=tokenizer, processor=processor, info=card)


def read_card(folder: Path) -> dict[str, Any]:
    """Return our card of a model folder whose files are whole and hold no pickle.

    Raises:
        CheckpointError: names the file that is missing, damaged or refused.
    """
    _refuse_pickles(folder)
    verify(folder)
    return _read_json(folder / CARD)


@contextmanager
def _no_bars() -> Iterator[None]:
    """Keep transformers from drawing a progress bar for every file."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def load_pretrained(folder: Path, kind: Any) -> Any:
    """Load a model of a class of ours from a folder, every weight in its place.

    Raises:
        CheckpointError: it cannot be read, or does not fit its configuration.
    """
    from safetensors import SafetensorError

    try:
        with _no_bars():
            model, report = kind.from_pretrained(
                folder, local_files_only=True, use_safetensors=True, output_loading_info=True
            )
    except (OSError, SafetensorError, RuntimeError, KeyError, ValueError) as error:
        raise CheckpointError(f"checkpoint {folder} cannot be read: {str(error).splitlines()[0]}") from error
    wrong = {
        name: sorted(map(str, report.get(name) or ()))
        for name in ("missing_keys", "mismatched_keys", "unexpected_keys")
    }
    if any(wrong.values()):
        listed = "; ".join(f"{name.replace('_', ' ')}: {keys[:5]}" for name, keys in wrong.items() if keys)
        raise CheckpointError(f"checkpoint {folder} does not fit the model of its config.json: {listed}")
    return model


def load_own(method: nn.Module, folder: Path) -> None:
    """Load what a method holds beside its model.

    Raises:
        CheckpointError: the file does not fit the method.
    """
    from safetensors.torch import load_file

    path = folder / _METHOD_WEIGHTS
    expected = {name for name in method.state_dict() if not name.startswith("model.")}
    weights = load_file(path) if path.is_file() else {}
    if set(weights) != expected:
        odd = sorted(set(weights) ^ expected)[:5]
        raise CheckpointError(f"checkpoint {folder}: {_METHOD_WEIGHTS} does not fit the method: {odd}")
    if weights:
        method.load_state_dict(weights, strict=False)


def load_tokenizer(folder: Path) -> Any:
    """Load the tokenizer of a model folder.

    Raises:
        CheckpointError: it cannot be read.
    """
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError) as error:
        raise CheckpointError(f"checkpoint {folder}: its tokenizer cannot be read: {error}") from error


def _refuse_pickles(folder: Path) -> None:
    if (folder / "model.safetensors").is_file() or (folder / "model.safetensors.index.json").is_file():
        return
    pickled = sorted(path.name for path in folder.iterdir() if path.suffix in _PICKLED)
    if pickled:
        raise CheckpointError(
            f"checkpoint {folder}: {pickled[0]} is a pickle, which can run any code when it is read, and is refused; "
            "convert it to model.safetensors where it can be trusted"
        )
    raise CheckpointError(f"checkpoint {folder} has no model.safetensors")


def _read_json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CheckpointError(f"checkpoint {path.parent}: {path.name} is missing") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise CheckpointError(f"checkpoint {path.parent}: {path.name} is not readable JSON: {error}") from None
    if not isinstance(values, dict):
        raise CheckpointError(f"checkpoint {path.parent}: {path.name} holds {type(values).__name__}, expected keys")
    return values


def _write_json(path: Path, values: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _flush(path: Path) -> None:
    """Ask the system to write a file or folder to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
