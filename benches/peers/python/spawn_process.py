"""Starts a process by "spawn", which runs nothing, and joins it. Prints seconds for each."""

import sys
import time
from multiprocessing import get_context


def empty():
    pass


if __name__ == "__main__":
    count = int(sys.argv[1])
    spawning = get_context("spawn")
    start = time.perf_counter()
    for _ in range(count):
        child = spawning.Process(target=empty)
        child.start()
        child.join()
    print((time.perf_counter() - start) / count)
