"""Levels come from evidence that belongs to the code as it stands, and from nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import vesalius.systems as module
from vesalius.systems import Evidence, home_digest, store_evidence, store_reproduction, systems


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "methods").mkdir()
    (tmp_path / "evidence").mkdir()
    (tmp_path / "methods" / "ag_kd.py").write_text("# the method\n")
    rows = [
        {"slug": "ag-kd", "name": "AG-KD", "kind": ["grounding"]},
        {"slug": "b", "name": "B", "kind": ["survey"]},
    ]
    (tmp_path / "systems.json").write_text(json.dumps(rows))
    monkeypatch.setattr(module, "_PACKAGE", tmp_path)
    return tmp_path


def show(package: Path, *levels: str) -> None:
    found = [Evidence(level=level, claim="a claim", shown_by="tests/x.py::test") for level in levels]
    store_evidence("ag-kd", found, folder=package / "evidence")


def level(slug: str) -> str:
    return next(row.level for row in systems() if row.slug == slug)


def test_a_home_without_evidence_is_not_a_level(package: Path) -> None:
    row = systems()[0]
    assert (row.level, row.home) == ("L0", "methods/ag_kd.py")
    assert "make evidence" in row.note


@pytest.mark.parametrize(
    ("levels", "reached"),
    [
        (("L1",), "L1"),
        (("L1", "L2"), "L2"),
        (("L2",), "L0"),
        (("L1", "L3"), "L1"),
        (("L1", "L2", "L3", "L4"), "L4"),
    ],
)
def test_a_level_needs_all_below_it(package: Path, levels: tuple[str, ...], reached: str) -> None:
    show(package, *levels)
    assert level("ag-kd") == reached


def test_evidence_of_other_code_does_not_count(package: Path) -> None:
    show(package, "L1")
    (package / "methods" / "ag_kd.py").write_text("# changed\n")
    assert level("ag-kd") == "L0"
    assert "changed" in systems()[0].note


def reproduced(package: Path, *verdicts: str, seeds: int = 3) -> None:
    claims = [{"sentence": f"claim {verdict}", "verdict": verdict, "seeds": seeds} for verdict in verdicts]
    code = {"home_sha256": home_digest(package / "methods" / "ag_kd.py")}
    store_reproduction({"slug": "ag-kd", "claims": claims, "code": code, "command": "vesalius reproduce ag-kd"})


@pytest.mark.parametrize(
    ("verdicts", "seeds", "reached", "shown"),
    [
        (("reproduced",), 3, "L3", ("reproduced",)),
        (("not at this scale",), 5, "L3", ("not at this scale",)),
        (("contradicted", "not shown"), 3, "L3", ("contradicted", "not shown")),
        (("not shown",), 3, "L2", ("not shown",)),
        (("failed",), 0, "L2", ()),
        (("reproduced",), 2, "L2", ()),
    ],
)
def test_a_measured_claim_is_a_level_whatever_its_verdict(package: Path, verdicts, seeds, reached, shown) -> None:
    show(package, "L1", "L2")
    reproduced(package, *verdicts, seeds=seeds)
    assert level("ag-kd") == reached
    assert systems()[0].verdicts == shown
    (package / "methods" / "ag_kd.py").write_text("# changed\n")
    assert systems()[0].verdicts == ()


def test_a_measured_claim_alone_is_no_level(package: Path) -> None:
    reproduced(package, "reproduced")
    assert level("ag-kd") == "L0"


def test_nothing_can_be_shown_of_what_is_not_built(package: Path) -> None:
    assert level("b") == "L0"
    with pytest.raises(FileNotFoundError, match="'b'"):
        store_evidence("b", [])


def test_catalogue_has_a_row_for_every_system() -> None:
    rows = systems()
    assert len(rows) == 93
    assert len({row.slug for row in rows}) == 93
    assert all(row.name and row.kind for row in rows)
    built = {row.slug: row for row in rows if row.home}
    assert {"convirt", "pubmedclip"} <= set(built)
    assert all(home_digest(Path(module.__file__).parent / row.home) for row in built.values())
