"""Processors of transformers' vision-language models: opened without a part for videos, and written back.

That part needs torchvision, which we do without: frames reach a model as pictures, so that nothing is lost with it.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import transformers

__all__ = ["open_processor"]

_VIDEOS = "video_processor"
_VIDEO_FILE = "video_preprocessor_config.json"
_OWN_FILES = ("processor_config.json", "preprocessor_config.json", "tokenizer_config.json")


def open_processor(name: str, *, config: Any = None, local: bool = False, revision: str = "main") -> Any:
    """Open tokenizer and image processor of a model as one.

    What it writes with `save_pretrained` is what transformers reads: the settings of the base's part for videos are
    kept as they are.

    Args:
        name: folder or hub id.
        config: of the model, where the folder of its processor does not say of which class that is.
        local: ask no hub.
        revision: of a hub id.

    Raises:
        OSError: a file is missing. ValueError: it is no processor of text and images.
    """
    from transformers import AutoProcessor

    kind = _kind(name, config, local=local, revision=revision)
    options = {"local_files_only": local, "backend": "pil", "revision": revision}
    if kind is None or _VIDEOS not in kind.get_attributes():
        return AutoProcessor.from_pretrained(name, **options)
    processor = _without_videos(kind).from_pretrained(name, **options)
    processor.videos_as_read = _video_settings(name, local=local, revision=revision)
    return processor


def _kind(name: str, config: Any, *, local: bool, revision: str) -> Any:
    """Return the class of a model's processor: by what its folder says, else by the model's configuration."""
    from transformers.models.auto.processing_auto import PROCESSOR_MAPPING
    from transformers.utils import cached_file

    for file in _OWN_FILES:
        path = cached_file(
            name, file, local_files_only=local, revision=revision, _raise_exceptions_for_missing_entries=False
        )
        values = json.loads(Path(path).read_text(encoding="utf-8")) if path else {}
        if values.get("processor_class") and hasattr(transformers, values["processor_class"]):
            return getattr(transformers, values["processor_class"])
    return None if config is None else PROCESSOR_MAPPING.get(type(config), None)


def _video_settings(name: str, *, local: bool, revision: str) -> str:
    """Return the file that says how the base reads videos, or nothing."""
    from transformers.utils import cached_file

    path = cached_file(
        name, _VIDEO_FILE, local_files_only=local, revision=revision, _raise_exceptions_for_missing_entries=False
    )
    return Path(path).read_text(encoding="utf-8") if path else ""


def _without_videos(kind: Any) -> Any:
    """Return a processor class under the same name whose part for videos is None."""

    def checked(self: Any, argument_name: str, argument: Any) -> Any:
        if argument_name == _VIDEOS and argument is None:
            return type(None)
        return kind.check_argument_for_proper_class(self, argument_name, argument)

    def parts(cls: Any, /, folder: Any, processor_dict: Any = None, **options: Any) -> list[Any]:
        found = iter(reader._get_arguments_from_pretrained(folder, processor_dict, **options))
        return [None if name == _VIDEOS else next(found) for name in kind.get_attributes()]

    def saved(self: Any, folder: Any, **options: Any) -> Any:
        lean = copy.copy(self)
        lean.__class__ = reader
        for name in (_VIDEOS, "videos_as_read"):
            del lean.__dict__[name]
        written = lean.save_pretrained(folder, **options)
        if self.videos_as_read:
            (Path(folder) / _VIDEO_FILE).write_text(self.videos_as_read, encoding="utf-8")
        return written

    others = [name for name in kind.get_attributes() if name != _VIDEOS]
    reader: Any = type(kind.__name__, (kind,), {"get_attributes": classmethod(lambda cls: others)})
    members = {
        "check_argument_for_proper_class": checked,
        "_get_arguments_from_pretrained": classmethod(parts),
        "save_pretrained": saved,
        "videos_as_read": "",
    }
    return type(kind.__name__, (kind,), members)
