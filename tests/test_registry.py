"""A folder is the registry: names without imports, the nearest name for a wrong one, errors let through."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from vesalius import registry
from vesalius.errors import ConfigError


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    folder = tmp_path / "a_room"
    folder.mkdir()
    for name in ("__init__", "base", "_hidden", "ag_kd", "convirt"):
        (folder / f"{name}.py").write_text(f"NAME = {name!r}\n")
    (folder / "broken.py").write_text("raise KeyError('inside')\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield "a_room"
    for module in [name for name in sys.modules if name.split(".")[0] == "a_room"]:
        del sys.modules[module]


def test_names_come_from_files_without_importing_them(room: str) -> None:
    assert registry.names(room) == ("ag_kd", "broken", "convirt")
    assert f"{room}.convirt" not in sys.modules


def test_a_dash_is_an_underscore(room: str) -> None:
    assert registry.load(room, "ag-kd").NAME == "ag_kd"


def test_unknown_name_offers_the_nearest(room: str) -> None:
    with pytest.raises(ConfigError, match="unknown name 'convrit' in a_room; did you mean 'convirt'"):
        registry.load(room, "convrit")


def test_an_error_inside_a_found_file_is_let_through(room: str) -> None:
    with pytest.raises(KeyError, match="inside"):
        registry.load(room, "broken")


def test_a_part_stands_in_the_file_of_another(room: str) -> None:
    whole = registry.load("vesalius.methods", "pa-llava")
    inside = registry.load("vesalius.methods", "pa_llava.plip")
    assert inside.METHOD is not whole.METHOD
    assert registry.name_of(inside.METHOD) == "pa_llava.plip"
    assert registry.name_of(whole.METHOD) == "pa_llava"
    assert "pa_llava.plip" not in registry.names("vesalius.methods")
    with pytest.raises(ConfigError, match="pa_llava has no part 'plib'; did you mean 'plip'"):
        registry.load("vesalius.methods", "pa_llava.plib")
    with pytest.raises(ConfigError, match="convirt has no part 'x'"):
        registry.load(room, "convirt.x")


def test_every_registered_method_can_be_imported() -> None:
    names = registry.names("vesalius.methods")
    assert {"convirt", "pubmedclip"} <= set(names)
    for name in names:
        assert registry.load("vesalius.methods", name).PAPER.slug == name.replace("_", "-")
