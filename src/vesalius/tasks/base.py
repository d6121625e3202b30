"""What every task shares: the encoded data it gets, the table it predicts and the scores it gives.

A task never sees a model. It gets embeddings as numpy arrays, writes one long table of predictions that is
enough to compute every score again, and scores that table with patient-clustered intervals.

Letters: N items, F width of the features, D width of the joint space, C concepts.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vesalius import registry
from vesalius.errors import ConfigError, DataError, did_you_mean
from vesalius.metrics.bootstrap import Interval

__all__ = [
    "PREDICTIONS",
    "Encoded",
    "Ground",
    "Match",
    "Score",
    "Task",
    "TaskData",
    "column",
    "detail",
    "majority_predictions",
    "make_task",
    "predictions",
    "task_names",
]

Floats = NDArray[np.floating[Any]]

PREDICTIONS = pa.schema(
    [
        pa.field("task", pa.string(), metadata={"meaning": "name of the score's task, such as linear_probe_10"}),
        pa.field("item", pa.string(), metadata={"meaning": "id of the study that was the question"}),
        pa.field("patient", pa.string(), metadata={"meaning": "unit of resampling"}),
        pa.field("label", pa.string(), metadata={"meaning": "concept, or direction of a retrieval"}),
        pa.field("target", pa.float64(), metadata={"meaning": "1 present, 0 absent; NaN where not known"}),
        pa.field("score", pa.float64(), metadata={"meaning": "larger means more likely present"}),
        pa.field("probability", pa.float64(), metadata={"meaning": "stated probability of 1, or NaN"}),
        pa.field("rank", pa.float64(), metadata={"meaning": "rank of the best right item, from 1; ties half"}),
        pa.field("threshold", pa.float64(), metadata={"meaning": "present means score >= threshold"}),
        pa.field("detail", pa.string(), metadata={"meaning": "JSON object: variant, prompt, draw, gallery"}),
    ]
)
"""Schema of every table of predictions, one row an item, label and variant."""


@dataclass(frozen=True, kw_only=True)
class Score:
    """A number with its interval; NaN and a note where it is not defined."""

    task: str
    metric: str
    label: str
    """Concept, direction of a retrieval, "macro", or "all"."""
    value: float
    low: float
    high: float
    n: int
    n_patients: int
    note: str = ""
    extra: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    """What stands beside the number: prevalence, chance level, dropped resamples, spread over templates."""
    draws: NDArray[np.float64] | None = field(default=None, repr=False, compare=False)
    """The number in every resample, (B,), NaN where not defined. Two systems on the same patients share their
    resamples, so that the difference of their draws is paired."""
    rows: NDArray[np.intp] | None = field(default=None, repr=False, compare=False)
    """Rows of the table behind it, (n,); None where task, label and variant tell them."""
    plain_mean: bool = field(default=False, repr=False, compare=False)
    """It is the mean of the column `score` over `rows`."""

    @classmethod
    def of(
        cls,
        interval: Interval,
        *,
        task: str,
        metric: str,
        label: str,
        extra: Mapping[str, Any] | None = None,
        draws: NDArray[np.float64] | None = None,
        rows: NDArray[np.intp] | None = None,
        plain_mean: bool = False,
    ) -> Score:
        """Give an interval the name of its task, metric and label; its method goes into `extra`."""
        return cls(
            task=task,
            metric=metric,
            label=label,
            value=interval.value,
            low=interval.low,
            high=interval.high,
            n=interval.n,
            n_patients=interval.n_patients,
            note=interval.note,
            extra={**(extra or {}), "interval": interval.method, "dropped": interval.dropped},
            draws=draws,
            rows=rows,
            plain_mean=plain_mean,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, without `draws` and rows; a number that is not defined becomes None."""
        inner = ("draws", "rows", "plain_mean")
        values = {name: getattr(self, name) for name in self.__dataclass_fields__ if name not in inner}
        values["extra"] = {key: _plain(value) for key, value in self.extra.items()}
        return {key: _plain(value) for key, value in values.items()}


@dataclass(frozen=True, kw_only=True)
class Encoded:
    """One split, encoded by a model, in the order of its studies."""

    ids: tuple[str, ...]
    patients: tuple[str, ...]
    features: Floats
    """Image features before any projection, (N, F)."""
    joint: Floats
    """Unit-norm image embeddings of the joint space, (N, D)."""
    texts: tuple[str, ...]
    """One text a study, empty where it has none."""
    text_joint: Floats
    """Unit-norm embeddings of `texts`, (N, D); rows of empty texts are not read."""
    labels: Floats
    """1 present, 0 absent, NaN not known, (N, C)."""
    concepts: tuple[str, ...]
    image_of: tuple[int, ...] | None = None
    """Row of the image that each study goes by, where a control gave it another one's; None where all have theirs."""
    outputs: Mapping[str, NDArray[Any]] = field(default_factory=lambda: MappingProxyType({}))
    """What a head that was fitted to labels answers, by name, one row a study."""

    def __post_init__(self) -> None:
        n = len(self.ids)
        lengths = {
            "patients": len(self.patients),
            "features": len(self.features),
            "joint": len(self.joint),
            "texts": len(self.texts),
            "text_joint": len(self.text_joint),
            "labels": len(self.labels),
            **{f"outputs[{name!r}]": len(values) for name, values in self.outputs.items()},
        }
        wrong = {name: length for name, length in lengths.items() if length != n}
        if wrong:
            raise DataError(f"encoded split: {n} ids but {wrong}; every part needs one row a study")
        if self.labels.shape[1:] != (len(self.concepts),):
            raise DataError(f"encoded split: labels are {self.labels.shape} for {len(self.concepts)} concepts")
        for name in ("features", "joint"):
            broken = np.flatnonzero(~np.isfinite(getattr(self, name)).all(axis=1))
            if len(broken):
                raise DataError(
                    f"encoded split: {name} of {len(broken)} of {n} studies are not finite, such as "
                    f"{self.ids[broken[0]]!r}; the model or its input is broken"
                )

    def __len__(self) -> int:
        return len(self.ids)


