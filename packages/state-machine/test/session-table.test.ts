import type { Command, KeyRange, OrderedMap } from "@synod/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Status } from "../src/definition/status.js";
import { eraRow, type StoredAnswer } from "../src/sessions/session-record.js";
import { type SessionLimits, SessionTable, sessionLimits } from "../src/sessions/session-table.js";

const prefix = Uint8Array.of(115);

class TestMap implements OrderedMap {
  readonly entries = new Map<string, [Uint8Array, Uint8Array]>();

  get(key: Uint8Array): Uint8Array | undefined {
    return this.entries.get(key.join())?.[1];
  }
  put(key: Uint8Array, value: Uint8Array): void {
    this.entries.set(key.join(), [key, value]);
  }
  delete(key: Uint8Array): void {
    this.entries.delete(key.join());
  }
  *range({ from, until }: KeyRange): Iterable<readonly [Uint8Array, Uint8Array]> {
    const sorted = [...this.entries.values()].sort(([a], [b]) => Buffer.compare(a, b));
    for (const [key, value] of sorted) {
      if (Buffer.compare(key, from) >= 0 && (until === undefined || Buffer.compare(key, until) < 0))
        yield [key, value];
    }
  }
}

function command(clientId: string, sequence: number, acknowledged = 0, request = "r"): Command {
  return { clientId, sequence, acknowledged, service: "s.S", method: "M", request: Buffer.from(request) };
}

function answer(slot: number, text = ""): StoredAnswer {
  return { status: 0, message: "", response: Buffer.from(text), slot };
}

/** Decides commands one a slot and does with them what a replica does. */
class World {
  readonly map = new TestMap();
  table: SessionTable;
  executed: string[] = [];
  #limits: SessionLimits;
  #slot = 0;

  readonly #era: string;

  constructor(limits: SessionLimits = sessionLimits, era = "") {
    this.#limits = limits;
    this.#era = era;
    this.table = new SessionTable(this.map, prefix, limits, era);
  }

