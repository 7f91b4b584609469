import { type AcceptorRecord, InvariantViolation, type Message, type Output, type Peer } from "@synod/core";
import { describe, expect, test, vi } from "vitest";
import { Driver, type DriverOptions } from "../src/driver.js";

const to: Peer = { role: "leader", id: "l1" };
const megabyte: AcceptorRecord = {
  kind: "accept",
  pvalue: {
    ballot: { round: 1, leader: "l1", incarnation: 1 },
    slot: 1,
    value: {
      kind: "batch",
      proposal: { replica: "r1", incarnation: 1, number: 1 },
      commands: new Uint8Array(1 << 20),
    },
  },
};
const record = (round: number): AcceptorRecord => ({
  kind: "promise",
  ballot: { round, leader: "l1", incarnation: 1 },
});
const message = (number: number): Message => ({ kind: "ping", number });
const numberOf = (sent: Message) => (sent.kind === "ping" ? sent.number : -1);

/** A role that answers each input with the outputs the input holds. */
type Scripted = { readonly kind: "script"; readonly outputs: Output[] } | { readonly kind: "tick" };
const persist = (round: number): Output => ({ kind: "persist", record: record(round) });
const send = (number: number): Output => ({ kind: "send", to, message: message(number) });
const sendDurable = (number: number): Output => ({ kind: "send-durable", to, message: message(number) });

/** A store whose commits end when the test says so. */
class HeldStore {
  readonly records: AcceptorRecord[] = [];
  readonly commits: { resolve(): void; reject(error: Error): void; readonly through: number }[] = [];

  write(written: AcceptorRecord): void {
    this.records.push(written);
  }

  commit(): Promise<void> {
    return new Promise((resolve, reject) =>
      this.commits.push({ resolve, reject, through: this.records.length }),
    );
  }
}

function start(more: Partial<DriverOptions<Scripted>> = {}) {
  const store = new HeldStore();
  const sent: number[] = [];
  const fatal: { code: number; error: unknown }[] = [];
  const driver = new Driver<Scripted>({
    role: { step: (input) => (input.kind === "script" ? input.outputs : []) },
    tickMs: 1000,
    logger: { debug: () => {}, error: () => {} },
    journal: store,
    send: (_, taken) => sent.push(numberOf(taken)),
    onFatal: (code, error) => fatal.push({ code, error }),
    ...more,
  });
  const post = (...outputs: Output[]) => driver.post({ kind: "script", outputs });
  return { driver, store, sent, fatal, post };
}

/** Every immediate that is due, and what they resolve, has run. */
async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
}

describe("what must be durable first", () => {
  test("a held message leaves when its record is on disk, and not before", async () => {
    const { store, sent, post } = start();
    post(persist(1), sendDurable(1), send(2));
    await turn();
    expect(sent).toEqual([2]);
    store.commits[0]?.resolve();
    await turn();
    expect(sent).toEqual([2, 1]);
  });

  test("a refusal with nothing to write waits for the writes of earlier turns", async () => {
    const { store, sent, post } = start();
    post(persist(1), sendDurable(1));
    await turn();
    post(sendDurable(2));
    await turn();
    expect(sent).toEqual([]);
    expect(store.commits).toHaveLength(1);
    store.commits[0]?.resolve();
    await turn();
    expect(sent).toEqual([1, 2]);
  });

  test("a message leaves at once when everything is on disk already", async () => {
    const { store, sent, post } = start();
    post(persist(1));
    await turn();
    store.commits[0]?.resolve();
    await turn();
    post(sendDurable(1));
    await turn();
    expect(sent).toEqual([1]);
  });

  test("a later commit that ends first releases nothing until the earlier one has ended", async () => {
    const { store, sent, post } = start();
    post(persist(1), sendDurable(1));
    await turn();
    post(persist(2), sendDurable(2));
    await turn();
    post(sendDurable(3));
    await turn();
    expect(store.commits).toHaveLength(2);
    store.commits[1]?.resolve();
    await turn();
    expect(sent).toEqual([]);
    store.commits[0]?.resolve();
    await turn();
    expect(sent).toEqual([1, 2, 3]);
  });

  test("the first commit releases its own messages while the second is under way", async () => {
    const { store, sent, post } = start();
    post(persist(1), sendDurable(1));
    await turn();
    post(sendDurable(2), persist(2), sendDurable(3));
    await turn();
    store.commits[0]?.resolve();
    await turn();
    expect(sent).toEqual([1, 2]);
  });

  test("records of one turn share one commit", async () => {
    const { store, post } = start();
    for (let round = 1; round <= 50; round++) post(persist(round));
    await turn();
    expect(store.commits.map((commit) => commit.through)).toEqual([50]);
  });

  test("a failed commit ends the process with code 7, and no held message leaves", async () => {
    const { store, sent, fatal, post } = start();
    post(persist(1), sendDurable(1));
    await turn();
    post(persist(2), sendDurable(2));
    await turn();
    store.commits[0]?.reject(new Error("EIO"));
    await turn();
    store.commits[1]?.resolve();
    await turn();
    post(send(3));
    await turn();
    expect(sent).toEqual([]);
    expect(fatal.map(({ code }) => code)).toEqual([7]);
  });

  test("a store that throws on write ends the process with code 7", async () => {
    const { fatal, sent, post } = start({
      journal: {
        write: () => {
          throw new Error("full");
        },
        commit: () => Promise.resolve(),
      },
    });
    post(persist(1), sendDurable(1));
    await turn();
    expect(fatal.map(({ code }) => code)).toEqual([7]);
    expect(sent).toEqual([]);
  });
});

