import * as grpc from "@grpc/grpc-js";
import type { Command } from "@synod/core";
import type { Answer } from "@synod/state-machine";
import type { Response } from "@synod/wire";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Requests, type RequestsOptions } from "../src/replica/requests/requests.js";
import { SystemCommands } from "../src/replica/system-commands.js";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
});

afterEach(() => {
  vi.useRealTimers();
});

const sum = (sequence: number, more: Partial<Command> = {}): Command => ({
  clientId: "7.0",
  sequence,
  acknowledged: 0,
  service: "bank.v1.Ledger",
  method: "Add",
  request: Buffer.from([sequence]),
  ...more,
});
const anonymous = (byte: number) => sum(0, { clientId: "", request: Buffer.from([byte]) });
const answerTo = (command: Command, more: Partial<Answer> = {}): Answer => ({
  clientId: command.clientId,
  sequence: command.sequence,
  status: 0,
  message: "",
  response: Buffer.from("ok"),
  slot: 9,
  repeated: false,
  outcome: "answered",
  ...more,
});
/** The log's word on a copy whose session is gone. */
const gone = (command: Command) =>
  answerTo(command, { status: grpc.status.ABORTED, message: "not open", outcome: "not-executed" });
const engine = (more: Partial<RequestsOptions["engine"]> = {}) => ({
  answerTo: () => undefined,
  isQuery: () => false,
  lacksRoom: () => undefined,
  validate: () => undefined,
  ...more,
});

const commands = new SystemCommands();

function make(more: Partial<RequestsOptions> = {}) {
  const proposed: Command[] = [];
  const again: Command[] = [];
  const requests = new Requests({
    engine: engine(),
    commands,
    propose: (command) => proposed.push(command),
    proposeAgain: (command) => again.push(command),
    took: () => {},
    obstacle: () => "",
    lag: () => "",
    doubt: () => undefined,
    ...more,
  });
  const answers: Response[] = [];
  const submit = (command: Command, limitMs = 1000) =>
    requests.submit([command], "client", limitMs, (_, response) => answers.push(response));
  /** Opens the replica's own session under this name. */
  const open = (name: string) => {
    const command = proposed.pop() as Command;
    requests.executed(
      command,
      answerTo(command, { response: Buffer.concat([Buffer.from([0x0a, name.length]), Buffer.from(name)]) }),
    );
  };
  return { requests, proposed, again, answers, submit, open };
}

test("a command is proposed once, and answered when it is executed", () => {
  const { requests, proposed, answers, submit } = make();
  submit(sum(1));
  expect(proposed).toHaveLength(1);
  requests.executed(sum(1), answerTo(sum(1)));
  requests.executed(sum(1), answerTo(sum(1)));
  expect(answers).toEqual([
    {
      ...{ clientId: "7.0", sequence: 1, status: 0, message: "", response: Buffer.from("ok"), slot: 9 },
      outcome: "answered",
    },
  ]);
  expect(requests.waiting).toBe(0);
});

test("a repeat of what is under way waits with it and is not proposed again", () => {
  const { requests, proposed, answers, submit } = make();
  submit(sum(1));
  submit(sum(1));
  expect(proposed).toHaveLength(1);
  requests.executed(sum(1), answerTo(sum(1)));
  expect(answers).toHaveLength(2);
});

test("the same sequence with other bytes has an answer of its own", () => {
  const { requests, proposed, answers, submit } = make();
  const other = sum(1, { request: Buffer.from("other") });
  submit(sum(1));
  submit(other);
  expect(proposed).toHaveLength(2);
  requests.executed(other, answerTo(other, { status: 3, message: "used for another request" }));
  expect(answers.map(({ status }) => status)).toEqual([3]);
  requests.executed(sum(1), answerTo(sum(1)));
  expect(answers.map(({ status }) => status)).toEqual([3, 0]);
});

