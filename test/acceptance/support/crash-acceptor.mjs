// Crash points of an acceptor: one client asks it a fixed list of P1a and P2a, one after the other, through the unary calls.
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { freePorts } from "@synod/cli";
import { Processes, until } from "./processes.mjs";
import { callRaw } from "./raw.mjs";
import { WrappedChild } from "./wrapped.mjs";

/** @typedef {import("./crash-points.mjs").Scenario} Scenario */
/** @typedef {import("@synod/cli").PlannedMember} PlannedMember */
/** @typedef {{ round: string, leader: string, incarnation: string }} WireBallot */
/** @typedef {{ method: "Prepare", ballot: WireBallot } | { method: "Accept", ballot: WireBallot, slot: number, mark: string }} Ask */

const id = "a1";
/** @param {number} round @param {string} leader */
const ballot = (round, leader) => ({ round: String(round), leader, incarnation: "1" });
/** Below every ballot of the list: what asks with it changes nothing. */
const least = ballot(1, "a");

/** A value of two pages, so that one of the writes is of more than a page. */
const large = "x".repeat(6_000);
/** Promises, votes, a slot voted for again under a higher ballot, a refusal, a vote that is a promise as well. @type {Ask[]} */
const list = [
  { method: "Prepare", ballot: ballot(2, "l1") },
  { method: "Accept", ballot: ballot(2, "l1"), slot: 1, mark: "first" },
  { method: "Accept", ballot: ballot(2, "l1"), slot: 2, mark: `second ${large}` },
  { method: "Prepare", ballot: ballot(3, "l2") },
  { method: "Accept", ballot: ballot(2, "l1"), slot: 3, mark: "refused" },
  { method: "Accept", ballot: ballot(3, "l2"), slot: 1, mark: "first again" },
  { method: "Accept", ballot: ballot(4, "l1"), slot: 3, mark: "third" },
  { method: "Accept", ballot: ballot(4, "l1"), slot: 300, mark: "far away" },
];

/**
 * @param {string} [copy] a built copy of the repository whose acceptor is killed
 * @returns {Promise<Scenario & { end: () => Promise<void> }>}
 */
export async function acceptorScenario(copy) {
  const processes = await Processes.prepare({ acceptors: 1, leaders: 1, replicas: 1 });
  const template = processes.member(id);
  const firstPort = await freePorts(2);
  return {
    name: "acceptor",
    end: () => processes.end(),
    play: async (before, folder, worker) => {
      const member = memberIn(folder, template, firstPort + worker);
      const child = new WrappedChild(member, { before, ...(copy && { folder: copy }) });
      const told = (await answering(child)) ? await ask(child) : [];
      child.signal("SIGTERM");
      const { signal, code } = await child.ended;
      const killed = signal === "SIGKILL";
      const problems = killed || code === 0 ? [] : [`it ended with ${code ?? signal}`];
      problems.push(...(await afterRestart(member, told)));
      return { killed, told: told.length, problems };
    },
  };
}

/** Its store as `init` made it, and a configuration. @param {string} folder @param {PlannedMember} template @param {number} port @returns {PlannedMember} */
function memberIn(folder, template, port) {
  const data = path.join(folder, "data");
  cpSync(template.data, data, { recursive: true });
  const config = path.join(folder, "config.json");
  const address = `127.0.0.1:${port}`;
  const settings = JSON.parse(readFileSync(template.config, "utf8"));
  const cluster = path.resolve(path.dirname(template.config), settings.cluster);
  writeFileSync(config, JSON.stringify({ ...settings, cluster, data, listen: address }));
  return { ...template, port, address, data, config, log: path.join(folder, "log") };
}

/** Waits until it answers; false when it ends before. @param {WrappedChild} child */
async function answering(child) {
  const { address } = child.member;
  await until("the acceptor to answer or end", async () => {
    if (!child.running) return true;
    return (await callRaw(address, "synod.v1.Cluster/Status", {}, { deadlineMs: 1_000 })).code === "OK";
  });
  return child.running;
}

/**
 * Asks everything on the list until it ends, and gives what was answered.
 * @param {WrappedChild} child
 * @returns {Promise<{ asked: Ask, promised: WireBallot }[]>}
 */
async function ask(child) {
  const told = [];
  for (const asked of list) {
    const request =
      asked.method === "Prepare"
        ? { ballot: asked.ballot, configuration: "1", from: "1", scout: "1" }
        : { pvalue: { ballot: asked.ballot, slot: String(asked.slot), value: wireValue(asked) } };
    const { code, response } = await callRaw(
      child.member.address,
      `synod.v1.Acceptor/${asked.method}`,
      request,
    );
    if (code !== "OK") break;
    told.push({ asked, promised: response.promised });
  }
  return told;
}

/** @param {Ask & { method: "Accept" }} asked */
function wireValue({ mark }) {
  const command = { clientId: "1.0", sequence: "1", service: "s.S", method: "M", request: Buffer.from(mark) };
  return {
    proposal: { replica: "r1", incarnation: "1", number: "1" },
    batch: { commands: [command] },
  };
}

/** @param {WireBallot} one @param {WireBallot} other */
const atLeast = (one, other) =>
  Number(one.round) - Number(other.round) || (one.leader >= other.leader ? 0 : -1);

/**
 * Starts it on what is there, and holds it against what was told: nothing may be missing, and nothing there that was
 * not asked for. Reading passes every record's checksum.
 * @param {PlannedMember} member @param {{ asked: Ask, promised: WireBallot }[]} told
 */
async function afterRestart(member, told) {
  const child = new WrappedChild(member, {});
  try {
    if (!(await answering(child)))
      return [`it does not start again: ${readFileSync(member.log, "utf8").trimEnd().split("\n").at(-1)}`];
    const prepare = { ballot: least, configuration: "1", from: "1", scout: "1" };
    const { code, message, response } = await callRaw(member.address, "synod.v1.Acceptor/Prepare", prepare);
    if (code !== "OK") return [`Prepare gives ${code}: ${message}`];
    /** @type {Map<number, { ballot: WireBallot, mark: string }>} */
    const found = new Map();
    for (const { slot, ballot: of, value } of response.accepted ?? [])
      found.set(Number(slot), { ballot: of, mark: String(value.batch.commands[0].request) });
    return [...missingOf(told, response.promised, found), ...unasked(found)];
  } finally {
    child.signal("SIGKILL");
    await child.ended;
  }
}

/**
 * @param {{ asked: Ask, promised: WireBallot }[]} told @param {WireBallot} promised
 * @param {Map<number, { ballot: WireBallot, mark: string }>} found
 */
function missingOf(told, promised, found) {
  const problems = [];
  for (const { asked, promised: then } of told) {
    if (atLeast(promised, then) < 0) problems.push(`the promise ${then.round}.${then.leader} is forgotten`);
    // Only an answer that promises the ballot asked is a vote.
    if (asked.method !== "Accept" || then.round !== asked.ballot.round) continue;
    const { slot } = asked;
    const kept = found.get(slot);
    if (!kept || atLeast(kept.ballot, asked.ballot) < 0)
      problems.push(`the vote in slot ${slot} is forgotten`);
  }
  return problems;
}

/** @param {Map<number, { ballot: WireBallot, mark: string }>} found */
function unasked(found) {
  return [...found]
    .filter(
      ([slot, { ballot: of, mark }]) =>
        !list.some(
          (asked) =>
            asked.method === "Accept" &&
            asked.slot === slot &&
            asked.mark === mark &&
            asked.ballot.round === of.round &&
            asked.mark !== "refused",
        ),
    )
    .map(([slot]) => `slot ${slot} holds what nobody asked for`);
}
