"""Answer items on standard input with one of the scripts beside this file; runs in an environment of the user's.

Called as ``PYTHON serve.py FOLDER NAME``. It and the scripts use nothing of Vesalius and nothing but the standard
library and the one package that a script is about. Lines are JSON: first the settings come in and ``{"ready": …}``
goes out, then each item ``{"id": 0, "item": {…}}`` is answered with ``{"id": 0, "result": …}`` or, where it failed,
``{"id": 0, "error": "ValueError"}``: no text of a report is ever in a message. A script has one function,
``load(settings)``, which returns its package with version, the model's name, and a function from item to result.
"""

from __future__ import annotations

import json
import os
import runpy
import socket
import sys
from typing import Any, TextIO

_FAILURES = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What a model may raise over one item; anything else ends the process."""


def main(folder: str, name: str) -> None:
    """Serve until the input ends."""
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [path for path in sys.path if os.path.abspath(path) != here]  # scripts are named as packages are
    answers = _own_output()
    socket.socket.connect = _refuse  # type: ignore[method-assign]
    settings = json.loads(sys.stdin.readline())
    load = runpy.run_path(os.path.join(folder, f"{name}.py"))["load"]
    package, model, answer = load(settings)
    _say(answers, {"ready": {"package": package, "model": model}})
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            _say(answers, {"id": asked["id"], "result": answer(asked["item"])})
        except _FAILURES as error:
            _say(answers, {"id": asked["id"], "error": type(error).__name__})


def _own_output() -> TextIO:
    """Keep standard output for answers; what packages print goes to the error stream."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return answers


def _say(answers: TextIO, message: dict[str, Any]) -> None:
    answers.write(json.dumps(message) + "\n")
    answers.flush()


def _refuse(*_: Any) -> None:
    raise OSError("a metric's worker uses no network: bring its weights into its cache before")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
