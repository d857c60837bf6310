"""The checks of `kerasbio doctor`."""

import contextlib
import importlib
import importlib.metadata
import math
import os
import platform
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from kerasbio.agents.require import INSTALL as INSTALL_AGENTS
from kerasbio.agents.require import require_tf_agents
from kerasbio.errors import KerasbioError
from kerasbio.quiet import import_tensorflow

OK, WARNING, FAILED = "ok", "warning", "failed"
GIB = 2**30
PYTHON = ((3, 11), (3, 13))
KERAS = (3, 15, 1)
#: First TensorFlow whose oneDNN multiplies matrices of broadcast batches safely.
SAFE_TENSORFLOW = (2, 22)
INSTALL = "pip install -e '.[all]' in the folder of kerasbio, or make test, which does it"


class Check(NamedTuple):
    """One line of the doctor.

    Attributes:
        name: What was looked at.
        status: `"ok"`, `"warning"` or `"failed"`.
        detail: What was found.
        remedy: What to do; empty if nothing.
    """

    name: str
    status: str
    detail: str
    remedy: str = ""


def run_checks(backend: str | None = None) -> list[Check]:
    """Return all checks in order.

    Args:
        backend: `KERAS_BACKEND` as the user had it, before the command line set its own.
    """
    checks: tuple[tuple[str, Callable[[], Check]], ...] = (
        ("Python", check_python),
        ("TensorFlow", check_tensorflow),
        ("Keras", lambda: check_keras(backend)),
        ("Spektral", check_spektral),
        ("tf-agents", check_agents),
        ("oneDNN", check_onednn),
        ("legacy Keras", check_legacy_keras),
        ("memory", check_memory),
        ("disk", check_disk),
        ("writing", check_writing),
        ("ten steps of LeNet-5", check_fit),
    )
    return [_guarded(name, check) for name, check in checks]


def _guarded(name: str, check: Callable[[], Check]) -> Check:
    try:
        return check()
    except Exception as error:
        text = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        return Check(name, FAILED, text, INSTALL)


def check_python(version: tuple[int, ...] = sys.version_info[:3]) -> Check:
    """Is it a Python that kerasbio is tested on?"""
    text = ".".join(map(str, version))
    if PYTHON[0] <= version[:2] <= PYTHON[1]:
        return Check("Python", OK, f"{text}, {os.cpu_count()} cores")
    return Check("Python", FAILED, text, "use Python 3.11, 3.12 or 3.13")


def check_tensorflow() -> Check:
    """Can TensorFlow be imported, and what does it run on?"""
    import_tensorflow()
    import tensorflow as tf

    devices = [device.device_type for device in tf.config.list_physical_devices()]
    return Check("TensorFlow", OK, f"{tf.__version__}, {' and '.join(sorted(set(devices)))}")


def check_keras(backend: str | None) -> Check:
    """Is Keras new enough, and is its backend TensorFlow?"""
    import keras

    detail = f"{keras.__version__} on {keras.backend.backend()}"
    if version_tuple(keras.__version__) < KERAS:
        return Check("Keras", FAILED, detail, "pip install 'keras>=3.15.1'")
    if backend not in (None, "tensorflow"):
        remedy = f"your own programs run on {backend}: unset KERAS_BACKEND to train and export"
        return Check("Keras", WARNING, f"{detail}; KERAS_BACKEND={backend}", remedy)
    return Check("Keras", OK, detail)


def check_spektral() -> Check:
    """Can Spektral be imported?"""
    importlib.import_module("spektral")
    return Check("Spektral", OK, importlib.metadata.version("spektral"))


def check_agents() -> Check:
    """Can tf-agents, which only reinforcement learning needs, be imported?"""
    try:
        require_tf_agents()
    except KerasbioError as error:
        remedy = f"only needed for reinforcement learning: {INSTALL_AGENTS}"
        return Check("tf-agents", WARNING, f"not usable: {error.__cause__}", remedy)
    return Check("tf-agents", OK, importlib.metadata.version("tf-agents"))