test("a command that its slot had no room for is proposed again, once for all who wait, until nobody does", () => {
  const { requests, proposed, again, answers, submit } = make();
  const deferred = answerTo(sum(1), { status: 8, outcome: "unknown", deferred: true });
  submit(sum(1));
  submit(sum(1));
  requests.executed(sum(1), deferred);
  expect([proposed.length, again.length, answers.length]).toEqual([1, 1, 0]);
  requests.executed(sum(1), answerTo(sum(1), { slot: 10 }));
  expect(answers.map(({ slot }) => slot)).toEqual([10, 10]);
  requests.executed(sum(1), deferred);
  expect(again).toHaveLength(1);
});

test("a query in a slot that a snapshot jumped over is asked again, for its answer is in no session (rule 19)", () => {
  const { requests, again, answers, submit } = make({ engine: engine({ isQuery: () => true }) });
  submit(sum(1));
  requests.jumped();
  requests.jumpedOver(sum(1));
  expect([again, answers]).toEqual([[sum(1)], []]);
  requests.executed(sum(1), gone(sum(1)));
  expect(answers).toMatchObject([{ status: grpc.status.ABORTED, outcome: "not-executed" }]);
});

test("a query without a session goes on under the next one, whatever was jumped over", () => {
  const { requests, proposed, answers, submit, open } = make({ engine: engine({ isQuery: () => true }) });
  requests.start();
  open("7.1");
  submit(anonymous(1));
  const first = proposed.pop() as Command;
  requests.jumped();
  requests.executed(first, gone(first));
  open("8.0");
  expect(answers).toEqual([]);
  expect(proposed).toMatchObject([{ clientId: "8.0", request: Buffer.from([1]) }]);
  requests.close("this replica is shutting down");
  expect(answers).toMatchObject([{ status: grpc.status.UNAVAILABLE, outcome: "unknown" }]);
});

test("a command executed earlier is answered at once", () => {
  const { proposed, answers, submit } = make({
    engine: engine({ answerTo: (command) => answerTo(command, { repeated: true }) }),
  });
  submit(sum(1));
  expect(proposed).toEqual([]);
  expect(answers).toHaveLength(1);
});

test("a command that a snapshot jumped over is answered from its session, and others wait on (rule 19)", () => {
  const executed = new Map<Command, Answer>();
  const { requests, proposed, answers, submit } = make({
    engine: engine({ answerTo: (command) => executed.get(command) }),
  });
  submit(sum(1));
  submit(sum(2));
  executed.set(proposed[0] as Command, answerTo(proposed[0] as Command, { repeated: true }));
  requests.jumped();
  expect(answers.map(({ sequence, slot }) => [sequence, slot])).toEqual([[1, 9]]);
  requests.executed(proposed[1] as Command, answerTo(proposed[1] as Command));
  expect(answers).toHaveLength(2);
});

test("a command decided in a slot that a snapshot jumped over is answered, be it that nobody can tell how (rule 19)", () => {
  const executed = new Map<Command, Answer>();
  const { requests, proposed, answers, submit } = make({
    engine: engine({ answerTo: (command) => executed.get(command) }),
  });
  submit(sum(1));
  submit(sum(2));
  submit(sum(3));
  executed.set(proposed[0] as Command, answerTo(proposed[0] as Command, { repeated: true }));
  requests.jumpedOver(proposed[0] as Command);
  requests.jumpedOver(proposed[1] as Command);
  requests.jumpedOver(proposed[1] as Command);
  expect(answers).toMatchObject([
    { sequence: 1, slot: 9, outcome: "answered" },
    { sequence: 2, slot: 0, status: grpc.status.UNAVAILABLE, outcome: "unknown" },
  ]);
  expect(answers[1]?.message).toMatch(/unknown here, ask again/);
});

