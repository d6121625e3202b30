"""`vesalius audit` on real chest radiographs: planted copies and shared patients are found, and nothing else."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from PIL import Image as Picture
from typer.testing import CliRunner

from vesalius.cli.main import app

pytestmark = [pytest.mark.real, pytest.mark.slow]

PLANTED = 8
"""Copies of each kind."""


def corpus(rows: list[tuple[str, str]], root: Path, name: str) -> Path:
    """Ingest a table of files and patients."""
    table = root / f"{name}.csv"
    with table.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([("file", "patient"), *rows])
    options = ["--image", "file", "--patient", "patient"]
    done = CliRunner().invoke(app, ["ingest", str(table), "--out", str(root / name), *options])
    assert done.exit_code == 0, done.output
    return root / name


def copied(source: Path, target: Path, how: str) -> None:
    with Picture.open(source) as opened:
        picture = opened.convert("L")
    wide, high = picture.size
    if how == "resized":
        picture = picture.resize((round(wide * 0.7), round(high * 0.7)), Picture.Resampling.BICUBIC)
    if how == "cropped":  # 2 % of each side's length, from the left and from the top
        picture = picture.crop((round(0.02 * wide), round(0.02 * high), wide, high))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=85)
    target.write_bytes(buffer.getvalue())


def test_planted_copies_and_patients_are_found(real_data: Path, tmp_path: Path) -> None:
    table = real_data / "cxr-covid" / "metadata.csv"
    if not table.exists():
        pytest.skip(f"no {table}")
    films: dict[str, list[Path]] = {}
    with table.open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            if row["modality"] == "X-ray":
                films.setdefault(row["patientid"], []).append(real_data / "cxr-covid" / row["file"])
    several = sorted(name for name, paths in films.items() if len(paths) > 1)
    names = [*several, *sorted(set(films) - set(several))]
    learnt, asked = names[:60], names[60:90]
    for name in (*learnt, *asked):
        for path in films[name][:2]:
            (tmp_path / path.name).write_bytes(path.read_bytes())
    test = [(films[name][0].name, name) for name in asked]
    shared = {Path(films[name][1].name).stem for name in several[:PLANTED]}
    test += [(films[name][1].name, name) for name in several[:PLANTED]]
    planted = set()
    for place, how in enumerate(("encoded", "resized", "cropped"), start=1):
        for name in learnt[place * PLANTED : (place + 1) * PLANTED]:
            copied(films[name][0], tmp_path / f"{how}-{name}.jpg", how)
            test.append((f"{how}-{name}.jpg", f"other-{name}"))
            planted.add(f"{how}-{name}")
    train = corpus([(films[name][0].name, name) for name in learnt], tmp_path, "train")
    tested = corpus(test, tmp_path, "test")
    page, mark = tmp_path / "leaks.html", tmp_path / "mark.json"
    options = ["--out", str(page), "--mark", str(mark), "--json", "--fail-on", "near_image"]
    done = CliRunner().invoke(app, ["audit", str(train), str(tested), *options])
    assert done.exit_code == 1, done.output
    matches = json.loads(done.stdout)["matches"]
    assert {one["test"] for one in matches if one["kind"] == "near_image"} == planted
    assert {one["test"] for one in matches if one["kind"] == "patient"} == shared
    assert page.stat().st_size > 10_000
    assert set(json.loads(mark.read_text())["studies"]) == planted | shared
