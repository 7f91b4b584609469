"""A client of a replica in Python: /usr/bin/python3 client.py HOST:PORT DESCRIPTOR_SET

Puts, gets, and repeats a command in a session, as any client may in any language. It has no generated code: the messages
come from the descriptor set, a file with an encoded google.protobuf.FileDescriptorSet. Prints a line for each thing that
held; ends with 1 and the reason at the first that did not.
"""
import os
import sys

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

DEADLINE_SECONDS = 10


class Stubs:
    """Calls by the names in the proto files."""

    def __init__(self, address, descriptor_set):
        files = descriptor_pb2.FileDescriptorSet()
        with open(descriptor_set, "rb") as file:
            files.ParseFromString(file.read())
        self.pool = descriptor_pool.DescriptorPool()
        for file in files.file:
            self.pool.Add(file)
        self.channel = grpc.insecure_channel(address)

    def message(self, descriptor, **fields):
        return self.kind(descriptor)(**fields)

    def kind(self, descriptor):
        if hasattr(message_factory, "GetMessageClass"):
            return message_factory.GetMessageClass(descriptor)
        return message_factory.MessageFactory(self.pool).GetPrototype(descriptor)

    def method(self, service, name):
        return self.pool.FindServiceByName(service).FindMethodByName(name)

    def call(self, service, name, metadata=(), **fields):
        """One call. Gives the response and the trailers."""
        method = self.method(service, name)
        ask = self.channel.unary_unary(
            f"/{service}/{name}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=self.kind(method.output_type).FromString,
        )
        request = self.message(method.input_type, **fields)
        response, call = ask.with_call(request, timeout=DEADLINE_SECONDS, metadata=metadata)
        return response, dict(call.trailing_metadata())


def expect(what, found, expected):
    if found != expected:
        sys.exit(f"{what}: expected {expected!r}, found {found!r}")
    print(what)


def main(address, descriptor_set):
    stubs = Stubs(address, descriptor_set)
    kv = "synod.kv.v1.KeyValue"
    key = f"python/{os.urandom(8).hex()}"

    stubs.call(kv, "Put", key=key, value=b"from Python")
    got, _ = stubs.call(kv, "Get", key=key)
    expect("what was put is read back", (got.found, got.value), (True, b"from Python"))

    session, _ = stubs.call("synod.v1.Replica", "OpenSession")
    first_of = (("synod-client-id", session.client_id), ("synod-sequence", "1"))
    appended, trailers = stubs.call(kv, "Append", first_of, key=key, value=b"!")
    expect("an append in a session is executed", appended.length, len(b"from Python!"))
    repeated, again = stubs.call(kv, "Append", first_of, key=key, value=b"!")
    expect(
        "its repeat has the first answer and slot, and says that it is one",
        (repeated.length, again["synod-slot"], again["synod-outcome"]),
        (appended.length, trailers["synod-slot"], "answered"),
    )
    try:
        stubs.call(kv, "Append", first_of, key=key, value=b"?")
        sys.exit("the same sequence with another request was not refused")
    except grpc.RpcError as error:
        expect(
            "another request under the same sequence is refused, and was not executed",
            (error.code(), dict(error.trailing_metadata())["synod-outcome"]),
            (grpc.StatusCode.INVALID_ARGUMENT, "not-executed"),
        )

    append = stubs.message(stubs.method(kv, "Append").input_type, key=key, value=b"!").SerializeToString()
    command = {"client_id": session.client_id, "sequence": 2, "service": kv, "method": "Append", "request": append}
    executed, _ = stubs.call("synod.v1.Replica", "Execute", command=command)
    twice, _ = stubs.call("synod.v1.Replica", "Execute", command=command)
    expect("Execute answers a repeat with the same bytes", twice.SerializeToString(), executed.SerializeToString())
    got, _ = stubs.call(kv, "Get", key=key)
    expect("every append was executed once", got.value, b"from Python!!")


if __name__ == "__main__":
    main(*sys.argv[1:])
