import type { Command } from "@synod/core";
import { systemService } from "@synod/state-machine";
import { expect, test } from "vitest";
import { Contention } from "../src/replica/requests/contention.js";
import { GatheredCommands } from "../src/replica/requests/gathered-commands.js";
import { HeavyTurns, type HeavyTurnsOptions } from "../src/replica/requests/heavy-turns.js";
import { Places, thisProcess } from "../src/transport/places.js";

const nothing = { commands: 0, bytes: 0 };
const full = { commands: 4, bytes: 0 };
/** A command is heavy beyond ten bytes. */
const roomBytes = 640;
const limits = { maxBatchCommands: 4, maxBatchBytes: 1_000, maxOutstandingProposals: 2 };

function command(name: string, more: Partial<Command> = {}): Command {
  const empty = { clientId: name, sequence: 1, acknowledged: 0, request: new Uint8Array() };
  return { ...empty, service: "s.S", method: "M", ...more };
}

/** This replica is the third of three. */
function turns(clock = { nowMs: 0 }): HeavyTurnsOptions {
  const nowMs = () => clock.nowMs;
  return { replicas: 3, position: () => 2, scheduler: { nowMs, idleMs: nowMs } };
}

function gathered(...names: readonly string[]): GatheredCommands {
  const commands = new GatheredCommands(limits, roomBytes, turns());
  for (const name of names) commands.add(command(name), name.slice(0, 1));
  return commands;
}

const namesOf = (commands: readonly Command[]) => commands.map(({ clientId }) => clientId);

test("rule 12: connections take turns in a batch, however much one of them has waiting", () => {
  const commands = gathered("a1", "a2", "a3", "a4", "a5", "a6", "b1", "c1");
  expect(namesOf(commands.take(nothing, true))).toEqual(["a1", "b1", "c1", "a2"]);
});

test("rule 12: of one connection a batch's worth is under way, until somebody has an answer", () => {
  const commands = gathered("a1", "a2", "a3", "a4", "a5", "a6");
  const first = commands.take(nothing, true);
  expect(namesOf(first)).toEqual(["a1", "a2", "a3", "a4"]);
  expect(commands.take(nothing, true)).toEqual([]);
  commands.add(command("b1"), "b");
  expect(namesOf(commands.take(nothing, true))).toEqual(["b1"]);
  expect(commands.forget(first[1] as Command)).toBe(false);
  expect(namesOf(commands.take(nothing, true))).toEqual(["a5"]);
});

test("rule 12: while others ask too, of one connection little is under way, and a second after them a batch's worth again", () => {
  const clock = { nowMs: 0 };
  const wide = { ...limits, maxBatchCommands: 64, maxBatchBytes: 8_000 };
  const commands = new GatheredCommands(wide, roomBytes, turns(clock));
  const ask = (caller: string, count: number) => {
    for (let index = 0; index < count; index++) commands.add(command(`${caller}${index}`), caller);
  };
  ask("b", 1);
  ask("a", 100);
  expect(commands.take(nothing, true)).toHaveLength(1 + 4);
  expect(commands.take(nothing, true)).toEqual([]);
  clock.nowMs = 999;
  expect(commands.take(nothing, true)).toEqual([]);
  clock.nowMs = 1_000;
  expect(commands.take(nothing, true)).toHaveLength(64 - 4);
});

test("rule 12: others ask for as long as they go on asking, whoever was the first of them", () => {
  const clock = { nowMs: 0 };
  const contention = new Contention(
    { ...limits, maxBatchCommands: 64 },
    { nowMs: () => clock.nowMs, idleMs: () => 0 },
  );
  for (const caller of ["a", "b", "c", "a", "b", "b", "a"]) {
    contention.asks(caller);
    clock.nowMs += 600;
  }
  expect(contention.share.maxBatchCommands).toBe(64); // The last other one asked 1,200 ms ago.
  contention.asks("b");
  expect(contention.share.maxBatchCommands).toBe(4);
  clock.nowMs += 399;
  expect(contention.share.maxBatchCommands).toBe(4);
  clock.nowMs += 1;
  expect(contention.share.maxBatchCommands).toBe(64);
});

