"""Scores texts with pycocoevalcap in its own environment: values, and seconds of each metric by clock and processor.

Arguments: a JSON file with ``said`` and ``truths``, texts whose words are joined by spaces, one reference each.
The Java tokeniser is not run, for the words are given; METEOR runs where there is a Java.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path
from shutil import which
from typing import Any

from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.meteor.meteor import Meteor
from pycocoevalcap.rouge.rouge import Rouge


class ExactAndStem(Meteor):
    """The same program without its tables of synonyms and paraphrases."""

    def __init__(self) -> None:
        super().__init__()
        self.meteor_p.kill()
        self.meteor_p.wait()
        for stream in (self.meteor_p.stdin, self.meteor_p.stdout, self.meteor_p.stderr):
            stream.close()
        import subprocess

        pipe = subprocess.PIPE
        folder = Path(sys.modules[Meteor.__module__].__file__ or "").parent
        command = [*self.meteor_cmd, "-m", "exact stem"]
        self.meteor_p = subprocess.Popen(command, cwd=folder, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL)


def processor_seconds() -> float:
    """Time on any core of this process and of those that it started and that have ended."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + ended.ru_utime + ended.ru_stime


def main() -> None:
    texts = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    truths = dict(enumerate([text] for text in texts["truths"]))
    said = dict(enumerate([text] for text in texts["said"]))
    scorers: dict[str, Any] = {"bleu": lambda: Bleu(4), "rouge_l": Rouge, "cider_d": Cider}
    if which("java"):
        scorers |= {"meteor_es": ExactAndStem, "meteor": Meteor}
    values, seconds, processor = {}, {}, {}
    for name, make in scorers.items():
        start, used = time.perf_counter(), processor_seconds()
        keywords = {"verbose": 0} if name == "bleu" else {}
        scorer = make()
        value, items = scorer.compute_score(truths, said, **keywords)
        seconds[name] = time.perf_counter() - start
        del scorer  # ends its Java, whose time counts from then on
        processor[name] = processor_seconds() - used
        per_item = items if name == "bleu" else [items]
        values[name] = {"value": value, "items": [[float(score) for score in row] for row in per_item]}
    print(json.dumps({"seconds": seconds, "processor_seconds": processor, "values": values}))


if __name__ == "__main__":
    main()
