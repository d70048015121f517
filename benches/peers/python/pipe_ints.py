"""Small integers through a Pipe, one process to another. Prints seconds for each."""

import sys
import time
from multiprocessing import Pipe, Process


def send(end, count):
    end.send("ready")
    for n in range(count):
        end.send(n)


if __name__ == "__main__":
    count = int(sys.argv[1])
    receiver, sender = Pipe(duplex=False)
    child = Process(target=send, args=(sender, count))
    child.start()
    receiver.recv()
    start = time.perf_counter()
    for n in range(count):
        assert receiver.recv() == n
    print((time.perf_counter() - start) / count)
    child.join()
