from __future__ import annotations

import itertools
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vesalius.data.messages import Media, Message
from vesalius.errors import ConfigError, EndpointError
from vesalius.inference import chat
from vesalius.inference.backends.openai import open_model
from vesalius.inference.mock import MockEndpoint, MockSettings
from vesalius.inference.predictor import Predictor
from vesalius.inference.requests import Decoding, Reply, Request


def ask(text: str, *, name: str = "", **more: Any) -> Request:
    return Request(id=name or text, messages=(Message(role="user", parts=(text,)),), **more)


def asked(number: int) -> list[Request]:
    return [ask(f"question {place}") for place in range(number)]


def model_of(mock: MockEndpoint, settings: str = "") -> Predictor:
    return open_model(f"openai:{mock.address}#m?backoff_s=0.001{settings and '&' + settings}", device="cpu")


def answers(mock: MockEndpoint, requests: Any, settings: str = "") -> dict[str, Reply]:
    return {reply.id: reply for reply in model_of(mock, settings).generate(requests)}


def faulty(**faults: float) -> MockSettings:
    return MockSettings(faults=faults)


def test_every_request_is_answered_once_by_its_own_answer() -> None:
    with MockEndpoint() as mock:
        found = answers(mock, asked(50))
    assert {name: reply.text for name, reply in found.items()} == {request.id: request.id for request in asked(50)}
    assert mock.counts == {"ok": 50}
    # Two words asked, two words said: the mock counts words as tokens.
    assert all((reply.tokens_in, reply.tokens_out) == (2, 2) and reply.seconds > 0 for reply in found.values())


def test_the_order_of_requests_changes_no_answer() -> None:
    settings = MockSettings(faults={"429": 0.2, "broken": 0.2}, latency_s=0.002, latency_spread=1.0)
    with MockEndpoint(answer="letter", settings=settings) as mock:
        there = answers(mock, asked(40))
    with MockEndpoint(answer="letter", settings=settings) as mock:
        back = answers(mock, reversed(asked(40)))
    assert {name: (reply.text, reply.error) for name, reply in there.items()} == {
        name: (reply.text, reply.error) for name, reply in back.items()
    }


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("429", "status 429 rate_limit_exceeded, 3 tries"),
        ("500", "status 500 server_error, 3 tries"),
        ("broken", "broken JSON, 3 tries"),
        ("html", "broken JSON, 3 tries"),
        ("nothing", "no chat completion, 3 tries"),
        ("dropped", "connection dropped (RemoteProtocolError), 3 tries"),
        ("drip", "timeout after 0.2 s, 3 tries"),
        ("400", "status 400 context_length_exceeded"),
        ("endless", "an answer of more than 16 MiB"),
    ],
)
def test_a_fault_that_lasts_is_a_reply_that_says_so(fault: str, told: str) -> None:
    with MockEndpoint(settings=faulty(**{fault: 1.0})) as mock:
        found = answers(mock, asked(2), "tries=3&timeout_s=0.2" if fault == "drip" else "tries=3")
    assert {(reply.finish, reply.error, reply.text) for reply in found.values()} == {("error", told, "")}
    assert mock.counts[fault] == (2 if fault in ("400", "endless") else 6)


@pytest.mark.parametrize("fault", ["429", "500", "broken", "html", "nothing", "dropped", "drip"])
def test_a_fault_that_passes_is_tried_again(fault: str) -> None:
    with MockEndpoint(settings=MockSettings(faults={fault: 1.0}, fault_tries=2)) as mock:
        found = answers(mock, asked(3), "tries=3&timeout_s=0.3")
    assert {reply.finish for reply in found.values()} == {"stop"}
    assert mock.counts == {fault: 6, "ok": 3}


def test_one_failed_item_leaves_the_others() -> None:
    with MockEndpoint(settings=faulty(**{"400": 0.3})) as mock:
        found = answers(mock, asked(60))
    failed = [reply for reply in found.values() if reply.finish == "error"]
    assert len(found) == 60
    assert len(failed) == mock.counts["400"] > 5