Match = Callable[[str, Sequence[int], Sequence[str]], Floats]
"""``match(split, rows, texts)``: the logit (K,) that the image of each row of a split shows what its text says."""


class Ground(Protocol):
    """Similarity maps of the test split's pictures and what is marked in them, both on the picture's grid."""

    def __call__(self, row: int, phrase: str) -> NDArray[np.float32]:
        """Return the map of a row's picture for a phrase, (rows, columns)."""

    def marked(self, row: int) -> Mapping[str, NDArray[np.bool_]]:
        """Return the masks (rows, columns) of what is marked in a row's picture, by concept."""


@dataclass(frozen=True, kw_only=True)
class TaskData:
    """What a task may use: encoded splits and the model's text encoder."""

    test: Encoded
    train: Encoded | None = None
    val: Encoded | None = None
    embed_text: Callable[[Sequence[str]], Floats] | None = None
    """Sentences to unit-norm embeddings (len, D)."""
    match: Match | None = None
    """Logits that images show what texts say, by a model that reads both together."""
    ground: Ground | None = None
    """Maps of where phrases apply, by a model that gives them."""
    temperature: float = 0.07
    """Softmax temperature of the model (1 / logit scale): makes probabilities of cosines, changes no rank."""
    seed: int = 0


class Task(Protocol):
    """How a question is put and an answer scored."""

    @property
    def name(self) -> str:
        """Name of the task and of its file."""

    @property
    def needs(self) -> frozenset[str]:
        """Capabilities that a predictor must have: "embed_image", "embed_text", "match", "classify", …"""

    @property
    def splits(self) -> frozenset[str]:
        """Encoded splits beside "test" that `predict` cannot do without."""

    def predict(self, data: TaskData) -> pa.Table:
        """Answer for every item of the test split: a table of the schema `PREDICTIONS`."""

    def score(self, table: pa.Table, *, resamples: int, seed: int) -> list[Score]:
        """Score a table that `predict` made, with intervals over patients."""


def task_names() -> tuple[str, ...]:
    """Return the names of all tasks."""
    return registry.names("vesalius.tasks")


def make_task(name: str, /, **settings: Any) -> Task:
    """Build the task `name` with its default settings, or with `settings` laid over them.

    Raises:
        ConfigError: no such task or setting; offers the nearest names.
    """
    kind = registry.load("vesalius.tasks", name).TASK
    unknown = set(settings) - set(kind.__dataclass_fields__)
    if unknown:
        first = sorted(unknown)[0]
        raise ConfigError(f"task {name!r} has no setting {first!r}{did_you_mean(first, kind.__dataclass_fields__)}")
    task: Task = kind(**settings)
    return task


def predictions(task: str, columns: Mapping[str, Any]) -> pa.Table:
    """Build a table of the schema `PREDICTIONS`; columns that are not given are NaN or empty.

    Args:
        task: name of the scores' task.
        columns: column name to one value a row; at least item, patient and label.
    """
    rows = len(columns["item"])
    arrays = []
    for entry in PREDICTIONS:
        if entry.name == "task":
            values: Any = [task] * rows
        elif entry.name in columns:
            values = columns[entry.name]
        else:
            values = [""] * rows if entry.type == pa.string() else np.full(rows, np.nan)
        arrays.append(pa.array(values, type=entry.type, from_pandas=False))
    return pa.Table.from_arrays(arrays, schema=PREDICTIONS)


def majority_predictions(table: pa.Table, prevalence: Mapping[str, float]) -> pa.Table:
    """Answer every row of a task by the share of its label in training: the control that never looks.

    AUROC of it is 0.5 by ties, accuracy the share of the larger class. Threshold 0.5 of the probability.

    Args:
        table: predictions with labels; only items, labels and targets are kept.
        prevalence: share of present among the known training items of each label.
    """
    missing = sorted(set(table.column("label").unique().to_pylist()) - set(prevalence))
    if missing:
        raise DataError(f"majority control: no prevalence of {missing[0]!r} in training")
    share = [prevalence[label] for label in table.column("label").to_pylist()]
    columns = {name: table.column(name).combine_chunks() for name in ("item", "patient", "label", "target")}
    columns |= {"score": share, "probability": share, "threshold": np.full(len(share), 0.5)}
    built = predictions("", {**columns, "detail": table.column("detail").combine_chunks()})
    return built.set_column(0, PREDICTIONS.field("task"), table.column("task"))


def column(table: pa.Table, name: str) -> NDArray[Any]:
    """Return a column as a numpy array: float64 for numbers, objects for strings."""
    values: NDArray[Any] = table.column(name).to_numpy()
    return values


def detail(**values: Any) -> str:
    """Write the `detail` of a row: a JSON object with sorted keys."""
    return json.dumps(values, sort_keys=True)


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value
