"""Fixtures that every test may use, and the evidence that passing tests leave behind."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from vesalius.systems import Evidence, store_evidence

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder with real medical data, one sub-folder a set; the test is skipped where it is absent."""
    folder = Path(os.environ.get("VESALIUS_REAL_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("no real data: set VESALIUS_REAL_DATA to a folder with sets such as cxr-covid/metadata.csv")
    return folder


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--write-evidence",
        action="store_true",
        help="store which claims of which systems the passing tests show",
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report = yield
    for mark in item.iter_markers("evidence"):
        slug, level, claim = mark.args
        report.user_properties.append(("evidence", (slug, level, claim)))
    return report


class _Evidence:
    """Collects what passed and what failed; a level with one failed test is not shown."""

    def __init__(self) -> None:
        self.shown: dict[str, list[Evidence]] = {}
        self.failed: set[tuple[str, str]] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for name, value in report.user_properties:
            if name != "evidence":
                continue
            slug, level, claim = value
            if report.failed:
                self.failed.add((slug, level))
            elif report.when == "call" and report.passed:
                entry = Evidence(level=level, claim=claim, shown_by=report.nodeid.split("[")[0])
                self.shown.setdefault(slug, []).append(entry)

    def pytest_sessionfinish(self) -> None:
        for slug, found in self.shown.items():
            store_evidence(slug, [entry for entry in found if (slug, entry.level) not in self.failed])


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--write-evidence") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Evidence(), "vesalius-evidence")
