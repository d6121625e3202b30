"""A reproduction in words, for the terminal and for the page of results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vesalius.evaluation.reproduce import Reproduction

__all__ = ["all_text", "effect_words", "plan_text", "table_markdown", "text"]


def text(done: Reproduction) -> str:
    """Return claims, effects, verdicts and controls of one system."""
    document = done.document
    lines = [f"{document['slug']}, budget {document['budget']['name']}, {document['seeds']} seeds an arm", ""]
    for claim in document["claims"]:
        lines += [f"{claim['verdict'].upper()}  {claim['sentence']}", f"    {effect_words(claim)}"]
        lines += [f"    {line}" for line in _rates(claim)]
        if claim["failure"]:
            lines.append(f"    failed: {claim['failure']}")
        if control := claim["positive_control"]:
            state = "found" if control["found"] else "NOT found"
            lines.append(f"    control {state}: {effect_words(control)}")
            if control["failure"]:
                lines.append(f"    control failed: {control['failure']}")
        lines.append(f"    {claim['seconds']:.0f} s of training and evaluation")
    where = f"{done.folder}/reproduction.html"
    kept = f"; kept as evidence in {done.stored.name}" if done.stored else "; not kept as evidence"
    return "\n".join([*lines, "", f"page: {where}{kept}"])


def effect_words(row: Mapping[str, Any]) -> str:
    """Return measure, both arms, difference and interval of a claim or control."""
    measure = f"{row['task']} {row['metric']} ({row['label']})"
    if row["effect"] is None:
        return f"{measure}: not measured"
    return (
        f"{measure}: {row['on']:.3f} with, {row['off']:.3f} without, "
        f"difference {row['effect']:+.3f} [{row['low']:+.3f}, {row['high']:+.3f}]"
    )


def plan_text(plan: Mapping[str, Any]) -> str:
    """Return what would be run, and for how long."""
    budget = plan["budget"]
    size = f"{budget['patients']} virtual patients of {budget['image_size']} pixels"
    if any(row["population"]["volumes"] for row in plan["experiments"]):
        size += f", {budget['volume_patients']} with volumes of {_by(budget['volume_size'])}"
    lines = [
        f"{plan['slug']}: budget {budget['name']}, {plan['seeds']} seeds, {size}",
        f"each run: {budget['steps']} steps of {budget['batch']} pairs",
        f"rates tried by each arm with the first seed: {', '.join(f'x {rate:g}' for rate in budget['rates'])}",
    ]
    for row in plan["experiments"]:
        arms = " | ".join(f"{side}: {_settings(values)}" for side, values in row["arms"].items())
        planted = row["population"]["plant"]
        where = f", planted: {planted}" if planted else ""
        lines.append(f"  {row['name']:22} {row['measure']}{where}; {row['runs']} runs; {arms}")
    shared = f" ({plan['shared_runs']} shared)" if plan["shared_runs"] else ""
    minutes = plan["training_seconds"] / 60
    lines.append(f"{plan['runs']} runs{shared}, about {minutes:.0f} min of training on this machine as it is now")
    return "\n".join(lines)


def all_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return a table of all systems with their verdicts."""
    lines = []
    for row in rows:
        if row["error"]:
            lines.append(f"{row['slug']:16} {row['seconds']:7.0f} s  FAILED: {row['error']}")
        for claim in row["claims"]:
            name, verdict = claim["name"], claim["verdict"]
            lines.append(f"{row['slug']:16} {row['seconds']:7.0f} s  {name:14} {verdict:18} {effect_words(claim)}")
    return "\n".join(lines)


def table_markdown(documents: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the table of results in Markdown, from the stored reproductions."""
    lines = [
        "| system | claim | score | with | without | difference [95 %] | control | verdict |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for slug, document in documents.items():
        for claim in document["claims"]:
            verdict = f"{claim['verdict']}{' (of other code)' if document.get('stale') else ''}"
            control = claim["positive_control"]
            cells = (
                slug,
                claim["sentence"].replace("|", "/"),
                f"`{claim['task']}` {claim['metric']}",
                _number(claim["on"]),
                _number(claim["off"]),
                _difference(claim),
                "none"
                if control is None
                else f"{'found' if control['found'] else 'not found'}, {_difference(control)}",
                verdict,
            )
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _rates(row: Mapping[str, Any]) -> list[str]:
    """Say which rates were chosen; nothing where the claim failed."""
    chosen = row.get("rates")
    if not chosen:
        return []
    words = ", ".join(f"{side} {one['chosen']:g}" for side, one in chosen.items())
    return [f"learning rate chosen on validation: {words}"]


def _settings(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}={'none' if value in ('', None) else value}" for key, value in values.items())


def _by(size: Sequence[int]) -> str:
    return " x ".join(map(str, size))


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _difference(row: Mapping[str, Any]) -> str:
    if row["effect"] is None:
        return "not measured"
    return f"{row['effect']:+.3f} [{row['low']:+.3f}, {row['high']:+.3f}]"
