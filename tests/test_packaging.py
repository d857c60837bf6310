"""The wheel holds one package, works beside its dependencies, and make knows its Pythons."""

import ast
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ("kerasbio", "cli", "recipes", "setup.cfg", "pyproject.toml", "README.md", "LICENSE")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    for name in SOURCES:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        source.mkdir(exist_ok=True)
        copy(ROOT / name, source / name)
    words = ("-m", "build", "--wheel", "--no-isolation", "--outdir", folder / "dist", source)
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (found,) = (folder / "dist").glob("*.whl")
    return found


def test_only_one_global_package(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name.split("/")[0].split("-")[0] for name in names} == {"kerasbio"}
    here = [p.relative_to(ROOT) for p in (ROOT / "kerasbio").rglob("*.py")]
    here += [Path("kerasbio") / p.relative_to(ROOT) for p in ROOT.glob("[cr][le]*/**/*.py")]
    assert {str(path) for path in here} <= set(names)


def test_the_unpacked_wheel_is_what_runs(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path / 'site')!r})\n"
        "import kerasbio, kerasbio.cli.main, kerasbio.recipes\n"
        "print(kerasbio.__file__, kerasbio.cli.main.__file__, kerasbio.recipes.__file__)\n"
        "kerasbio.cli.main.main(['models'])\n"
    )
    # -I leaves out the current folder, and -S the editable install's finder.
    done = subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(str(tmp_path / "site")) == 3 and "build_lenet5" in done.stdout


def test_names_are_public_and_load_nothing():
    tree = ast.parse((ROOT / "kerasbio/__init__.py").read_text())
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    declared = {alias.asname: node.module for node in imports for alias in node.names}
    del declared[None]
    code = (
        "import sys, kerasbio\n"
        "names = dir(kerasbio)\n"
        "assert not {'tensorflow', 'keras', 'numpy'} & set(sys.modules)\n"
        "for name, module in kerasbio._MODULES.items():\n"
        "    assert name in names and getattr(kerasbio, name).__module__.startswith(module), name\n"
        "print(kerasbio._MODULES)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert ast.literal_eval(done.stdout) == declared


@pytest.mark.large
def test_alone_in_an_empty_environment(wheel, tmp_path):
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    scripts = tmp_path / "venv/bin"
    subprocess.run([scripts / "pip", "install", "--quiet", wheel], check=True)
    words = ("train", "image-diagnosis", "--epochs", "1", "--samples", "64")
    done = subprocess.run(
        [scripts / "kerasbio", *words], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    for name in ("cli", "recipes", "tests"):
        code = f"import {name}"
        found = subprocess.run([scripts / "python", "-I", "-c", code], capture_output=True)
        assert found.returncode == 1, name


@pytest.mark.parametrize(("version", "code"), [("3.10", 1), ("3.14", 1), ("3.12", 0)])
def test_make_names_a_python_that_does_not_fit(tmp_path, version, code):
    for name in ("Makefile", "setup.cfg", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    python = tmp_path / "python"
    # Says it is that version, and makes an environment whose Python does nothing.
    python.write_text(
        "#!/bin/sh\n"
        'case "$1$2" in\n'
        f'  -cimport*) exec {sys.executable} -c "import sys; sys.version_info = '
        f'({version.replace(".", ", ")}); $2";;\n'
        "  -mvenv) for folder; do :; done; mkdir -p $folder/bin;"
        " printf '#!/bin/sh\\n' > $folder/bin/python; chmod +x $folder/bin/python;;\n"
        "esac\n"
    )
    python.chmod(0o755)
    words = ["make", "-s", ".venv/ready", f"PYTHON={python}"]
    done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode != 0) == bool(code), done.stdout + done.stderr
    assert ("kerasbio needs Python 3.11, 3.12 or 3.13" in done.stdout) == bool(code)
    assert (tmp_path / ".venv/ready").exists() == (not code)
    again = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path)
    assert code or "installing" not in again.stdout
