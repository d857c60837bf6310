"""A process that has seen nothing of kerasbio yet loads what another one saved."""

import re
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np

from kerasbio import losses
from kerasbio.models.perceptron import build_mlp
from kerasbio.optimizers import make_optimizer

PACKAGE = Path(__file__).resolve().parents[1] / "kerasbio"
DECORATED = re.compile(r'register_keras_serializable\(package="kerasbio"\)\n(?:class|def) (\w+)')


def said(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_all_that_can_be_saved_is_known():
    paths = [p for p in PACKAGE.rglob("*.py") if p.parent.name != "demonstrations"]
    named = {name for path in paths for name in DECORATED.findall(path.read_text())}
    code = (
        "import keras, kerasbio.saving\n"
        "print(*keras.saving.get_custom_objects())\n"
    )  # fmt: skip
    known = {name.removeprefix("kerasbio>") for name in said(code).split() if ">" in name}
    assert {"Dice", "step", "ScheduleFreeAdamW", "PrepareImages"} <= named
    assert named <= known


def test_a_compiled_model_is_loaded_by_a_fresh_process(tmp_path):
    keras.utils.set_random_seed(0)
    model = build_mlp((3,), 2, width=4, activation="step")
    model.compile(make_optimizer("schedule_free_adamw"), losses.CategoricalCrossentropy())
    x, y = np.ones((4, 3), np.float32), np.array([0, 1, 1, 0])
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "model.keras")
    code = (
        "import numpy as np, kerasbio\n"
        f"model = kerasbio.load_model({str(tmp_path / 'model.keras')!r})\n"
        "x, y = np.ones((4, 3), np.float32), np.array([0, 1, 1, 0])\n"
        "print(model.evaluate(x, y, verbose=0))\n"
    )
    assert float(said(code)) == model.evaluate(x, y, verbose=0)