  restart(): void {
    this.table = new SessionTable(this.map, prefix, this.#limits, this.#era);
  }

  open(): string {
    const name = this.table.open({ slot: ++this.#slot, index: 0 });
    this.table.settle();
    return name;
  }

  /** The status and, if there is one, the text of the answer. */
  decide(given: Command, response = `${given.clientId}/${given.sequence}`): string {
    const at = { slot: ++this.#slot, index: 0 };
    const verdict = this.table.judge(given);
    if (verdict.kind === "refuse") return `refused ${verdict.status}`;
    if (verdict.kind === "repeat") {
      this.table.use(given, at);
      this.table.settle();
      return `repeated ${Buffer.from(verdict.answer.response)}`;
    }
    this.executed.push(`${given.clientId}/${given.sequence}`);
    this.table.store(given, answer(at.slot, response), at);
    this.table.settle();
    return `executed ${response}`;
  }
}

describe("a state that was restored from a backup", () => {
  /** The table as it was after slot 2, in a cluster that goes on from there by itself. */
  function restored(names: readonly string[]): World {
    const world = new World();
    expect([world.open(), world.decide(command("1.0", 1))]).toEqual(["1.0", "executed 1.0/1"]);
    for (const [index, name] of names.entries()) world.map.put(...eraRow(prefix, { above: 2 + index, name }));
    world.restart();
    return world;
  }

  it("gives names that no other cluster gives, from the first session on, and answers nobody else's", () => {
    const [ours, others] = [new World(sessionLimits, "aaa"), new World(sessionLimits, "bbb")];
    expect([ours.open(), others.open()]).toEqual(["1.0.aaa", "1.0.bbb"]);
    expect(ours.decide(command("1.0.aaa", 1))).toBe("executed 1.0.aaa/1");
    expect(others.decide(command("1.0.bbb", 1))).toBe("executed 1.0.bbb/1");
    for (const world of [ours, others]) world.restart();
    expect(others.decide(command("1.0.aaa", 1))).toBe(`refused ${Status.failedPrecondition}`);
    expect(ours.decide(command("1.0.aaa", 1))).toBe("repeated 1.0.aaa/1");
    const verdict = others.table.judge(command("1.0.aaa", 1));
    expect(verdict).toMatchObject({
      message: expect.stringContaining("session 1.0.aaa belongs to another cluster than this (bbb)"),
    });
  });

  it("tells another cluster's name before it has a session of its own", () => {
    const fresh = new World(sessionLimits, "aaa");
    expect(fresh.table.judge(command("9.0.bbb", 1))).toMatchObject({ status: Status.failedPrecondition });
    expect(fresh.table.judge(command("9.0.aaa", 1))).toMatchObject({ status: Status.aborted });
  });

  it("refuses what the old cluster gave after the backup, and knows what it gave before", () => {
    const world = new World(sessionLimits, "new");
    for (const era of [
      { above: 0, name: "old" },
      { above: 5, name: "new" },
    ])
      world.map.put(...eraRow(prefix, era));
    world.restart();
    expect(world.table.judge(command("5.0.old", 1))).toMatchObject({ status: Status.aborted });
    expect(world.table.judge(command("6.0.old", 1))).toMatchObject({ status: Status.failedPrecondition });
    expect(world.table.judge(command("5.0.new", 1))).toMatchObject({ status: Status.failedPrecondition });
  });

  it("gives no session a name that the old cluster may have given to another", () => {
    const old = restored([]);
    const fresh = restored(["abc"]);
    expect([old.open(), fresh.open()]).toEqual(["3.0", "3.0.abc"]);
    expect(fresh.decide(command("3.0", 1))).toBe(`refused ${Status.aborted}`);
    fresh.restart();
    expect(fresh.decide(command("3.0.abc", 1))).toBe("executed 3.0.abc/1");
    fresh.restart();
    expect(fresh.decide(command("3.0.abc", 1))).toBe("repeated 3.0.abc/1");
  });

  it("keeps the sessions of before, and what they were answered", () => {
    const world = restored(["abc"]);
    expect(world.decide(command("1.0", 1))).toBe("repeated 1.0/1");
    expect(world.decide(command("1.0", 2))).toBe("executed 1.0/2");
  });

  it("names a session by the backup it came after, when there were several", () => {
    const world = restored(["abc", "def"]);
    expect(world.open()).toBe("3.0.abc");
    expect(world.open()).toBe("4.0.def");
    world.restart();
    expect(world.decide(command("3.0.abc", 1))).toBe("executed 3.0.abc/1");
    expect(world.decide(command("4.0.def", 1))).toBe("executed 4.0.def/1");
  });
});

describe("a session (rule 16)", () => {
  it("answers a repeat from the stored answer and executes it once, with several outstanding in any order", () => {
    const world = new World();
    const name = world.open();
    expect(world.decide(command(name, 2))).toBe(`executed ${name}/2`);
    expect(world.decide(command(name, 1))).toBe(`executed ${name}/1`);
    expect(world.decide(command(name, 3))).toBe(`executed ${name}/3`);
    expect(world.decide(command(name, 2))).toBe(`repeated ${name}/2`);
    expect(world.decide(command(name, 1))).toBe(`repeated ${name}/1`);
    expect(world.executed).toEqual([`${name}/2`, `${name}/1`, `${name}/3`]);
  });

  it("keeps status, message and slot of an answer, whatever the characters", () => {
    const map = new TestMap();
    const table = new SessionTable(map, prefix);
    const name = table.open({ slot: 2 ** 40, index: 3 });
    const stored = {
      status: 9,
      message: "zu früh, 早すぎる 🐌 \ud800",
      response: Buffer.alloc(0),
      slot: 2 ** 40,
    };
    table.store(command(name, 2 ** 33, 2 ** 33 - 1), stored, { slot: 2 ** 40, index: 4 });
    table.settle();
    const verdict = new SessionTable(map, prefix).judge(command(name, 2 ** 33));
    expect(verdict).toMatchObject({
      kind: "repeat",
      answer: { status: 9, message: stored.message, slot: 2 ** 40 },
    });
  });

  it("refuses a sequence at or below the acknowledged mark, also when its answer was never asked for", () => {
    const world = new World();
    const name = world.open();
    world.decide(command(name, 1));
    world.decide(command(name, 5, 3));
    for (const sequence of [0, 1, 2, 3]) {
      expect(world.decide(command(name, sequence))).toBe(`refused ${Status.failedPrecondition}`);
    }
    expect(world.decide(command(name, 4))).toBe(`executed ${name}/4`);
    expect(world.decide(command(name, 7, 7))).toBe(`refused ${Status.failedPrecondition}`);
    expect(world.decide(command(name, 6))).toBe(`executed ${name}/6`);
  });

  it("never lets the mark fall", () => {
    const world = new World();
    const name = world.open();
    world.decide(command(name, 1));
    world.decide(command(name, 2, 1));
    world.decide(command(name, 3, 0));
    expect(world.decide(command(name, 1, 0))).toBe(`refused ${Status.failedPrecondition}`);
    expect(world.executed.filter((each) => each === `${name}/1`)).toHaveLength(1);
  });

  it("refuses the same sequence with another service, method or request, and keeps the answer", () => {
    const world = new World();
    const name = world.open();
    const first = command(name, 1, 0, "abcdefgh");
    world.decide(first);
    for (const other of [
      { ...first, request: Buffer.from("abcdefgi") },
      { ...first, request: Buffer.from("abcdefgh\0") },
      { ...first, request: Buffer.from("") },
      { ...first, method: "N" },
      { ...first, service: "s.T" },
      { ...first, service: "s.SM", method: "" },
    ]) {
      expect(world.decide(other)).toBe(`refused ${Status.invalidArgument}`);
    }
    expect(world.decide(first)).toBe(`repeated ${name}/1`);
  });

  it("tells requests apart that differ in any two bits", () => {
    const world = new World();
    const name = world.open();
    const request = Buffer.from("0123456789abcde");
    world.decide({ ...command(name, 1), request });
    for (let one = 0; one < request.length * 8; one++) {
      for (let two = one + 1; two < request.length * 8; two++) {
        const other = Buffer.from(request);
        for (const bit of [one, two]) other[bit >> 3] = (other[bit >> 3] as number) ^ (1 << (bit & 7));
        expect(world.table.judge({ ...command(name, 1), request: other }).kind).toBe("refuse");
      }
    }
  });

  it("takes at most a window of sequences above the mark", () => {
    const world = new World();
    const name = world.open();
    expect(world.decide(command(name, 1025))).toBe(`refused ${Status.resourceExhausted}`);
    expect(world.decide(command(name, 1024))).toBe(`executed ${name}/1024`);
    expect(world.decide(command(name, 1025, 1))).toBe(`executed ${name}/1025`);
  });

  it("takes no more once its answers fill their share, until some are acknowledged", () => {
    const world = new World({ ...sessionLimits, maxSessionBytes: 1000, maxTableBytes: 4000 });
    const name = world.open();
    const large = "x".repeat(600);
    world.decide(command(name, 1), large);
    world.decide(command(name, 2), large);
    expect(world.decide(command(name, 3))).toBe(`refused ${Status.resourceExhausted}`);
    expect(world.decide(command(name, 3, 1))).toBe(`executed ${name}/3`);
  });

  it("changes nothing when it refuses", () => {
    const world = new World({ ...sessionLimits, maxWindow: 4 });
    const name = world.open();
    world.decide(command(name, 2, 1));
    const before = new Map(world.map.entries);
    for (const refused of [
      command("9.9", 1),
      command(name, 1),
      command(name, 9, 3),
      command(name, 3, 3),
      command(name, 2, 1, "other"),
    ]) {
      expect(world.decide(refused)).toMatch(/^refused/);
    }
    expect(world.map.entries).toEqual(before);
    expect(world.decide(command(name, 3))).toBe(`executed ${name}/3`);
  });
});

describe("the table of sessions (rule 16)", () => {
  it("says that the outcome is unknown for a session that was never opened or is gone", () => {
    const verdict = new World().table.judge(command("7.0", 1));
    expect(verdict).toMatchObject({ kind: "refuse", status: Status.aborted });
    expect(verdict.kind === "refuse" && verdict.message).toContain("outcome of earlier attempts is unknown");
  });

  it("lets the least recently used session go, with its answers, and never gives its name again", () => {
    const world = new World({ ...sessionLimits, maxSessions: 3 });
    const names = [world.open(), world.open(), world.open()] as const;
    world.decide(command(names[1], 1));
    world.decide(command(names[0], 1));
    world.decide(command(names[1], 1));
    const fourth = world.open();
    expect(world.decide(command(names[2], 1))).toBe(`refused ${Status.aborted}`);
    expect(world.open()).not.toBe(fourth);
    expect(world.decide(command(names[0], 2))).toBe(`refused ${Status.aborted}`);
    expect(world.decide(command(names[1], 1))).toBe(`repeated ${names[1]}/1`);
    expect(world.map.entries.size).toBe(4);
  });

  it("remembers over a restart how far the mark has come", () => {
    const world = new World();
    const name = world.open();
    world.decide(command(name, 1));
    world.decide(command(name, 2, 1));
    world.restart();
    expect(world.decide(command(name, 1))).toBe(`refused ${Status.failedPrecondition}`);
    expect(world.executed).toEqual([`${name}/1`, `${name}/2`]);
  });

  it("remembers over a restart which session was used least recently", () => {
    const world = new World({ ...sessionLimits, maxSessions: 2 });
    const [first, second] = [world.open(), world.open()];
    world.decide(command(first, 1));
    world.restart();
    world.open();
    expect(world.decide(command(second, 1))).toBe(`refused ${Status.aborted}`);
    expect(world.decide(command(first, 1))).toBe(`repeated ${first}/1`);
  });

  it("remembers over a restart that a repeat was decided, as use of its session", () => {
    const world = new World({ ...sessionLimits, maxSessions: 2 });
    const [first, second] = [world.open(), world.open()];
    for (const name of [first, second, first]) world.decide(command(name, 1));
    world.restart();
    world.open();
    expect(world.decide(command(second, 1))).toBe(`refused ${Status.aborted}`);
    expect(world.decide(command(first, 1))).toBe(`repeated ${first}/1`);
  });

  it("keeps nothing of a session that was opened, used and let go within one slot", () => {
    const map = new TestMap();
    const limits = { ...sessionLimits, maxSessions: 1 };
    const table = new SessionTable(map, prefix, limits);
    const name = table.open({ slot: 1, index: 0 });
    table.store(command(name, 1), answer(1), { slot: 1, index: 1 });
    table.open({ slot: 1, index: 2 });
    table.settle();
    expect(map.entries.size).toBe(1);
    expect(new SessionTable(map, prefix, limits).judge(command("1.2", 1)).kind).toBe("execute");
  });

  it("lets sessions go when all answers together grow beyond the table's bytes", () => {
    const world = new World({ ...sessionLimits, maxSessionBytes: 1000, maxTableBytes: 3000 });
    const names = [world.open(), world.open(), world.open()];
    for (const name of names) world.decide(command(name, 1), "x".repeat(900));
    expect(world.table.bytes).toBeLessThanOrEqual(3000);
    expect(world.decide(command(names[0] as string, 2))).toBe(`refused ${Status.aborted}`);
    expect(world.decide(command(names[2] as string, 1), "x".repeat(900))).toMatch("repeated");
  });

  it("ends with an empty map when all answers are acknowledged and all sessions pushed out", () => {
    const world = new World({ ...sessionLimits, maxSessions: 1 });
    const name = world.open();
    for (let sequence = 1; sequence <= 50; sequence++) world.decide(command(name, sequence, sequence - 1));
    expect(world.map.entries.size).toBe(2);
    world.open();
    expect(world.map.entries.size).toBe(1);
    expect(world.table.bytes).toBe(0);
  });
});

/** The rule in the plainest words: every answer ever given, no sizes, no order kept but the log's. */
class Model {
  readonly #limits: SessionLimits;
  readonly #sessions: { name: string; mark: number; used: number; answers: Map<number, string> }[] = [];

  constructor(limits: SessionLimits) {
    this.#limits = limits;
  }

  open(name: string, slot: number): void {
    this.#sessions.push({ name, mark: 0, used: slot, answers: new Map() });
    this.#sessions.sort((a, b) => a.used - b.used);
    if (this.#sessions.length > this.#limits.maxSessions) this.#sessions.shift();
  }

  decide({ clientId, sequence, acknowledged, request }: Command, slot: number): string {
    const session = this.#sessions.find(({ name }) => name === clientId);
    if (session === undefined) return `refused ${Status.aborted}`;
    const mark = Math.max(session.mark, acknowledged);
    if (sequence <= mark) return `refused ${Status.failedPrecondition}`;
    const stored = session.answers.get(sequence);
    if (stored !== undefined && stored !== `${request}`) return `refused ${Status.invalidArgument}`;
    if (stored === undefined && sequence > mark + this.#limits.maxWindow)
      return `refused ${Status.resourceExhausted}`;
    session.mark = mark;
    session.used = slot;
    session.answers.set(sequence, `${request}`);
    for (const each of session.answers.keys()) if (each <= mark) session.answers.delete(each);
    return `${stored === undefined ? "executed" : "repeated"} ${clientId}/${sequence}`;
  }
}

describe("the table beside a naive model", () => {
  const limits: SessionLimits = { ...sessionLimits, maxSessions: 3, maxWindow: 5 };
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.constant({ kind: "open" as const }) },
    { weight: 3, arbitrary: fc.constant({ kind: "restart" as const }) },
    {
      weight: 12,
      arbitrary: fc.record({
        kind: fc.constant("command" as const),
        session: fc.nat(4),
        sequence: fc.nat(14),
        behind: fc.nat(14),
        request: fc.constantFrom("a", "a", "a", "b"),
      }),
    },
  );

  it("gives the same verdicts, whatever is decided, with restarts anywhere", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const world = new World(limits);
        const model = new Model(limits);
        const names: string[] = [];
        let slot = 0;
        for (const each of steps) {
          if (each.kind === "restart") {
            world.restart();
          } else if (each.kind === "open") {
            const name = world.open();
            names.push(name);
            model.open(name, ++slot);
          } else {
            const name = names.at(-1 - each.session) ?? "none";
            const given = command(
              name,
              each.sequence,
              Math.max(0, each.sequence - each.behind),
              each.request,
            );
            expect(world.decide(given)).toBe(model.decide(given, ++slot));
          }
        }
        // What is in memory is what the map says.
        const reloaded = new SessionTable(world.map, prefix, limits);
        expect([reloaded.size, reloaded.bytes]).toEqual([world.table.size, world.table.bytes]);
      }),
      { numRuns: 300 },
    );
  });
});
