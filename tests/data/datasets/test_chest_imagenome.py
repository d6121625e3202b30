"""Chest ImaGenome: a scene graph in the form of the release."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from cxr_files import picture, text

from vesalius.data.datasets.chest_imagenome import gold_boxes, gold_rows, graphs, read, relations
from vesalius.errors import DataError

PATH = "files/p10/p10000032/s50414267"
GRAPH: dict[str, Any] = {
    "image_id": "d1", "viewpoint": "PA", "patient_id": 10000032, "study_id": 50414267, "gender": "F",
    "age_decile": "50-60", "reason_for_exam": "___F with\n cough", "StudyOrder": 2,
    "objects": [
        {"object_id": "d1_right lung", "x1": 0, "y1": 0, "x2": 112, "y2": 224, "bbox_name": "right lung",
         "original_x1": -2, "original_y1": 3, "original_x2": 6, "original_y2": 30},
        {"object_id": "d1_left apical zone", "bbox_name": "left apical zone", "original_x1": 12, "original_y1": 1,
         "original_x2": 15, "original_y2": 4},
    ],
    "attributes": [
        {"right lung": True, "bbox_name": "right lung", "object_id": "d1_right lung",
         "attributes": [["anatomicalfinding|yes|lung opacity", "nlp|yes|abnormal"], ["disease|no|pneumonia"]],
         "phrases": ["There is an\n opacity.", "No pneumonia."], "sections": ["finalreport", "finalreport"],
         "phrase_IDs": ["50414267|1", "50414267|2"]}
    ],
    "relationships": [
        {"relationship_id": "50414267|3", "predicate": "['Worsened']",
         "relationship_names": ["comparison|yes|worsened"], "relationship_contexts": [1.0],
         "phrase": "It has grown.", "bbox_name": "right lung",
         "attributes": ["anatomicalfinding|yes|lung opacity"], "subject_id": "d1_right lung",
         "object_id": "d0_right lung"}
    ],
}  # fmt: skip
HEADER = ",subject_id,study_id,dicom_id,path,ViewPosition"


def release(root: Path, graph: dict[str, Any]) -> Path:
    splits = root / "silver_dataset/splits"
    text(splits / "train.csv", HEADER, f"0,10000032,50414267,d1,{PATH}/d1.dcm,PA")
    text(splits / "valid.csv", HEADER)
    text(splits / "test.csv", HEADER, f"0,10000033,50414268,d2,{PATH}/d2.dcm,AP")
    folder = root / "silver_dataset/scene_graph/scene_graph"
    folder.mkdir(parents=True)
    (folder / "d1_SceneGraph.json").write_text(json.dumps(graph), encoding="utf-8-sig")
    picture(root / PATH / "d1.jpg")
    return root


def test_regions_findings_and_changes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    [(study, split)] = read(release(tmp_path, GRAPH))
    assert (study.id, study.patient, study.sex, split) == ("d1", "p10000032", "F", "train")
    # The picture has 10 columns and 20 rows: the first box is cut there, the second lies outside.
    assert [(region.anatomy, region.box) for region in study.regions] == [("right lung", (0, 3, 6, 20))]
    opacity, abnormal, pneumonia, change = study.findings
    assert (opacity.concept, opacity.anatomy, opacity.laterality) == ("lung_opacity", "right lung", "right")
    assert (opacity.attributes, abnormal.concept) == ((("category", "anatomicalfinding"),), "abnormal")
    assert pneumonia.status == "absent"
    assert dict(change.attributes) == {"comparison": "worsened", "prior": "d0"}
    assert study.text("indication") == "___F with cough"
    assert study.text("report") == "There is an opacity. No pneumonia."
    [relation] = relations(GRAPH)
    assert (relation.region, relation.names, relation.phrase) == ("right lung", ("lung opacity",), "It has grown.")
    assert "d2_SceneGraph.json (no scene graph)" in caplog.text


def test_gold_patients_are_kept_out_of_training(tmp_path: Path) -> None:
    root = release(tmp_path, GRAPH)
    text(root / "silver_dataset/splits/images_to_avoid.csv", HEADER, f"0,10000032,50414267,d1,{PATH}/d1.dcm,PA")
    assert [sample.split for sample in read(root)] == ["gold"]


def test_graphs_out_of_the_archive(tmp_path: Path) -> None:
    root = release(tmp_path, GRAPH)
    file = root / "silver_dataset/scene_graph/scene_graph/d1_SceneGraph.json"
    with zipfile.ZipFile(root / "silver_dataset/scene_graph.zip", "w") as archive:
        archive.write(file, "scene_graph/d1_SceneGraph.json")
    file.unlink()
    assert [graph["image_id"] for graph in graphs(root, ["d1", "d2"])] == ["d1"]
    (root / "silver_dataset/scene_graph.zip").write_bytes(b"PK")
    with pytest.raises(DataError, match="is no ZIP archive"):
        list(graphs(root, ["d1"]))


def test_the_corrected_part(tmp_path: Path) -> None:
    text(tmp_path / "gold_dataset/gold_bbox_coordinate_annotations_1000images.csv",
         "image_id,x1,y1,x2,y2,bbox_name,original_x1,original_y1,original_x2,original_y2,annotator",
         "d1.dcm,1,1,2,2,carina,10,20,30.5,40,a1")  # fmt: skip
    [found] = gold_boxes(tmp_path)
    assert (found.image, found.region, found.box, found.annotator) == ("d1", "carina", (10, 20, 30.5, 40), "a1")
    text(tmp_path / "gold_dataset/gold_comparison_relations_500pts_500studies2nd.txt",
         "current_image_id\tcomparison", "d1\tno change;;improved")  # fmt: skip
    assert list(gold_rows(tmp_path, "comparisons")) == [
        {"current_image_id": "d1", "comparison": "no change;;improved"}
    ]
    with pytest.raises(DataError, match="no gold table 'x'"):
        list(gold_rows(tmp_path, "x"))
    with pytest.raises(DataError, match="no gold_dataset/gold_attributes"):
        list(gold_rows(tmp_path, "attributes"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"objects": [{"bbox_name": "x"}]}, "scene graph of d1: no 'original_x1'; this is not the form"),
        ({"attributes": [{"bbox_name": "x", "attributes": [["a|b"]]}]}, r"'a\|b', expected category\|yes or no"),
    ],
)  # fmt: skip
def test_bad_graphs(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        list(read(release(tmp_path, GRAPH | change)))


def test_a_graph_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no image_id and objects, expected a scene graph"):
        list(read(release(tmp_path, {"objects": []})))
