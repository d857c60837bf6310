"""Time ourselves beside a peer: processes of their own, in alternating blocks of one run.

A second process of our own runs along; its ratio (A/A) shows what of a difference is noise.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

BLOCKS = 21
THREADS = 2
OURS, AGAIN = "kerasbio", "kerasbio again"

#: From a folder with what the sides share to a function that works through one block, of the task
#: that it is given where there are several. `kerasbio` goes first and may write there what its
#: peers read.
Side = Callable[[Path], Callable[..., None]]

#: Seconds of each block, by task and side.
Times = dict[str, dict[str, list[float]]]


def compare(title: str, sides: Mapping[str, Side], steps: int) -> None:
    """Run the sides in turn and print each one's time per step and its ratio to ours.

    Args:
        title: What is timed, in words that no other comparison of the program has.
        sides: Function by name; `"kerasbio"` is ours.
        steps: Steps that one block takes.
    """
    for times in measure(title, sides).values():
        print(title)
        print_ratios(times, steps)


def measure(
    title: str, sides: Mapping[str, Side], tasks: Sequence[str] = ("",), blocks: int = BLOCKS
) -> Times:
    """Run the sides in turn, task by task.

    Args:
        title: What is timed, in words that no other comparison of the program has.
        sides: Function by name; `"kerasbio"` is ours.
        tasks: What the functions of the sides are given.
        blocks: Blocks of each task and side.

    Returns:
        The seconds of each block; nothing in the process of a side, which has other work.
    """
    if sys.argv[1:2] == ["--side"]:
        _, _, of, name, folder = sys.argv
        if of == title:
            _work(sides[name], Path(folder))
            sys.exit()
        return {}
    with tempfile.TemporaryDirectory() as folder:
        workers = {OURS: _start(title, OURS, folder)}
        for task in tasks:
            _ask(workers[OURS], task)
        for name in (AGAIN, *(name for name in sides if name != OURS)):
            workers[name] = _start(title, OURS if name == AGAIN else name, folder)
            # The first block of each task warms up and is not counted.
            for task in tasks:
                _ask(workers[name], task)
        times: Times = {task: {name: [] for name in workers} for task in tasks}
        random = np.random.default_rng(0)
        for task in tasks:
            for _ in range(blocks):
                for name in random.permutation(list(workers)):
                    times[task][name].append(_ask(workers[name], task))
        for worker in workers.values():
            worker.communicate()
    return times


def print_ratios(times: Mapping[str, Sequence[float]], steps: int) -> None:
    """Print the time per step of each side, and its ratio to ours with its 95 % interval."""
    for name, seconds in times.items():
        middle, low, high = ratio(seconds, times[OURS])
        label = "A/A" if name == AGAIN else "ratio"
        print(
            f"{name:24s} {1000 * np.median(seconds) / steps:8.3f} ms per step   "
            f"{label} {middle:.2f} ({low:.2f} to {high:.2f})",
            flush=True,
        )


def ratio(seconds: Sequence[float], ours: Sequence[float]) -> tuple[float, float, float]:
    """Return the median of a side's ratios to ours, block by block, and its 95 % interval."""
    ratios = np.array(seconds) / ours
    draws = np.random.default_rng(0).choice(ratios, (2000, len(ratios)))
    low, high = np.percentile(np.median(draws, axis=1), [2.5, 97.5])
    return float(np.median(ratios)), float(low), float(high)


def _start(title: str, name: str, folder: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, sys.argv[0], "--side", title, name, folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def _ask(worker: subprocess.Popen, task: str) -> float:
    assert worker.stdin is not None and worker.stdout is not None
    worker.stdin.write(f"{task}\n")
    worker.stdin.flush()
    answer = worker.stdout.readline()
    if not answer:
        sys.exit(f"{worker.args} died: run it by hand to see why")
    return float(answer)


def _work(side: Side, folder: Path) -> None:
    block = side(folder)
    for line in sys.stdin:
        begin = time.perf_counter()
        block(*line.split())
        print(time.perf_counter() - begin, flush=True)
