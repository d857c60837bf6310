"""Time ourselves beside a peer: processes of their own, in alternating blocks of one run.

A second process of our own runs along; its ratio (A/A) shows what of a difference is noise.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

BLOCKS = 21
THREADS = 2
OURS, AGAIN = "kerasbio", "kerasbio again"

#: From a folder with what the sides share to a function that works through one block. `kerasbio`
#: goes first and may write there what its peers read.
Side = Callable[[Path], Callable[[], None]]


def compare(title: str, sides: dict[str, Side], steps: int) -> None:
    """Run the sides in turn and print each one's time per step and its ratio to ours.

    Args:
        title: What is timed.
        sides: Function by name; `"kerasbio"` is ours.
        steps: Steps that one block takes.
    """
    if len(sys.argv) > 2:
        _work(sides[sys.argv[1]], Path(sys.argv[2]))
        return
    with tempfile.TemporaryDirectory() as folder:
        workers = {
            name: _start(AGAIN.removesuffix(" again") if name == AGAIN else name, folder)
            for name in (OURS, AGAIN, *(name for name in sides if name != OURS))
        }
        times: dict[str, list[float]] = {name: [] for name in workers}
        random = np.random.default_rng(0)
        for _ in range(BLOCKS):
            for name in random.permutation(list(workers)):
                times[name].append(_ask(workers[name]))
        for worker in workers.values():
            worker.communicate()
    print(title)
    for name, found in times.items():
        ratio = np.array(found) / times[OURS]
        low, high = _interval(ratio, random)
        label = "A/A" if name == AGAIN else "ratio"
        print(
            f"{name:24s} {1000 * np.median(found) / steps:8.3f} ms per step   "
            f"{label} {np.median(ratio):.2f} ({low:.2f} to {high:.2f})"
        )


def _start(name: str, folder: str) -> subprocess.Popen:
    worker = subprocess.Popen(
        [sys.executable, sys.argv[0], name, folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    # The first block warms up and is not counted.
    _ask(worker)
    return worker


def _ask(worker: subprocess.Popen) -> float:
    assert worker.stdin is not None and worker.stdout is not None
    worker.stdin.write("go\n")
    worker.stdin.flush()
    answer = worker.stdout.readline()
    if not answer:
        sys.exit(f"{worker.args} died: run it by hand to see why")
    return float(json.loads(answer))


def _work(side: Side, folder: Path) -> None:
    block = side(folder)
    for _ in sys.stdin:
        begin = time.perf_counter()
        block()
        print(time.perf_counter() - begin, flush=True)


def _interval(ratio: np.ndarray, random: np.random.Generator) -> tuple[float, float]:
    draws = np.median(random.choice(ratio, (2000, len(ratio))), axis=1)
    low, high = np.percentile(draws, [2.5, 97.5])
    return float(low), float(high)