describe("stepping", () => {
  test("a broken invariant ends the process with code 8 and steps nothing more", async () => {
    const step = vi.fn(() => {
      throw new InvariantViolation("slot 1 was decided twice");
    });
    const { fatal, post } = start({ role: { step } });
    post();
    post();
    await turn();
    post();
    await turn();
    expect(step).toHaveBeenCalledTimes(1);
    expect(fatal.map(({ code }) => code)).toEqual([8]);
  });

  test("any other exception ends the process with code 1", async () => {
    const step = () => {
      throw new TypeError("undefined is not a function");
    };
    const { fatal, post } = start({ role: { step } });
    post();
    await turn();
    expect(fatal.map(({ code }) => code)).toEqual([1]);
  });

  test("a turn is bounded: timers run between the turns of a full mailbox", async () => {
    let stepped = 0;
    const { post } = start({
      role: {
        step: () => {
          stepped++;
          return [];
        },
      },
      maxTurnInputs: 10,
    });
    for (let count = 0; count < 100_000; count++) post();
    await new Promise((resolve) => setTimeout(resolve, 0));
    expect(stepped).toBeLessThan(100_000);
    await vi.waitFor(() => expect(stepped).toBe(100_000));
  });

  test("paused, it steps nothing; inputs wait until it goes on, in their order (rule 19)", async () => {
    const { driver, sent } = start();
    driver.pause();
    for (const number of [1, 2]) driver.post({ kind: "script", outputs: [send(number)] });
    await turn();
    await turn();
    expect(sent).toEqual([]);
    driver.resume();
    await turn();
    expect(sent).toEqual([1, 2]);
  });

  test("while what it did is not taken, it steps nothing more, and goes on by itself", async () => {
    const taken = [true, false, false, true];
    const { driver, sent } = start({ mayStep: () => taken.shift() ?? true });
    for (const number of [1, 2]) driver.post({ kind: "script", outputs: [send(number)] });
    await turn();
    await turn();
    expect(sent).toEqual([1]);
    await vi.waitFor(() => expect(sent).toEqual([1, 2]));
    expect(taken).toEqual([]);
  });

  test("what gathers in one event-loop turn is one input", async () => {
    const gathered: Output[][] = [];
    let waiting: Output[] = [];
    const { driver } = start({
      role: {
        step: (input) => {
          if (input.kind === "script") gathered.push(input.outputs);
          return [];
        },
      },
      gather: () => {
        const outputs = waiting;
        waiting = [];
        return outputs.length > 0 ? { kind: "script", outputs } : undefined;
      },
    });
    for (const number of [1, 2, 3]) {
      waiting.push(send(number));
      driver.wake();
    }
    await turn();
    expect(gathered.map((outputs) => outputs.length)).toEqual([3]);
  });

  test("a full mailbox asks its callers to pause, and calls back when there is room", async () => {
    const { driver, post } = start({ maxWaiting: 3 });
    expect([post(), post(), post(), post()]).toEqual([true, true, false, false]);
    const room = vi.fn();
    driver.whenRoom(room);
    expect(room).not.toHaveBeenCalled();
    await turn();
    expect(room).toHaveBeenCalledTimes(1);
  });

  test("what a hanging disk has not taken counts, so that callers pause before it grows", async () => {
    const { driver, store, post } = start({ maxWaitingBytes: 4 << 20, bytesOf: () => 0 });
    const taken: boolean[] = [];
    for (let each = 0; each < 6; each++) {
      taken.push(post({ kind: "persist", record: megabyte }, sendDurable(each)));
      await turn();
    }
    expect(taken).toEqual([true, true, true, true, false, false]);
    expect(driver.hasRoom).toBe(false);
    const room = vi.fn();
    driver.whenRoom(room);
    for (const commit of store.commits.slice(0, 4)) commit.resolve();
    await turn();
    expect(room).toHaveBeenCalledTimes(0);
    store.commits[4]?.resolve();
    await turn();
    expect(room).toHaveBeenCalledTimes(1);
    expect(post()).toBe(true);
  });

  test("what was held back and has left counts no longer (rule 12)", async () => {
    const { driver, store, sent, post } = start({ maxWaitingBytes: 2_000, bytesOf: () => 0 });
    for (let each = 0; each < 60; each++) {
      expect(post(persist(each), sendDurable(each))).toBe(true);
      await turn();
      store.commits.at(-1)?.resolve();
      await turn();
    }
    expect([sent.length, driver.hasRoom]).toEqual([60, true]);
  });

  test("what needs no disk goes on being taken while it hangs (rule 11)", async () => {
    const { post } = start({
      ...{ maxWaitingBytes: 1 << 20, bytesOf: () => 0 },
      waitsForDisk: (input) => input.kind === "script" && input.outputs.length > 0,
    });
    post({ kind: "persist", record: megabyte });
    await turn();
    expect(post(send(1))).toBe(false);
    expect(post()).toBe(true);
  });

  test("answers that a hanging disk holds back are lost beyond a bound, and asked for again", async () => {
    const { store, sent, post } = start({ maxWaiting: 3 });
    for (let number = 1; number <= 5; number++) {
      post(persist(number), sendDurable(number));
      await turn();
    }
    for (const commit of store.commits) commit.resolve();
    await turn();
    expect(sent).toEqual([1, 2, 3]);
  });

  test("a turn ends with the step that used up its time, and sockets and timers get theirs before the next", async () => {
    const steps: string[] = [];
    const { post } = start({
      maxTurnMs: 5,
      role: {
        step: () => {
          steps.push("step");
          for (const until = performance.now() + 6; performance.now() < until; );
          return [];
        },
      },
    });
    for (let each = 0; each < 3; each++) post();
    setImmediate(() => steps.push("another's turn"));
    await vi.waitFor(() => expect(steps.filter((step) => step === "step")).toHaveLength(3));
    expect(steps.slice(0, 2)).toEqual(["step", "another's turn"]);
  });

  test("a mailbox with too many bytes does so too", async () => {
    const { driver, post } = start({ maxWaitingBytes: 300, bytesOf: () => 100 });
    expect([post(), post(), post()]).toEqual([true, true, false]);
    const room = vi.fn();
    driver.whenRoom(room);
    await turn();
    expect(room).toHaveBeenCalledTimes(1);
    expect(post()).toBe(true);
  });

  test("however long the process stalls, it is one tick", async () => {
    let ticks = 0;
    const stalls: object[] = [];
    const { driver } = start({
      tickMs: 10,
      logger: { debug: (fields) => stalls.push(fields), error: () => {} },
      role: {
        step: (input) => {
          if (input.kind === "tick") ticks++;
          return [];
        },
      },
    });
    driver.start();
    const until = performance.now() + 200;
    while (performance.now() < until);
    await vi.waitFor(() => expect(ticks).toBeGreaterThan(0), { interval: 1 });
    expect(ticks).toBeLessThan(5);
    expect(stalls).toHaveLength(1);
    await driver.stop();
  });

  test("stopping waits for the commits under way, and then sends nothing", async () => {
    const { driver, store, sent, post } = start();
    post(persist(1), sendDurable(1));
    await turn();
    let stopped = false;
    const stopping = driver.stop().then(() => {
      stopped = true;
    });
    await turn();
    expect(stopped).toBe(false);
    store.commits[0]?.resolve();
    await stopping;
    expect(sent).toEqual([]);
  });
});
