"""Workers in environments of the user's, by tiny scripts and by stand-ins for the four packages."""

from __future__ import annotations

import stat
import sys
import time
from pathlib import Path

import pytest

from vesalius.errors import ConfigError, DataError, MissingDependency
from vesalius.metrics.entities import given_graphs
from vesalius.metrics.green import green_reply
from vesalius.metrics.observations import classes_of
from vesalius.metrics.worker import Worker, worker_names, worker_python

ECHO = """
def load(settings):
    print("a package that prints on loading")
    def answer(item):
        print("and at every item")
        if item["text"] == "bad":
            raise ValueError("the words of a report: " + item["text"])
        return item["text"].upper() + settings.get("mark", "")
    return "echo 1.0", "none", answer
"""
PYTHON = Path(sys.executable)


def made(folder: Path, script: str, **settings: object) -> Worker:
    (folder / "echo.py").write_text(script)
    return Worker(name="echo", python=PYTHON, folder=folder, settings=settings, start_s=60, item_s=30)


def test_items_are_answered_in_order(tmp_path):
    with made(tmp_path, ECHO, mark="!") as worker:
        assert (worker.package, worker.model) == ("echo 1.0", "none")
        found = list(worker.answers({"text": text} for text in ("a", "bad", "ünï\u2028code")))
    assert [answer.result for answer in found] == ["A!", None, "ÜNÏ\u2028CODE!"]
    # the name of the error, and nothing of the report
    assert [answer.error for answer in found] == ["", "ValueError", ""]


def test_a_worker_can_be_started_again(tmp_path):
    worker = made(tmp_path, ECHO)
    for _ in range(2):
        with worker:
            assert [answer.result for answer in worker.answers([{"text": "a"}])] == ["A"]


def test_a_worker_has_no_network(tmp_path):
    script = """
import socket, os
def load(settings):
    def answer(item):
        if item["text"] == "offline":
            return os.environ["HF_HUB_OFFLINE"]
        socket.create_connection(("127.0.0.1", 9), timeout=1)
    return "p", "m", answer
"""
    with made(tmp_path, script) as worker:
        refused, offline = worker.answers([{"text": "connect"}, {"text": "offline"}])
    assert refused.error == "OSError"
    assert offline.result == "1"


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("def load(settings):\n    import no_such_package_here\n", "No module named 'no_such_package_here'"),
        ("def load(settings):\n    raise OSError('weights are not in the cache')\n", "weights are not in the cache"),
        ("import os\ndef load(settings):\n    os._exit(7)\n", "exit status 7"),
    ],
)
def test_a_worker_that_does_not_start_says_why(tmp_path, script, words):
    with pytest.raises(DataError, match=words), made(tmp_path, script):
        pass


def test_a_slow_start_is_ended(tmp_path):
    script = "import time\ndef load(settings):\n    time.sleep(600)\n"
    worker = made(tmp_path, script)
    worker.start_s = 0.5
    begun = time.perf_counter()
    with pytest.raises(DataError, match=r"more than 0\.5 s for loading its model"), worker:
        pass
    assert time.perf_counter() - begun < 30


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("os._exit(3)", "has ended with exit status 3 at item 1"),
        ("time.sleep(600)", "took more than 0.5 s for item 1"),
        ("os.write(fd, b'nonsense\\n')", "no answer at item 1"),
        ('os.write(fd, b\'{"id": 7, "result": 1}\\n\')', "not to item 1; 1 are answered"),
        ("os.write(fd, b'[' * 100000 + b'\\n')", "no answer at item 1"),
    ],
)
def test_a_worker_that_fails_on_the_way(tmp_path, answer, words):
    script = f"""
import os, time
def load(settings):
    fd = max(number for number in range(3, 20) if os.path.exists(f"/proc/self/fd/{{number}}") and
             os.readlink(f"/proc/self/fd/{{number}}").startswith("pipe"))
    def answer(item):
        if item["text"] == "bad":
            {answer}
        return 1
    return "p", "m", answer
"""
    found = []
    worker = made(tmp_path, script)
    with worker:
        worker.item_s = 0.5 if "sleep" in answer else 30
        answers = worker.answers([{"text": "good"}, {"text": "bad"}, {"text": "good"}])
        with pytest.raises(DataError, match=words):
            found.extend(answers)
    assert [one.result for one in found] == [1]