test("what has no session of its asker's own is not to be sent again blindly when nobody can tell what became of it", () => {
  const { requests, proposed, answers, submit, open } = make();
  requests.start();
  open("9.0");
  submit(anonymous(1));
  const command = proposed.pop() as Command;
  // As it comes back from a batch: equal, and another object.
  requests.jumpedOver({ ...command });
  expect(answers).toMatchObject([{ status: grpc.status.ABORTED, slot: 0, outcome: "unknown" }]);
  expect(answers[0]?.message).toMatch(/unknown here; look before you send it again/);
  // The session that tells nothing of it is done with.
  submit(anonymous(2));
  expect(proposed.every(({ clientId }) => clientId !== "9.0")).toBe(true);
});

test("a session whose opening a snapshot jumped over is opened again, and requests without one go on", () => {
  const { requests, proposed, answers, submit, open } = make();
  requests.start();
  const opening = proposed.pop() as Command;
  submit(anonymous(1));
  requests.jumped();
  vi.advanceTimersByTime(200);
  const again = proposed[0] as Command;
  expect(again.method).toBe(opening.method);
  expect(again.clientId).not.toBe(opening.clientId);
  open("9.0");
  expect(proposed).toMatchObject([{ clientId: "9.0", sequence: 1 }]);
  requests.executed(proposed[0] as Command, answerTo(proposed[0] as Command));
  expect(answers).toHaveLength(1);
});

test("what would never be executed is refused and not proposed", () => {
  const { proposed, answers, submit } = make({
    engine: engine({ validate: () => ({ status: 3, message: "key: expected some" }) }),
  });
  submit(sum(1));
  expect(proposed).toEqual([]);
  const refusal = { status: 3, message: "key: expected some", slot: 0, outcome: "not-executed" };
  expect(answers).toMatchObject([refusal]);
});

test("a wait ends at its limit, with the obstacle if there is one", () => {
  let obstacle = "";
  const { requests, answers, submit } = make({ obstacle: () => obstacle });
  submit(sum(1), 500);
  vi.advanceTimersByTime(499);
  expect(answers).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(answers[0]).toMatchObject({
    status: grpc.status.DEADLINE_EXCEEDED,
    message: "not decided within 500 ms; it may be decided later",
    outcome: "unknown",
  });
  obstacle = "no majority of acceptors: 2 of 3 needed; a2, a3 unreachable";
  submit(sum(2), 500);
  vi.advanceTimersByTime(500);
  expect(answers[1]).toMatchObject({
    status: grpc.status.UNAVAILABLE,
    message: `not decided within 500 ms: ${obstacle}; it may be decided later`,
    outcome: "unknown",
  });
  expect(requests.waiting).toBe(0);
});

test("without a session UNAVAILABLE, which proxies repeat, is for what was not proposed", () => {
  const { requests, answers, submit, open } = make({ obstacle: () => "no leader" });
  requests.start();
  submit(anonymous(1), 500);
  vi.advanceTimersByTime(500);
  open("3.0");
  submit(anonymous(2), 500);
  vi.advanceTimersByTime(500);
  expect(answers).toMatchObject([
    { status: grpc.status.UNAVAILABLE, outcome: "not-executed" },
    { status: grpc.status.DEADLINE_EXCEEDED, outcome: "unknown" },
  ]);
  expect(answers.map(({ message }) => message)).toEqual([
    "not decided within 500 ms, nor proposed: no leader",
    "not decided within 500 ms: no leader; it may be decided later",
  ]);
});

test("a replica that is behind says so, and says neither that a command was not decided nor that it was", () => {
  const lag = "101 slots below what acceptors keep: catching up from another replica; r2: of another cluster";
  let obstacle = "";
  const { requests, answers, submit, open } = make({ lag: () => lag, obstacle: () => obstacle });
  requests.start();
  submit(anonymous(1), 500);
  vi.advanceTimersByTime(500);
  open("3.0");
  submit(anonymous(2), 500);
  submit(sum(1), 500);
  vi.advanceTimersByTime(500);
  obstacle = "no majority of acceptors: 2 of 3 needed; a2, a3 unreachable";
  submit(sum(2), 500);
  vi.advanceTimersByTime(500);
  const { UNAVAILABLE, DEADLINE_EXCEEDED } = grpc.status;
  const waited = "not executed here within 500 ms";
  const unknown = "it may have been decided, or be later";
  expect(answers.map(({ status, message, outcome }) => [status, message, outcome])).toEqual([
    [UNAVAILABLE, `${waited}, nor proposed: ${lag}`, "not-executed"],
    [DEADLINE_EXCEEDED, `${waited}: ${lag}; ${unknown}`, "unknown"],
    [UNAVAILABLE, `${waited}: ${lag}; ${unknown}`, "unknown"],
    [UNAVAILABLE, `${waited}: ${lag}; ${obstacle}; ${unknown}`, "unknown"],
  ]);
});

