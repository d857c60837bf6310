"""Groups of commands that name the nearest to a mistyped one and answer errors in one line."""

import difflib
import sys
import traceback
from typing import Any, NoReturn

import click

from kerasbio.errors import KerasbioError

INTERRUPTED = 130
#: What the commands of a group are called.
KINDS = {"train": "recipe", "demo": "demonstration"}


class Group(click.Group):
    """A group that names the command nearest to a mistyped one."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not ctx.resilient_parsing and self.get_command(ctx, args[0]) is None:
            names = self.list_commands(ctx)
            near = difflib.get_close_matches(args[0], names, n=1, cutoff=0.4)
            kind = KINDS.get(ctx.info_name or "", "command")
            if args[0].startswith("-"):
                return super().resolve_command(ctx, args)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(names)}"
            raise click.UsageError(f"no {kind} {args[0]!r}: {hint}", ctx)
        return super().resolve_command(ctx, args)


class Root(Group):
    """The group at the top: every error ends in one line and an exit code.

    Exit codes: 0, 1 for an error, 2 for a wrong command line, 128 + the signal that ended a run.
    """

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.Abort, click.exceptions.Exit):
            raise
        except Exception:
            if ctx.params["debug"]:
                traceback.print_exc()
            raise

    def main(self, *args: Any, **extra: Any) -> NoReturn:
        extra["standalone_mode"] = False
        extra["prog_name"] = extra.get("prog_name") or "kerasbio"
        try:
            result = super().main(*args, **extra)
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            sys.exit(error.exit_code)
        except Exception as error:
            click.echo(f"Error: {describe(error)}", err=True)
            sys.exit(exit_code(error))
        sys.exit(result if isinstance(result, int) else 0)


def exit_code(error: Exception) -> int:
    """Return the exit code that tells a caller what kind of error it was."""
    return INTERRUPTED if isinstance(error, click.Abort) else getattr(error, "exit_code", 1)


def describe(error: Exception) -> str:
    """Return an error in one line: what was wrong, where, and what to do."""
    match error:
        case click.UsageError():
            text = error.format_message().rstrip(".")
            where = error.ctx.command_path if error.ctx else "kerasbio"
            text = f"{text} ({where} --help)"
        case click.ClickException():
            text = error.format_message()
        case click.Abort():
            text = "stopped by the keyboard"
        case KerasbioError():
            text = str(error)
        case OSError(strerror=str(reason), filename=name):
            text = f"{reason}: {name}" if name else reason
        case MemoryError():
            text = "not enough memory: try a smaller --batch-size or fewer --samples"
        case _:
            first = (str(error).strip() or "no message").splitlines()[0]
            text = f"{type(error).__name__}: {first} (kerasbio --debug ... shows where)"
    return " ".join(text.split())