def test_retry_after_is_waited_for_and_a_very_long_one_is_not() -> None:
    with MockEndpoint(settings=MockSettings(faults={"429": 1.0}, fault_tries=1, retry_after_s=0.4)) as mock:
        start = time.monotonic()
        assert answers(mock, asked(1))["question 0"].text == "question 0"
        assert time.monotonic() - start >= 0.4
    with MockEndpoint(settings=MockSettings(faults={"429": 1.0}, retry_after_s=86400)) as mock:
        assert answers(mock, asked(1))["question 0"].error.endswith("to be asked again in 86400 s")


def test_an_endless_series_is_taken_as_there_is_room() -> None:
    taken = []

    def endless() -> Iterator[Request]:
        for place in itertools.count():
            taken.append(place)
            yield ask(f"q {place}")

    with MockEndpoint() as mock:
        replies = model_of(mock, "concurrency=4").generate(endless())
        assert len(list(itertools.islice(replies, 10))) == 10
        # Ten were given out and at most four are under way.
        assert len(taken) <= 10 + 4
        replies.close()  # type: ignore[attr-defined]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("vesalius")]


def test_no_more_than_concurrency_are_under_way() -> None:
    with MockEndpoint(settings=MockSettings(latency_s=0.05)) as mock:
        start = time.monotonic()
        answers(mock, asked(40), "concurrency=10")
        taken_s = time.monotonic() - start
    assert mock.most_at_once == 10
    assert taken_s < 40 * 0.05 / 2  # One after the other it would be 2 s; ten at once it is 0.2 s.


def test_requests_a_minute_are_kept() -> None:
    with MockEndpoint() as mock:
        start = time.monotonic()
        answers(mock, asked(7), "requests_per_minute=600")
        # 600 a minute is one each 0.1 s; the first goes at once, so the seventh goes after 0.6 s.
        assert time.monotonic() - start >= 0.6


def test_the_limit_of_tokens_stops_before_it_is_passed_and_keeps_what_came() -> None:
    # A question of 10 bytes with 16 for its marks and 14 of answer is bounded by 40; the mock counts 2 + 2.
    few = Decoding(max_tokens=14)
    requests = [ask(f"question {place}", decoding=few) for place in range(10, 99)]
    kept: list[Reply] = []
    with MockEndpoint() as mock, pytest.raises(EndpointError, match=r"most_tokens=100 .* kept") as told:
        kept.extend(model_of(mock, "most_tokens=100&concurrency=2").generate(requests))
    # Each costs 4, and one is sent only while 42 more fit below 100: after 15 of them 60 are spent and 40 are left.
    assert len(kept) == mock.counts["ok"] == 15
    assert "15 requests took 60 tokens" in str(told.value)


def test_the_limit_of_cost_counts_both_prices() -> None:
    with MockEndpoint() as mock, pytest.raises(EndpointError, match=r"most_cost=0.001"):
        answers(mock, asked(1000), "most_cost=0.001&price_in=1&price_out=2")
    # At most 16 + 10 + 512 · 2 = 1050 millionths for one, above the limit of 1000: nothing is sent.
    assert mock.counts["ok"] == 0


def test_the_key_is_needed_and_never_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with MockEndpoint(settings=MockSettings(token="sk-right")) as mock:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-right")
        model = model_of(mock)
        assert "sk-" not in str(model.identity)
        assert next(iter(model.generate(asked(1)))).finish == "stop"
        monkeypatch.setenv("OPENAI_API_KEY", "sk-wrong")
        with pytest.raises(EndpointError, match="401, the key is missing or wrong; give the key by OPENAI") as told:
            list(model.generate(asked(5)))
        assert "sk-" not in str(told.value)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-€")
        with pytest.raises(EndpointError, match="characters that no key has") as told:
            list(model.generate(asked(1)))
        assert "sk-" not in str(told.value)


def test_an_address_without_a_server_is_an_error_not_a_row_of_failures() -> None:
    with MockEndpoint() as mock:
        gone = mock.address
    model = open_model(f"openai:{gone}#m?tries=2&backoff_s=0.001", device="cpu")
    with pytest.raises(EndpointError, match="cannot be reached after 2 tries"):
        list(model.generate(asked(20)))


