"""A client that outlives its cluster: living.py HOST:PORT…

Beside it lie session.py and the generated code. Each line of the input is a path and a request in hexadecimal, called in
one session; each line of the output how the call ended, as JSON.
"""
import json
import sys

import grpc

from session import Failed, Session

session = Session(*sys.argv[1:])
for line in sys.stdin:
    path, request = line.split()
    try:
        session.call(lambda channel: channel.unary_unary(path), bytes.fromhex(request), 15)
        ended = {"outcome": "answered", "details": ""}
    except Failed as failed:
        ended = {"outcome": failed.outcome, "details": failed.error.details()}
    except grpc.RpcError as error:
        ended = {"outcome": "refused by the service", "details": error.details()}
    print(json.dumps(ended), flush=True)
