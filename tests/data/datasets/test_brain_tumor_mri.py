"""Brain tumour MRI: both trees, and real slices of the second."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from release_files import picture

from vesalius.data.datasets.brain_tumor_mri import read
from vesalius.errors import DataError


def test_both_trees(tmp_path: Path) -> None:
    picture(tmp_path / "Testing" / "no_tumor" / "image(1).jpg")
    picture(tmp_path / "Training" / "glioma_tumor" / "gg (1).jpg")
    picture(tmp_path / "Training" / "pituitary" / "Tr-pi_0010.jpg")
    samples = list(read(tmp_path))
    assert [(study.id, split) for study, split in samples] == [
        ("Training_glioma_tumor_gg (1)", "train"), ("Training_pituitary_Tr-pi_0010", "train"),
        ("Testing_no_tumor_image(1)", "test"),
    ]  # fmt: skip
    assert samples[0].study.status("glioma") == "present"
    assert samples[0].study.status("meningioma") == "absent"
    assert samples[2].study.status("no_finding") == "present"
    picture(tmp_path / "Training" / "lymphoma" / "a.jpg")
    with pytest.raises(DataError, match=r"lymphoma: expected one of"):
        list(read(tmp_path))


@pytest.mark.real
def test_real_slices(real_data: Path, tmp_path: Path) -> None:
    source = real_data / "brain-mri-classes" / "images"
    for folder in sorted(source.iterdir()):
        (tmp_path / "Training" / folder.name).mkdir(parents=True)
        for path in sorted(folder.iterdir())[:3]:
            shutil.copy(path, tmp_path / "Training" / folder.name)
    samples = list(read(tmp_path))
    assert len(samples) == 12
    assert {study.images[0].shape for study, _ in samples} == {(224, 224)}
    assert sum(study.status("no_finding") == "present" for study, _ in samples) == 3
