from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vesalius.config import validate
from vesalius.data.messages import Message
from vesalius.errors import ConfigError
from vesalius.inference.backends.openai import open_model
from vesalius.inference.mock import MockEndpoint, MockSettings
from vesalius.inference.mock_answers import answer_rule
from vesalius.inference.requests import Decoding, Reply, Request


def said(address: str, text: str, **more: object) -> Reply:
    request = Request(id="r", messages=(Message(role="user", parts=(text,)),), **more)  # type: ignore[arg-type]
    return next(iter(open_model(f"openai:{address}#m", device="cpu").generate([request])))


def test_rules_answer_by_the_words(tmp_path: Path) -> None:
    table = tmp_path / "answers.json"
    table.write_text(json.dumps({"Is it broken?": "no"}))
    letters = answer_rule("letter", seed=0)
    assert answer_rule("echo", seed=0)(["be short", "Why?"]) == "Why?"
    assert answer_rule("constant:It is: so", seed=0)(["x"]) == "It is: so"
    assert [answer_rule(f"table:{table}", seed=0)([text]) for text in ("Is it broken?", "Is it?")] == ["no", ""]
    assert {letters([f"{place}\nE. yes\n(F) no\n"]) for place in range(40)} == {"E", "F"}
    assert {letters([f"{place}"]) for place in range(80)} == set("ABCD")
    assert {answer_rule("yes-no", seed=0)([f"{place}"]) for place in range(40)} == {"yes", "no"}
    assert [letters([f"{place}"]) for place in range(40)] != [
        answer_rule("letter", seed=1)([f"{n}"]) for n in range(40)
    ]


@pytest.mark.parametrize(
    ("rule", "told"),
    [("ecko", "did you mean 'echo'"), ("table:/no/such.json", "such.json: FileNotFoundError")],
)
def test_an_unknown_rule_is_named(rule: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        answer_rule(rule, seed=0)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"faults": {"brocken": 0.1}}, "did you mean 'broken'"),
        ({"faults": {"429": 0.9, "500": 0.2}}, "sum to at most 1"),
        ({"latency_s": -1.0}, "at least 0"),
    ],
)
def test_settings_that_cannot_be_are_named(settings: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        validate(MockSettings, settings, where="mock")


def test_faults_come_in_their_share_and_alike_each_time() -> None:
    settings = MockSettings(faults={"400": 0.2})
    failed = []
    for _ in range(2):
        with MockEndpoint(settings=settings) as mock:
            asked = [Request(id=f"{n}", messages=(Message(role="user", parts=(f"{n}",)),)) for n in range(400)]
            model = open_model(f"openai:{mock.address}#m", device="cpu")
            failed.append(sorted(reply.id for reply in model.generate(asked) if reply.finish == "error"))
    assert failed[0] == failed[1]
    # 400 draws at 0.2: 80, and four standard deviations are 4 · sqrt(400 · 0.2 · 0.8) = 32.
    assert abs(len(failed[0]) - 80) <= 32


def test_the_latency_has_its_median_and_spread() -> None:
    fixed, spread = (MockEndpoint(settings=MockSettings(latency_s=2.0, latency_spread=width)) for width in (0.0, 1.0))
    assert {fixed._latency(share) for share in (0.0, 0.3, 0.99)} == {2.0}
    # Quantiles of a log-normal: the median is 2, and 84.13 % are faster than one standard deviation above, 2 e.
    assert spread._latency(0.5) == pytest.approx(2.0)
    assert spread._latency(0.841344746) == pytest.approx(2.0 * 2.718281828, rel=1e-6)


def test_an_answer_ends_where_tokens_end_and_weights_are_probabilities() -> None:
    with MockEndpoint(answer="constant:B") as mock:
        weighed = said(mock.address, "?", choices=("A", "B", "C"), by_likelihood=True)
    with MockEndpoint(answer="constant:one two three") as mock:
        cut = said(mock.address, "?", decoding=Decoding(max_tokens=2))
    assert (cut.text, cut.finish, cut.tokens_out) == ("one two", "length", 2)
    assert weighed.text == "B"
    assert weighed.log_probabilities["B"] == pytest.approx(-0.6931471805599453)  # Half of all probability.


def test_it_keeps_what_was_asked() -> None:
    with MockEndpoint() as mock:
        mock.keep = True
        said(mock.address, "What?")
    assert [body["messages"][0]["content"] for body in mock.bodies] == ["What?"]


def test_a_port_that_is_taken_is_named() -> None:
    with MockEndpoint() as mock:
        port = int(mock.address.split(":")[2].split("/")[0])
        with pytest.raises(ConfigError, match=f"port {port} cannot be listened on"), MockEndpoint(port=port):
            pass


def test_it_runs_as_a_command_until_it_is_ended() -> None:
    command = [sys.executable, "-m", "vesalius.inference.mock", "--answer", "constant:hello", "--token", "sk-1"]
    served = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert served.stdout is not None
        address = served.stdout.readline().strip()
        with pytest.raises(Exception, match="the key is missing or wrong"):
            said(address, "?")
    finally:
        served.terminate()
        served.wait()
        assert served.stdout is not None
        served.stdout.close()


def test_a_fault_that_is_not_known_ends_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "vesalius.inference.mock", "--fault", "429=2"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "sum to at most 1" in done.stderr


def test_hanging_connections_do_not_keep_it_up() -> None:
    start = time.monotonic()
    with MockEndpoint(settings=MockSettings(faults={"drip": 1.0})) as mock:
        reply = next(
            iter(
                open_model(f"openai:{mock.address}#m?tries=1&timeout_s=0.1", device="cpu").generate(
                    [Request(id="a", messages=(Message(role="user", parts=("?",)),))]
                )
            )
        )
    assert reply.finish == "error"
    assert time.monotonic() - start < 5
