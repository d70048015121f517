"""Counts primes in one thread. Prints the seconds that it takes."""

import sys
import time

from primes import count_primes, pieces

if __name__ == "__main__":
    work = pieces(int(sys.argv[1]))
    start = time.perf_counter()
    count = sum(map(count_primes, work))
    print(time.perf_counter() - start)
    assert count == 25997
