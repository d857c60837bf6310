"""What keeps the house in order and no linter checks."""

import ast
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = sorted(p for top in ("kerasbio", "recipes", "cli") for p in (ROOT / top).rglob("*.py"))
MODULES = pytest.mark.parametrize("path", PACKAGE, ids=lambda p: str(p.relative_to(ROOT)))
HEAVY = {"tensorflow", "keras", "numpy", "scipy", "sklearn", "matplotlib", "PIL", "rich"}


def imports(nodes):
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield node.module


@MODULES
def test_imports_point_one_way(path):
    tree = ast.parse(path.read_text())
    inner = path.relative_to(ROOT).parts[0]
    found = set(imports(ast.walk(tree)))
    forbidden = {"kerasbio": ("kerasbio.cli", "kerasbio.recipes"), "recipes": ("kerasbio.cli",)}
    for name in found:
        assert not name.startswith(forbidden.get(inner, ())), name
        assert name != "tf_keras" and not name.startswith("tensorflow.keras"), name


@MODULES
def test_sizes(path):
    text = path.read_text()
    assert len(text.splitlines()) <= 300
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            # A recipe is one function, read from top to bottom.
            limit = 130 if "recipes" in path.parts else 85
            assert node.end_lineno - node.lineno <= limit, node.name


@MODULES
def test_one_keras(path):
    text = path.read_text()
    assert "tf.keras" not in text
    writes = ("environ[", "environ.setdefault", "putenv")
    assert path.parts[-2] == "cli" or not any(word in text for word in writes)


@pytest.mark.parametrize("path", [p for p in PACKAGE if {"cli", "recipes"} & set(p.parts)])
def test_help_is_quick(path):
    body = ast.parse(path.read_text()).body
    assert not HEAVY & {name.split(".")[0] for name in imports(body)}


@MODULES
def test_public_things_are_documented(path):
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree) or not tree.body, "module"
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), node.name


def test_no_path_of_a_machine_is_committed():
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if files.returncode:
        pytest.skip("no git checkout")
    for name in files.stdout.split():
        text = (ROOT / name).read_bytes().decode("utf-8", "replace")
        for path in ("/" + "work/", "/" + "root/"):
            assert path not in text, (name, path)
