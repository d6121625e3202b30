"""An endpoint asked 16 questions at once: our rate beside the ideal one and inspect_ai's, on one mock endpoint.

The mock endpoint runs in a process of its own and takes a fixed time to each answer, so the ideal rate is the number
at once by that time. Rounds of both sides alternate. Both write what comes to disk as they do for their users: ours a
line a reply, inspect_ai its log. A rate counts from the first question to the last answer, as each side has timed
them; the rate over the whole call, with its start and end, is given beside. A second part lets tries fail as they do
in practice (1 % 429, 0.5 % broken answers, log-normal latency). ``PEER_PYTHON`` names the python of an environment
with inspect_ai and openai.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from measure import peer_has, peer_python, save, spread

CONCURRENCY, LATENCY_S, REQUESTS, ROUNDS = 16, 0.2, 640, 3
IDEAL = CONCURRENCY / LATENCY_S
IN_PRACTICE = ["--latency-spread", "0.4", "--fault", "429=0.01", "--fault", "broken=0.005"]

_OURS = """
import json, sys, time
from vesalius.data.messages import Message
from vesalius.inference.predictor import open_predictor
from vesalius.inference.requests import Decoding, Request
address, at_once, count, out = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
decoding = Decoding(max_tokens=64)
requests = (
    Request(id=str(n), messages=(Message(role="user", parts=(f"question {n}",)),), decoding=decoding)
    for n in range(count)
)
model = open_predictor(f"openai:{address}#mock?concurrency={at_once}")
start, first, times, failed = time.perf_counter(), 0.0, [], 0
with open(out, "w") as file:
    for reply in model.generate(requests):
        file.write(json.dumps(reply.document()) + "\\n")
        file.flush()
        now = time.perf_counter()
        first = first or now - reply.seconds
        times.append(now)
        failed += reply.finish == "error"
print(json.dumps({"whole_s": time.perf_counter() - start, "span_s": times[-1] - first, "answers": len(times),
                  "failed": failed}))
"""

_INSPECT = """
import json, sys, time
from inspect_ai import Task, eval
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import get_model, GenerateConfig
from inspect_ai.solver import generate
address, at_once, count, out = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
model = get_model("openai-api/mock/mock", base_url=address, api_key="none",
                  config=GenerateConfig(max_connections=at_once, max_tokens=64, temperature=0))
samples = MemoryDataset([Sample(input=f"question {n}", id=n) for n in range(count)])
start = time.perf_counter()
log = eval(Task(dataset=samples, solver=generate()), model=model, display="none", log_dir=out, max_samples=at_once,
           fail_on_error=False)[0]
whole = time.perf_counter() - start
ends = [event.completed for sample in log.samples for event in sample.events
        if event.event == "model" and event.completed is not None]
starts = [event.timestamp for sample in log.samples for event in sample.events if event.event == "model"]
print(json.dumps({"whole_s": whole, "span_s": (max(ends) - min(starts)).total_seconds(),
                  "answers": sum(bool(sample.output.completion) for sample in log.samples),
                  "failed": sum(not sample.output.completion for sample in log.samples)}))
"""


@contextmanager
def mock_endpoint(*options: str) -> Iterator[str]:
    """Serve in a process of its own; yields the address."""
    command = [sys.executable, "-m", "vesalius.inference.mock", "--latency", str(LATENCY_S), *options]
    served = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert served.stdout is not None
        yield served.stdout.readline().strip()
    finally:
        served.terminate()
        served.wait()


def one_round(side: str, address: str) -> dict[str, Any]:
    """Ask all requests in a fresh process of one side."""
    python, code = (sys.executable, _OURS) if side == "ours" else (str(peer_python()), _INSPECT)
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [python, "-c", code, address, str(CONCURRENCY), str(REQUESTS), f"{folder}/out"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def rates(sides: list[str], *options: str) -> dict[str, Any]:
    """Requests a second of each side, their rounds alternating, and shares of the ideal rate."""
    rounds: dict[str, list[dict[str, Any]]] = {side: [] for side in sides}
    for number in range(ROUNDS):
        for side in sides if number % 2 == 0 else sides[::-1]:
            with mock_endpoint(*options) as address:
                rounds[side].append(one_round(side, address))
            time.sleep(0.5)
    return {
        side: {
            "requests_per_second": spread([one["answers"] / one["span_s"] for one in found]),
            "requests_per_second_with_start_and_end": spread([one["answers"] / one["whole_s"] for one in found]),
            "answers": [one["answers"] for one in found],
            "failed": [one["failed"] for one in found],
        }
        for side, found in rounds.items()
    }


def main() -> None:
    """Measure and write the figures."""
    peer = peer_has("inspect_ai")
    sides = ["ours", "inspect_ai"] if peer else ["ours"]
    figures: dict[str, Any] = {
        "concurrency": CONCURRENCY, "latency_s": LATENCY_S, "requests": REQUESTS, "rounds": ROUNDS,
        "ideal_requests_per_second": IDEAL, "inspect_ai": "installed" if peer else "not installed: set PEER_PYTHON",
    }  # fmt: skip
    figures["fixed_latency"] = rates(sides)
    for found in figures["fixed_latency"].values():
        found["share_of_ideal"] = found["requests_per_second"]["median"] / IDEAL
    figures["as_in_practice"] = rates(sides, *IN_PRACTICE)
    print(json.dumps(figures, indent=2))
    print(save("endpoint", figures))


if __name__ == "__main__":
    main()
