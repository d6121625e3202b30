"""Lexical metrics of 10 000 report pairs against pycocoevalcap, and 1 000 paired resamples of all of them.

Reports are those of virtual patients; what is said of each is its report less some sentences and with some of the
next patient's. Words are cut once and given to both sides: the Java tokeniser is in no figure. Values are compared
item by item before any time is written. METEOR is compared with the program's stages exact and stem, which ours has;
the program as pycocoevalcap starts it, with synonyms and paraphrases, is timed beside it and is another number.
"""

from __future__ import annotations

import json
import resource
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from measure import peer_has, peer_python, save, spread
from vesalius.metrics.bootstrap import patient_weights
from vesalius.metrics.lexical import LEXICAL, REPORT_METRICS, Texts, lexical_scores
from vesalius.virtual.patient import draw_patient
from vesalius.virtual.text.narrative import write_report

ITEMS, PATIENTS, RESAMPLES, REPEATS = 10_000, 6_000, 1_000, 3
KEPT, TAKEN = 0.7, 0.2
"""Shares of sentences of the own report that are said, and of the next patient's."""
COMPARED = {"bleu": "coco_bleu_1", "rouge_l": "coco_rouge_l", "cider_d": "cider_d", "meteor_es": "meteor_es"}
"""Metric here by the name of the worker's."""
WORST = 1e-6


def main() -> None:
    """Check equality, time both sides and the resamples, write seconds and ratios."""
    said, other, truths = reports()
    texts = Texts(said, truths)
    pairs = texts.pairs("ptb_coco")
    runs = [timed(texts) for _ in range(REPEATS)]
    ours = {kind: spread([sum(run[kind].values()) for run in runs]) for kind in ("seconds", "processor_seconds")}
    figures: dict[str, Any] = {
        "items": ITEMS,
        "words_of_a_reference": float(pairs.truth_lengths.mean()),
        "seconds": {name: spread([run["seconds"][name] for run in runs]) for name in COMPARED},
        "together": ours,
    }
    if peer_has("pycocoevalcap.bleu.bleu"):
        lines = [[" ".join(words) for words in side] for side in (pairs.said, pairs.truths)]
        figures["pycocoevalcap"] = compared(texts, peer(*lines), ours)
    figures["all"] = everything(said, other, truths)
    figures["peak_memory_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    path = save("text_metrics", figures)
    print(json.dumps({name: figures.get(name) for name in ("together", "pycocoevalcap", "all")}, indent=2))
    print(path.name)


def reports() -> tuple[list[str], list[str], list[str]]:
    """Return what two systems say and the references."""
    stream = np.random.default_rng(0)
    sentences = []
    for index in range(ITEMS):
        report = write_report(draw_patient(5, index))
        sentences.append([sentence.text for sentence in (*report.findings, *report.impression)])

    def told(place: int) -> str:
        own, foreign = sentences[place], sentences[(place + 1) % ITEMS]
        kept = [text for text in own if stream.random() < KEPT]
        return " ".join(kept + [text for text in foreign if stream.random() < TAKEN])

    said, other = ([told(place) for place in range(ITEMS)] for _ in range(2))
    return said, other, [" ".join(cut) for cut in sentences]


def timed(texts: Texts) -> dict[str, dict[str, float]]:
    """Seconds of each family by clock and processor; n-grams of BLEU and CIDEr are counted anew each time."""
    fresh = Texts(texts.said, texts.truths)
    fresh.pairs("ptb_coco")
    found: dict[str, dict[str, float]] = {"seconds": {}, "processor_seconds": {}}
    for name, metric in COMPARED.items():
        start, used = time.perf_counter(), time.process_time()
        counts = LEXICAL[metric].counts(fresh)
        LEXICAL[metric].value(counts.sum(axis=0))
        found["seconds"][name] = time.perf_counter() - start
        found["processor_seconds"][name] = time.process_time() - used
    return found


def peer(said: list[str], truths: list[str]) -> dict[str, Any]:
    """Run pycocoevalcap on the words, one run a metric."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "texts.json"
        path.write_text(json.dumps({"said": said, "truths": truths}), encoding="utf-8")
        worker = Path(__file__).parent / "_text_metrics_worker.py"
        done = subprocess.run(
            [str(peer_python()), worker, path], capture_output=True, text=True, check=True, timeout=3600
        )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def compared(texts: Texts, found: dict[str, Any], ours: dict[str, dict[str, float]]) -> dict[str, Any]:
    """Compare values of every item and of the set, then times by clock and by processor."""
    shared = [name for name in COMPARED if name in found["values"]]
    differences = {}
    for name in shared:
        names = [f"coco_bleu_{order}" for order in range(1, 5)] if name == "bleu" else [COMPARED[name]]
        scores = lexical_scores(texts.said, texts.truths, names=names)
        items, values = scores.items(), scores.values()
        theirs = found["values"][name]
        worst = max(float(np.abs(items[one] - theirs["items"][place]).max()) for place, one in enumerate(names))
        whole = np.abs(np.array(list(values.values())) - np.array(theirs["value"])).max()
        differences[name] = max(worst, float(whole))
    if max(differences.values()) > WORST:
        raise SystemExit(f"values differ by {differences}: no time was written")
    figures: dict[str, Any] = {"largest_difference": differences, "same_metrics": shared}
    for kind in ("seconds", "processor_seconds"):
        spent, here = found[kind], ours[kind]["median"]
        total = sum(spent[name] for name in shared)
        figures[kind] = {"each": spent, "same_metrics": total, "times_faster_with_equal_values": total / here}
        if "meteor" in spent:
            usual = total - spent["meteor_es"] + spent["meteor"]
            figures[kind] |= {"as_it_is_called": usual, "times_faster_than_as_it_is_called": usual / here}
    return figures


def everything(said: list[str], other: list[str], truths: list[str]) -> dict[str, Any]:
    """Time all report metrics of two systems with their words, and their paired resamples."""
    start = time.perf_counter()
    systems = [lexical_scores(texts, truths) for texts in (said, other)]
    counted = time.perf_counter() - start
    names = [f"p{number % PATIENTS}" for number in range(ITEMS)]
    start = time.perf_counter()
    weights = patient_weights(names, resamples=RESAMPLES)
    draws = [scores.draws(weights) for scores in systems]
    differences = {name: draws[0][name] - draws[1][name] for name in REPORT_METRICS}
    return {
        "metrics": len(differences),
        "patients": PATIENTS,
        "resamples": RESAMPLES,
        "seconds_to_count_two_systems": counted,
        "seconds_of_paired_resamples": time.perf_counter() - start,
    }


if __name__ == "__main__":
    main()