test("rule 12: a process that is idle for half of the time gives each connection all, whoever else asks", () => {
  const clock = { nowMs: 0, idleMs: 0 };
  const scheduler = { nowMs: () => clock.nowMs, idleMs: () => clock.idleMs };
  const contention = new Contention({ ...limits, maxBatchCommands: 64 }, scheduler);
  const seen = [50, 49, 100, 0].map((idleMs) => {
    for (const caller of ["a", "b"]) contention.asks(caller);
    clock.nowMs += 99;
    clock.idleMs += idleMs;
    contention.asks("a");
    const before = contention.share.maxBatchCommands;
    clock.nowMs += 1;
    contention.asks("b");
    return [before, contention.share.maxBatchCommands];
  });
  expect(seen).toEqual([
    [4, 64],
    [64, 4],
    [4, 64],
    [64, 4],
  ]);
});

test("rule 12: what is under way is counted in bytes too, and one command has room however large", () => {
  const large = (caller: string) => command(caller, { request: new Uint8Array(900) });
  const alone = new GatheredCommands(limits, roomBytes, turns());
  for (const name of ["a0", "a1", "a2"]) alone.add(large(name), "a");
  // As many as there may be proposals, one in each.
  expect([1, 2, 3].map(() => namesOf(alone.take(nothing, true)))).toEqual([["a0"], ["a1"], []]);
  const beside = new GatheredCommands(limits, roomBytes, turns());
  const both = [large("a0"), large("a1")];
  for (const each of both) beside.add(each, "a");
  beside.add(command("b1"), "b");
  expect(namesOf(beside.take(nothing, true))).toEqual(["a0", "b1"]);
  expect(beside.take(nothing, true)).toEqual([]);
  beside.forget(both[0] as Command);
  expect(namesOf(beside.take(nothing, true))).toEqual(["a1"]);
});

test("rule 12: what this process says itself waits behind nobody's, and for no room", () => {
  const commands = gathered("a1", "a2", "a3", "a4", "a5");
  commands.add(command("report", { service: systemService }), thisProcess);
  expect(namesOf(commands.take(full, true))).toEqual(["report"]);
  commands.add(command("checkpoint", { service: systemService }), thisProcess);
  expect(namesOf(commands.take(nothing, true))).toEqual(["checkpoint", "a1", "a2", "a3"]);
});

test("while the clock is in doubt only Synod's own go, and none overtakes the turns of others (rule 35)", () => {
  const commands = new GatheredCommands({ ...limits, maxBatchBytes: 10_000 }, roomBytes, turns());
  for (const name of ["a1", "b1"]) commands.add(command(name), name.slice(0, 1));
  for (const number of [1, 2, 3, 4]) commands.add(command(`open${number}`, { service: systemService }), "a");
  commands.add(command("other", { service: systemService }), "b");
  expect(namesOf(commands.take(nothing, false))).toEqual(["open1", "other", "open2", "open3"]);
  expect(commands.waiting).toBe(true);
});

test("a command that nobody waits for any more is not proposed, unless it was already", () => {
  const commands = new GatheredCommands(limits, roomBytes, turns());
  const [first, second] = [command("a1"), command("a2")];
  for (const each of [first, second]) commands.add(each, "a");
  expect(commands.forget(first)).toBe(true);
  expect(commands.take(nothing, true)).toEqual([second]);
  expect(commands.forget(second)).toBe(false);
  expect(commands.waiting).toBe(false);
});

test("rule 12: what its slot had no room for goes before the rest of its connection's, and before nobody else's", () => {
  const commands = gathered("a1", "a2", "a3", "a4", "a5");
  const first = commands.take(nothing, true);
  commands.add(command("b1"), "b");
  for (const each of first.slice(1)) commands.putOff(each);
  expect(namesOf(commands.take({ commands: 1, bytes: 0 }, true))).toEqual(["a2", "b1", "a3"]);
  // It was proposed once already: somebody may yet execute that copy.
  expect(commands.forget(first[3] as Command)).toBe(false);
  commands.forget(first[0] as Command);
  expect(namesOf(commands.take(nothing, true))).toEqual(["a5"]);
});

test("what the role gives back goes before what waits, and counts as under way", () => {
  const commands = gathered("a1", "a2", "a3", "a4", "a5", "b1");
  const proposed = commands.take(nothing, true);
  commands.giveBack(proposed);
  expect(namesOf(commands.take(nothing, true))).toEqual(namesOf(proposed));
});

