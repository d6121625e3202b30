"""The program: a verb is a file beside this one, imported only when it is called."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

__all__ = ["app", "run"]

_FOLDER = Path(__file__).parent
_PARTS = {"__init__", "main", "console", "chatting"}
_INTERRUPTED = 130
"""Exit code after Ctrl-C."""


def _verbs() -> list[str]:
    return sorted(path.stem for path in _FOLDER.glob("*.py") if path.stem not in _PARTS)


def _summary(verb: str) -> str:
    """First line of the verb's docstring, read without importing the file."""
    with (_FOLDER / f"{verb}.py").open(encoding="utf-8") as file:
        return file.readline().strip().strip('"')


class _Verbs(TyperGroup):
    def list_commands(self, ctx: Any) -> list[str]:
        return _verbs()

    def get_command(self, ctx: Any, name: str) -> Any:
        if name not in _verbs():
            return None
        command: Any = typer.main.get_command(import_module(f"vesalius.cli.{name}").app)
        command.name = name
        return command

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        from vesalius.errors import did_you_mean

        if args and args[0] not in _verbs() and not args[0].startswith("-"):
            ctx.fail(f"no verb {args[0]!r}{did_you_mean(args[0], _verbs())}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl([(verb, _summary(verb)) for verb in _verbs()])


app = typer.Typer(
    cls=_Verbs,
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False) -> None:
    """Train, adapt, evaluate and serve medical vision-language models, from DICOM to a grounded answer."""
    if version:
        from vesalius import __version__

        print(f"vesalius {__version__}")
        raise typer.Exit


def run() -> None:
    """Run the program; an error of ours is a message and an exit code, never a traceback."""
    from vesalius.errors import VesaliusError

    try:
        app()
    except VesaliusError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except SystemExit as done:
        # The parser of the command line turns Ctrl-C into this code without a word.
        if done.code == _INTERRUPTED:
            print("stopped by Ctrl-C; what was written stays, the same command goes on from there", file=sys.stderr)
        raise