test("a command beyond its session's room is refused and not proposed", () => {
  const { proposed, answers, submit } = make({
    engine: engine({ lacksRoom: () => ({ status: 8, message: "acknowledge first" }) }),
  });
  submit(sum(1));
  expect(proposed).toEqual([]);
  expect(answers).toMatchObject([{ status: 8, slot: 0, outcome: "not-executed" }]);
});

test("what the log refuses was not executed, unless an earlier copy may have been in a slot jumped over", () => {
  const { requests, answers, submit } = make();
  submit(sum(1));
  requests.executed(sum(1), gone(sum(1)));
  submit(sum(2));
  requests.jumped();
  requests.executed(sum(2), gone(sum(2)));
  expect(answers).toMatchObject([
    { sequence: 1, status: grpc.status.ABORTED, slot: 9, outcome: "not-executed" },
    { sequence: 2, status: grpc.status.ABORTED, slot: 9, outcome: "unknown" },
  ]);
});

test("whoever is gone gets no answer, and another one for the same command does", () => {
  const { requests, answers, submit } = make();
  const group = submit(sum(1));
  submit(sum(1));
  group.cancel();
  requests.executed(sum(1), answerTo(sum(1)));
  expect(answers).toHaveLength(1);
  expect(requests.waiting).toBe(0);
});

test("more than the bound is refused at once, and has a place again when others are answered", () => {
  const { requests, proposed, answers, submit } = make({ maxWaiting: 4 });
  for (const sequence of [1, 2, 3]) submit(sum(sequence));
  expect(proposed).toHaveLength(2);
  const refusal = { status: grpc.status.RESOURCE_EXHAUSTED, outcome: "not-executed" };
  expect(answers).toMatchObject([{ sequence: 3, ...refusal }]);
  requests.executed(sum(1), answerTo(sum(1)));
  submit(sum(4));
  expect(proposed).toHaveLength(3);
});

test("rule 12: what waits for the replica's own session is bounded in bytes", () => {
  const { requests, answers, submit } = make({ maxWaitingBytes: 1_000 });
  requests.start();
  for (let count = 0; count < 6; count++) submit(sum(0, { clientId: "", request: Buffer.alloc(100) }));
  const refusal = { status: grpc.status.RESOURCE_EXHAUSTED, outcome: "not-executed" };
  expect(answers).toMatchObject([refusal, refusal]);
  expect(requests.waiting).toBe(5);
});

test("rule 12: a command that waits keeps nothing of the message it came in", () => {
  const { proposed, submit } = make();
  const message = new Uint8Array(4 << 20).fill(7);
  submit(sum(1, { request: message.subarray(100, 110) }));
  expect(proposed).toMatchObject([{ sequence: 1, request: Buffer.alloc(10, 7) }]);
  expect(proposed[0]?.request.buffer.byteLength).toBeLessThan(64 << 10);
});

test("what has an answer already needs no place", () => {
  const { answers, submit } = make({
    maxWaiting: 1,
    engine: engine({ answerTo: (command) => (command.sequence === 1 ? answerTo(command) : undefined) }),
  });
  submit(sum(2));
  submit(sum(1));
  expect(answers).toMatchObject([{ sequence: 1, outcome: "answered" }]);
});

