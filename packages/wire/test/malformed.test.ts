import { describe, expect, it } from "vitest";
import { decideRemedyRequest, logRequest } from "../src/codec-replica.js";
import { statusResponse } from "../src/codec-status.js";
import { carrierTypes } from "../src/descriptors.js";
import {
  type Codec,
  fromAcceptor,
  fromLeader,
  requests,
  response,
  toAcceptor,
  toLeader,
  Unreadable,
  WireError,
} from "../src/index.js";
import { decodeBatch, encodeBatch } from "./batches.js";

const ballot = { round: 1, leader: "l1", incarnation: 7 };
const answer = { acceptor: "a1", store: "s1", asked: ballot, promised: ballot };
const proposal = { replica: "r1", incarnation: 1, number: 1 };
const noOperation = { noOperation: {} };
const member = (id: string) => ({ id, address: "127.0.0.1:1" });
const acceptor = (id: string) => ({ ...member(id), store: `store-${id}` });
const configuration = { number: 1, acceptors: [acceptor("a1"), acceptor("a2")] };
const hello = { clusterId: "c1", id: "l1", role: 3, oldestVersion: 1, newestVersion: 1 };
const valued = (value: object) => ({ decision: { slot: 1, value } });
const configured = (change: object) => valued({ proposal, configuration: { ...configuration, ...change } });

/** Encodes whatever it is given, wrong or not. */
function wire(name: string, message: object): Buffer {
  return carrierTypes.lookupType(`synod.v1.${name}`).encode(message).finish() as Buffer;
}

function refusal(codec: Pick<Codec<unknown>, "decode">, bytes: Uint8Array): string {
  try {
    codec.decode(bytes);
  } catch (error) {
    expect(error).toBeInstanceOf(WireError);
    expect((error as WireError).code).toBe(3);
    return (error as WireError).message;
  }
  throw new Error("it was accepted");
}

const directions: Record<string, Codec<unknown>> = {
  ToAcceptor: toAcceptor as Codec<unknown>,
  FromAcceptor: fromAcceptor as Codec<unknown>,
  ToLeader: toLeader as Codec<unknown>,
  FromLeader: fromLeader as Codec<unknown>,
};

