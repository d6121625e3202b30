"""VinDr-CXR: three readers an image, a consensus in the test part, and the form of the challenge."""

from __future__ import annotations

from pathlib import Path

import pytest
from cxr_files import radiograph, text

from vesalius.data.datasets.vindr_cxr import CONSENSUS, GLOBAL, LOCAL, agreed, marks, read
from vesalius.errors import DataError

CORNERS = "x_min,y_min,x_max,y_max"


def labels(present: set[str], last: str) -> str:
    classes = [*LOCAL, *(last if name == "Other disease" else name for name in GLOBAL)]
    return ",".join("1" if name in present else "0" for name in classes)


@pytest.fixture
def release(tmp_path: Path) -> Path:
    classes = ",".join(LOCAL)
    train = f"image_id,rad_id,{classes},COPD,Lung tumor,Pneumonia,Tuberculosis,Other diseases,No finding"
    rows = [f"i1,R9,{labels({'Nodule/Mass', 'Other diseases'}, 'Other diseases')}",
            f"i1,R10,{labels({'Nodule/Mass'}, 'Other diseases')}",
            f"i1,R8,{labels({'No finding'}, 'Other diseases')}"]  # fmt: skip
    text(tmp_path / "annotations/image_labels_train.csv", train, *rows)
    test = train.replace("rad_id,", "").replace("Other diseases", "Other disease")
    text(tmp_path / "annotations/image_labels_test.csv", test, f"i2,{labels({'Edema'}, 'Other disease')}")
    text(tmp_path / "annotations/annotations_train.csv", f"image_id,rad_id,class_name,{CORNERS}",
         "i1,R9,Nodule/Mass,1.5,2,4,6.25", "i1,R8,No finding,,,,", "i1,R10,Nodule/Mass,1,2,4,6")  # fmt: skip
    text(tmp_path / "annotations/annotations_test.csv", f"image_id,class_name,{CORNERS}", "i2,Edema,0,0,5,5")
    radiograph(tmp_path / "train/i1.dicom", PhotometricInterpretation="MONOCHROME1")
    radiograph(tmp_path / "test/i2.dicom")
    return tmp_path


def test_readers_are_kept_apart(release: Path) -> None:
    (first, train), (second, test) = read(release)
    assert (train, test) == ("train", "test")
    assert len(first.findings) == 3 * 28
    said = {f.source for f in first.findings if f.concept == "lung_nodule_or_mass" and f.status == "present"}
    assert said == {"R9", "R10"}
    assert [(region.instance, region.box) for region in first.regions] == [(9, (1.5, 2, 4, 6.25)), (10, (1, 2, 4, 6))]
    assert {finding.source for finding in second.findings} == {CONSENSUS}
    assert (second.regions[0].instance, second.status("edema")) == (None, "present")
    # The name of one class differs between the files.
    assert (agreed(first, readers=1)["other_disease"], "other_disease" in agreed(second)) == (True, True)


def test_majority_and_union(release: Path) -> None:
    first, second = (sample.study for sample in read(release))
    majority, union = agreed(first), agreed(first, readers=1)
    assert (majority["lung_nodule_or_mass"], majority["no_finding"]) == (True, False)
    assert (union["no_finding"], agreed(second)["edema"]) == (True, True)


def test_rows_as_they_stand(release: Path) -> None:
    rows = list(marks(release))
    assert [(row.reader, row.name, row.box) for row in rows][1] == ("R8", "No finding", None)
    text(
        release / "annotations/annotations_train.csv", f"image_id,rad_id,class_name,{CORNERS}", "i1,R9,Nodule,1,2,3,4"
    )
    with pytest.raises(DataError, match=r"annotations_train.csv, line 2: class 'Nodule'; did you mean"):
        list(marks(release))
    text(release / "annotations/annotations_train.csv", f"image_id,rad_id,class_name,{CORNERS}")
    text(release / "annotations/image_labels_test.csv", f"image_id,{','.join(LOCAL)}", f"i2,2{',0' * 21}")
    with pytest.raises(DataError, match="Aortic enlargement is '2', expected 0 or 1"):
        list(read(release))


def test_the_form_of_the_challenge(tmp_path: Path) -> None:
    text(tmp_path / "train.csv", f"image_id,class_name,class_id,rad_id,{CORNERS}",
         "i1,Cardiomegaly,3,R10,1,2,3,4", "i2,No finding,14,R2,,,,", "i1,No finding,14,R9,,,,")  # fmt: skip
    radiograph(tmp_path / "train/i1.dicom")
    radiograph(tmp_path / "train/i2.dicom")
    first, second = (sample.study for sample in read(tmp_path))
    assert [(f.concept, f.status, f.source) for f in first.findings] == [
        ("cardiomegaly", "present", "R10"), ("no_finding", "absent", "R10"),
        ("cardiomegaly", "absent", "R9"), ("no_finding", "present", "R9"),
    ]  # fmt: skip
    assert ([len(first.regions), len(second.regions)], second.status("no_finding")) == ([1, 0], "present")
