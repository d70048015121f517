"""Small integers through a JoinableQueue, each told as done, all joined. Prints seconds for each."""

import sys
import time
from multiprocessing import JoinableQueue, Process


def get(queue):
    while queue.get() is not None:
        queue.task_done()
    queue.task_done()


if __name__ == "__main__":
    count = int(sys.argv[1])
    queue = JoinableQueue()
    child = Process(target=get, args=(queue,))
    child.start()
    queue.put("ready")
    queue.join()
    start = time.perf_counter()
    for n in range(count):
        queue.put(n)
    queue.join()
    print((time.perf_counter() - start) / count)
    queue.put(None)
    child.join()
