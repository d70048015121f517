"""Counts primes on 2 threads. Prints the seconds that it takes."""

import sys
import time
from concurrent.futures import ThreadPoolExecutor

from primes import count_primes, pieces

if __name__ == "__main__":
    work = pieces(int(sys.argv[1]))
    with ThreadPoolExecutor(2) as threads:
        sum(threads.map(count_primes, [(0, 2)] * 2))
        start = time.perf_counter()
        count = sum(threads.map(count_primes, work))
        print(time.perf_counter() - start)
    assert count == 25997
