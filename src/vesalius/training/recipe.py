"""A recipe: method, model, data, optimisation and run in one YAML file, checked whole before data is touched."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass, make_dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import yaml

from vesalius import registry
from vesalius.config import Config, merge, read_yaml, validate
from vesalius.config import overrides as parse_overrides
from vesalius.data.transforms import ImageProcessor
from vesalius.errors import ConfigError, did_you_mean
from vesalius.methods.conversing import ConversingConfig
from vesalius.models.settings import DualEncoderConfig
from vesalius.models.vlm.settings import VisionLanguageConfig
from vesalius.training.conversing.settings import ConversationDataSettings, StageSettings
from vesalius.training.settings import DataSettings, OptimisationSettings, RunSettings

__all__ = [
    "ConversationRecipe",
    "Recipe",
    "load_recipe",
    "open_recipe",
    "parse_recipe",
    "recipe_names",
    "stage_optimisation",
]

_RECIPES = Path(__file__).parents[1] / "recipes"
_METHODS = "vesalius.methods"
_PAIRS: dict[str, Any] = {
    "model": DualEncoderConfig,
    "data": DataSettings,
    "optimisation": OptimisationSettings,
    "run": RunSettings,
}
_CONVERSATIONS: dict[str, Any] = {
    "model": VisionLanguageConfig,
    "data": ConversationDataSettings,
    "stages": Mapping[str, StageSettings],
    "optimisation": OptimisationSettings,
    "run": RunSettings,
}


@dataclass(frozen=True, kw_only=True)
class _Recipe:
    """What all recipes share; every section is a frozen dataclass."""

    sections: ClassVar[Mapping[str, Any]]

    name: str
    """Where it came from: ``convirt``, ``convirt/small`` or the stem of a file."""
    method: str
    settings: Any
    """The method's own settings: an instance of its module's SETTINGS."""
    optimisation: OptimisationSettings
    run: RunSettings

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe as it would stand in YAML, nothing left to defaults."""
        sections = {name: getattr(self, name) for name in self.sections}
        return {"method": {"name": self.method, **asdict(self.settings)}, **_plain(sections)}

    def save(self, path: Path) -> None:
        """Write the resolved recipe as YAML; `load_recipe` reads it back to an equal recipe."""
        path.write_text(yaml.safe_dump(_plain(self.to_dict()), sort_keys=False, allow_unicode=True), encoding="utf-8")

    def method_module(self) -> ModuleType:
        """Import the file of the method."""
        return registry.load(_METHODS, self.method)


@dataclass(frozen=True, kw_only=True)
class Recipe(_Recipe):
    """A checked recipe of a method that learns from pairs of images and texts."""

    sections: ClassVar[Mapping[str, Any]] = _PAIRS

    model: DualEncoderConfig
    data: DataSettings

    def processor(self) -> ImageProcessor:
        """Return the image processor that the model and the data ask for together."""
        return ImageProcessor(
            size=self.model.image_size,
            channels=self.model.channels,  # type: ignore[arg-type]
            mean=self.data.mean,
            std=self.data.std,
            resize=self.data.resize,
            spacing_mm=self.data.spacing_mm,
            orientation=self.data.orientation,
            window=self.data.window,
        )


@dataclass(frozen=True, kw_only=True)
class ConversationRecipe(_Recipe):
    """A checked recipe of a method that learns from conversations, in stages."""

    sections: ClassVar[Mapping[str, Any]] = _CONVERSATIONS

    model: VisionLanguageConfig
    data: ConversationDataSettings
    stages: Mapping[str, StageSettings]
    """By name, in their order."""

    def of_stage(self, name: str) -> ConversationRecipe:
        """Return the recipe with one stage alone, whose settings are in force."""
        stage = self.stages[name]
        model = merge(_plain(self.model), stage.model)
        return replace(
            self,
            model=validate(VisionLanguageConfig, model, where=f"stage {name}"),
            stages={name: stage},
            optimisation=stage_optimisation(self.optimisation, stage, where=f"stage {name}"),
        )


def stage_optimisation(below: OptimisationSettings, stage: StageSettings, *, where: str) -> OptimisationSettings:
    """Lay what a stage says of its optimisation over the section; steps replace epochs and the other way round."""
    above = _one_length({"optimisation": dict(stage.optimisation)})
    return validate(OptimisationSettings, merge(asdict(below), above["optimisation"]), where=f"{where}: optimisation")


