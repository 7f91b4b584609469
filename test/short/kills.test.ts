// Kills of every kind upon one cluster under one load: the same code as the acceptance scripts of these names, fewer rounds.
import { afterAll, beforeAll, expect, it } from "vitest";
import { withNewStore, withOldCopy } from "../acceptance/amnesia.mjs";
import { blackOut } from "../acceptance/blackout.mjs";
import { killEachRole, worstGapMs } from "../acceptance/kills.mjs";
import { Storm } from "../acceptance/storm.mjs";
import { random, seedOf } from "../acceptance/support/flags.mjs";
import { equalReplicas, Load, verify } from "../acceptance/support/load.mjs";
import { Processes } from "../acceptance/support/processes.mjs";

/** Enough strikes for each role to be hit, several at once, and somebody who recovers. */
const strikes = 4;

const seed = seedOf([]);
const draw = random(seed);
const lines: string[] = [`seed ${seed}`];
const progress = (line: string) => void lines.push(line);
let processes: Processes;
let load: Load;

beforeAll(async () => {
  processes = await Processes.start();
  // Whatever a command waits for is shorter than its deadline, so that none fails. The pauses leave the processor to those who
  // come back.
  load = new Load(processes.replicas, { processes: 2, outstanding: 8, pauseMs: 20, deadlineMs: 120_000 });
  await load.more(200);
});

afterAll(async () => {
  load.kill();
  await processes.end();
});

it("a killed leader, acceptor and replica are done without within 3 s each", async () => {
  const kills = await killEachRole({ processes, load, rounds: 1, draw, progress });
  for (const { role, gapMs } of kills) expect(gapMs, `${role}\n${lines.join("\n")}`).toBeLessThan(worstGapMs);
});

it("a few strikes of the storm hit several at once, and one that recovers, and all come back", async () => {
  const storm = new Storm(processes, load, draw);
  for (let strike = 0; strike < strikes; strike++) progress(await storm.strike());
  const { kills, severalAtOnce } = storm;
  expect(severalAtOnce, lines.join("\n")).toBeGreaterThan(0);
  for (const [role, count] of Object.entries(kills)) expect(count, role).toBeGreaterThan(0);
});

it("all processes are killed at once, a replica comes back without its disk, and all goes on", async () => {
  await blackOut({ processes, load, rounds: 1, progress });
});

it("an acceptor with a new store under its old name never votes", async () => {
  const found = await withNewStore(processes, load, 1);
  expect(found.right, `${JSON.stringify(found)}\n${lines.join("\n")}`).toBe(true);
});

it("an acceptor with an old copy of its store is named", async () => {
  const found = await withOldCopy(processes);
  expect(found.right, `${JSON.stringify(found)}\n${lines.join("\n")}`).toBe(true);
});

it("and through all of it nothing acknowledged was lost, nothing was executed twice, and replicas are equal", async () => {
  await load.stop();
  const { failed, ...verified } = await verify(processes.replicas, load);
  expect(verified, lines.join("\n")).toMatchObject({ lost: 0, doubled: 0 });
  expect(verified.acknowledged).toBeGreaterThan(1_000);
  const { equal, states } = await equalReplicas(processes);
  expect(equal, states.join("\n")).toBe(true);
});
