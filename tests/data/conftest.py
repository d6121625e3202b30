"""Fixtures for the tests of readers and ingest."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dicom_files import write_dicom


@pytest.fixture
def make_dicom(tmp_path: Path) -> Callable[..., Path]:
    """Function that writes a DICOM file into `tmp_path`."""

    def make(array: np.ndarray, name: str = "image.dcm", **tags: Any) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return write_dicom(path, array, **tags)

    return make
