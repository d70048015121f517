"""Messages of 1 MiB through a Pipe, one process to another. Prints seconds for each."""

import sys
import time
from multiprocessing import Pipe, Process

MESSAGE = bytes(range(256)) * 4096


def send(end, count):
    end.send_bytes(b"ready")
    for _ in range(count):
        end.send_bytes(MESSAGE)


if __name__ == "__main__":
    count = int(sys.argv[1])
    receiver, sender = Pipe(duplex=False)
    child = Process(target=send, args=(sender, count))
    child.start()
    receiver.recv_bytes()
    start = time.perf_counter()
    for _ in range(count):
        assert len(receiver.recv_bytes()) == len(MESSAGE)
    print((time.perf_counter() - start) / count)
    child.join()
