"""Labels of a twin's studies as a labeller would have written them: some not mentioned, some uncertain."""

from __future__ import annotations

from collections.abc import Sequence

from vesalius.data.chexpert_labels import NO_FINDING, code_of, labels_of
from vesalius.data.datasets._pictures import Case
from vesalius.data.records import Status

__all__ = ["labelled"]


def labelled(case: Case, names: Sequence[str], *, shift: int = 0, silent: bool = True) -> dict[str, str]:
    """Return the code of each label of CheXpert: "1.0", "0.0", "-1.0" or "".

    Args:
        case: with the truth; which labels are left out or uncertain depends on its number only.
        names: of the labels, in the order of the table.
        shift: another number leaves out others, as another labeller would.
        silent: some labels are not mentioned; False for tables without empty cells.
    """
    true = labels_of(case.study)
    return {name: code_of(_said(true[name], case.number + place + shift, name, silent))
            for place, name in enumerate(names)}  # fmt: skip


def _said(true: Status, turn: int, name: str, silent: bool) -> Status | None:
    if name == NO_FINDING and silent:
        return true if true == "present" else None
    if silent and turn % 3 == 2 and true == "absent":
        return None
    return "uncertain" if turn % 11 == 4 and name != NO_FINDING else true
