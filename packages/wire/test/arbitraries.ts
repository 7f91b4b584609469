import {
  type Ballot,
  type Command,
  type Configuration,
  type Decision,
  type FromAcceptor,
  type FromLeader,
  noBallot,
  noOperation,
  type PValue,
  type RulingConfiguration,
  type ToAcceptor,
  type ToLeader,
  type TrimRecord,
  type Value,
} from "@synod/core";
import fc from "fast-check";
import { type Hello, outcomes, type Response } from "../src/index.js";

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
export const id = fc
  .tuple(
    fc.constantFrom(...letters),
    fc.string({ unit: fc.constantFrom(...letters, ".", "_", "-"), maxLength: 63 }),
  )
  .map(([first, rest]) => first + rest);

export const integer = fc.oneof(
  fc.nat(),
  fc.maxSafeNat(),
  fc.constantFrom(0, 1, 127, 128, 16383, 16384, 2 ** 21, 2 ** 28, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1),
);
export const slot = integer.map((value) => Math.max(value, 1));
export const bytes = fc
  .uint8Array({ maxLength: 200 })
  .map((value) => Buffer.from(value) as unknown as Uint8Array);

export const ballot: fc.Arbitrary<Ballot> = fc.record({ round: integer, leader: id, incarnation: integer });
export const ballotOrNone = fc.oneof({ weight: 3, arbitrary: ballot }, fc.constant(noBallot));

const address = fc
  .tuple(fc.constantFrom("127.0.0.1", "[::1]", "a.example"), fc.integer({ min: 1, max: 65535 }))
  .map(([host, port]) => `${host}:${port}`);
const member = fc.record({ id, address });
const members = fc.uniqueArray(member, { maxLength: 5, selector: ({ id }) => id });

export const configuration: fc.Arbitrary<Configuration> = fc.record({
  number: slot,
  predecessor: integer,
  acceptors: fc
    .uniqueArray(fc.record({ id, address }), { minLength: 1, maxLength: 5, selector: ({ id }) => id })
    .map((all) => all.map((each, index) => ({ ...each, store: `store-${index}` }))),
  leaders: members,
  replicas: members,
});
const configurations: fc.Arbitrary<RulingConfiguration[]> = fc.array(
  fc.record({ from: slot, configuration }),
  { maxLength: 3 },
);
export const trim: fc.Arbitrary<TrimRecord> = fc.record({ below: integer, configurations });

const proposal = fc.record({ replica: id, incarnation: integer, number: integer });
export const value: fc.Arbitrary<Value> = fc.oneof(
  fc.record({ kind: fc.constant("batch" as const), proposal, commands: bytes }),
  fc.record({ kind: fc.constant("configuration" as const), proposal, configuration }),
  fc.constant(noOperation),
);
export const pvalue: fc.Arbitrary<PValue> = fc.record({ ballot, slot, value });

const answer = { acceptor: id, store: id, asked: ballot, promised: ballotOrNone };
export const hello: fc.Arbitrary<Hello> = fc
  .record({
    role: fc.constantFrom("acceptor" as const, "leader" as const, "replica" as const, "client" as const),
    clusterId: id,
    id,
    store: id,
    startCount: integer,
    versions: fc.tuple(fc.integer({ min: 1, max: 1000 }), fc.nat(1000)),
    slotOut: integer,
    configurations,
  })
  .map(({ role, store, startCount, versions: [oldestVersion, more], ...rest }) => ({
    kind: "hello",
    role,
    ...rest,
    ...(role === "acceptor" ? { store, startCount } : {}),
    oldestVersion,
    newestVersion: oldestVersion + more,
  }));

type Kinds<Union extends { kind: string }> = {
  [Kind in Union["kind"]]: fc.Arbitrary<Extract<Union, { kind: Kind }>>;
};
function kind<Kind extends string>(name: Kind): fc.Arbitrary<Kind> {
  return fc.constant(name);
}

export const toAcceptor: Kinds<ToAcceptor> = {
  p1a: fc.record({ kind: kind("p1a"), ballot, configuration: integer, from: slot, scout: integer }),
  p2a: fc.record({ kind: kind("p2a"), pvalue }),
  heartbeat: fc.record({ kind: kind("heartbeat"), ballot, beat: integer }),
  "pre-vote": fc.record({ kind: kind("pre-vote"), ballot, configuration: integer }),
  trim: fc.record({ kind: kind("trim"), trim }),
};

export const fromAcceptor: Kinds<FromAcceptor> = {
  p1b: fc.record({
    kind: kind("p1b"),
    ...answer,
    configuration: integer,
    from: slot,
    scout: integer,
    accepted: fc.array(pvalue, { maxLength: 4 }),
    next: integer,
    trim,
  }),
  p2b: fc.record({ kind: kind("p2b"), ...answer, slot, trim: fc.option(trim, { nil: undefined }) }),
  "heartbeat-ack": fc.record({
    kind: kind("heartbeat-ack"),
    acceptor: id,
    store: id,
    ballot,
    beat: integer,
    promised: ballotOrNone,
    trimmedBelow: integer,
  }),
  "pre-vote-answer": fc.record({
    kind: kind("pre-vote-answer"),
    ...answer,
    configuration: integer,
    hears: fc.boolean(),
  }),
};

export const decision: fc.Arbitrary<Decision> = fc.record({ kind: kind("decision"), slot, value });

export const toLeader: Kinds<ToLeader> = {
  propose: fc.record({ kind: kind("propose"), slot, value, forwarded: fc.boolean() }),
  question: fc
    .record({ kind: kind("question"), from: slot, more: fc.nat(1000) })
    .map(({ from, more, kind }) => ({
      kind,
      from,
      through: Math.min(from + more, Number.MAX_SAFE_INTEGER),
    })),
  "replica-status": fc.record({
    kind: kind("replica-status"),
    slotOut: slot,
    trimmedBelow: integer,
    configurations,
  }),
  ping: fc.record({ kind: kind("ping"), number: integer }),
};

export const fromLeader: Kinds<FromLeader> = {
  decision,
  "leader-status": fc.record({
    kind: kind("leader-status"),
    active: fc.boolean(),
    ballot: ballotOrNone,
    slotOut: slot,
    unreachable: fc.array(id, { maxLength: 5 }),
  }),
  trimmed: fc.record({ kind: kind("trimmed"), trim }),
  pong: fc.record({
    kind: kind("pong"),
    number: integer,
    leading: fc.boolean(),
    ballot: ballotOrNone,
    slotOut: slot,
  }),
};

export const command: fc.Arbitrary<Command> = fc
  .record({
    clientId: fc.oneof(id, fc.constant("")),
    sequence: integer,
    acknowledged: integer,
    service: fc.constantFrom("synod.kv.v1.KeyValue", "synod.calculator.v1.Calculator", "S"),
    method: fc.constantFrom("Put", "Get", "a_b"),
    request: bytes,
  })
  .map((one) => ({ ...one, sequence: one.clientId === "" ? one.sequence : Math.max(one.sequence, 1) }));

export const response: fc.Arbitrary<Response> = fc.record({
  clientId: fc.oneof(id, fc.constant("")),
  sequence: integer,
  status: fc.nat(16),
  message: fc.string({ unit: "grapheme", maxLength: 40 }),
  response: bytes,
  slot: integer,
  outcome: fc.constantFrom(...outcomes),
});
