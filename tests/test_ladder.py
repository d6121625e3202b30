"""A room imports only rooms to its left; what must stay light imports nothing heavy."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "src" / "vesalius"
FOUNDATION = ("errors", "config", "registry", "paper", "optional", "environment", "systems", "page")
LADDER = (
    "data",
    "virtual",
    "knowledge",
    "metrics",
    "tasks",
    "models",
    "objectives",
    "retrieval",
    "curation",
    "methods",
    "training",
    "adaptation",
    "inference",
    "benchmarks",
    "evaluation",
    "serving",
    "cli",
)
TORCH_FREE = ("data", "virtual", "knowledge", "metrics", "tasks", "benchmarks", "cli")
FILES = sorted(PACKAGE.rglob("*.py"))


def room(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def rank(name: str) -> int:
    return LADDER.index(name) + 1 if name in LADDER else 0


def imports(path: Path, *, top_level_only: bool = False) -> list[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = tree.body if top_level_only else list(ast.walk(tree))
    found = []
    for node in nodes:
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            found.append(node.module)
    return found


def test_every_folder_is_on_the_ladder() -> None:
    rooms = {path.relative_to(PACKAGE).parts[0] for path in FILES if path.parent != PACKAGE}
    assert rooms <= set(LADDER), f"rooms that the ladder does not name: {rooms - set(LADDER)}"
    assert {path.stem for path in PACKAGE.glob("*.py")} - {"__init__", "__main__"} == set(FOUNDATION)
    assert len(FILES) > 30


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_arrows_go_left(path: Path) -> None:
    own = path.relative_to(PACKAGE).parts
    here = len(LADDER) if own == ("__main__.py",) else rank(own[0]) if len(own) > 1 else 0
    for module in imports(path):
        if module.split(".")[0] != "vesalius" or module == "vesalius":
            continue
        assert rank(room(module)) <= here, f"{'/'.join(own)} imports {module}, which is to its right"
    if own[0] == "objectives":
        beside = {"vesalius.models.exact"}  # numbers only: it knows no model
        ours = {room(module) for module in set(imports(path)) - beside if module.startswith("vesalius.")}
        assert ours <= {*FOUNDATION, "objectives"}, f"an objective imports {ours}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_no_method_imports_a_method_and_nothing_imports_torchvision(path: Path) -> None:
    own = path.relative_to(PACKAGE).parts
    found = imports(path)
    assert not any(module.split(".")[0] == "torchvision" for module in found)
    if own[0] in ("methods", "training"):
        # `_fused` is no method but the skeleton of those with co-attention streams, `_preferring` of those that learn
        # from preference pairs, as `base` is of all and `conversing` of those that learn from conversations.
        skeletons = {"vesalius.methods.base", "vesalius.methods.conversing"}
        if own[0] == "methods":
            skeletons |= {"vesalius.methods._fused", "vesalius.methods._preferring"}
        named = [module for module in found if module.startswith("vesalius.methods.")]
        assert set(named) <= skeletons, f"{'/'.join(own)} imports {named}"


@pytest.mark.parametrize(
    "path",
    [path for path in FILES if path.relative_to(PACKAGE).parts[0] in TORCH_FREE],
    ids=lambda path: path.relative_to(PACKAGE).as_posix(),
)
def test_light_rooms_import_no_torch_at_module_level(path: Path) -> None:
    heavy = {"torch", "transformers", "monai", "accelerate", "datasets", "sklearn", "matplotlib", "pandas"}
    assert not heavy & {module.split(".")[0] for module in imports(path, top_level_only=True)}


def test_importing_the_package_and_its_light_rooms_loads_no_torch() -> None:
    modules = ["vesalius", *(f"vesalius.{name}" for name in FOUNDATION), "vesalius.cli.main"]
    modules += [
        "vesalius." + ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")
        for path in FILES
        if path.relative_to(PACKAGE).parts[0] in TORCH_FREE
    ]
    code = (
        "import importlib, logging, os, sys\n"
        "before = dict(os.environ), len(logging.root.handlers)\n"
        f"for name in {sorted(set(modules))!r}: importlib.import_module(name)\n"
        "heavy = {'torch', 'transformers', 'sklearn', 'matplotlib', 'torchvision'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "assert before == (dict(os.environ), len(logging.root.handlers))\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
