"""CC-CCII: slices by number, excluded scans, slices with a lesion."""

from __future__ import annotations

from pathlib import Path

import pytest
from release_files import lines, picture

from vesalius.data.datasets.cc_ccii import read
from vesalius.errors import DataError


def test_scans_slices_and_what_is_left_out(tmp_path: Path) -> None:
    for name in ("NCP/328/1805/0000.jpg", "NCP/96/1328/0010.png", "NCP/96/1328/0002.png", "Normal/1000/3/0000.jpg"):
        picture(tmp_path / name)
    lines(tmp_path / "exclude_list.txt", "NCP_328_1805")
    lines(tmp_path / "lesions_slices.csv", "imgpath", "ct_lesion_seg/NCP/96/1328/0010.png")
    (covid, split), (normal, _) = read(tmp_path)
    assert (covid.id, covid.patient, split) == ("NCP_96_1328", "NCP_96", "")
    assert [Path(image.path).name for image in covid.images] == ["0002.png", "0010.png"]
    assert [part.image for part in covid.measurements] == ["0001"]
    assert (covid.status("covid_19_pneumonia"), covid.status("common_pneumonia")) == ("present", "absent")
    assert normal.status("no_finding") == "present"


def test_names_that_are_no_numbers(tmp_path: Path) -> None:
    picture(tmp_path / "CP" / "1" / "2" / "a.jpg")
    with pytest.raises(DataError, match=r"a\.jpg: expected slices with numbers"):
        list(read(tmp_path))
    picture(tmp_path / "CP" / "x" / "2" / "0000.jpg")
    with pytest.raises(DataError, match="expected folders of a patient and a scan"):
        list(read(tmp_path))
