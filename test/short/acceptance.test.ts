// Short forms of acceptance scripts: the same code, fewer rounds.
import { expect, it } from "vitest";
import { run as amnesia } from "../acceptance/amnesia.mjs";
import { run as blackout } from "../acceptance/blackout.mjs";
import { run as errors } from "../acceptance/errors.mjs";
import { run as fuzz } from "../acceptance/fuzz.mjs";
import { run as kills } from "../acceptance/kills.mjs";
import { run as locks } from "../acceptance/locks.mjs";
import { run as realm } from "../acceptance/realm.mjs";
import { run as storm } from "../acceptance/storm.mjs";

/** Some take longer than other tests where much else runs. */
const timeout = 180_000;
const progress: string[] = [];
const options = (...parameters: string[]) => ({
  parameters,
  progress: (line: string) => void progress.push(line),
});

it("a killed leader, acceptor and replica under load lose nothing and double nothing, each gap under 3 s", async () => {
  const { holds, figures } = await kills(options("--rounds", "1"));
  expect(holds, `${JSON.stringify(figures)}\n${progress.join("\n")}`).toBe(true);
});

it("a lock has one holder at a time, in the order of asking, under kills and lapses", {
  timeout,
}, async () => {
  const { holds, figures } = await locks(
    options("--part", "contention", "--acquisitions", "90", "--kills", "3"),
  );
  expect(holds, `${JSON.stringify(figures)}\n${progress.join("\n")}`).toBe(true);
});

it("a service that goes wrong answers alike at every replica, and changes nothing", { timeout }, async () => {
  const { holds, figures } = await errors(options("--no-other-build"));
  expect(holds, `${JSON.stringify(figures)}\n${progress.join("\n")}`).toBe(true);
});

it("what differs between machines is refused or the same in handlers, and packages work", {
  timeout,
}, async () => {
  const { holds, figures } = await realm(options("--rounds", "0"));
  expect(holds, `${JSON.stringify(figures)}\n${progress.join("\n")}`).toBe(true);
});

it("all processes killed at once under load lose nothing and double nothing", {
  timeout: 120_000,
}, async () => {
  const { holds, figures } = await blackout(options("--rounds", "1"));
  expect(holds, `${JSON.stringify(figures)}\n${progress.join("\n")}`).toBe(true);
});

it("a few strikes of the storm lose nothing and double nothing", { timeout: 180_000 }, async () => {
  const { holds, figures } = await storm(options("--minutes", "0.1"));
  expect(holds, `${JSON.stringify(figures)}\n${progress.join("\n")}`).toBe(true);
});

it("a new store never votes and a rolled-back one is named", { timeout: 120_000 }, async () => {
  const { holds, figures } = await amnesia(options("--seconds", "1"));
  expect(holds, `${JSON.stringify(figures)}\n${progress.join("\n")}`).toBe(true);
});

it("malformed bytes and well-formed nonsense end with a right status and change nothing they should not", {
  timeout,
}, async () => {
  const { holds, figures } = await fuzz(options("--seed", "1", "--calls", "60", "--rounds", "1"));
  expect(holds, `${JSON.stringify(figures)}\n${progress.join("\n")}`).toBe(true);
});
