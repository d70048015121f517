"""Two processes increment a Value under its lock. Prints seconds for each increment."""

import sys
import time
from multiprocessing import Barrier, Process, Value

PROCESSES = 2


def increment(value, barrier, count):
    barrier.wait()
    for _ in range(count):
        with value.get_lock():
            value.value += 1
    barrier.wait()


if __name__ == "__main__":
    count = int(sys.argv[1])
    value, barrier = Value("q", 0), Barrier(PROCESSES + 1)
    children = [Process(target=increment, args=(value, barrier, count)) for _ in range(PROCESSES)]
    for child in children:
        child.start()
    barrier.wait()
    start = time.perf_counter()
    barrier.wait()
    print((time.perf_counter() - start) / (PROCESSES * count))
    for child in children:
        child.join()
    assert value.value == PROCESSES * count
