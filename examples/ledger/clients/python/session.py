"""A session with a cluster of Synod: calls that are executed once, however often they have to be sent."""
import time

import grpc

from synod.v1 import replica_pb2, replica_pb2_grpc

Code = grpc.StatusCode
# Worth another attempt at once; what else one replica refuses, another may take, and then each is asked once.
PASSING = (Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED, Code.RESOURCE_EXHAUSTED)


class Failed(Exception):
    """There is no answer. Outcome "not-executed": it never will be, so call again as you like; "unknown": look first."""

    def __init__(self, outcome, error):
        super().__init__(f"{outcome}: {error.code().name}: {error.details()}")
        self.outcome = outcome
        self.error = error


def trailer(error, name):
    return dict(error.trailing_metadata() or ()).get(name)


class Session:
    """One call after another; for calls side by side, have several sessions."""

    def __init__(self, *addresses):
        # A proxy that the environment names is the way to the outside world, and not to the cluster.
        direct = [("grpc.enable_http_proxy", 0)]
        self.channels = [grpc.insecure_channel(address, direct) for address in addresses]
        self.cluster = self.name = None
        self.sequence = 0

    def call(self, method, request, timeout=10):
        """
        method gives a channel's method: lambda channel: SomeStub(channel).SomeMethod. Raises grpc.RpcError with what the
        service refuses, and Failed when there is no answer within `timeout` seconds.
        """
        until = time.monotonic() + timeout
        self.sequence += 1
        unknown, refusals = False, 0
        while True:
            left, sent = max(0.001, until - time.monotonic()), False
            try:
                if self.name is None:
                    self.open(left)
                sent = True
                return method(self.channels[0])(request, metadata=self.metadata(), timeout=min(left, 2))
            except grpc.RpcError as error:
                outcome = trailer(error, "synod-outcome")
                if sent and outcome == "answered":
                    raise
                unknown = unknown or (sent and outcome != "not-executed")
                gone = sent and outcome is not None and error.code() == Code.ABORTED
                passing = error.code() in PASSING or (outcome is None and error.code() != Code.UNIMPLEMENTED)
                if gone:
                    self.name = None
                elif not passing:
                    refusals += 1
                over = time.monotonic() + 0.05 > until or refusals == len(self.channels)
                # Under another session it would be another command: only what was certainly not executed goes on there.
                if over or (gone and unknown):
                    raise Failed("unknown" if unknown else "not-executed", error) from None
                self.channels.append(self.channels.pop(0))
                time.sleep(0.05)

    def open(self, timeout):
        ask = replica_pb2_grpc.ReplicaStub(self.channels[0]).OpenSession
        opened = ask(replica_pb2.OpenSessionRequest(), metadata=self.meant_for(), timeout=min(timeout, 2))
        self.cluster, self.name, self.sequence = opened.cluster_id, opened.client_id, 1

    def meant_for(self):
        """Another cluster, which answers at an old address, refuses what is not meant for it."""
        return (("synod-cluster", self.cluster),) if self.cluster else ()

    def metadata(self):
        return self.meant_for() + (
            ("synod-client-id", self.name),
            ("synod-sequence", str(self.sequence)),
            # Nobody waits for an answer to anything before this call.
            ("synod-acknowledged", str(self.sequence - 1)),
        )
