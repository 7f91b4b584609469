"""Calls as the page about clients makes them: driver.py WORKERS ADDRESS…

Beside it lie session.py and the generated code. Each line of the input is a call: id, way (session or bare), path, timeout in
seconds and the request in hexadecimal; each line of the output how it ended: id, outcome, status code and the response.
"""
import queue
import sys
import threading

import grpc

from session import Failed, Session, trailer

workers, addresses = int(sys.argv[1]), sys.argv[2:]
calls, printing = queue.Queue(), threading.Lock()


def ended(call, outcome, code, response=b""):
    with printing:
        print(call, outcome, code.value[0], response.hex() or "-", flush=True)


def work(number):
    mine = addresses[number % len(addresses):] + addresses[:number % len(addresses)]
    session = Session(*mine)
    bare = [grpc.insecure_channel(address) for address in mine]
    while True:
        call, way, path, timeout, request = calls.get()
        try:
            if way == "session":
                response = session.call(lambda channel: channel.unary_unary(path), request, timeout)
            else:
                bare.append(bare.pop(0))
                response = bare[0].unary_unary(path)(request, timeout=timeout)
            ended(call, "answered", grpc.StatusCode.OK, response)
        except Failed as failed:
            ended(call, failed.outcome, failed.error.code())
        except grpc.RpcError as error:
            ended(call, trailer(error, "synod-outcome") or "unknown", error.code())


for number in range(workers):
    threading.Thread(target=work, args=(number,), daemon=True).start()
for line in sys.stdin:
    call, way, path, timeout, request = line.split()
    calls.put((call, way, path, float(timeout), bytes.fromhex(request)))