test("what waits here at its deadline, or when the replica closes, is taken back, and so not executed", () => {
  const taken: Command[] = [];
  const { answers, submit, requests } = make({
    obstacle: () => "no leader",
    forget: (command) => taken.push(command) > 0,
  });
  submit(sum(1), 500);
  submit(sum(2), 900);
  submit(sum(2), 500);
  vi.advanceTimersByTime(500);
  // Another one waits for the same command: it is proposed all the same.
  expect(answers).toMatchObject([
    { sequence: 1, status: grpc.status.UNAVAILABLE, outcome: "not-executed" },
    { sequence: 2, status: grpc.status.UNAVAILABLE, outcome: "unknown" },
  ]);
  submit(sum(3));
  requests.close("gone");
  expect(answers.slice(2)).toMatchObject([
    { sequence: 2, outcome: "not-executed" },
    { sequence: 3, message: "gone; ask another one", outcome: "not-executed" },
  ]);
  expect(taken.map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
});

test("what the role refuses is answered with RESOURCE_EXHAUSTED, and so is whoever had joined it", () => {
  const { requests, proposed, answers, submit } = make();
  submit(sum(1));
  submit(sum(1));
  requests.refused(proposed[0] as Command, "queue-full");
  const refusal = { status: grpc.status.RESOURCE_EXHAUSTED, outcome: "not-executed" };
  expect(answers).toMatchObject([refusal, refusal]);
});

test("closing answers everybody who waits, and whoever comes after", () => {
  const { requests, answers, submit } = make();
  requests.start();
  submit(sum(1));
  submit(anonymous(1));
  requests.close("gone");
  submit(sum(2));
  expect(answers.map(({ status }) => status)).toEqual(Array(3).fill(grpc.status.UNAVAILABLE));
  const [unknown, ...others] = answers;
  expect(unknown).toMatchObject({ sequence: 1, outcome: "unknown" });
  expect(unknown?.message).toMatch(/^gone; whether this was executed is unknown here, ask again$/);
  for (const one of others)
    expect(one).toMatchObject({ message: "gone; ask another one", outcome: "not-executed" });
  expect(requests.waiting).toBe(0);
});

test("what was proposed without a session is not called UNAVAILABLE when the replica closes", () => {
  const { requests, answers, submit, open } = make();
  requests.start();
  open("3.0");
  submit(anonymous(1));
  requests.close("gone");
  expect(answers).toMatchObject([{ status: grpc.status.ABORTED, outcome: "unknown" }]);
});

test("requests without a session go under the replica's own, in sequence, and are answered as they were asked", async () => {
  const { requests, proposed, answers, submit, open } = make();
  requests.start();
  submit(anonymous(1));
  submit(anonymous(2));
  expect(proposed).toHaveLength(1);
  open("3.0");
  expect(proposed).toMatchObject([
    { clientId: "3.0", sequence: 1, acknowledged: 0 },
    { clientId: "3.0", sequence: 2, acknowledged: 0 },
  ]);
  requests.executed(proposed[0] as Command, answerTo(proposed[0] as Command));
  submit(anonymous(3));
  expect(proposed[2]).toMatchObject({ sequence: 3, acknowledged: 1 });
  expect(answers).toMatchObject([{ clientId: "", sequence: 0, status: 0 }]);
});

test("the replica's own session is opened again when it is let go, and what the log refused goes on under the new one", () => {
  const { requests, proposed, answers, submit, open } = make();
  requests.start();
  open("3.0");
  submit(anonymous(1));
  submit(anonymous(2));
  const [first, second] = proposed.splice(0) as [Command, Command];
  requests.executed(first, gone(first));
  requests.executed(second, gone(second));
  expect(answers).toEqual([]);
  expect(proposed).toMatchObject([{ service: "synod.v1.Replica", method: "OpenSession" }]);
  open("8.0");
  expect(proposed).toMatchObject([
    { clientId: "8.0", sequence: 1, request: first.request },
    { clientId: "8.0", sequence: 2, request: second.request },
  ]);
  // A late copy of what was refused is refused again, and is nobody's.
  requests.executed(first, gone(first));
  for (const command of [...proposed]) requests.executed(command, answerTo(command));
  expect(answers).toMatchObject([{ outcome: "answered" }, { outcome: "answered" }]);
  expect(requests.waiting).toBe(0);
});

test("what may have been executed before the replica's own session was let go is not proposed again", () => {
  const { requests, proposed, answers, submit, open } = make();
  requests.start();
  open("3.0");
  submit(anonymous(1));
  const lost = proposed.pop() as Command;
  requests.jumped();
  requests.executed(lost, gone(lost));
  expect(answers).toMatchObject([{ status: grpc.status.ABORTED, outcome: "unknown" }]);
  open("8.0");
  expect(proposed).toEqual([]);
});

test("a service's own ABORTED is an answer, and costs the replica's session nothing", () => {
  const { requests, proposed, answers, submit, open } = make();
  requests.start();
  open("3.0");
  submit(anonymous(1));
  const conflict = proposed.pop() as Command;
  requests.executed(conflict, answerTo(conflict, { status: grpc.status.ABORTED, message: "conflict" }));
  expect(answers).toMatchObject([{ status: grpc.status.ABORTED, outcome: "answered", slot: 9 }]);
  submit(anonymous(2));
  expect(proposed).toMatchObject([{ clientId: "3.0", sequence: 2 }]);
});

test("a request without a session that nobody waits for any more is not proposed when there is a place for it", () => {
  const { requests, proposed, answers, submit, open } = make();
  requests.start();
  submit(anonymous(1), 500);
  const group = submit(anonymous(2), 5_000);
  submit(anonymous(3), 5_000);
  vi.advanceTimersByTime(500);
  expect(answers).toMatchObject([{ outcome: "not-executed" }]);
  group.cancel();
  open("3.0");
  expect(proposed.map(({ request, sequence }) => [...request, sequence])).toEqual([[3, 1]]);
});

test("more than the session's window wait for a place in it, and then have their turn", async () => {
  const { requests, proposed, submit, open } = make();
  requests.start();
  open("3.0");
  for (let count = 0; count < 1500; count++) submit(anonymous(1));
  expect(proposed).toHaveLength(1000);
  for (const command of proposed.slice(0, 600)) requests.executed(command, answerTo(command));
  await Promise.resolve();
  expect(proposed).toHaveLength(1500);
  expect(proposed.at(-1)).toMatchObject({ sequence: 1500, acknowledged: 600 });
});

test("a client cannot open a session by writing the command itself", () => {
  const { proposed, answers, submit } = make({
    engine: engine({ validate: () => ({ status: 12, message: "there is no service" }) }),
  });
  submit(sum(1, { service: "synod.v1.Replica", method: "OpenSession" }));
  expect(proposed).toEqual([]);
  expect(answers).toMatchObject([{ status: 12 }]);
});

test("while nobody can tell who is wrong nothing is answered: what was executed is unknown, what comes is refused (rule 34)", () => {
  let doubt: string | undefined;
  const { requests, answers, submit, proposed } = make({ doubt: () => doubt });
  submit(sum(1));
  doubt = "stopped: at slot 9 replicas differ";
  requests.executed(sum(1), answerTo(sum(1)));
  submit(sum(2));
  expect(answers).toMatchObject([
    {
      status: grpc.status.UNAVAILABLE,
      slot: 0,
      message: expect.stringMatching(/differ; whether .* unknown/),
    },
    { status: grpc.status.UNAVAILABLE, message: "this replica stopped: at slot 9 replicas differ" },
  ]);
  expect(proposed).toHaveLength(1);
});

test("while nobody can tell who is wrong a repeat gets no answer from its session either (rule 34)", () => {
  const { answers, submit } = make({
    engine: engine({ answerTo: (command) => answerTo(command) }),
    doubt: () => "stopped: at slot 9 replicas differ",
  });
  submit(sum(1));
  expect(answers).toMatchObject([{ status: grpc.status.UNAVAILABLE, outcome: "not-executed" }]);
});
