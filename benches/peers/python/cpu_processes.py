"""Counts primes in a Pool of 2 processes. Prints the seconds that it takes."""

import sys
import time
from multiprocessing import Pool

from primes import count_primes, pieces

if __name__ == "__main__":
    work = pieces(int(sys.argv[1]))
    with Pool(2) as pool:
        pool.map(count_primes, [(0, 2)] * 2, chunksize=1)
        start = time.perf_counter()
        count = sum(pool.map(count_primes, work, chunksize=1))
        print(time.perf_counter() - start)
    assert count == 25997
