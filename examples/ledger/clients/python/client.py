"""A transfer that has one answer however often it is sent, and one that is refused: client.py [HOST:PORT…]"""
import sys

import grpc
from google.rpc import status_pb2

from bank.v1 import ledger_pb2, ledger_pb2_grpc
from session import Session, trailer

session = Session(*(sys.argv[1:] or ["127.0.0.1:4100"]))


def transfer(amount):
    # "from" is a word of Python's own, so the fields come as a dictionary.
    request = ledger_pb2.TransferRequest(**{"from": "ann", "to": "bob", "amount": amount})
    return session.call(lambda channel: ledger_pb2_grpc.LedgerStub(channel).Transfer, request)


print("ann has", transfer(5).balance)

# As after a lost answer: the same sequence again has the same answer, and moves no money.
session.sequence -= 1
print("ann has", transfer(5).balance)

try:
    transfer(1000)
except grpc.RpcError as error:
    funds = ledger_pb2.InsufficientFunds()
    status_pb2.Status.FromString(trailer(error, "grpc-status-details-bin")).details[0].Unpack(funds)
    print(error.code().name, error.details(), "missing", funds.missing)
