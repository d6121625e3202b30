"""Thousands of operations without a picture: transitions, durations, instruments and actions follow their tables."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from vesalius.errors import ConfigError
from vesalius.virtual.scope.workflow import (
    END,
    Insert,
    Operation,
    Outside,
    Phase,
    Procedure,
    Times,
    draw_operation,
    procedure,
    procedure_names,
)
from vesalius.virtual.seeds import stream

NUMBER = 500


@pytest.fixture(scope="module")
def operations() -> dict[str, list[Operation]]:
    counts = {"cholecystectomy": NUMBER, "pituitary_surgery": 300, "cataract_surgery": NUMBER}
    return {name: [draw_operation(stream(1, name, i), name) for i in range(counts[name])] for name in counts}


def test_the_three_procedures() -> None:
    assert procedure_names() == ("cataract_surgery", "cholecystectomy", "pituitary_surgery")
    assert len(procedure("cholecystectomy").phases) == 7
    assert len(procedure("pituitary_surgery").phases) == 15
    assert len(procedure("cataract_surgery").phases) == 10
    # 19 named instruments.
    assert len(procedure("pituitary_surgery").deeds) == 19


@pytest.mark.parametrize("name", ["cholecystectomy", "cataract_surgery"])
def test_transitions_follow_the_table(operations: dict[str, list[Operation]], name: str) -> None:
    kind, checked = procedure(name), 0
    seen: dict[tuple[str, int], Counter[str]] = {}
    for operation in operations[name]:
        names = [*(visit.phase for visit in operation.visits), END]
        visits: Counter[str] = Counter()
        for before, after in pairwise(names):
            visits[before] += 1
            row = min(visits[before], len(kind.phases[before].next))
            seen.setdefault((before, row), Counter())[after] += 1
    for (before, row), counts in seen.items():
        total = sum(counts.values())
        wanted = kind.phases[before].following(row)
        assert set(counts) <= set(wanted)
        for after, share in wanted.items():
            # Four standard errors of a share: one false alarm in 16 000.
            assert abs(counts[after] / total - share) <= 4 * np.sqrt(share * (1 - share) / total) + 1e-9
            checked += 1
    assert checked > 10


@pytest.mark.parametrize("name", ["cholecystectomy", "pituitary_surgery", "cataract_surgery"])
def test_durations_are_log_normal(operations: dict[str, list[Operation]], name: str) -> None:
    spent: dict[str, list[float]] = {}
    for operation in operations[name]:
        for visit in operation.visits:
            spent.setdefault(visit.phase, []).append(np.log(visit.end_s - visit.start_s))
    for phase, row in procedure(name).phases.items():
        logs = np.array(spent[phase])
        assert len(logs) > 15
        assert logs.mean() == pytest.approx(np.log(row.median_s), abs=4 * row.log_sd / np.sqrt(len(logs)))
        # The SD of an SD is s / √(2n).
        assert logs.std() == pytest.approx(row.log_sd, abs=4 * row.log_sd / np.sqrt(2 * len(logs)))


@pytest.mark.parametrize(
    ("name", "mean", "sd"), [("cholecystectomy", 40, 15), ("pituitary_surgery", 75, 25), ("cataract_surgery", 10, 2)]
)
def test_length_of_operations_in_minutes(
    operations: dict[str, list[Operation]], name: str, mean: float, sd: float
) -> None:
    lengths = np.array([operation.length_s for operation in operations[name]]) / 60
    # The tables' rows and their total are stated apart; they agree within one stated SD.
    assert abs(lengths.mean() - mean) < sd


@pytest.mark.parametrize("name", ["cholecystectomy", "pituitary_surgery", "cataract_surgery"])
def test_instruments_keep_their_share_of_every_phase(operations: dict[str, list[Operation]], name: str) -> None:
    held: Counter[tuple[str, str]] = Counter()
    spent: Counter[str] = Counter()
    for operation in operations[name]:
        for visit in operation.visits:
            spent[visit.phase] += visit.end_s - visit.start_s
        for deed in operation.deeds:
            phase = operation.visit_at((deed.start_s + deed.end_s) / 2).phase
            held[phase, deed.instrument] += deed.end_s - deed.start_s
    for phase, row in procedure(name).phases.items():
        wanted: Counter[str] = Counter()
        for hand in row.hands:
            wanted.update(hand)
        for instrument, share in wanted.items():
            # Acts of about 10 s: phases with least time in this sample (3 h) leave an SD of 0.02 in the share.
            assert held[phase, instrument] / spent[phase] == pytest.approx(share, abs=0.07)


def test_shares_of_action_triplets(operations: dict[str, list[Operation]]) -> None:
    spent: Counter[str] = Counter()
    for operation in operations["cholecystectomy"]:
        for deed in operation.deeds:
            if deed.instrument != "specimen bag":
                spent[deed.label] += deed.end_s - deed.start_s
    total = sum(spent.values())
    # The published shares; ours follow from the shares of instruments in each phase, which fix them within 0.05.
    for label, share in {
        "grasper, retract, gallbladder": 0.34, "hook, dissect, gallbladder": 0.20,
        "grasper, grasp, gallbladder": 0.05,
        "grasper, retract, liver": 0.05, "bipolar, coagulate, liver": 0.03, "irrigator, aspirate, fluid": 0.04,
        "clipper, clip, cystic duct": 0.02, "clipper, clip, cystic artery": 0.015, "scissors, cut, cystic duct": 0.01,
        "grasper, pack, gallbladder": 0.02,
    }.items():  # fmt: skip
        assert spent[label] / total == pytest.approx(share, abs=0.05), label
        assert spent[label] > 0
    assert not any(label.startswith(("scissors, aspirate", "clipper, retract", "hook, clip")) for label in spent)


def test_at_most_three_shafts_and_mostly_one(operations: dict[str, list[Operation]]) -> None:
    counts: Counter[int] = Counter()
    for operation in operations["cholecystectomy"][:150]:
        for time in np.linspace(0, operation.length_s * 0.999, 60):
            counts[sum(deed.instrument != "specimen bag" for deed in operation.deeds_at(float(time)))] += 1
    assert max(counts) <= 3
    assert counts[1] > counts[0]
    assert counts[1] + counts[2] > 0.7 * sum(counts.values())


def test_camera_is_outside_for_its_share(operations: dict[str, list[Operation]]) -> None:
    for name in operations:
        share = procedure(name).outside.share
        out = sum(end - start for operation in operations[name] for start, end in operation.outside)
        assert out / sum(operation.length_s for operation in operations[name]) == pytest.approx(share, abs=0.006)
        for operation in operations[name][:40]:
            for start, end in operation.outside:
                assert operation.deeds_at((start + end) / 2) == ()


def test_pituitary_repeats_and_last_steps(operations: dict[str, list[Operation]]) -> None:
    chains = [[visit.phase for visit in operation.visits] for operation in operations["pituitary_surgery"]]
    packed = [chain[-1] == "nasal packing" for chain in chains]
    # 0.3 of 300: SD 0.026.
    assert np.mean(packed) == pytest.approx(0.3, abs=0.1)
    assert all("nasal packing" not in chain[:-1] for chain in chains)
    excisions = np.array([chain.count("tumour excision") for chain in chains])
    assert (excisions >= 1).all()
    # From 7 to 8 with 0.7 and back with 0.45: 1 / (1 − 0.315) = 1.46 excisions on the mean.
    assert excisions.mean() == pytest.approx(1 / (1 - 0.7 * 0.45), abs=0.17)
    assert np.mean(excisions <= 4) > 0.97


def test_cataract_fills_the_bag_before_the_lens(operations: dict[str, list[Operation]]) -> None:
    for operation in operations["cataract_surgery"]:
        chain = [visit.phase for visit in operation.visits]
        assert chain[:3] == ["incision", "viscoelastic injection", "capsulorhexis"]
        assert chain.index("phacoemulsification") < chain.index("lens implantation")
        assert chain[-1] == "tonifying and wound sealing"


def test_progress_runs_from_nothing_to_all(operations: dict[str, list[Operation]]) -> None:
    chosen = [part for part in operations["cholecystectomy"] if part.visits[1].phase == "calot triangle dissection"]
    operation = chosen[0]
    gone = [operation.progress("calot triangle dissection", time) for time in np.linspace(0, operation.length_s, 30)]
    assert gone[0] == 0
    assert gone[-1] == pytest.approx(1)
    assert gone == sorted(gone)
    assert operation.progress("unheard of", 5.0) == 0


def test_deeds_lie_within_their_visit_and_do_not_overlap(operations: dict[str, list[Operation]]) -> None:
    for operation in operations["cholecystectomy"][:50]:
        for hand in (0, 1, 2):
            own = [deed for deed in operation.deeds if deed.hand == hand]
            for before, after in pairwise(own):
                assert before.end_s <= after.start_s + 1e-9
        assert all(0 <= deed.start_s < deed.end_s <= operation.length_s + 1e-9 for deed in operation.deeds)


def test_bad_procedures_are_refused() -> None:
    with pytest.raises(ConfigError, match="cholecystectomy"):
        procedure("cholecystectomie")
    times, outside = Times(median_s=5, log_sd=0.5), Outside(share=0, median_s=1, log_sd=0.1)

    def made(phase: Phase) -> Procedure:
        return Procedure(title="x", level="phase", first="one", phases={"one": phase}, acts=times, outside=outside,
                         deeds={"hook": {"any": {"cut, fat": 1.0}}},
                         inserts={"one": Insert(after=[], probability=0.0)})  # fmt: skip

    made(Phase(median_s=5, log_sd=0.1, next=[{END: 1.0}], hands=[{"hook": 0.5}]))
    with pytest.raises(ConfigError, match="unknown 'onee'"):
        made(Phase(median_s=5, log_sd=0.1, next=[{"onee": 1.0}]))
    with pytest.raises(ConfigError, match=r"sums to 0\.900"):
        made(Phase(median_s=5, log_sd=0.1, next=[{END: 0.9}]))
    with pytest.raises(ConfigError, match="more than all the time"):
        made(Phase(median_s=5, log_sd=0.1, next=[{END: 1.0}], hands=[{"hook": 1.2}]))
