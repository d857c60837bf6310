"""`kerasbio doctor`: whether this machine can do what kerasbio needs, and if not, what to do."""

import json

import click

from kerasbio.cli.table import print_table


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the checks as JSON.")
@click.pass_context
def doctor(context: click.Context, as_json: bool) -> None:
    """Check that this machine is ready to train.

    Looks at Python, the libraries, memory, disk and a fit of ten steps. The exit code is 1
    if a check failed.
    """
    from kerasbio.cli.checks import run_checks

    checks = run_checks((context.obj or {}).get("backend"))
    failed = sum(check.status == "failed" for check in checks)
    if as_json:
        rows = [check._asdict() for check in checks]
        click.echo(json.dumps({"ok": not failed, "checks": rows}, indent=2))
    else:
        print_table(("check", "status", "found"), [check[:3] for check in checks])
        for check in checks:
            if check.remedy:
                click.echo(f"{check.name}: {check.remedy}")
        click.echo(f"{failed} of {len(checks)} checks failed" if failed else "ready to train")
    context.exit(1 if failed else 0)
