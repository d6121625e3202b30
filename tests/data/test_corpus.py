from __future__ import annotations

import json
import math
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from study_strategies import media_of, small_study, studies

import vesalius.data.shards as shards_module
from vesalius.data.corpus import Corpus, StatusCounts, from_studies
from vesalius.data.records import Finding, Image, Study
from vesalius.data.schema import SCHEMA_VERSION
from vesalius.errors import DataError


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    """Twelve studies of six patients; edema present in 0, 3, 6, 9 and denied in the others."""
    return from_studies(map(small_study, range(12)), tmp_path / "corpus", name="small", media=media_of(*range(12)))


@pytest.fixture
def sharded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Corpus:
    """The same in shards of five rows and row groups of two."""
    monkeypatch.setattr(shards_module, "ROWS_PER_SHARD", 5)
    monkeypatch.setattr(shards_module, "ROWS_PER_GROUP", 2)
    made = map(small_study, range(12))
    return from_studies(made, tmp_path / "sharded", name="small", media=media_of(*range(12)))


def test_studies_come_back(sharded: Corpus) -> None:
    assert [len(pq.read_table(path)) for path in sorted((sharded.root / "studies").iterdir())] == [5, 5, 2]
    expected = [f"study-{number}" for number in range(12)]
    assert sharded.ids == [study.id for study in sharded] == [sharded[row].id for row in range(12)] == expected
    assert sharded.patients == [f"patient-{number // 2}" for number in range(12)]
    assert sharded[-1].id == "study-11"
    assert sharded.study("study-7").texts[0].text == "Text 7."
    assert sharded.path(sharded[3].images[0].path).read_bytes() == b"picture 3"
    with pytest.raises(IndexError):
        sharded[12]
    with pytest.raises(DataError, match="no study 'study-12'"):
        sharded.study("study-12")
    with pytest.raises(DataError, match="escapes the corpus"):
        sharded.path("../corpus.json")


def test_a_view_of_a_view(sharded: Corpus) -> None:
    ill = sharded.filter("edema")
    assert ill.ids == ["study-0", "study-3", "study-6", "study-9"]
    assert [study.id for study in ill] == ill.ids
    assert ill[1].id == "study-3"
    women = ill.filter(sex="F")  # odd numbers
    assert women.ids == ["study-3", "study-9"]
    assert women.study("study-9").sex == "F"
    with pytest.raises(DataError, match="no study 'study-0' in this view"):
        women.study("study-0")
    assert women.counts.studies == 12
    assert women.root == sharded.root
    assert women.table(["patient"])["patient"].to_pylist() == ["patient-1", "patient-4"]
    assert repr(women) == f"Corpus('small', 2 of 12 studies, '{sharded.root}')"


def test_filters_of_every_kind(tmp_path: Path) -> None:
    made = [
        small_study(0, site="A"),
        small_study(1, site="B", findings=(Finding(concept="edema", status="uncertain"),)),
        small_study(2, images=(Image(id="a", path="x.nii", modality="CT", sha256="0" * 64),)),
    ]
    corpus = from_studies(made, tmp_path, name="three", media=media_of(0, 1))
    assert corpus.filter("edema", status="uncertain").ids == ["study-1"]
    assert corpus.filter("edema", status="absent").ids == ["study-2"]
    assert corpus.filter(modality="CT").ids == ["study-2"]
    assert corpus.filter(modality="DX", site="A").ids == ["study-0"]
    assert corpus.filter(ids=["study-2", "study-0"]).ids == ["study-0", "study-2"]
    assert corpus.filter() is corpus
    assert corpus.concepts() == {"edema": StatusCounts(present=1, absent=1, uncertain=1)}
    with pytest.raises(DataError, match=r"has no study 'study-9' \(1 of 2\)"):
        corpus.filter(ids=["study-9", "study-0"])
    with pytest.raises(DataError, match="did you mean 'edema'"):
        corpus.filter("oedema")
    with pytest.raises(DataError, match="no study has modalities='MR'"):
        corpus.filter(modality="MR")


def test_labels_by_hand(tmp_path: Path) -> None:
    def stated(number: int, **by_concept: Any) -> Study:
        findings = tuple(Finding(concept=name, status=status) for name, status in by_concept.items())
        return small_study(number, images=(), findings=findings)

    made = [
        stated(0, edema="present", fibrosis="absent"),
        stated(1, edema="uncertain"),
        stated(2),
        stated(3, fibrosis="present", edema="absent"),
    ]
    corpus = from_studies(made, tmp_path, name="labels")
    nan = math.nan
    expected = np.array([[0, 1], [nan, nan], [nan, nan], [1, 0]], np.float32)
    labels = corpus.labels(["fibrosis", "edema"])
    assert labels.dtype == np.float32
    np.testing.assert_array_equal(labels, expected)
    np.testing.assert_array_equal(corpus.filter(ids=["study-1", "study-3"]).labels(["edema"]), [[nan], [0]])
    assert corpus.labels([]).shape == (4, 0)
    assert np.isnan(corpus.labels(["unheard_of"])).all()


