"""Every published system that Vesalius is meant to hold, where it lives, and how far the evidence reaches.

The catalogue (`systems.json`) names the systems. A system's home is the file that carries its name. Its level
comes from evidence that passing tests and `reproduce` have stored (`evidence/<slug>.json`) and that still
belongs to the home file as it stands: nobody types a level.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = [
    "LEVELS",
    "Evidence",
    "System",
    "bound_to_home",
    "find_home",
    "home_digest",
    "reproductions",
    "store_evidence",
    "store_reproduction",
    "systems",
]

LEVELS = {
    "L0": "not built",
    "L1": "runs: trains or evaluates, saves, loads, predicts",
    "L2": "exact: the card's identities and the authors' formula hold",
    "L3": "effect: the paper's own ablation measured at equal budget",
    "L4": "scale: real backbones, sharded, measured on a GPU",
}
_ROOMS = ("methods", "benchmarks", "curation", "knowledge", "data/datasets", "evaluation", "adaptation")
_PACKAGE = Path(__file__).parent
_REPRODUCTIONS = "reproductions"
_SEEDS_NEEDED = 3
_VERDICTS = ("reproduced", "not at this scale", "contradicted")
"""Verdicts that say something of a claim, and so show that its effect was measured."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """One thing that was shown, and by what."""

    level: str
    claim: str
    shown_by: str


@dataclass(frozen=True, kw_only=True)
class System:
    """A row of the systems table."""

    slug: str
    name: str
    kind: tuple[str, ...]
    home: str
    """Path inside the package, or empty where it is not built."""
    level: str
    evidence: tuple[Evidence, ...]
    note: str
    """Why the level is not higher, in words."""
    verdicts: tuple[str, ...] = ()
    """Verdict of each claim that `reproduce` measured with the home file as it stands."""


def systems() -> list[System]:
    """Return one row for every system of the catalogue, in alphabetical order."""
    catalogue = json.loads((_PACKAGE / "systems.json").read_text(encoding="utf-8"))
    return [_row(entry) for entry in catalogue]


def find_home(slug: str) -> Path | None:
    """Return the file that carries the system's name, or None where it is not built."""
    stem = slug.replace("-", "_")
    return next((path for room in _ROOMS if (path := _PACKAGE / room / f"{stem}.py").is_file()), None)


def home_digest(home: Path) -> str:
    """Return the SHA-256 of the home file, by which evidence is bound to the code that it was made with."""
    return hashlib.sha256(home.read_bytes()).hexdigest()


def store_evidence(slug: str, found: Iterable[Evidence], *, folder: Path = _PACKAGE / "evidence") -> Path:
    """Write what was shown of a system, bound to its home file as it stands now; returns the file written."""
    entries = sorted({(item.level, item.claim, item.shown_by) for item in found})
    document = {
        **bound_to_home(slug),
        "entries": [{"level": level, "claim": claim, "shown_by": by} for level, claim, by in entries],
    }
    path = folder / f"{slug}.json"
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def bound_to_home(slug: str) -> dict[str, str]:
    """Return the home file of a system and its digest, by which what is stored is bound to the code.

    Raises:
        FileNotFoundError: no file of the package carries the name.
    """
    home = find_home(slug)
    if home is None:
        raise FileNotFoundError(f"no file of the package carries the name {slug!r}, so nothing can be shown of it")
    return {"home": home.relative_to(_PACKAGE).as_posix(), "home_sha256": home_digest(home)}


def store_reproduction(document: Mapping[str, Any], *, folder: Path | None = None) -> Path:
    """Write what `reproduce` measured of a system's claims, bound to its home file; returns the file written."""
    folder = folder or _PACKAGE / "evidence" / _REPRODUCTIONS
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{document['slug']}.json"
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def reproductions() -> dict[str, dict[str, Any]]:
    """Return every stored reproduction by slug, those of other code too, which say so under "stale"."""
    found = {}
    for path in sorted((_PACKAGE / "evidence" / _REPRODUCTIONS).glob("*.json")):
        document = json.loads(path.read_text(encoding="utf-8"))
        home = find_home(document["slug"])
        stale = home is None or document["code"]["home_sha256"] != home_digest(home)
        found[document["slug"]] = {**document, "stale": stale}
    return found


def _row(entry: dict[str, Any]) -> System:
    slug = entry["slug"]
    home = find_home(slug)
    found, note = _evidence(slug, home)
    measured, verdicts = _measured(slug, home)
    return System(
        slug=slug,
        name=entry["name"],
        kind=tuple(entry["kind"]),
        home=home.relative_to(_PACKAGE).as_posix() if home else "",
        level=_level((*found, *measured)),
        evidence=(*found, *measured),
        note=note,
        verdicts=verdicts,
    )


def _evidence(slug: str, home: Path | None) -> tuple[tuple[Evidence, ...], str]:
    """Return the evidence that holds for the home file as it stands, or why there is none."""
    if home is None:
        return (), "not built"
    path = _PACKAGE / "evidence" / f"{slug}.json"
    if not path.is_file():
        return (), "built, no evidence stored: make evidence"
    stored = json.loads(path.read_text(encoding="utf-8"))
    if stored["home_sha256"] != home_digest(home):
        return (), "the file changed after its evidence was stored: make evidence"
    return tuple(Evidence(**item) for item in stored["entries"]), ""


def _measured(slug: str, home: Path | None) -> tuple[tuple[Evidence, ...], tuple[str, ...]]:
    """Return the claims that were measured with enough seeds and the home file as it stands, and their verdicts."""
    path = _PACKAGE / "evidence" / _REPRODUCTIONS / f"{slug}.json"
    if home is None or not path.is_file():
        return (), ()
    stored = json.loads(path.read_text(encoding="utf-8"))
    if stored["code"]["home_sha256"] != home_digest(home):
        return (), ()
    counted = [claim for claim in stored["claims"] if claim["seeds"] >= _SEEDS_NEEDED]
    shown = tuple(
        Evidence(level="L3", claim=f"{claim['verdict']}: {claim['sentence']}", shown_by=stored["command"])
        for claim in counted
        if claim["verdict"] in _VERDICTS
    )
    return shown, tuple(claim["verdict"] for claim in counted)


def _level(found: tuple[Evidence, ...]) -> str:
    """The highest level whose lower levels are all shown too."""
    shown = {item.level for item in found}
    reached = "L0"
    for level in list(LEVELS)[1:]:
        if level not in shown:
            break
        reached = level
    return reached
