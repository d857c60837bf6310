"""The `kerasbio` command."""

import os
import signal
import sys
import threading

import click

from kerasbio import __version__
from kerasbio.cli.completion import completion
from kerasbio.cli.demo import demo
from kerasbio.cli.doctor import doctor
from kerasbio.cli.group import Root
from kerasbio.cli.listings import models, recipes
from kerasbio.cli.predict import predict
from kerasbio.cli.sample import sample
from kerasbio.cli.train import train

SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.group(cls=Root, context_settings=SETTINGS)
@click.version_option(__version__, prog_name="kerasbio")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.pass_context
def main(context: click.Context, debug: bool) -> None:
    """Deep networks for biomedicine: published architectures, trained, tested and served."""
    # This process is the command's own; a library must not do this.
    context.obj = {"backend": os.environ.get("KERAS_BACKEND")}
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if threading.current_thread() is threading.main_thread():
        # What an export has half written is removed on the way out.
        signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))


for command in (recipes, models, train, demo, predict, sample, doctor, completion):
    main.add_command(command)