def test_a_wrong_path_is_an_error_and_the_whole_path_may_be_given() -> None:
    with MockEndpoint() as mock:
        whole = open_model(f"openai:{mock.address}/chat/completions?version=1#m", device="cpu")
        assert next(iter(whole.generate(asked(1)))).text == "question 0"
        wrong = open_model(f"openai:{mock.address}/v2#m", device="cpu")
        with pytest.raises(EndpointError, match="answers 404, no such address or model: 'm'"):
            list(wrong.generate(asked(1)))


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ("concurency=3", "unknown key 'concurency'.*did you mean 'concurrency'"),
        ("concurrency=0", "concurrency must be above 0, found 0"),
        ("concurrency=many", "concurrency.*valid integer"),
        ("most_cost=1", "most_cost needs price_in and price_out"),
        ("structured=maybe", "structured.*'off', 'json' or 'vllm'"),
        ("api_key=sk-1", "OPENAI_API_KEY"),
        ("tries=2&tries=3", "stands twice"),
        ("tries", "expected name=value"),
        ("cache=/dev/null/x", "name a folder that can be written"),
    ],
)
def test_settings_are_checked(settings: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told) as error:
        list(open_model(f"openai:http://127.0.0.1:9/v1#m?{settings}", device="cpu").generate(asked(1)))
    assert "sk-1" not in str(error.value)


def test_the_identity_tells_what_shapes_answers_and_not_how_fast_they_come() -> None:
    slow, fast = (
        open_model(f"openai:http://h/v1#m?planes=3&concurrency={many}", device="cpu").identity for many in (1, 9)
    )
    assert slow == fast
    assert slow["asked"]["planes"] == 3


def pictured(folder: Path, number: int) -> list[Request]:
    requests = []
    for place in range(number):
        path = folder / f"{place}.png"
        Image.fromarray(np.full((8, 8), place % 256, dtype=np.uint8)).save(path)
        parts = (Media(path=str(path)), "What is this?")
        requests.append(Request(id=str(place), messages=(Message(role="user", parts=parts),)))
    return requests


def test_no_more_pictures_are_in_memory_than_requests_under_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, sent, most = 0, 0, 0

    def counted(picture: Any) -> bytes:
        nonlocal made, most
        made += 1
        most = max(most, made - sent)
        return b"png"

    monkeypatch.setattr(chat, "as_png", counted)
    with MockEndpoint(settings=MockSettings(latency_s=0.01)) as mock:
        for _ in model_of(mock, "concurrency=3").generate(pictured(tmp_path, 30)):
            sent += 1
    assert made == 30
    assert most <= 3


def test_a_picture_that_cannot_be_read_fails_alone_and_its_path_is_not_told(tmp_path: Path) -> None:
    requests = pictured(tmp_path, 3)
    (tmp_path / "1.png").write_bytes(b"no picture")
    with MockEndpoint() as mock:
        found = answers(mock, requests)
    assert [found[name].finish for name in "012"] == ["stop", "error", "stop"]
    assert found["1"].error == "image 1 of the request cannot be read"


_INTERRUPTED = """
import sys
from vesalius.data.messages import Message
from vesalius.inference.backends.openai import open_model
from vesalius.inference.requests import Request
many = (Request(id=str(n), messages=(Message(role="user", parts=(str(n),)),)) for n in range(10**9))
try:
    for number, reply in enumerate(open_model(sys.argv[1], device="cpu").generate(many)):
        if number == 20:
            print("under way", flush=True)
except KeyboardInterrupt:
    import threading
    print("threads", threading.active_count(), flush=True)
"""


def test_an_interrupt_ends_all_without_a_word() -> None:
    with MockEndpoint(settings=MockSettings(latency_s=0.02)) as mock:
        run = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", _INTERRUPTED, f"openai:{mock.address}#m"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert run.stdout is not None
        assert run.stdout.readline() == "under way\n"
        run.send_signal(signal.SIGINT)
        said, wrong = run.communicate(timeout=20)
    assert said == "threads 1\n"
    assert (wrong, run.returncode) == ("", 0)