def recipe_names() -> tuple[str, ...]:
    """Return the names of the package's recipes, such as ``convirt`` and ``convirt/small``."""
    found = (path.relative_to(_RECIPES).with_suffix("").as_posix() for path in _RECIPES.glob("*/*.yaml"))
    return tuple(sorted(name.removesuffix("/base") for name in found))


def load_recipe(source: str | Path, *, overrides: Iterable[str] = ()) -> Recipe:
    """Read and check a recipe of a method that learns from pairs; see `open_recipe`.

    Raises:
        ConfigError: lists every fault of the recipe, one a line; or the method learns from conversations.
    """
    recipe = open_recipe(source, overrides=overrides)
    if not isinstance(recipe, Recipe):
        raise ConfigError(f"recipe {recipe.name}: {recipe.method} learns from conversations, expected pairs")
    return recipe


def open_recipe(source: str | Path, *, overrides: Iterable[str] = ()) -> Recipe | ConversationRecipe:
    """Read and check a recipe.

    Args:
        source: name of a recipe of the package (``convirt``, ``convirt/small``) or path of a YAML file.
        overrides: ``key=value`` or ``--key value`` with dotted names, laid over the file; ``data=PATH`` is
            short for ``data.corpus=PATH``.

    Raises:
        ConfigError: lists every fault of the recipe, one a line.
    """
    path, name = _find(str(source))
    above = _one_length(_with_corpus(parse_overrides([_spelled_out(item) for item in overrides])))
    return parse_recipe(merge(_with_corpus(read_yaml(path)), above), name=name)


def parse_recipe(values: Mapping[str, Any], *, name: str) -> Recipe | ConversationRecipe:
    """Check the values of a recipe and build it; see `open_recipe`."""
    where = f"recipe {name}"
    faults: list[str] = []
    method, kind = _method_settings(values.get("method"), where, faults)
    recipe = ConversationRecipe if kind is not None and issubclass(kind, ConversingConfig) else Recipe
    faults += _top_level(values, where, recipe.sections)
    kinds = {**({"method": kind} if kind else {}), **recipe.sections}
    built: dict[str, Any] = {}
    for section, section_kind in kinds.items():
        given = values.get(section, {})
        if section == "method":
            given = {key: value for key, value in given.items() if key != "name"}
        built[section] = _section(section, section_kind, given, where, faults)
    faults += _cross_faults(built, where) if recipe is Recipe else _stage_faults(built, where)
    if faults:
        raise ConfigError("\n".join(faults))
    settings = built.pop("method")
    return recipe(name=name, method=method, settings=settings, **built)


def _find(source: str) -> tuple[Path, str]:
    """Return the file of a recipe and its name."""
    if source.endswith((".yaml", ".yml")) or Path(source).is_file():
        return Path(source), Path(source).stem
    name = source.replace("-", "_").removesuffix("/base")
    path = _RECIPES / (f"{name}.yaml" if "/" in name else f"{name}/base.yaml")
    if not path.is_file():
        raise ConfigError(f"no recipe {source!r}{did_you_mean(name, recipe_names())} A path ends in .yaml")
    return path, name


def _spelled_out(assignment: str) -> str:
    """Return ``data.corpus=PATH`` for the short ``data=PATH``, so that other keys of `data` may stand beside it."""
    return re.sub(r"^(--)?data=", r"\1data.corpus=", re.sub(r"^--data$", "--data.corpus", assignment))


def _with_corpus(values: Mapping[str, Any]) -> dict[str, Any]:
    """Spell out ``data: PATH``, and take a folder whose name reads as a number for the name that it is."""
    data = values.get("data") or {}
    if not isinstance(data, Mapping):
        return {**values, "data": {"corpus": str(data)}}
    if isinstance(data.get("corpus"), int | float):
        return {**values, "data": {**data, "corpus": str(data["corpus"])}}
    return dict(values)


def _one_length(values: dict[str, Any]) -> dict[str, Any]:
    """Let steps that are asked for replace the epochs of the recipe below, and the other way round; stages too."""
    given = values.get("optimisation")
    lengths = {"steps", "epochs"} & set(given) if isinstance(given, Mapping) else set()
    if len(lengths) == 1:
        other = ({"steps", "epochs"} - lengths).pop()
        values = merge(values, {"optimisation": {other: 0}})
    stages = values.get("stages")
    if isinstance(stages, Mapping):
        alone = {name: _one_length(dict(stage)) for name, stage in stages.items() if isinstance(stage, Mapping)}
        values = {**values, "stages": {**stages, **alone}}
    return values


