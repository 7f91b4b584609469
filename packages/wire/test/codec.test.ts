import { noBallot } from "@synod/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { StoredCodec } from "../src/codec.js";
import { logResponse, openSessionResponse } from "../src/codec-replica.js";
import { statusResponse } from "../src/codec-status.js";
import { carrierTypes, descriptorSet } from "../src/descriptors.js";
import {
  batch,
  type Codec,
  configurationCodec,
  decodeValue,
  encodeValue,
  fromAcceptor,
  fromLeader,
  outcomes,
  recordCodec,
  request,
  requests,
  response,
  responses,
  type Status,
  toAcceptor,
  toLeader,
} from "../src/index.js";
import { filesOf, typesOf } from "../src/message-types.js";
import * as any from "./arbitraries.js";
import { decodeBatch, encodeBatch } from "./batches.js";

const runs = { numRuns: 60 };

/** The messages as their proto files say. */
const plainTypes = typesOf(filesOf(descriptorSet));

function roundTrips<Domain>(codec: Codec<Domain>, arbitrary: fc.Arbitrary<Domain>): void {
  fc.assert(
    fc.property(arbitrary, (message) => {
      expect(codec.decode(codec.encode(message))).toEqual(message);
    }),
    runs,
  );
}

function roundTripsKept<Domain>(codec: StoredCodec<Domain>, arbitrary: fc.Arbitrary<Domain>): void {
  fc.assert(
    fc.property(arbitrary, fc.nat(9), (message, headBytes) => {
      const kept = codec.encode(message, headBytes);
      expect(Buffer.compare(kept.subarray(headBytes), codec.encode(message, 0))).toBe(0);
      expect(codec.decode(kept.fill(0xff, 0, headBytes).subarray(headBytes))).toEqual(message);
    }),
    runs,
  );
}

const ruling = fc.record({ from: any.slot, configuration: any.configuration });

