# Keeps rows and reads them back: python3-grpcio with messages made from a descriptor set, and nothing of Synod's.
# Parameters: the descriptor set, and the address of a replica. Standard input: a list of {service, message, id, given} as
# JSON. Standard output: for each, what was sent and what came back, in hex; null where protobuf for Python is too old.
import json
import sys

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

pool = descriptor_pool.DescriptorPool()
known = set()
with open(sys.argv[1], "rb") as file:
    for each in descriptor_pb2.FileDescriptorSet.FromString(file.read()).file:
        if each.syntax != "editions" and all(name in known for name in each.dependency):
            pool.Add(each)
            known.add(each.name)


def message_class(name):
    found = pool.FindMessageTypeByName(name)
    if hasattr(message_factory, "GetMessageClass"):
        return message_factory.GetMessageClass(found)
    return message_factory.MessageFactory(pool).GetPrototype(found)


def plain(message):
    return message.SerializeToString(deterministic=True)


answers = []
with grpc.insecure_channel(sys.argv[2]) as channel:
    for job in json.load(sys.stdin):
        try:
            row = message_class(job["message"])
            name = message_class(job["message"].removesuffix("Row") + "Name")
        except KeyError:
            answers.append(None)
            continue
        sent = json_format.ParseDict(job["given"], row(), descriptor_pool=pool)
        call = lambda method: channel.unary_unary(
            f"/{job['service']}/{method}", request_serializer=plain, response_deserializer=bytes
        )
        kept = call("Keep")(sent, timeout=60)
        read = call("Get")(name(id=job["id"]), timeout=60)
        again = plain(row.FromString(read))
        answers.append({"sent": plain(sent).hex(), "kept": kept.hex(), "read": read.hex(), "again": again.hex()})
json.dump(answers, sys.stdout)
