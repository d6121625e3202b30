"""What the projects of MIMIC-CXR share: names, dates and, for twins, ids of a range that no real ones have.

Real subjects begin with 1 and studies with 5; those of a twin begin with 9, so that its folders ("p90") can stand
beside real ones without being taken for them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import NamedTuple

from vesalius.data.datasets.base import Sample
from vesalius.data.records import Prior, Study

__all__ = [
    "SPLITS", "SPLIT_COLUMNS", "SPLIT_FILE", "Visit", "folder_of", "in_time", "moment_of", "virtual_dicom",
    "virtual_moment", "virtual_study", "virtual_subject",
]  # fmt: skip

SPLIT_FILE = "mimic-cxr-2.*-split.csv.gz"
SPLIT_COLUMNS = ("dicom_id", "study_id", "subject_id", "split")
SPLITS = {"train": "train", "validate": "val", "test": "test"}
"""The release's words and ours."""
_FIRST_DAY = date(2180, 1, 1)


class Visit(NamedTuple):
    """A study of a patient before its priors are known."""

    study: Study
    moment: datetime | None
    split: str


def folder_of(subject: str, study: str) -> str:
    """Return the folder of a study, such as ``files/p10/p10000032/s50414267``."""
    return f"files/p{subject[:2]}/p{subject}/s{study}"


def moment_of(day: str, time: str) -> datetime | None:
    """Read StudyDate ("21800506") and StudyTime, a float without its zeros ("31014.531" is 03:10:14)."""
    seconds = time.partition(".")[0].zfill(6)
    try:
        return datetime.strptime(day + seconds, "%Y%m%d%H%M%S")
    except ValueError:
        return None


def in_time(visits: Sequence[Visit]) -> Iterator[Sample]:
    """Yield the studies of one patient, each with those before it as priors; without a date there are none."""
    dated = sorted(
        ((visit.moment, visit.study.id) for visit in visits if visit.moment), key=lambda pair: (pair[0], pair[1])
    )
    for visit in visits:
        now = visit.moment
        priors = tuple(
            Prior(study=name, days_before=(now - then) / timedelta(days=1))
            for then, name in dated
            if now and then < now
        )
        yield Sample(replace(visit.study, priors=priors), visit.split)


def virtual_subject(patient: int) -> str:
    """Return the subject_id of a twin's patient."""
    return str(90_000_000 + patient)


def virtual_study(index: int) -> str:
    """Return the study_id of a twin's study."""
    return str(95_000_000 + index)


def virtual_dicom(study: str, image: int) -> str:
    """Return a dicom_id: five groups of eight hexadecimal digits, the first all zero."""
    digits = hashlib.sha256(f"{study}/{image}".encode()).hexdigest()
    return "-".join(["0" * 8, *(digits[start : start + 8] for start in range(0, 32, 8))])


def virtual_moment(day: int, index: int) -> tuple[str, str]:
    """Return StudyDate and StudyTime as the tables write them: the time a float without leading zeros."""
    hours = index % 3 * 9 + 2
    return f"{_FIRST_DAY + timedelta(days=day):%Y%m%d}", f"{hours}1014.531"
