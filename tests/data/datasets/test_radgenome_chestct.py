"""RadGenome-ChestCT: sentences by region, folders without an underscore, archives in pieces."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from release_files import lines, nifti

from vesalius.data.datasets.radgenome_chestct import read
from vesalius.errors import DataError


def test_sentences_masks_and_questions(tmp_path: Path) -> None:
    lines(tmp_path / "radgenome_files" / "train_region_report.csv", "Volumename,Anatomy,Sentence",
          "train_1_a_1.nii.gz,trachea and bronchie,They are open.", "train_1_a_1.nii.gz,,No comparison.")  # fmt: skip
    lines(tmp_path / "radgenome_files" / "train_vqa_presence.csv", "Volumename,Question,Answer",
          "train_1_a_1.nii.gz,Is there a nodule?,no")  # fmt: skip
    (tmp_path / "train_anatomy_mask_aa").touch()
    with pytest.raises(DataError, match=r"cat train_anatomy_mask_\* > train_anatomy_mask.tar"):
        list(read(tmp_path))
    volume = np.zeros((4, 3, 2), np.int16)
    nifti(tmp_path / "train_region_mask" / "seg_train_1_a_1" / "trachea and bronchie.nii.gz", volume)
    with pytest.raises(DataError, match="none of its 1 volumes"):
        list(read(tmp_path))
    nifti(tmp_path / "train_preprocessed" / "train_1" / "train_1a" / "train_1_a_1.nii.gz", volume)
    [(study, split)] = read(tmp_path)
    assert (study.id, study.patient, split) == ("train_1_a_1", "train_1", "train")
    assert study.text("findings") == "They are open. No comparison."
    assert study.text("note") == "trachea and bronchi: They are open."
    assert [part.anatomy for part in study.regions] == ["trachea and bronchi"]
    assert [(part.turns[0].text, part.answer) for part in study.dialogues] == [("Is there a nodule?", "no")]
