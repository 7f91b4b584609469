// The command that runs seeds, and a short form of the acceptance script that replays them elsewhere.
import { writeFileSync } from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { run as mutants } from "../acceptance/mutants.mjs";
import { run as replay } from "../acceptance/replay.mjs";
import { run as seeds } from "../acceptance/seeds.mjs";
import { Workplace } from "./synod-command.js";

let place: Workplace;

beforeEach(() => {
  place = new Workplace();
});

afterEach(() => place.end());

it("seeds are run, and one line of JSON tells what came of them", async () => {
  const { code, stdout } = await place.run("simulate", "--seeds", "38-39", "--json");
  const summary = JSON.parse(stdout);
  expect(code).toBe(0);
  expect(summary).toMatchObject({ seeds: 2, failures: [], stopped: false, saved: [] });
  expect(summary.decidedSlots).toBeGreaterThan(300);
});

it("a saved schedule that breaks a promise is replayed, and the command fails", async () => {
  // Nothing can finish in no time.
  const schedule = { seed: 80, overrides: { calmTicks: 1, faultyTicks: 200, star: false } };
  writeFileSync(path.join(place.directory, "saved.json"), JSON.stringify({ schedule }));
  const { code, stdout } = await place.run("simulate", "--replay", "saved.json", "--trace");
  expect(code).toBe(1);
  expect(stdout).toMatch(/^\d+ l\d → a\d p1a /m);
  expect(stdout).toMatch(/Violation: 1 ticks after the last fault/);
  expect((await place.run("simulate", "--seeds", "9-1")).code).toBe(2);
});

it("Ctrl-C ends a long run with what came of it so far", async () => {
  const running = place.start("simulate", "--seeds", "1-100000", "--json");
  await running.printed(/of 100000 seeds/, "stderr");
  running.child.kill("SIGINT");
  const { code, stdout } = await running.ended;
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ stopped: true, failures: [] });
});

it("a seed's trace is the same in processes of other zones, languages and load", async () => {
  const { holds, figures } = await replay({
    parameters: ["--from", "55", "--count", "1"],
    progress: () => {},
  });
  expect(holds, JSON.stringify(figures)).toBe(true);
});

it("a deliberate fault is reported by a checker while the core's own assertions are out", async () => {
  const parameters = ["r01-promise-not-raised", "--seeds", "80-80"];
  const { holds, figures } = await mutants({ parameters, progress: () => {} });
  expect(holds, JSON.stringify(figures)).toBe(true);
});

it("the acceptance script of the seeds holds for a few of them", async () => {
  const parameters = ["--seeds", "80-81", "--occurrence", "0"];
  const { failures } = (await seeds({ parameters, progress: () => {} })).figures;
  expect(failures).toEqual([]);
});
