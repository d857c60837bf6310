"""The tables of the documentation against what the package knows."""

import re
from pathlib import Path

from kerasbio import losses
from kerasbio.demonstrations.activation_curves import COLUMNS, table
from kerasbio.names import OPTIMIZERS, SCHEDULES

FUNDAMENTALS = (Path(__file__).resolve().parents[1] / "docs/fundamentals.md").read_text()


def section(heading):
    return re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", FUNDAMENTALS, re.M | re.S)[1]


def rows(text):
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[c.replace("\\|", "|") for c in re.split(r" (?<!\\)\| ", line[2:-2])] for line in lines]


def test_table_of_activations():
    head, _, *found = rows(section("Activations"))
    assert tuple(head) == COLUMNS
    assert found == [[f"`{name}`", *rest] for name, *rest in table()]


def test_table_of_losses():
    named = {row[0].strip("`").split("(")[0] for row in rows(section("Losses"))[2:]}
    assert named == {name for name in dir(losses) if name[0].isupper()}


def test_every_optimizer_and_schedule_is_named():
    assert set(re.findall(r"`([a-z_]+)`", section("Optimizers"))) >= set(OPTIMIZERS)
    callbacks = section("One set of callbacks")
    assert all(name in callbacks for name in SCHEDULES)
