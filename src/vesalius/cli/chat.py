"""Talk with a model about pictures, volumes and clips, in the terminal or by a script.

vesalius chat --image chest.png
vesalius chat runs/gmai-vl --image chest.dcm
vesalius chat runs/gmai-vl --corpus corpora/chest --study p00012 --ask "Is there an effusion?" --json
printf 'What is shown?\\n/image next.png\\nAnd here?\\n' | vesalius chat runs/gmai-vl --image first.png
"""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def chat(
    model: Annotated[
        str, typer.Argument(help="Run folder, model folder, hub id, openai:URL#model, or the embedded assistant.")
    ] = "assistant",
    image: Annotated[list[str] | None, typer.Option(help="Picture to show; may be repeated.")] = None,
    volume: Annotated[list[str] | None, typer.Option(help="Volume to show: NIfTI, or a folder of slices.")] = None,
    video: Annotated[list[str] | None, typer.Option(help="Clip to show; may be repeated.")] = None,
    corpus: Annotated[str, typer.Option(help="Corpus of the studies that are named.")] = "",
    study: Annotated[str, typer.Option(help="Study of --corpus to show.")] = "",
    ask: Annotated[list[str] | None, typer.Option(help="Question; may be repeated. None: read from stdin.")] = None,
    system: Annotated[str, typer.Option(help="Message before all others.")] = "",
    max_tokens: Annotated[int, typer.Option(help="Most tokens of an answer.")] = 256,
    temperature: Annotated[float, typer.Option(help="0 for the likeliest words, above 0 for chance.")] = 0.0,
    seed: Annotated[int, typer.Option(help="Seed of chance.")] = 0,
    boxes: Annotated[str, typer.Option(help="Folder for a picture of every answer that names places.")] = "",
    grammar: Annotated[str, typer.Option(help="How boxes are written; a model of ours knows its own.")] = "",
    device: Annotated[str, typer.Option(help="cpu, cuda, or auto for the accelerator where there is one.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document at the end.")] = False,
) -> None:
    """Talk with a model; /help names the commands between the questions."""
    from vesalius.cli.chatting import Chat, media_first
    from vesalius.errors import CapabilityError, ConfigError
    from vesalius.inference.pointing import pointer_of
    from vesalius.inference.predictor import CAPABILITIES, open_predictor
    from vesalius.inference.requests import Decoding
    from vesalius.inference.talk import Talk

    if study and not corpus:
        raise ConfigError(f"--study {study}: name its corpus by --corpus")
    predictor = open_predictor(model, device=device)
    if "generate" not in predictor.capabilities:
        raise CapabilityError(f"model {predictor.name!r} cannot talk; {CAPABILITIES['generate']}")
    decoding = Decoding(max_tokens=max_tokens, temperature=temperature, seed=seed)
    talk = Talk(predictor, decoding, system=system)
    session = Chat(talk, pointer_of(predictor, grammar), corpus=corpus, folder=boxes, quiet=as_json)
    session.note()
    media_first(session, images=image or (), volumes=volume or (), videos=video or (), study=study)
    session.run(ask or ())
    if as_json:
        session.document()
    if session.failed and not session.interactive:
        raise typer.Exit(1)
