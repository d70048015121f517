"""Empty tasks one by one to a ProcessPoolExecutor of 2 workers. Prints seconds for each task."""

import sys
import time
from concurrent.futures import ProcessPoolExecutor


def empty(_):
    pass


if __name__ == "__main__":
    count = int(sys.argv[1])
    with ProcessPoolExecutor(2) as executor:
        for future in [executor.submit(empty, n) for n in range(2)]:
            future.result()
        start = time.perf_counter()
        futures = [executor.submit(empty, n) for n in range(count)]
        for future in futures:
            future.result()
        print((time.perf_counter() - start) / count)