def test_labels_agree_with_the_studies(sharded: Corpus) -> None:
    values = {"present": 1.0, "absent": 0.0, "uncertain": math.nan, None: math.nan}
    expected = [[values[study.status("edema")]] for study in sharded]
    np.testing.assert_array_equal(sharded.labels(["edema"])[:, :1], np.array(expected, np.float32))


def test_only_the_row_group_of_a_study_is_decoded(sharded: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[int] = []
    read = pq.ParquetFile.read_row_group

    def counted(self: pq.ParquetFile, group: int, **more: Any) -> Any:
        decoded.append(group)
        return read(self, group, **more)

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", counted)
    assert [sharded[row].id for row in (8, 9, 8)] == ["study-8", "study-9", "study-8"]
    assert decoded == [
        1,
        2,
    ]  # second shard, rows 5-6, 7-8, 9: study 8 in its group 1, study 9 in group 2, then kept
    list(sharded.filter("edema", sex="F"))  # studies 3 and 9: one group each
    assert len(decoded) == 4


def test_a_corpus_travels_to_other_processes(sharded: Corpus) -> None:
    view = sharded.filter("edema")
    assert view[2].id == "study-6"
    assert [study.id for study in pickle.loads(pickle.dumps(view))] == view.ids


def test_plain_pyarrow_opens_it(sharded: Corpus) -> None:
    table = pyarrow.dataset.dataset(sharded.root / "studies").to_table(columns=["study_id", "findings"])
    assert table["study_id"].to_pylist() == sharded.ids
    assert table["findings"][0].as_py()[0]["concept"] == "edema"


def test_hugging_face_datasets_opens_it(sharded: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("datasets")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    files = sorted(str(path) for path in (sharded.root / "studies").glob("*.parquet"))
    loaded = datasets.load_dataset("parquet", data_files=files, split="train", cache_dir=str(tmp_path / "cache"))
    assert loaded["study_id"][:] == sharded.ids
    assert loaded[3]["findings_present"] == ["edema"]
    assert loaded[3]["images"][0]["path"] == "media/3.png"


def test_a_split_is_stored_and_never_parts_a_patient(sharded: Corpus) -> None:
    assert not sharded.has_split
    with pytest.raises(DataError, match="no split 'default'"):
        sharded.split("train")
    sharded.make_split({"train": 0.5, "val": 0.25, "test": 0.25}, seed=4, stratify=["edema"])
    again = Corpus.open(sharded.root)
    assert again.has_split
    parts = {name: set(again.split(name).patients) for name in ("train", "val", "test")}
    assert sum(map(len, parts.values())) == 6 == len(set().union(*parts.values()))
    assert sum(len(again.split(name)) for name in parts) == 12
    document = json.loads((sharded.root / "corpus.json").read_text())["splits"]["default"]
    assert document["seed"] == 4
    assert document["fractions"] == {"train": 0.5, "val": 0.25, "test": 0.25}
    assert document["stratify"] == ["edema"]
    assert document["patients"] == {name: len(patients) for name, patients in parts.items()}
    assert again.filter(split="train", finding="edema").ids == again.split("train").filter("edema").ids
    with pytest.raises(DataError, match="no part 'valid'; did you mean 'val'"):
        again.split("valid")
    with pytest.raises(DataError, match="no finding 'edemas'; did you mean 'edema'"):
        sharded.make_split(stratify=["edemas"])
    with pytest.raises(DataError, match="is a view"):
        again.split("train").make_split()


def test_a_split_does_not_depend_on_the_order_of_studies(corpus: Corpus, tmp_path: Path) -> None:
    made = map(small_study, reversed(range(12)))
    backwards = from_studies(made, tmp_path / "back", name="back", media=media_of(*range(12)))
    sets = [set(each.make_split(seed=1, stratify=["edema"]).split("train").ids) for each in (corpus, backwards)]
    assert sets[0] == sets[1]


def test_a_given_split(corpus: Corpus) -> None:
    corpus.set_split({"study-0": "train", "study-1": "train", "study-2": "test"})
    assert corpus.split("train").ids == ["study-0", "study-1"]
    assert corpus.split("test").ids == ["study-2", "study-3"]  # the other study of patient-1
    assert corpus.parts() == {"study-0": "train", "study-1": "train", "study-2": "test", "study-3": "test"}
    assert Corpus.open(corpus.root).manifest.splits["default"].seed is None
    with pytest.raises(DataError, match="such as 'patient-0' in test and train"):
        corpus.set_split({"study-0": "train", "study-1": "test"})
    with pytest.raises(DataError, match="no study 'study-99'"):
        corpus.set_split({"study-99": "test"})


def test_a_split_that_shares_patients_is_kept_by_study_and_counted(corpus: Corpus) -> None:
    patient_of = dict(zip(corpus.ids, corpus.patients, strict=True))
    assert patient_of["study-0"] == patient_of["study-1"] != patient_of["study-2"]
    given = {"study-0": "train", "study-1": "test", "study-2": "test"}
    corpus.set_split(given, shared=True)
    again = Corpus.open(corpus.root)
    assert again.split("train").ids == ["study-0"]
    assert sorted(again.split("test").ids) == ["study-1", "study-2"]
    summary = again.manifest.splits["default"]
    assert (dict(summary.patients), summary.shared_patients) == ({"test": 2, "train": 1}, 1)
    assert again.parts() == given
    assert again.split("test").parts() == {"study-1": "test", "study-2": "test"}
    corpus.set_split({**given, "study-1": "train"}, shared=True)
    assert Corpus.open(corpus.root).manifest.splits["default"].shared_patients == 0


def test_a_patient_in_two_stored_splits_is_found_at_opening(corpus: Corpus) -> None:
    corpus.make_split()
    path = corpus.root / "splits" / "default.parquet"
    table = pq.read_table(path)
    turned = table.set_column(1, "split", pyarrow.array(["other"] * len(table)))
    pq.write_table(pyarrow.concat_tables([table, turned.slice(0, 1)]), path)
    with pytest.raises(DataError, match="in two splits, such as 'patient-0'"):
        Corpus.open(corpus.root)


def test_a_drawn_split_does_not_cover_patients_that_come_later(corpus: Corpus) -> None:
    corpus.make_split()
    grown = from_studies([small_study(50)], corpus.root, name="small", media=media_of(50))
    with pytest.raises(DataError, match="drawn for 6 patients, there are now 7"):
        grown.split("train")
    assert len(grown.make_split().split("train")) > 0


@given(
    made=st.lists(studies(), min_size=1, max_size=8, unique_by=lambda study: study.id),
    seed=st.integers(0, 99),
)
@settings(max_examples=15, deadline=None)
def test_any_studies_any_split(made: list[Study], seed: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    made = [
        Study(
            id=study.id,
            patient=study.patient,
            texts=study.texts if not study.images else (),
            findings=study.findings,
        )
        for study in made
    ]
    corpus = from_studies(made, tmp_path_factory.mktemp("any"), name="any")
    assert list(corpus) == made
    corpus.make_split(seed=seed)
    stored = pq.read_table(corpus.root / "splits" / "default.parquet")
    assert sorted(stored["patient"].to_pylist()) == sorted({study.patient for study in made})


def test_a_newer_schema_is_refused_with_both_versions(corpus: Corpus) -> None:
    path = corpus.root / "corpus.json"
    path.write_text(path.read_text().replace(f'"schema_version": {SCHEMA_VERSION}', '"schema_version": 7'))
    with pytest.raises(DataError, match="schema version 7, this release reads versions up to 2: upgrade vesalius"):
        Corpus.open(corpus.root)


def test_what_is_no_corpus_is_said(tmp_path: Path, corpus: Corpus) -> None:
    with pytest.raises(DataError, match="does not exist"):
        Corpus.open(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"is not a corpus: it has no corpus\.json"):
        Corpus.open(tmp_path)
    (tmp_path / "corpus.json").write_text("{}")
    with pytest.raises(DataError, match="is not the description of a corpus: KeyError 'schema_version'"):
        Corpus.open(tmp_path)
    document = (corpus.root / "corpus.json").read_text()
    (tmp_path / "corpus.json").write_text(document.replace("part-00000", "../../part-00000"))
    with pytest.raises(DataError, match="is not a plain file name"):
        Corpus.open(tmp_path)
    shard = corpus.root / "studies" / "part-00000.parquet"
    shard.write_bytes(shard.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"shard .*part-00000.parquet is not readable"):
        list(Corpus.open(corpus.root))
    shard.unlink()
    with pytest.raises(DataError, match=r"shard .*part-00000.parquet is missing"):
        list(Corpus.open(corpus.root))


def test_opening_and_filtering_load_nothing_heavy(corpus: Corpus) -> None:
    script = (
        "import sys; from vesalius.data.corpus import Corpus; "
        f"Corpus.open({str(corpus.root)!r}).filter('edema').labels(['edema']); "
        "print(sorted({'torch', 'pydantic', 'datasets', 'sklearn', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_unknown_columns_are_named(corpus: Corpus) -> None:
    with pytest.raises(DataError, match="no column 'patients'; did you mean 'patient'"):
        corpus.table(["patients"])
    assert [len(table) for table in corpus.tables()] == [12]
