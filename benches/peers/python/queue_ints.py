"""Small integers through a Queue, one process to another. Prints seconds for each."""

import sys
import time
from multiprocessing import Process, Queue


def put(queue, count):
    queue.put("ready")
    for n in range(count):
        queue.put(n)


if __name__ == "__main__":
    count = int(sys.argv[1])
    queue = Queue()
    child = Process(target=put, args=(queue, count))
    child.start()
    queue.get()
    start = time.perf_counter()
    for n in range(count):
        assert queue.get() == n
    print((time.perf_counter() - start) / count)
    child.join()
