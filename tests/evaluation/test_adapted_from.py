"""Which model a folder says that it was adapted from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vesalius.errors import DataError
from vesalius.evaluation.answering.adapted_from import known_base


def write(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def test_a_model_card_an_adapter_and_a_head_tell_their_base(tmp_path: Path) -> None:
    write(tmp_path / "run" / "best" / "vesalius.json", {"base": "org/base"})
    write(tmp_path / "adapter" / "adapter_config.json", {"base_model_name_or_path": "org/language"})
    write(tmp_path / "trained" / "finetuned" / "chest-vqa" / "model" / "head.json", {"protocol": "vqa"})
    assert known_base(str(tmp_path / "run")) == "org/base"
    assert known_base(str(tmp_path / "adapter")) == "org/language"
    assert known_base(str(tmp_path / "trained" / "finetuned" / "chest-vqa" / "model")) == str(tmp_path / "trained")


def test_what_tells_nothing_has_no_base(tmp_path: Path) -> None:
    write(tmp_path / "run" / "last" / "vesalius.json", {"trained_on": {}})
    write(tmp_path / "head" / "head.json", {})
    assert known_base(str(tmp_path / "run")) == known_base(str(tmp_path / "head")) == known_base("org/model") == ""


def test_a_broken_card_is_named(tmp_path: Path) -> None:
    (tmp_path / "vesalius.json").write_text("{cut")
    with pytest.raises(DataError, match=r"vesalius\.json is not readable JSON"):
        known_base(str(tmp_path))
    (tmp_path / "vesalius.json").write_text("[]")
    with pytest.raises(DataError, match="holds a list"):
        known_base(str(tmp_path))
