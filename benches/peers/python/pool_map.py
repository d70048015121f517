"""Pool.map of 2 empty tasks on 2 workers, again and again. Prints seconds for each map."""

import sys
import time
from multiprocessing import Pool


def empty(_):
    pass


if __name__ == "__main__":
    count = int(sys.argv[1])
    with Pool(2) as pool:
        pool.map(empty, range(2))
        start = time.perf_counter()
        for _ in range(count):
            pool.map(empty, range(2))
        print((time.perf_counter() - start) / count)
