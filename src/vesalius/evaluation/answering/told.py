"""What a user is told beside the scores: what was not asked, not answered, not used, or has changed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from vesalius.evaluation.answering.marking import RATES
from vesalius.evaluation.answering.replies import Replies
from vesalius.evaluation.answering.survey import Survey
from vesalius.evaluation.results import SCORES_FILE

__all__ = [
    "changed_release", "left_out", "lost_parts", "never_answered", "replies_revision", "unanswered", "unsure",
    "unused_verdicts",
]  # fmt: skip

_SAID = {
    "unparsed": "could not be read",
    "refused": "refused",
    "empty": "came back empty",
    "failed": "failed",
    "unreadable": "failed on a picture that cannot be read",
}
"""What became of an answer, by the rate that counts it."""


def left_out(survey: Survey, *, parts: Sequence[str]) -> list[str]:
    """Say which items and parts were not asked, and where more were asked than wished.

    Args:
        survey: what was found in the release.
        parts: those that were named; where none was, what the release lacks is told.
    """
    lost = survey.left_out
    told = [f"{len(lost)} items were left out, their files are missing, such as {lost[0][1]}"] if lost else []
    if survey.limit and len(survey.ids) > survey.limit:
        told.append(
            f"{len(survey.ids)} items were asked for a limit of {survey.limit}: what is marked together stays whole"
        )
    lacking = [name for name in survey.benchmark.parts if name not in survey.parts] if not parts else []
    if lacking:
        told.append(f"{len(lacking)} parts were left out, {survey.root} lacks them: {', '.join(lacking)}")
    return told


def replies_revision(folder: Path, survey: Survey) -> str:
    """Return the hash of the release that the replies in a folder are about: the present one where none is known.

    Changed prompts are asked anew, but a picture of the same name is not known to be another one.
    """
    now = survey.document()
    path = folder / SCORES_FILE
    if not path.is_file() or not (folder / "replies.jsonl").is_file():
        return str(now["revision"])
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
        same = before["corpus"]["items"]["ids"] == now["items"]["ids"]
        known = str(before.get("replies_revision", before["corpus"]["revision"]))
    except (ValueError, KeyError, TypeError):
        return str(now["revision"])
    return known if same else str(now["revision"])


def changed_release(folder: Path, survey: Survey, *, revision: str) -> list[str]:
    """Say that a folder holds replies about other content of the same items, of another `replies_revision`."""
    if revision == survey.revision:
        return []
    words = f"{survey.root} has changed since the replies in {folder} were made: the same items have another hash of "
    return [f"{words}questions, truths and pictures; evaluate into another folder where pictures are others"]


def unanswered(table: pa.Table) -> list[str]:
    """Say of how many answers nothing could be read; they are wrong under our rule.

    Args:
        table: the model's predictions, of the schema `PREDICTIONS`; rules beside ours have an @ in their task.
    """
    own = table.filter(pc.invert(pc.match_substring(table["task"].cast(pa.string()), "@")))
    total, counts = 0, []
    for name in RATES:
        scores = own.filter(pc.equal(own["label"], name))["score"]
        total = max(total, len(scores))
        count = int(pc.sum(scores).as_py() or 0)
        if count:
            why = f" ({_commonest(own)})" if name == "failed" else ""
            counts.append(f"{count} {_SAID[name]}{why}")
    return [f"of {total} answers {', '.join(counts)}: what is not an answer counts as wrong"] if counts else []


def lost_parts(table: pa.Table) -> list[str]:
    """Say in which parts not one request was answered, and why: their zeros are those of no answer.

    Args:
        table: the model's predictions, of the schema `PREDICTIONS`.
    """
    failed = table.filter(pc.equal(table["label"], "failed"))
    tasks = failed["task"].cast(pa.string())
    names = [name for name in pc.unique(tasks).to_pylist() if "@" not in name]
    of_part = {name: failed.filter(pc.equal(tasks, name)) for name in names}
    lost = {name: rows for name, rows in of_part.items() if pc.min(rows["score"]).as_py() == 1}
    if not lost:
        return []
    where = (
        "any part" if len(lost) == len(names) else "the parts " + ", ".join(name.partition(".")[2] for name in lost)
    )
    return [f"not one request of {where} was answered: {_commonest(pa.concat_tables(lost.values()))}"]


def _commonest(table: pa.Table) -> str:
    """Return why most of the failed requests failed."""
    rows = table.filter(pc.and_(pc.equal(table["label"], "failed"), pc.equal(table["score"], 1.0)))
    reasons = Counter(json.loads(one).get("rule", "") for one in rows["detail"].cast(pa.string()).to_pylist())
    (reason, count), *others = reasons.most_common()
    return reason if not others else f"{count} of them: {reason}"


def never_answered(table: pa.Table) -> str:
    """Return why no request of a control got an answer, or "" where one did: zeros would flatter the model."""
    failed = table.filter(pc.equal(table["label"], "failed"))
    if not len(failed) or pc.min(failed["score"]).as_py() < 1:
        return ""
    why = json.loads(failed["detail"][0].as_py()).get("rule", "")
    return f"not one request was answered: {why}"


def unsure(table: pa.Table, *, confidence: str) -> list[str]:
    """Say that a confidence was asked for and no answer came with one.

    Args:
        table: the model's predictions, of the schema `PREDICTIONS`.
        confidence: how it was asked for, by its name in `AnsweringSettings`; empty where it was not.
    """
    rows = table.filter(pc.equal(table["label"], "accuracy"))
    if not confidence or not len(rows) or pc.any(pc.is_finite(rows["probability"])).as_py():
        return []
    return [f"no answer came with a confidence, {confidence!r} was asked for: the model gives none in this way"]


def unused_verdicts(folder: Path, *, judge: str) -> list[str]:
    """Say that a judge's verdicts lie in the folder, but no judge was named."""
    path = folder / "verdicts.jsonl"
    if judge or not path.is_file():
        return []
    return [f"{path} holds {len(Replies(path))} verdicts that are not used; name their judge by --judge"]