def check_onednn() -> Check:
    """Can matrix products of this TensorFlow crash?"""
    version = importlib.metadata.version("tensorflow")
    switch = os.environ.get("TF_ENABLE_ONEDNN_OPTS")
    if switch == "0" or platform.machine().lower() not in ("x86_64", "amd64"):
        return Check("oneDNN", OK, "off")
    if version_tuple(version) >= SAFE_TENSORFLOW:
        return Check("oneDNN", OK, f"on, in TensorFlow {version}")
    return Check(
        "oneDNN",
        WARNING,
        f"on, in TensorFlow {version}: can crash in matrix products of rank 4 whose batch "
        "dimensions broadcast, and in Dense on booleans; kerasbio's networks have neither",
        "if your own layers have them, set TF_ENABLE_ONEDNN_OPTS=0, which is slower and rounds "
        "otherwise",
    )


def check_legacy_keras() -> Check:
    """Has the user asked for Keras 2?"""
    value = os.environ.get("TF_USE_LEGACY_KERAS")
    if value is None or value.lower() in ("", "0", "false"):
        return Check("legacy Keras", OK, "TF_USE_LEGACY_KERAS is not set")
    remedy = "unset it: it stands for Keras 2, whose layers do not fit into kerasbio's models"
    return Check("legacy Keras", WARNING, f"TF_USE_LEGACY_KERAS={value}", remedy)


def check_memory() -> Check:
    """Is there memory to train in?"""
    total, free = memory()
    detail = f"{free / GIB:.1f} GiB free of {total / GIB:.1f}"
    if free < GIB:
        return Check("memory", FAILED, detail, "close other programs: training needs 1 GiB")
    if free < 3 * GIB:
        return Check("memory", WARNING, detail, "train with fewer --samples")
    return Check("memory", OK, detail)


def memory() -> tuple[int, int]:
    """Return the bytes of memory and those free, within the limit of a container."""
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    free = total
    with contextlib.suppress(OSError):
        found = re.search(r"MemAvailable:\s+(\d+)", Path("/proc/meminfo").read_text())
        free = int(found[1]) * 1024 if found else total
    with contextlib.suppress(OSError, ValueError):
        limit = int(Path("/sys/fs/cgroup/memory.max").read_text())
        used = int(Path("/sys/fs/cgroup/memory.current").read_text())
        total, free = min(total, limit), min(free, limit - used)
    return total, free


def check_disk() -> Check:
    """Is there disk for runs?"""
    free = shutil.disk_usage(".").free
    detail = f"{free / GIB:.1f} GiB free in {Path.cwd()}"
    if free < GIB / 4:
        return Check("disk", FAILED, detail, "free some space, or use --output DIR elsewhere")
    if free < 2 * GIB:
        return Check("disk", WARNING, detail, "long runs may fill it")
    return Check("disk", OK, detail)


def check_writing() -> Check:
    """Can runs be written here?"""
    try:
        with tempfile.TemporaryDirectory(dir=".", prefix=".kerasbio-doctor-") as folder:
            path = Path(folder, "a")
            with path.open("wb") as file:
                file.write(b"kerasbio")
                file.flush()
                os.fsync(file.fileno())
            os.replace(path, path.with_name("b"))
    except OSError as error:
        remedy = "go to another folder, or train with --output DIR"
        return Check("writing", FAILED, f"{Path.cwd()}: {error.strerror}", remedy)
    return Check("writing", OK, f"files can be made in {Path.cwd()}")


def check_fit() -> Check:
    """Does a real training step work?"""
    import keras
    import numpy as np

    from kerasbio.models.cnn import build_lenet5

    name = "ten steps of LeNet-5"
    random = np.random.default_rng(0)
    images = random.normal(size=(160, 32, 32, 1)).astype("float32")
    labels = random.integers(10, size=160)
    model = build_lenet5((32, 32, 1), 10)
    before = model.layers[-1].kernel.numpy()
    start = time.monotonic()
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    history = model.fit(images, labels, batch_size=16, verbose=0)
    loss, seconds = history.history["loss"][0], time.monotonic() - start
    if not math.isfinite(loss) or np.array_equal(before, model.layers[-1].kernel.numpy()):
        return Check(name, FAILED, f"loss {loss}, the weights did not learn", INSTALL)
    return Check(name, OK, f"{seconds:.1f} s, loss {loss:.2f}")


def version_tuple(text: str) -> tuple[int, ...]:
    """Return the leading numbers of a version: `"3.15.1rc0"` gives `(3, 15, 1)`."""
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3])