test("rule 12: one connection has at most what it leaves free, and this process always has a place", () => {
  const places = new Places({ maxNumber: 8, maxBytes: 1_000 });
  const taken = (caller: string) => places.take(caller, 10) === undefined;
  expect(Array.from({ length: 6 }, () => taken("greedy"))).toEqual([true, true, true, true, false, false]);
  expect(places.take("greedy", 10)).toEqual({ whose: "caller", number: 4, bytes: 40 });
  expect([taken("b"), taken("c"), taken("d")]).toEqual([true, true, true]);
  expect([taken("b"), taken("e"), taken("f")]).toEqual([false, true, false]);
  expect(places.take("f", 10)).toEqual({ whose: "all", number: 8, bytes: 80 });
  expect(taken(thisProcess)).toBe(true);
  places.leave("b", 10);
  expect(taken("f")).toBe(true);
});

test("rule 12: places are counted in bytes too", () => {
  const places = new Places({ maxNumber: 100, maxBytes: 1_000 });
  expect(places.take("a", 400)).toBeUndefined();
  expect(places.take("a", 400)).toEqual({ whose: "caller", number: 1, bytes: 400 });
  expect(places.take("b", 400)).toBeUndefined();
  expect(places.take("c", 400)).toEqual({ whose: "all", number: 2, bytes: 800 });
  expect(places.take("c", 100)).toBeUndefined();
  for (const [caller, bytes] of [
    ["a", 400],
    ["b", 400],
    ["c", 100],
  ] as const)
    places.leave(caller, bytes);
  expect(places.bytes).toBe(0);
});

test("rule 12: heavy commands come last in a batch, and few are under way, however many are asked for", () => {
  const commands = gathered("a1", "b1");
  const [first] = commands.take(nothing, true) as [Command];
  commands.executed(first, 300);
  commands.forget(first);
  for (const name of ["a2", "a3", "a4", "b2", "c1"]) commands.add(command(name), name.slice(0, 1));
  const taken = commands.take(nothing, true);
  expect(namesOf(taken)).toEqual(["b2", "c1", "a2", "a3"]);
  expect(commands.take(nothing, true)).toEqual([]);
  // One that was put off takes no room until it is taken again, before those of its connection that were not.
  commands.putOff(taken[3] as Command);
  expect(namesOf(commands.take(nothing, true))).toEqual(["a3"]);
  commands.forget(taken[2] as Command);
  expect(namesOf(commands.take(nothing, true))).toEqual(["a4"]);
});

test("rule 12: what one connection does heavily is not heavy of another, and one by itself is never kept waiting", () => {
  const commands = gathered("a1");
  const [first] = commands.take(nothing, true) as [Command];
  commands.executed(first, 5_000);
  commands.forget(first);
  for (const name of ["a2", "b1", "a3"]) commands.add(command(name), name.slice(0, 1));
  const taken = commands.take(nothing, true);
  expect(namesOf(taken)).toEqual(["b1", "a2"]);
  expect(commands.take(nothing, true)).toEqual([]);
  // Once it has become light it is heavy for a while.
  commands.executed(taken[1] as Command, 1);
  commands.forget(taken[1] as Command);
  expect(namesOf(commands.take(nothing, true))).toEqual(["a3"]);
});

test("rule 12: what was heavy once is light again after a few that were", () => {
  const commands = gathered("a0");
  for (const bytes of [400, 1, 1, 1, 1, 1, 1]) {
    const [taken] = commands.take(nothing, true) as [Command];
    commands.executed(taken, bytes);
    commands.forget(taken);
    commands.add(command("a"), "a");
  }
  for (const name of ["a1", "a2", "b1"]) commands.add(command(name), name.slice(0, 1));
  expect(namesOf(commands.take(nothing, true))).toEqual(["a", "b1", "a1", "a2"]);
});

test("what waits for its turn is not put off by another replica's copy, and leaves nothing behind", () => {
  const commands = new GatheredCommands(limits, roomBytes, turns());
  const waiting = command("a1");
  commands.add(waiting, "a");
  commands.putOff(waiting);
  expect(namesOf(commands.take(nothing, true))).toEqual(["a1"]);
  commands.putOff(waiting);
  commands.putOff(waiting);
  expect(commands.forget(waiting)).toBe(false);
  expect([commands.waiting, namesOf(commands.take(nothing, true))]).toEqual([false, []]);
  // Its room is free again, once.
  for (const name of ["a2", "a3", "a4", "a5", "a6"]) commands.add(command(name), "a");
  expect(commands.take(nothing, true)).toHaveLength(4);
});