/** An equal value whose properties were set the other way round. */
function turned<T>(value: T): T {
  if (value instanceof Uint8Array || typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(turned) as T;
  const entries = Object.entries(value).map(([name, one]) => [name, turned(one)] as const);
  return Object.fromEntries(entries.reverse()) as T;
}

describe("every message comes back as it was sent", () => {
  describe.each([
    ["ToAcceptor", toAcceptor, { hello: any.hello, ...any.toAcceptor }],
    ["FromAcceptor", fromAcceptor, { hello: any.hello, ...any.fromAcceptor }],
    ["ToLeader", toLeader, { hello: any.hello, ...any.toLeader }],
    ["FromLeader", fromLeader, { hello: any.hello, ...any.fromLeader }],
  ] as [string, Codec<unknown>, Record<string, fc.Arbitrary<unknown>>][])("%s", (_, codec, kinds) => {
    it.each(Object.entries(kinds))("%s", (_kind, arbitrary) => roundTrips(codec, arbitrary));
  });

  it("what is kept on disk and in the state, behind the bytes that were left free", () => {
    roundTrips({ encode: encodeValue, decode: decodeValue }, any.value);
    roundTripsKept(recordCodec.ballot, any.ballot);
    roundTripsKept(recordCodec.pvalue, any.pvalue);
    roundTripsKept(recordCodec.trimRecord, any.trim);
    roundTrips(configurationCodec, ruling);
  });

  it("equal values have the same bytes, in whatever order their properties were set", () => {
    const sameBytes = <T>(encode: (message: T) => Uint8Array, arbitrary: fc.Arbitrary<T>) =>
      fc.assert(
        fc.property(arbitrary, (message) => {
          expect(Buffer.compare(encode(turned(message)), encode(message))).toBe(0);
        }),
        runs,
      );
    sameBytes(configurationCodec.encode, ruling);
    sameBytes((message) => recordCodec.pvalue.encode(message, 0), any.pvalue);
    sameBytes((message) => recordCodec.trimRecord.encode(message, 0), any.trim);
  });

  it("commands and responses, alone and many", () => {
    roundTrips({ encode: encodeBatch, decode: decodeBatch }, fc.array(any.command, { maxLength: 20 }));
    roundTrips(request, any.command);
    roundTrips(requests, fc.array(any.command, { maxLength: 20 }));
    roundTrips(response, any.response);
    roundTrips(responses, fc.array(any.response, { maxLength: 20 }));
  });

  it("sessions and log pages", () => {
    roundTrips(openSessionResponse, fc.record({ clientId: any.id, clusterId: any.id }));
    roundTrips(
      logResponse,
      fc.record({
        decisions: fc.array(any.decision, { maxLength: 3 }),
        next: any.integer,
        clusterId: any.id,
      }),
    );
  });

  it("the status of each role", () => {
    const common: Omit<Status, "state"> = {
      clusterId: "c0ffee",
      id: "a1",
      version: "1.2.3",
      pid: 77,
      uptimeSeconds: 1.5,
      serving: true,
      problem: "no leader is active",
      peers: [{ id: "l1", role: "leader", address: "127.0.0.1:1", connected: false, problem: "refused" }],
      configuration: {
        number: 1,
        predecessor: 0,
        acceptors: [{ id: "a1", address: "127.0.0.1:2", store: "s1" }],
        leaders: [{ id: "l1", address: "127.0.0.1:1" }],
        replicas: [],
      },
    };
    const ballot = { round: 3, leader: "l1", incarnation: 2 ** 48 - 1 };
    const states: Status["state"][] = [
      { role: "acceptor", store: "s1", startCount: 2, promised: noBallot, highestSlot: 9, trimmedBelow: 0 },
      {
        role: "leader",
        phase: "scouting",
        ballot,
        slotOut: 4,
        commanders: 1,
        queued: 2,
        unreachable: ["a2"],
      },
      {
        role: "replica",
        slotOut: 4,
        highestKnown: 9,
        queued: 1,
        outstanding: 2,
        hash: "ab12",
        leader: "",
        ballot,
        durableSlot: 3,
        services: [{ name: "bank.v1.Ledger", inForce: 0, oldestOffered: 1, newestOffered: 2, build: "" }],
        trimPoint: 2,
        stateBytes: 100,
        quotaBytes: 1 << 30,
        warnings: ["at slot 3 replicas differ"],
        node: "v22.0.0",
        runtime: "r",
        lastSwitch: 3,
      },
    ];
    for (const state of states) {
      const status: Status = { ...common, state };
      expect(statusResponse.decode(statusResponse.encode(status))).toEqual(status);
    }
  });
});

describe("a carried batch is the batch", () => {
  it("has the same bytes whether it is carried or typed", () => {
    fc.assert(
      fc.property(fc.array(any.command, { maxLength: 5 }), any.slot, (commands, slot) => {
        const ballot = { round: 1, leader: "l1", incarnation: 2 };
        const proposal = { replica: "r1", incarnation: 3, number: 4 };
        const carried = toAcceptor.encode({
          kind: "p2a",
          pvalue: { ballot, slot, value: { kind: "batch", proposal, commands: encodeBatch(commands) } },
        });
        const type = plainTypes.lookupType("synod.v1.ToAcceptor");
        const typed = type.encode({
          p2a: {
            pvalue: { ballot, slot, value: { proposal, batch: { commands: commands.map(withoutDefaults) } } },
          },
        });
        expect(Buffer.compare(carried, typed.finish())).toBe(0);
      }),
      runs,
    );
  });

  it("is bytes to carriers and a message to everybody else", () => {
    const name = "synod.v1.Value";
    expect(carrierTypes.lookupType(name).fields.batch?.type).toBe("bytes");
    expect(plainTypes.lookupType(name).fields.batch?.resolvedType?.fullName).toBe(".synod.v1.Batch");
  });

  it("is not copied when a message is decoded", () => {
    const proposal = { replica: "r1", incarnation: 3, number: 4 };
    const bytes = fromLeader.encode({
      kind: "decision",
      slot: 1,
      value: { kind: "batch", proposal, commands: Buffer.alloc(100_000) },
    });
    const decoded = fromLeader.decode(bytes);
    if (decoded.kind !== "decision" || decoded.value.kind !== "batch") throw new Error("not the decision");
    expect(decoded.value.commands.buffer).toBe(bytes.buffer);
  });
});

describe("what is written by hand is what protobufjs reads and writes", () => {
  const type = (name: string) => plainTypes.lookupType(`synod.v1.${name}`);

  it("a batch that says where log time begins", () => {
    const begins = { commands: [], logTimeMs: 5, beginsLogTime: true };
    expect(Buffer.from(batch.encode(begins)).toString("hex")).toBe(
      Buffer.from(type("Batch").encode(begins).finish()).toString("hex"),
    );
    expect(batch.decode(batch.encode(begins))).toEqual(begins);
    expect(batch.decode(batch.encode({ ...begins, beginsLogTime: false }))).toEqual({
      commands: [],
      logTimeMs: 5,
    });
  });

  it("batches and requests", () => {
    fc.assert(
      fc.property(fc.array(any.command, { maxLength: 10 }), (commands) => {
        const plain = commands.map(withoutDefaults);
        const batch = type("Batch").encode({ commands: plain }).finish();
        expect(Buffer.compare(encodeBatch(commands), batch)).toBe(0);
        const wrapped = { requests: plain.map((command) => ({ command })) };
        const stream = type("Requests").encode(wrapped).finish();
        expect(Buffer.compare(requests.encode(commands), stream)).toBe(0);
      }),
      runs,
    );
  });

  it("responses", () => {
    fc.assert(
      fc.property(fc.array(any.response, { maxLength: 10 }), (all) => {
        const expected = type("Responses")
          .encode({
            responses: all.map((one) => withoutDefaults({ ...one, outcome: outcomes.indexOf(one.outcome) })),
          })
          .finish();
        expect(Buffer.compare(responses.encode(all), expected)).toBe(0);
      }),
      runs,
    );
  });

  it("explicit defaults and fields from the future are read", () => {
    const explicit = {
      clientId: "",
      sequence: 0,
      acknowledged: 0,
      service: "S",
      method: "M",
      request: Buffer.alloc(0),
    };
    const future = Buffer.from([0xf8, 0x7f, 1, 0xf2, 0x7f, 1, 65, 0xf5, 0x7f, 0, 0, 0, 0]);
    const command = Buffer.concat([type("Command").encode(explicit).finish(), future]);
    const bytes = Buffer.concat([Buffer.from([0x0a, command.length]), command]);
    expect(request.decode(bytes)).toEqual(explicit);
  });
});

it("a message sent to many is encoded once", () => {
  const message = { kind: "ping", number: 7 } as const;
  expect(toLeader.encode(message)).toBe(toLeader.encode(message));
});

/** proto3 leaves defaults out. */
function withoutDefaults(message: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(message).filter(([, value]) => value !== 0 && value !== "" && value.length !== 0),
  );
}
