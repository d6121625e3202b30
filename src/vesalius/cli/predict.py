"""Use a model on images or questions: scores and maps, or answers, reports and boxes.

vesalius predict runs/convirt chest.dcm --labels pneumothorax,cardiomegaly --out scores
vesalius predict runs/gmai-vl questions.jsonl --out answers
vesalius predict runs/gmai-vl dicom-folder --ask "Write the report." --reports --out answers
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from vesalius.cli.console import emit, progress

if TYPE_CHECKING:
    from vesalius.inference.constraint import Constraint

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def predict(
    model: Annotated[str, typer.Argument(help="Run folder, model folder, hub id or openai:URL#model.")],
    images: Annotated[
        list[str], typer.Argument(help="Image files, or one corpus; with --ask also a folder; .jsonl or .csv rows.")
    ],
    text: Annotated[list[str] | None, typer.Option(help="Sentence to compare with; may be repeated.")] = None,
    labels: Annotated[str, typer.Option(help="Findings, separated by commas.")] = "",
    prompts: Annotated[str, typer.Option(help="Prompt set of the findings.")] = "convirt",
    ask: Annotated[list[str] | None, typer.Option(help="Question to each item; may be repeated.")] = None,
    choices: Annotated[str, typer.Option(help="The only answers, separated by commas.")] = "",
    pattern: Annotated[str, typer.Option(help="Regular expression that every answer fulfils.")] = "",
    schema: Annotated[str, typer.Option(help="File of a JSON schema that every answer fulfils.")] = "",
    regions: Annotated[str, typer.Option(help="Answer in regions of --grammar for a task, such as detection.")] = "",
    grammar: Annotated[str, typer.Option(help="How boxes are written; a model of ours knows its own.")] = "",
    max_tokens: Annotated[int, typer.Option(help="Most tokens of an answer.")] = 256,
    beams: Annotated[int, typer.Option(help="Answers that are compared; 1 for the likeliest next word.")] = 1,
    reports: Annotated[bool, typer.Option("--reports", help="Also write a text file for each study.")] = False,
    out: Annotated[str, typer.Option(help="Folder for what is written; answers go on there if stopped.")] = "",
    device: Annotated[str, typer.Option(help="cpu, cuda, or auto; for answers.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Score images against sentences and findings, or let a model that writes answer questions."""
    names = [name.strip() for name in labels.split(",") if name.strip()]
    if text or names or not (ask or _states_questions(images)):
        _score(model, images, text or [], names, prompts, out, as_json=as_json)
        return
    from vesalius.errors import ConfigError
    from vesalius.inference.answered import answer
    from vesalius.inference.predictor import open_predictor
    from vesalius.inference.questions import Questions
    from vesalius.inference.requests import Decoding

    if not out:
        raise ConfigError("answers need a folder: give --out")
    predictor = open_predictor(model, device=device)
    learnt = getattr(getattr(predictor, "reader", None), "grammar", None)
    questions = Questions(
        source=tuple(images),
        ask=tuple(ask or ()),
        decoding=Decoding(max_tokens=max_tokens, beams=beams, log_probabilities=True),
        constraint=_constraint(choices, pattern, schema, regions, grammar or getattr(learnt, "name", "")),
    )
    done = answer(predictor, questions, out=out, reports=reports, grammar=grammar, progress=progress)

    def lines() -> str:
        head = f"{done.answered} answered, {done.kept} kept from before, {done.failed} failed, {done.boxes} boxes"
        shown = done.files if len(done.files) < 5 else (*done.files[:3], f"… {len(done.files) - 3} more")
        return "\n".join([head, *(f"wrote {path}" for path in shown)])

    emit(done.to_dict(), as_json, lines)


def _states_questions(images: list[str]) -> bool:
    return len(images) == 1 and images[0].lower().endswith((".jsonl", ".json", ".csv", ".tsv"))


def _constraint(choices: str, pattern: str, schema: str, regions: str, grammar: str) -> Constraint | None:
    """Return what answers are held to; nothing where nothing is asked for.

    Raises:
        ConfigError: several are asked for, the file cannot be read, or no grammar is known.
    """
    from pathlib import Path

    from vesalius.errors import ConfigError
    from vesalius.inference.constraint import Constraint
    from vesalius.tasks.grammar import grammar as grammar_of

    given = [name for name, value in (("choices", choices), ("pattern", pattern), ("schema", schema)) if value]
    given += ["regions"] if regions else []
    if len(given) > 1:
        raise ConfigError(f"--{' and --'.join(given)}: an answer is held to one of them")
    if regions:
        if not grammar:
            raise ConfigError("--regions needs --grammar: this model does not say how it writes boxes")
        return Constraint.of_regions(grammar_of(grammar), task=regions)
    if schema:
        try:
            return Constraint(schema=Path(schema).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"--schema {schema}: {error}") from None
    if choices:
        return Constraint(choices=tuple(one.strip() for one in choices.split(",") if one.strip()))
    return Constraint(pattern=pattern) if pattern else None


def _score(
    model: str, images: list[str], texts: list[str], labels: list[str], prompts: str, out: str, *, as_json: bool
) -> None:
    from vesalius.inference.predict import predict as run

    done = run(model, images, texts=texts, labels=labels, prompts=prompts, out=out or None)

    def lines() -> str:
        rows = []
        for answer in done.answers:
            probability = "     " if answer.probability is None else f"{answer.probability:.3f}"
            rows.append(f"{answer.score:+.3f}  {probability}  {answer.label:40}  {answer.image}")
        head = f"{'score':>6}  {'prob.':5}  {'finding or text':40}  image"
        return "\n".join([head, *rows, *(f"wrote {path}" for path in done.files)])

    emit(done.to_dict(), as_json, lines)