test("rule 12: a connection of which nothing is known is taken for heavy where the log shows that its method is", () => {
  const clock = { nowMs: 0 };
  const commands = new GatheredCommands(limits, roomBytes, turns(clock));
  commands.add(command("a1"), "a");
  const [light] = commands.take(nothing, true) as [Command];
  commands.executed(light, 1);
  // Another replica proposed it.
  commands.applied(1, [{ command: command("z1"), bytes: 600 }], 0);
  for (const name of ["b1", "b2", "a2", "a3"]) commands.add(command(name), name.slice(0, 1));
  const taken = commands.take(nothing, true);
  expect(namesOf(taken)).toEqual(["a2", "a3", "b1"]);
  expect(commands.take(nothing, true)).toEqual([]);
  commands.executed(taken[2] as Command, 1);
  commands.forget(taken[2] as Command);
  expect(namesOf(commands.take(nothing, true))).toEqual(["b2"]);
  clock.nowMs = 60_000;
  for (const name of ["c1", "c2"]) commands.add(command(name), "c");
  expect(namesOf(commands.take(nothing, true))).toEqual(["c1", "c2"]);
});

test("rule 12: while others ask, here or elsewhere, heavy commands rest after those of any replica", () => {
  const clock = { nowMs: 0 };
  const commands = new GatheredCommands(limits, roomBytes, turns(clock));
  const ask = (name: string) => commands.add(command(name), name.slice(0, 1));
  const heavy = { command: command("z1"), bytes: 600 };
  const light = { command: command("z2", { method: "Other" }), bytes: 10 };
  // Half of the slot's time was the heavy one's; after slot 1 this replica comes first.
  commands.applied(1, [heavy, { ...light, bytes: 600 }], 0);
  commands.applied(1, [heavy, ...Array(60).fill(light)], 100);
  ask("a1");
  expect(commands.take(nothing, true)).toEqual([]);
  clock.nowMs = 299;
  expect(commands.take(nothing, true)).toEqual([]);
  clock.nowMs = 300;
  const [first] = commands.take(nothing, true) as [Command];
  expect(namesOf([first])).toEqual(["a1"]);
  // Nobody asks for anything light for a second.
  commands.applied(2, [heavy], 10_000);
  commands.forget(first);
  ask("a2");
  clock.nowMs = 999;
  expect(commands.take(nothing, true)).toEqual([]);
  clock.nowMs = 1_000;
  expect(namesOf(commands.take(nothing, true))).toEqual(["a2"]);
});

test("rule 12: replicas have their turns one after the other, in idle time, and the busiest has one too", () => {
  const clock = { nowMs: 0, idleMs: 0 };
  const of = (position: number) => {
    const scheduler = { nowMs: () => clock.nowMs, idleMs: () => clock.idleMs };
    const turn = new HeavyTurns({ replicas: 3, position: () => position, scheduler });
    turn.light();
    turn.heavy(4, 10);
    return turn;
  };
  const all = [of(0), of(1), of(2)];
  const mine = () => all.map((turn) => turn.mine);
  const seen: [idleMs: number, mine: boolean[]][] = [];
  for (clock.idleMs = 0; clock.idleMs <= 180; clock.idleMs += 30) seen.push([clock.idleMs, mine()]);
  expect(seen.map(([idleMs, may]) => [idleMs, ...may.map(Number)])).toEqual([
    ...[
      [0, 0, 0, 0],
      [30, 0, 0, 0],
      [60, 0, 0, 1],
      [90, 0, 0, 1],
    ],
    ...[
      [120, 1, 0, 1],
      [150, 1, 0, 1],
      [180, 1, 1, 1],
    ],
  ]);
  clock.idleMs = 0;
  clock.nowMs = 239;
  expect(mine()).toEqual([false, false, false]);
  clock.nowMs = 240;
  expect(mine()).toEqual([false, false, true]);
  clock.nowMs = 720;
  expect(mine()).toEqual([true, true, true]);
});
