"""`kerasbio completion SHELL`."""

import click

from kerasbio.errors import KerasbioError

SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script for completion in a shell.

    \b
    bash  add to ~/.bashrc: eval "$(kerasbio completion bash)"
    zsh   add to ~/.zshrc: eval "$(kerasbio completion zsh)"
    fish  kerasbio completion fish > ~/.config/fish/completions/kerasbio.fish
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    if kind is None:
        raise KerasbioError(f"no completion for {shell}: there are {', '.join(SHELLS)}")
    root = context.find_root()
    click.echo(kind(root.command, {}, "kerasbio", "_KERASBIO_COMPLETE").source())
