"""Which pickles may be read: those that hold tensors and plain values, checked before anything else reads them.

The Trainer keeps optimiser, schedule and random states as torch pickles, and torch's distributed checkpoints have a
pickled index and may have pickled values inside; a pickle made by someone else can run any code when it is read.
"""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

from vesalius.errors import CheckpointError

__all__ = ["require_plain"]

_REFUSED = (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, AttributeError, ImportError)
_INDEX_NAMES = {
    ("pathlib", "PosixPath"),
    ("torch", "Size"),
    ("torch.serialization", "_get_layout"),
    ("torch.distributed.checkpoint.filesystem", "_StorageInfo"),
    ("torch.distributed.checkpoint.metadata", "BytesStorageMetadata"),
    ("torch.distributed.checkpoint.metadata", "ChunkStorageMetadata"),
    ("torch.distributed.checkpoint.metadata", "Metadata"),
    ("torch.distributed.checkpoint.metadata", "MetadataIndex"),
    ("torch.distributed.checkpoint.metadata", "StorageMeta"),
    ("torch.distributed.checkpoint.metadata", "TensorProperties"),
    ("torch.distributed.checkpoint.metadata", "TensorStorageMetadata"),
    ("torch.distributed.checkpoint.metadata", "_MEM_FORMAT_ENCODING"),
}
"""All that the index of a distributed checkpoint is made of, beside dtypes."""


def require_plain(folder: Path) -> None:
    """Check every pickle of a checkpoint.

    Raises:
        CheckpointError: one holds something else than tensors and plain values, or is cut short.
    """
    for path in sorted([*folder.glob("*.pt"), *folder.glob("*.pth"), *folder.glob("*.bin")]):
        _require_weights_only(path.open("rb"), f"checkpoint {folder}: {path.name}")
    for index in sorted(folder.glob("*/.metadata")):
        _require_plain_shards(index, f"checkpoint {folder}: {index.parent.name}")


def _require_weights_only(file: Any, where: str) -> None:
    import torch
    from transformers.trainer_pt_utils import safe_globals

    try:
        with file, safe_globals():
            torch.load(file, map_location="cpu", weights_only=True)
    except _REFUSED as error:
        raise CheckpointError(
            f"{where} is refused, it cannot be read as tensors and plain values alone: {str(error).splitlines()[0]}"
        ) from None


def _require_plain_shards(index: Path, where: str) -> None:
    try:
        with index.open("rb") as file:
            metadata = _IndexUnpickler(file).load()
    except _REFUSED as error:
        raise CheckpointError(f"{where}/.metadata is refused: {str(error).splitlines()[0]}") from None
    for key, place in metadata.storage_data.items():
        if type(metadata.state_dict_metadata.get(key.fqn)).__name__ != "BytesStorageMetadata":
            continue
        with (index.parent / place.relative_path).open("rb") as shard:
            shard.seek(place.offset)
            value = io.BytesIO(shard.read(place.length))
        _require_weights_only(value, f"{where}: {key.fqn}")


class _IndexUnpickler(pickle.Unpickler):
    """Reads the index of a distributed checkpoint and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        import torch

        dtype = module == "torch" and isinstance(getattr(torch, name, None), torch.dtype)
        if not dtype and (module, name) not in _INDEX_NAMES:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return super().find_class(module, name)