describe("a message that is not valid is refused, naming the field, what was expected and what was found", () => {
  it.each<[string, keyof typeof directions, object, string]>([
    [
      "an unset oneof",
      "ToAcceptor",
      {},
      "ToAcceptor.message: expected one of hello, p1a, p2a, heartbeat, pre_vote, trim, found none of them",
    ],
    [
      "two members of a oneof",
      "ToAcceptor",
      { heartbeat: { ballot, beat: 1 }, p1a: { ballot, from: 1 } },
      "ToAcceptor.message: expected at most one of hello, p1a, p2a, heartbeat, pre_vote, trim, found p1a and heartbeat",
    ],
    [
      "slot 0",
      "FromLeader",
      { decision: { value: noOperation } },
      "FromLeader.decision.slot: expected an integer from 1 to 2^53 - 1, found 0",
    ],
    [
      "an integer of 2^53",
      "ToAcceptor",
      { p1a: { ballot, from: "9007199254740992" } },
      "p1a.from: expected an integer from 1 to 2^53 - 1, found 9007199254740992",
    ],
    [
      "an integer of 2^64 - 1",
      "ToLeader",
      { ping: { number: "18446744073709551615" } },
      "found 18446744073709551615",
    ],
    [
      "a ballot that is missing",
      "ToAcceptor",
      { p1a: { from: 1 } },
      "ToAcceptor.p1a.ballot: expected a message, found nothing",
    ],
    [
      "a ballot of nobody",
      "ToAcceptor",
      { heartbeat: { ballot: { round: 1 }, beat: 1 } },
      "heartbeat.ballot.leader: expected a name",
    ],
    [
      "a promise of nobody",
      "FromAcceptor",
      { p2b: { ...answer, slot: 1, promised: { round: 1 } } },
      "p2b.promised.leader: expected a name",
    ],
    [
      "an id that is no name",
      "FromAcceptor",
      { p2b: { ...answer, slot: 1, acceptor: "a 1" } },
      'p2b.acceptor: expected a name (1 to 64 of A-Z a-z 0-9 . _ -, first a letter or digit), found "a 1"',
    ],
    [
      "an id that begins with a dot",
      "FromAcceptor",
      { p2b: { ...answer, slot: 1, store: ".." } },
      'found ".."',
    ],
    [
      "an id of 65 characters",
      "FromAcceptor",
      { p2b: { ...answer, slot: 1, store: "x".repeat(65) } },
      "p2b.store: expected a name",
    ],
    [
      "a pvalue that is missing",
      "ToAcceptor",
      { p2a: {} },
      "ToAcceptor.p2a.pvalue: expected a message, found nothing",
    ],
    [
      "a value that is missing",
      "ToLeader",
      { propose: { slot: 1 } },
      "ToLeader.propose.value: expected a message, found nothing",
    ],
    [
      "a value of no kind",
      "ToLeader",
      { propose: { slot: 1, value: { proposal } } },
      "propose.value.kind: expected one of batch, configuration, no_operation, found none of them",
    ],
    [
      "a value of two kinds",
      "ToLeader",
      { propose: { slot: 1, value: { proposal, batch: Buffer.alloc(1), ...noOperation } } },
      "found batch and no_operation",
    ],
    [
      "a batch without proposal id",
      "FromLeader",
      valued({ batch: Buffer.alloc(0) }),
      "decision.value.proposal: expected a message, found nothing",
    ],
    [
      "a no-op with proposal id",
      "FromLeader",
      valued({ proposal, ...noOperation }),
      "decision.value.proposal: expected nothing beside a no-op",
    ],
    [
      "a trim record that is missing",
      "FromAcceptor",
      { p1b: { ...answer, from: 1 } },
      "FromAcceptor.p1b.trim: expected a message, found nothing",
    ],
    [
      "a wrong pvalue within a page",
      "FromAcceptor",
      {
        p1b: {
          ...answer,
          from: 1,
          trim: {},
          accepted: [
            { ballot, slot: 1, value: noOperation },
            { ballot, value: noOperation },
          ],
        },
      },
      "p1b.accepted[1].slot: expected",
    ],
    [
      "a question that ends before it begins",
      "ToLeader",
      { question: { from: 5, through: 4 } },
      "question.through: expected an integer from 5",
    ],
    [
      "an unspecified role",
      "ToLeader",
      { hello: { ...hello, role: 0 } },
      "hello.role: expected ROLE_CLIENT, ROLE_REPLICA, ROLE_LEADER or ROLE_ACCEPTOR, found number 0",
    ],
    ["an unknown role", "ToLeader", { hello: { ...hello, role: 9 } }, "found number 9"],
    [
      "an acceptor without store",
      "FromAcceptor",
      { hello: { ...hello, role: 4 } },
      "hello.store: expected a name",
    ],
    [
      "a leader with a store",
      "ToAcceptor",
      { hello: { ...hello, store: "s1" } },
      "hello.store: expected nothing",
    ],
    [
      "version 0",
      "ToAcceptor",
      { hello: { ...hello, oldestVersion: 0 } },
      "hello.oldest_version: expected an integer from 1",
    ],
    [
      "versions upside down",
      "ToAcceptor",
      { hello: { ...hello, oldestVersion: 3 } },
      "hello.newest_version: expected an integer from 3",
    ],
    [
      "no acceptors",
      "FromLeader",
      configured({ acceptors: [] }),
      "configuration.acceptors: expected at least one, found none",
    ],
    [
      "an acceptor twice",
      "FromLeader",
      configured({ acceptors: [acceptor("a1"), { ...acceptor("a1"), store: "other" }] }),
      'configuration.acceptors: expected each once, found "a1" twice',
    ],
    [
      "a store twice",
      "FromLeader",
      configured({ acceptors: [acceptor("a1"), { ...acceptor("a2"), store: "store-a1" }] }),
      'found "store-a1" twice',
    ],
    [
      "an acceptor without a store",
      "FromLeader",
      configured({ acceptors: [member("a1")] }),
      "acceptors[0].store: expected a name",
    ],
    [
      "a replica with a store",
      "FromLeader",
      configured({ replicas: [acceptor("r1")] }),
      "replicas[0].store: expected nothing",
    ],
    [
      "an address without a port",
      "FromLeader",
      configured({ leaders: [{ id: "l1", address: "localhost" }] }),
      'leaders[0].address: expected host:port, found "localhost"',
    ],
    [
      "101 leaders",
      "FromLeader",
      configured({ leaders: Array.from({ length: 101 }, (_, index) => member(`l${index}`)) }),
      "configuration.leaders: expected at most 100, found a list of 101",
    ],
    [
      "configuration 0",
      "FromLeader",
      configured({ number: 0 }),
      "configuration.number: expected an integer from 1",
    ],
  ])("%s", (_, direction, message, expected) => {
    expect(refusal(directions[direction] as Codec<unknown>, wire(direction, message))).toContain(expected);
  });

  it.each(Object.entries(directions))("bytes that are no %s", (name, codec) => {
    expect(refusal(codec, Buffer.from([0x0a, 0x7f, 1]))).toContain(`${name}: expected an encoded message`);
    expect(refusal(codec, Buffer.from([0xff]))).toContain(`${name}: expected an encoded message`);
  });

  it("a status whose state is not the role's", () => {
    const status = { clusterId: "c1", id: "a1", role: 4, leader: { phase: "active" } };
    expect(refusal(statusResponse, wire("StatusResponse", status))).toBe(
      "StatusResponse.state: expected that of the role, acceptor, found leader",
    );
  });

  it("a remedy that skips all of a slot, and one command of it", () => {
    const remedy = { slot: 5, number: 1, skipBatch: true, skipCommand: 0 };
    expect(refusal(decideRemedyRequest, wire("DecideRemedyRequest", remedy))).toBe(
      "DecideRemedyRequest: expected skip_batch or skip_command, found both",
    );
  });

  it("a log request beyond 2^53", () => {
    expect(refusal(logRequest, wire("LogRequest", { from: "9007199254740993" }))).toContain(
      "LogRequest.from",
    );
  });
});