def test_an_environment_must_be_named(monkeypatch, tmp_path):
    monkeypatch.delenv("VESALIUS_WORKER_RADGRAPH", raising=False)
    with pytest.raises(MissingDependency, match="set VESALIUS_WORKER_RADGRAPH"), Worker(name="radgraph"):
        pass
    monkeypatch.setenv("VESALIUS_WORKER_RADGRAPH", str(tmp_path / "python"))
    with pytest.raises(ConfigError, match="is no program"):
        worker_python("radgraph")
    monkeypatch.setenv("VESALIUS_WORKER_RADGRAPH", sys.executable)
    assert worker_python("radgraph") == PYTHON
    with pytest.raises(ConfigError, match="did you mean 'radgraph'"), Worker(name="radgaph"):
        pass
    with pytest.raises(ConfigError, match="use it in a with block"):
        list(Worker(name="radgraph").answers([{}]))


def test_there_are_four_workers():
    assert worker_names() == ("chexbert", "green", "radgraph", "ratescore")


PACKAGES = {
    "radgraph": """
class RadGraph:
    def __init__(self, model_type):
        self.model_type = model_type
    def __call__(self, reports):
        entity = {"tokens": "effusion", "label": "OBS-DP", "start_ix": 0, "end_ix": 0, "relations": []}
        return {"0": {"text": reports[0], "entities": {"1": entity}}}
""",
    "f1chexbert": """
class F1CheXbert:
    def __init__(self, device):
        assert device == "cpu"
    def get_label(self, text, mode):
        assert mode == "classification"
        return ["", 1, "", "", 0, -1, "", "", "", "", "", "", "", ""]
""",
    "green_score": """
class GREEN:
    def __init__(self, model_name, output_dir, cpu, compute_summary_stats):
        assert cpu
    def __call__(self, refs, hyps):
        text = "[Clinically Significant Errors]:\\n(a) F: 1. x\\n\\n[Matched Findings]:\\n3. a; b; c"
        return None, None, [0.75], None, {"green_analysis": [text]}
""",
    "RaTEScore": """
class RaTEScore:
    def __init__(self, use_gpu):
        assert not use_gpu
    def compute_score(self, candidates, references):
        return [0.25 if candidates == ["w"] and references == ["r"] else 0.0]
""",
}


@pytest.fixture
def environment(tmp_path) -> Path:
    """A Python that has stand-ins of the four packages."""
    site = tmp_path / "site"
    site.mkdir()
    for name, source in PACKAGES.items():
        (site / f"{name}.py").write_text(source)
        folder = site / f"{name}-1.2.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
    program = tmp_path / "python"
    program.write_text(f'#!/bin/sh\nPYTHONPATH={site} exec {sys.executable} "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return program


def asked(name: str, environment: Path, item: dict[str, str], **settings: object) -> tuple[object, Worker]:
    with Worker(name=name, python=environment, settings=settings, start_s=60, item_s=30) as worker:
        (answer,) = worker.answers([item])
    assert not answer.error
    return answer.result, worker


def test_radgraph(environment):
    result, worker = asked("radgraph", environment, {"text": "effusion"}, model="radgraph-xl")
    (graph,) = given_graphs({"0": result})
    assert [(one.tokens, one.label) for one in graph.entities] == [("effusion", "OBS-DP")]
    assert (worker.package, worker.model) == ("radgraph 1.2", "radgraph-xl")


def test_chexbert(environment):
    result, worker = asked("chexbert", environment, {"text": "cardiomegaly, no edema, consolidation?"})
    assert result == {"Cardiomegaly": "present", "Edema": "absent", "Consolidation": "uncertain"}
    assert classes_of([result], ("Cardiomegaly", "Edema", "Consolidation", "Fracture")).tolist() == [[1, 2, 3, 0]]
    assert worker.package == "f1chexbert 1.2"


def test_green(environment):
    result, _ = asked("green", environment, {"written": "w", "reference": "r"}, cpu=True)
    assert green_reply(result).score == 0.75


def test_ratescore(environment):
    assert asked("ratescore", environment, {"written": "w", "reference": "r"})[0] == 0.25
