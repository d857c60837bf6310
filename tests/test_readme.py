"""Every command and every program in the README and under docs/ does what it says."""

import base64
import html
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kerasbio.cli.demo import COMMANDS as DEMONSTRATIONS
from kerasbio.recipes import RECIPES

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
BIN = Path(sys.executable).parent
DOCS = {path.name: path.read_text() for path in sorted((ROOT / "docs").glob("*.md"))}
SMALL = ("--epochs", "1", "--samples", "64")


def blocks(language, text=README):
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.M | re.S)


COMMANDS = [line for block in blocks("sh") for line in block.splitlines()]


def run(words, folder):
    # A make of its own, not a part of the one that runs the tests.
    own = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL")}
    done = subprocess.run(words, capture_output=True, text=True, cwd=folder, env=own)
    assert done.returncode == 0, f"{words}\n{done.stdout}{done.stderr}"
    return done.stdout


def test_commands_of_kerasbio(tmp_path):
    """In the README's order, where a command may use what one before it wrote."""
    random = np.random.default_rng(0)
    for label in ("healthy", "ill"):
        (tmp_path / "images" / label).mkdir(parents=True)
        for subject in range(12):
            pixels = random.integers(0, 256, (40, 40), np.uint8)
            Image.fromarray(pixels).save(tmp_path / f"images/{label}/{label}{subject}_1.png")
    rows = [f"P{i},{i % 7},{random.normal():.2f},{'ab'[i % 2]}" for i in range(60)]
    (tmp_path / "visits.csv").write_text("\n".join(["patient,age,x,outcome", *rows]) + "\n")
    for command in COMMANDS:
        words = shlex.split(command)
        if words[0] == "make":
            continue
        assert words[0] == "kerasbio", command
        small = SMALL if words[1] == "train" and len(words) == 3 else ()
        if "tabular-diagnosis" in words and "--data" in words:
            words += ["--epochs", "2", "--repeats", "2"]
        said = run([BIN / "kerasbio", *words[1:], *small], tmp_path)
        publish = re.search(r"to publish: (.*)", said)
        if small:
            # Too small to be published: done as the command says.
            assert publish is not None
            run(["sh", "-c", publish[1]], tmp_path)


def test_make_commands(tmp_path):
    commands = {command for command in COMMANDS if command.startswith("make")}
    assert commands == {"make demo", "make test"}
    assert "pytest" in run(["make", "-n", "test"], ROOT)
    if Path(sys.prefix) != ROOT / ".venv":
        pytest.skip("make demo would set up an environment of its own")
    said = run(["make", "demo", f"DEMO={' '.join(SMALL)}", f"OUTPUT={tmp_path}"], ROOT)
    assert "installing" not in said
    assert "beside the best baseline" in said and "loaded and called in a fresh process" in said
    assert (tmp_path / "runs/image-diagnosis/lenet5-1/report.html").is_file()
    assert said.splitlines()[-1].startswith("kerasbio: open") and "report.html" in said


def test_demonstrations_of_the_docs(tmp_path):
    commands = [
        line for text in DOCS.values() for b in blocks("sh", text) for line in b.split("\n")
    ]
    commands = [shlex.split(command) for command in commands if command]
    assert {words[2] for words in commands} == {each.name for each in DEMONSTRATIONS}
    for words in commands:
        assert words[:2] == ["kerasbio", "demo"]
        said = run([BIN / "kerasbio", *words[1:], "--quick"], tmp_path).splitlines()
        assert said[0] == said[-1] and said[0].startswith(f"run: runs/{words[2]}/")
        folder = tmp_path / said[0].removeprefix("run: ")
        assert said[-2] == f"report: runs/{words[2]}/{folder.name}/report.html"
        page = (folder / "report.html").read_text()
        assert said[-3] in html.unescape(page)
        assert json.loads((folder / "results.json").read_text())
        for picture in (folder / "plots").glob("*.png"):
            data = base64.b64encode(picture.read_bytes()).decode()
            assert data in page or picture.name == "activations.png"


PROGRAMS = [program for text in (README, *DOCS.values()) for program in blocks("python", text)]


@pytest.mark.parametrize("program", PROGRAMS)
def test_programs(program, tmp_path):
    run([sys.executable, "-c", program], tmp_path)


def test_every_recipe_is_in_the_table():
    listed = re.findall(r"^\| `([\w-]+)` \|", README, re.M)
    assert listed == [recipe.name for recipe in RECIPES]


def test_links_lead_somewhere():
    for folder, text in ((ROOT, README), *((ROOT / "docs", text) for text in DOCS.values())):
        for target in re.findall(r"\]\(([^)#]+)\)", text):
            assert target.startswith("https://") or (folder / target).exists(), target