def _top_level(values: Mapping[str, Any], where: str, sections: Mapping[str, Any]) -> list[str]:
    known = ("method", *sections)
    homes = {key: f"{section}.{key}" for section, kind in sections.items() for key in _names(kind)}
    faults = []
    for key in values:
        if key not in known:
            hint = f"; did you mean {homes[key]!r}?" if key in homes else did_you_mean(key, known)
            faults.append(f"{where}: unknown key {key!r} in the top level{hint}")
    return faults


def _names(kind: Any) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind)) if is_dataclass(kind) else ()


def _method_settings(given: Any, where: str, faults: list[str]) -> tuple[str, type | None]:
    """Return the name of the method and its settings class; None where the name is missing or unknown."""
    name = given.get("name") if isinstance(given, Mapping) else None
    if not isinstance(name, str):
        faults.append(f"{where}: key 'method.name' is missing; known: {', '.join(registry.names(_METHODS))}")
        return "", None
    try:
        module = registry.load(_METHODS, name)
    except ConfigError as error:
        faults.append(f"{where}: {error}")
        return name, None
    settings: type = module.SETTINGS
    return name.replace("-", "_"), settings


def _section(section: str, kind: Any, given: Any, where: str, faults: list[str]) -> Any:
    """Build one section; its faults are added to `faults` and None is returned where there are any."""
    if not isinstance(given, Mapping):
        faults.append(f"{where}: {section} holds {type(given).__name__}, expected keys and values")
        return None
    whole = make_dataclass("Whole", [(section, kind)], bases=(Config,))
    try:
        settings = getattr(validate(whole, {section: given}, where=where), section)
    except ConfigError as error:
        faults.extend(str(error).splitlines())
        return None
    own = settings.faults() if hasattr(settings, "faults") else []
    faults.extend(f"{where}: {section}: {fault}" for fault in own)
    return settings


def _cross_faults(built: Mapping[str, Any], where: str) -> list[str]:
    """Faults that only show when two sections are seen together."""
    model, data, optimisation, run = (built.get(name) for name in _PAIRS)
    faults: list[str] = []
    if data is not None and model is not None:
        if model.channels not in (1, 3):
            faults.append(f"{where}: model.channels {model.channels} must be 1 (grey) or 3 (colour)")
        for key in ("mean", "std"):
            value = getattr(data, key)
            if isinstance(value, tuple) and len(value) != model.channels:
                faults.append(f"{where}: data.{key} has {len(value)} numbers for model.channels {model.channels}")
    if data is not None and optimisation is not None and not data.validation and optimisation.patience:
        faults.append(f"{where}: optimisation.patience {optimisation.patience} needs data.validation, which is empty")
    if optimisation is not None and run is not None and run.sharding == "fsdp":
        unfit = [key for key in ("cache_chunk", "ema") if getattr(optimisation, key)]
        faults += [f"{where}: optimisation.{key} does not go with run.sharding fsdp" for key in unfit]
    return faults


def _stage_faults(built: Mapping[str, Any], where: str) -> list[str]:
    """Faults of stages that show when the other sections are seen with them."""
    data, stages, below = built.get("data"), built.get("stages"), built.get("optimisation")
    if data is None or stages is None or below is None:
        return []
    faults = [] if stages else [f"{where}: stages is empty; name at least one"]
    for name, stage in stages.items():
        unknown = [source for source in stage.mixture if source not in data.sources]
        faults += [
            f"{where}: stages.{name}.mixture: no source {source!r}{did_you_mean(source, tuple(data.sources))}"
            for source in unknown
        ]
        try:
            resolved = stage_optimisation(below, stage, where=f"{where}: stages.{name}")
        except ConfigError as error:
            faults += str(error).splitlines()
            continue
        faults += [f"{where}: stages.{name}.optimisation: {fault}" for fault in resolved.faults()]
        unfit = [key for key in ("cache_chunk",) if getattr(resolved, key)]
        faults += [f"{where}: stages.{name}: optimisation.{key} is for contrasted pairs" for key in unfit]
    return faults


def _plain(value: Any) -> Any:
    """Return lists for tuples and plain dicts for mappings and dataclasses, as YAML wants."""
    if is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
