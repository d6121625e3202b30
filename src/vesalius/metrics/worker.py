"""Metrics whose packages want an environment of their own: a worker in that environment, asked line by line.

CheXbert, RadGraph, GREEN and RaTEScore pin packages that cannot stand beside ours. Who has them installed elsewhere
names that environment's Python in ``VESALIUS_WORKER_<NAME>``, such as
``VESALIUS_WORKER_RADGRAPH=/envs/radgraph/bin/python``. Nothing is ever installed or downloaded: the worker's sockets
are closed and the hub's libraries told to stay offline, so the weights must be in their cache. That guards against
surprises and is no sandbox. The scripts that run there are in ``metrics/workers``.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any, NamedTuple, Self

from vesalius.errors import ConfigError, DataError, MissingDependency, did_you_mean

__all__ = ["WORKERS", "Answer", "Worker", "worker_names", "worker_python"]

WORKERS = Path(__file__).with_name("workers")
"""Folder of the scripts; a file ``<name>.py`` is the worker of that name."""
_SERVE = "serve"
_VARIABLE = "VESALIUS_WORKER_"
_OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1",
            "PYTHONDONTWRITEBYTECODE": "1", "PYTHONIOENCODING": "utf-8"}  # fmt: skip
_DROPPED = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
"""Variables that would mix the two environments."""
_LONGEST_LINE = 16 * 2**20
"""Bytes of an answer."""
_ERROR_LINES = 12
_JOIN_S = 5.0


class Answer(NamedTuple):
    """What a worker says of one item."""

    result: Any
    """None where it failed."""
    error: str
    """Name of the error inside the worker; empty where there is a result."""


def worker_names(folder: Path = WORKERS) -> tuple[str, ...]:
    """Return the names of the workers there are."""
    return tuple(sorted(path.stem for path in folder.glob("*.py") if path.stem not in (_SERVE, "__init__")))


def worker_python(name: str) -> Path:
    """Return the Python that the user names for a worker.

    Raises:
        MissingDependency: none is named; the message says how to name one.
        ConfigError: what is named is no program.
    """
    variable = _VARIABLE + name.upper().replace("-", "_")
    named = os.environ.get(variable, "")
    if not named:
        raise MissingDependency(
            f"{name} needs an environment of its own: install its package there, bring its weights into its cache "
            f"and set {variable} to that environment's Python; nothing is installed or downloaded here"
        )
    found = Path(named).expanduser()
    if not found.is_file() or not os.access(found, os.X_OK):
        raise ConfigError(f"{variable} is {named!r}, which is no program; expected the path of a Python")
    return found


@dataclass(kw_only=True)
class Worker:
    """A process that answers items, to be used in a ``with`` block.

    ``with Worker(name="radgraph") as worker: graphs = list(worker.answers({"text": report} for report in reports))``
    """

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What the script takes, such as ``{"model": "radgraph-xl"}``; see the head of the script."""
    python: Path | None = None
    """Python of the environment; that of the environment variable where none is given."""
    folder: Path = WORKERS
    """Scripts; another folder for workers of one's own."""
    start_s: float = 900.0
    """Seconds until the model must be loaded."""
    item_s: float = 300.0
    """Seconds that one item may take."""
    package: str = field(default="", init=False)
    """Name and version of the package that answers; known once started."""
    model: str = field(default="", init=False)
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False, repr=False)
    _lines: queue.Queue[bytes] = field(default_factory=queue.Queue, init=False, repr=False)
    _threads: list[threading.Thread] = field(default_factory=list, init=False, repr=False)
    _errors: deque[str] = field(default_factory=lambda: deque(maxlen=_ERROR_LINES), init=False, repr=False)

    def __enter__(self) -> Self:
        """Start the process and wait until its model is loaded."""
        if self.name not in worker_names(self.folder):
            raise ConfigError(f"no worker {self.name!r}{did_you_mean(self.name, worker_names(self.folder))}")
        python = self.python or worker_python(self.name)
        self._lines, self._errors = queue.Queue(), deque(maxlen=_ERROR_LINES)
        environment = {name: value for name, value in os.environ.items() if name not in _DROPPED} | _OFFLINE
        command = [str(python), str(WORKERS / f"{_SERVE}.py"), str(self.folder), self.name]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment,
            start_new_session=True,
        )  # fmt: skip
        self._threads = [
            threading.Thread(target=self._listen, args=(self._process.stdout,), daemon=True),
            threading.Thread(target=self._listen_errors, args=(self._process.stderr,), daemon=True),
        ]
        for thread in self._threads:
            thread.start()
        try:
            self._send(dict(self.settings))
            ready = self._receive(self.start_s, "loading its model").get("ready")
            if not isinstance(ready, dict):
                raise DataError(f"worker {self.name}: expected to hear that it is ready")
            self.package, self.model = str(ready.get("package", "")), str(ready.get("model", ""))
        except DataError as error:
            self._stop()
            # No item has been sent, so that nothing of a report can be in what the worker printed.
            told = "\n  ".join(self._errors)
            raise DataError(f"{error}; it printed:\n  {told}" if told else str(error)) from None
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the process."""
        self._stop()

    def answers(self, items: Iterable[Mapping[str, Any]]) -> Iterator[Answer]:
        """Yield the answer to each item, in order; a failed one is an `Answer` with its error and no result.

        Raises:
            DataError: the process ended, took too long, or said something else; the items before are answered.
        """
        for number, item in enumerate(items):
            self._send({"id": number, "item": dict(item)})
            said = self._receive(self.item_s, f"item {number}")
            if said.get("id") != number or not ("result" in said or "error" in said):
                self._stop()
                raise DataError(f"worker {self.name}: an answer that is not to item {number}; {number} are answered")
            yield Answer(said.get("result"), str(said.get("error") or ""))

    def _send(self, message: Mapping[str, Any]) -> None:
        if self._process is None or self._process.stdin is None:
            raise ConfigError(f"worker {self.name} is not started: use it in a with block")
        try:
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            raise DataError(f"worker {self.name} has ended{self._code()}") from None

    def _receive(self, seconds: float, what: str) -> dict[str, Any]:
        try:
            line = self._lines.get(timeout=seconds)
        except queue.Empty:
            self._stop()
            raise DataError(f"worker {self.name} took more than {seconds:g} s for {what}") from None
        if not line.endswith(b"\n"):
            code = self._code()
            self._stop()
            long = "said a line without an end" if line else f"has ended{code}"
            raise DataError(f"worker {self.name} {long} at {what}")
        try:
            said = json.loads(line)
        except (ValueError, RecursionError):
            said = None
        if not isinstance(said, dict):
            self._stop()
            raise DataError(f"worker {self.name} said something that is no answer at {what}: expected a JSON object")
        return said

    def _code(self) -> str:
        if self._process is None:
            return ""
        try:
            return f" with exit status {self._process.wait(timeout=5)}"
        except subprocess.TimeoutExpired:
            return ""

    def _listen(self, output: IO[bytes]) -> None:
        """Queue lines; an empty one says that the process has closed its output."""
        while True:
            line = output.readline(_LONGEST_LINE)
            self._lines.put(line)
            if not line.endswith(b"\n"):
                return

    def _listen_errors(self, output: IO[bytes]) -> None:
        while line := output.readline(_LONGEST_LINE):
            self._errors.append(line.decode("utf-8", "replace").rstrip()[:500])

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for thread in self._threads:
            thread.join(timeout=_JOIN_S)  # a process that the worker has sent elsewhere may hold its output open
        streams = (process.stdin, process.stdout, process.stderr)
        for stream in streams if not any(thread.is_alive() for thread in self._threads) else streams[:1]:
            if stream:
                with suppress(OSError):  # what was not read is lost on purpose
                    stream.close()
