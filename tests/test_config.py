"""Settings: every fault at once, the nearest name, dotted overrides."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from vesalius.config import Config, merge, overrides, read_yaml, validate
from vesalius.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Inner(Config):
    temperature: float = 0.1
    width: int = 8


@dataclass(frozen=True, kw_only=True)
class Outer(Config):
    name: str
    inner: Inner = field(default_factory=Inner)
    other: Inner | None = None


def test_builds_nested_settings() -> None:
    built = validate(Outer, {"name": "a", "inner": {"temperature": 0.5}}, where="recipe")
    assert built == Outer(name="a", inner=Inner(temperature=0.5))


def test_all_faults_are_told_at_once_with_the_nearest_name() -> None:
    values = {"inner": {"temprature": 1, "width": "broad"}, "other": {"widht": 1}, "nmae": "x"}
    with pytest.raises(ConfigError) as caught:
        validate(Outer, values, where="recipe r.yaml")
    message = str(caught.value)
    assert "unknown key 'temprature' in inner; did you mean 'temperature'?" in message
    assert "key 'inner.width'" in message
    assert "got 'broad'" in message
    assert "unknown key 'widht' in other; did you mean 'width'?" in message
    assert "unknown key 'nmae' in the top level; did you mean 'name'?" in message
    assert "key 'name' is missing" in message
    assert all(line.startswith("recipe r.yaml: ") for line in message.splitlines())


def test_overrides_take_both_habits() -> None:
    assert overrides(["model.width=128", "--optimisation.rate", "1e-3", "--flag=true", "x=[1, 2]"]) == {
        "model": {"width": 128},
        "optimisation": {"rate": "1e-3"},
        "flag": True,
        "x": [1, 2],
    }


def test_override_that_is_no_setting_is_refused() -> None:
    with pytest.raises(ConfigError, match="expected key=value"):
        overrides(["width"])


def test_numbers_written_as_yaml_text_become_numbers() -> None:
    assert validate(Inner, overrides(["temperature=1e-3"]), where="line").temperature == 0.001


def test_yaml_base_lies_below(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("name: a\ninner: {temperature: 0.1, width: 4}\n")
    (tmp_path / "small.yaml").write_text("base: base.yaml\ninner: {width: 2}\n")
    assert read_yaml(tmp_path / "small.yaml") == {"name": "a", "inner": {"temperature": 0.1, "width": 2}}


def test_merge_leaves_its_inputs_alone() -> None:
    below = {"a": {"b": 1}}
    assert merge(below, {"a": {"c": 2}}) == {"a": {"b": 1, "c": 2}}
    assert below == {"a": {"b": 1}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a\n", "expected keys and values"),
        ("a: [\n", "not readable YAML"),
        ("!!python/name:os.system {}", "YAML"),
    ],
)
def test_bad_yaml_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message) as caught:
        read_yaml(path)
    assert "r.yaml" in str(caught.value)


def test_missing_recipe_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nothing\.yaml does not exist"):
        read_yaml(tmp_path / "nothing.yaml")