describe("commands that are not valid are refused", () => {
  const command = {
    clientId: "1.0",
    sequence: 1,
    acknowledged: 0,
    service: "synod.kv.v1.KeyValue",
    method: "Put",
    request: Buffer.alloc(3),
  };
  const decoding = { decode: decodeBatch };

  it.each<[string, object, string]>([
    ["a session that is no name", { clientId: "a/b" }, "client_id: expected a name"],
    ["sequence 0 in a session", { sequence: 0 }, "sequence: expected an integer from 1 to 2^53 - 1, found 0"],
    ["a sequence of 2^53", { sequence: "9007199254740992" }, "sequence: expected an integer from 1"],
    [
      "a mark of 2^64 - 1",
      { acknowledged: "18446744073709551615" },
      "acknowledged: expected an integer from 0",
    ],
    [
      "no service",
      { service: "" },
      'service: expected the full name of a service, at most 512 characters, found ""',
    ],
    ["a service with a slash", { service: "a/b" }, "service: expected"],
    ["a service that is no UTF-8", { service: "\ud800" }, "service: expected"],
    ["no method", { method: "" }, "method: expected the name of a method"],
    ["a method with a dot", { method: "a.b" }, "method: expected"],
    [
      "a request of 768 KiB and a byte",
      { request: Buffer.alloc((768 << 10) + 1) },
      "request: expected at most 786432 bytes, found 786433 bytes",
    ],
  ])("%s", (_, change, expected) => {
    const commands = [command, { ...command, ...change }];
    expect(refusal(decoding, wire("Batch", { commands }))).toContain(`Batch.commands[1].${expected}`);
    const wrapped = { requests: commands.map((each) => ({ command: each })) };
    // Of many requests each stands for itself.
    const [first, second] = requests.decode(wire("Requests", wrapped));
    expect(first).toMatchObject({ sequence: command.sequence, method: command.method });
    expect(second).toBeInstanceOf(Unreadable);
    expect((second as Unreadable).error.message).toContain(`Requests.requests[1].${expected}`);
  });

  it("a request keeps its name, for its answer, where that can be read", () => {
    const of = (change: object) => {
      const one = { command: { ...command, ...change } };
      return requests.decode(wire("Requests", { requests: [one, { command }] }));
    };
    const { clientId, sequence } = command;
    expect(of({ service: "a b" })[0]).toMatchObject({ clientId, sequence });
    expect(of({ clientId: "a b" })[0]).toMatchObject({ clientId: "", sequence: 0 });
    const cut = Buffer.concat([
      wire("Requests", { requests: [{ command }] }).subarray(0, -1),
      Buffer.of(0x7f),
    ]);
    expect(requests.decode(cut)[0]).toMatchObject({ clientId, sequence });
    expect(of({ service: "a b" })[1]).toMatchObject({ clientId, sequence, method: command.method });
  });

  it("more than 16384 in a batch", () => {
    const bytes = encodeBatch(Array.from({ length: 16_385 }, () => command));
    expect(refusal(decoding, bytes)).toBe("Batch: expected at most 16384 commands, found more");
  });

  it("a request without a command", () => {
    const [found] = requests.decode(wire("Requests", { requests: [{}] }));
    expect((found as Unreadable).error.message).toContain(
      "Requests.requests[0].command: expected a message, found nothing",
    );
  });

  it("a batch cut short anywhere but between two commands", () => {
    const bytes = encodeBatch([command, { ...command, sequence: 300 }]) as Buffer;
    const first = encodeBatch([command]).length;
    for (let length = 1; length < bytes.length; length++) {
      if (length === first) expect(decodeBatch(bytes.subarray(0, length))).toHaveLength(1);
      else expect(refusal(decoding, bytes.subarray(0, length))).toContain("expected");
    }
  });

  it("a list of requests cut short within one is none, since nobody knows how many were in it", () => {
    const bytes = wire("Requests", { requests: [{ command }] });
    for (let length = 1; length < bytes.length; length++)
      expect(refusal(requests as Codec<unknown>, bytes.subarray(0, length))).toContain("expected");
  });

  it("an integer that never ends, and an unknown wire type", () => {
    expect(refusal(decoding, Buffer.alloc(20, 0xff))).toContain("Batch: expected an encoded message");
    expect(refusal(decoding, Buffer.from([0x0b]))).toContain(
      "Batch: expected an encoded message, found wire type 3",
    );
  });

  it("a response with a status that gRPC does not have", () => {
    const bytes = wire("Response", { clientId: "1.0", sequence: 1, status: 17 });
    expect(refusal(response as Codec<unknown>, bytes)).toBe(
      "Response.status: expected a gRPC status code (0 to 16), found 17",
    );
  });
});

it("an integer of ours that would not arrive is a defect here", () => {
  expect(() => toLeader.encode({ kind: "ping", number: Number.NaN })).toThrow(
    "Ping.number: expected an integer",
  );
  expect(() => toLeader.encode({ kind: "ping", number: 2 ** 53 })).toThrow(
    "Ping.number: expected an integer",
  );
});
