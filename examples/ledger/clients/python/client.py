"""A transfer that is repeated until it has an answer, and one that is refused: client.py [HOST:PORT]"""
import sys

import grpc
from google.rpc import status_pb2

from bank.v1 import ledger_pb2, ledger_pb2_grpc
from synod.v1 import replica_pb2, replica_pb2_grpc

NO_ANSWER = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)


class Session:
    """Calls one after another, each executed once, however often it has to be sent."""

    def __init__(self, channel):
        opened = replica_pb2_grpc.ReplicaStub(channel).OpenSession(replica_pb2.OpenSessionRequest(), timeout=5)
        self.name = opened.client_id
        self.sequence = 0

    def call(self, method, request, attempts=3):
        self.sequence += 1
        metadata = (
            ("synod-client-id", self.name),
            ("synod-sequence", str(self.sequence)),
            # Everything before this call has its answer.
            ("synod-acknowledged", str(self.sequence - 1)),
        )
        for attempt in range(1, attempts + 1):
            try:
                return method(request, metadata=metadata, timeout=5)
            except grpc.RpcError as error:
                if error.code() not in NO_ANSWER or attempt == attempts:
                    raise


def transfer(amount):
    # "from" is a word of Python's own, so the fields come as a dictionary.
    return ledger_pb2.TransferRequest(**{"from": "ann", "to": "bob", "amount": amount})


with grpc.insecure_channel(sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:4100") as channel:
    ledger = ledger_pb2_grpc.LedgerStub(channel)
    session = Session(channel)
    print("ann has", session.call(ledger.Transfer, transfer(5)).balance)

    # As after a lost answer: the same sequence again has the same answer, and moves no money.
    session.sequence -= 1
    print("ann has", session.call(ledger.Transfer, transfer(5)).balance)

    try:
        session.call(ledger.Transfer, transfer(1000))
    except grpc.RpcError as error:
        details = dict(error.trailing_metadata())["grpc-status-details-bin"]
        funds = ledger_pb2.InsufficientFunds()
        status_pb2.Status.FromString(details).details[0].Unpack(funds)
        print(error.code().name, error.details(), "missing", funds.missing)
