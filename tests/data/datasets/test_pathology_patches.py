"""NCT-CRC and PatchCamelyon: patches in folders and in HDF5."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from release_files import lines, picture

from vesalius.data.datasets.nct_crc import read as read_nct
from vesalius.data.datasets.patch_camelyon import read as read_camelyon
from vesalius.data.readers import read as open_file
from vesalius.errors import DataError

NAME = "camelyonpatch_level_2_split_train_"


def test_nct_sets_and_classes(tmp_path: Path) -> None:
    picture(tmp_path / "NCT-CRC-HE-100K" / "ADI" / "ADI-AAAFLCLY.tif")
    picture(tmp_path / "NCT-CRC-HE-100K-NONORM" / "ADI" / "ADI-AAAFLCLY.tif")
    picture(tmp_path / "CRC-VAL-HE-7K" / "TUM" / "TUM-TCGA-AASSYQLP.tif")
    samples = list(read_nct(tmp_path))
    assert [(study.id, split) for study, split in samples] == [
        ("ADI-AAAFLCLY", "train"), ("ADI-AAAFLCLY_nonorm", "train"), ("TUM-TCGA-AASSYQLP", "test"),
    ]  # fmt: skip
    tumour = samples[2].study
    assert tumour.status("colorectal_adenocarcinoma") == "present"
    assert tumour.status("mucus") == "absent"
    # 0.5 µm a pixel.
    assert tumour.images[0].spacing_mm == (0.0005, 0.0005)
    (tmp_path / "CRC-VAL-HE-7K" / "XYZ").mkdir()
    with pytest.raises(DataError, match="XYZ: expected one of ADI"):
        list(read_nct(tmp_path))


def _camelyon(root: Path, labels: list[int], count: int) -> np.ndarray:
    values = np.random.default_rng(0).integers(0, 255, (count, 96, 96, 3), np.uint8)
    for what, array in (("x", values), ("y", np.array(labels, np.uint8).reshape(-1, 1, 1, 1))):
        with h5py.File(root / f"{NAME}{what}.h5", "w") as file:
            file[what] = array
    return values


def test_camelyon_patches_slides_and_places(tmp_path: Path) -> None:
    values = _camelyon(tmp_path, [0, 1], 2)
    lines(tmp_path / f"{NAME}meta.csv", ",tumor_patch,center_tumor_patch,wsi,coord_x,coord_y",
          "0,True,False,camelyon16_train_tumor_091,14912,156352",
          "1,True,True,camelyon16_train_tumor_091,1,2")  # fmt: skip
    (first, split), (second, _) = read_camelyon(tmp_path)
    assert (first.id, first.patient, split) == ("train_000000", "camelyon16_train_tumor_091", "train")
    assert (first.status("tumour_metastasis"), second.status("tumour_metastasis")) == ("absent", "present")
    assert [part.value for part in first.measurements] == [14912.0, 156352.0]
    assert (open_file(second.images[0].path).array == values[1]).all()


def test_camelyon_without_a_table_and_with_wrong_arrays(tmp_path: Path) -> None:
    _camelyon(tmp_path, [0], 1)
    [(study, _)] = read_camelyon(tmp_path)
    assert study.patient == study.id
    _camelyon(tmp_path, [0, 1], 1)
    with pytest.raises(DataError, match=r"expected \(N, 96, 96, 3\) and N labels"):
        list(read_camelyon(tmp_path))
    _camelyon(tmp_path, [3], 1)
    with pytest.raises(DataError, match="train_000000 has the label 3"):
        list(read_camelyon(tmp_path))
    (tmp_path / f"{NAME}x.h5").write_bytes(b"nothing")
    with pytest.raises(DataError, match="broken or truncated HDF5"):
        list(read_camelyon(tmp_path))
