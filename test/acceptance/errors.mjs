// A user's service that goes wrong: every replica gives the same answer, nothing changes, and the cluster goes on.
import { metadataKeys } from "@synod/wire";
import { anotherBuild } from "./support/another-build.mjs";
import { equalReplicas } from "./support/load.mjs";
import { until } from "./support/processes.mjs";
import { ServiceCluster } from "./support/service-cluster.mjs";

export const name = "errors";
export const promise =
  "a service that goes wrong answers alike everywhere and changes nothing; a replica whose build answers otherwise stops";

/** @typedef {import("./support/service-cluster.mjs").ServiceAnswer} ServiceAnswer */
/** @typedef {{ how: string, code: number, says: RegExp, logged?: boolean, commandsOnly?: boolean }} Fault `logged`: the
 *   replicas' logs say more than the answer, once each */
/** @typedef {{ cluster: ServiceCluster, tally: Tally, progress: (line: string) => void }} Stage */

/** @type {import("./support/service-cluster.mjs").OwnService} */
const faultyService = { name: "faults.v1.Faults", folder: "faults", module: "service.mjs" };

/** Rows of good commands begin here; what `fill` wrote lies below. */
const firstGoodRow = 30_000;
const failedPrecondition = 9;
const resourceExhausted = 8;
const internal = 13;
const undeclared =
  /^faults\.v1\.Faults\/\w+ failed in a way it does not declare; the replicas' logs say more$/;
const aPromise = /^faults\.v1\.Faults\/\w+ returned a promise; expected a handler that is synchronous$/;

/** @type {Fault[]} */
const faults = [
  { how: "declared", code: failedPrecondition, says: /^refused, as it was asked to be$/ },
  { how: "declared without words", code: failedPrecondition, says: /^Refused$/ },
  { how: "declared, promises let go of", code: failedPrecondition, says: /^Refused$/ },
  { how: "detail too long", code: resourceExhausted, says: /detail of a failure has \d+ bytes/ },
  ...[
    ...["undeclared", "undeclared text", "error of no declared name", "clock of the process"],
    "response of another shape",
  ].map((how) => ({ how, code: internal, says: undeclared, logged: true })),
  { how: "promise", code: internal, says: aPromise, logged: true },
  { how: "rejected promise", code: internal, says: aPromise, logged: true },
  { how: "response too large", code: resourceExhausted, says: /^response of \d+ bytes: expected at most/ },
  {
    how: "range without a bound",
    code: resourceExhausted,
    says: /ranges gave more than 10000 rows; name a limit/,
  },
  { how: "too many rows read", code: resourceExhausted, says: /ranges gave more than 10000 rows/ },
  ...[
    { how: "too many rows written", code: resourceExhausted, says: /wrote more than 10000 keys or/ },
    { how: "too many bytes written", code: resourceExhausted, says: /or 4194304 bytes/ },
    { how: "value too large", code: resourceExhausted, says: /a value of \d+ bytes was put/ },
    { how: "limit caught", code: resourceExhausted, says: /wrote more than 10000 keys or/ },
  ].map((fault) => ({ ...fault, commandsOnly: true })),
];

/** What only a process knows of itself: its texts, and where its code lies. */
const inside = /only-in-the-log|node_modules|\.mjs|\.js\b|\n\s+at /;

class Tally {
  answers = 0;
  logged = 0;
  goodCommands = 0;
  /** @type {string[]} */ problems = [];

  /** @param {boolean} right @param {() => string} problem */
  expect(right, problem) {
    if (!right) this.problems.push(problem());
  }
}

/** Each on the same cluster, one after the other. */
const stages = [everyReplicaAtOnce, queriesAlone, byItself, afterwards];

/** @param {import("./run.mjs").Options} options `--no-other-build` leaves out the replica whose build answers otherwise */
export async function run({ parameters, progress }) {
  const cluster = await ServiceCluster.start(faultyService, { counts: { acceptors: 1, leaders: 1 } });
  const tally = new Tally();
  try {
    await fill(cluster);
    for (const stage of stages) {
      await stage({ cluster, tally, progress });
      progress(`${stage.name}: ${tally.answers} answers so far, ${tally.problems.length} problems`);
    }
    const otherwise = parameters.includes("--no-other-build") ? undefined : await differing(progress);
    tally.problems.push(...(otherwise?.problems ?? []));
    for (const problem of tally.problems) progress(problem);
    const { answers, logged, goodCommands, problems } = tally;
    return {
      holds: problems.length === 0 && answers > 0 && logged > 0 && goodCommands > 0,
      figures: {
        ...{ faults: faults.length, answers, logged, goodCommands },
        anotherBuild: otherwise?.figures ?? "left out",
        problems: problems.slice(0, 5),
      },
    };
  } finally {
    await cluster.end();
  }
}

/** @param {(line: string) => void} progress */
function differing(progress) {
  progress("another build");
  return anotherBuild(faultyService, progress);
}

/** More rows than a range without a limit may give. @param {ServiceCluster} cluster */
async function fill(cluster) {
  const clientId = await cluster.openSession();
  for (const sequence of [1, 2]) {
    const request = { from: String(sequence * 10_000), rows: 6_000 };
    const { code, message } = await cluster.execute("r1", "Fill", request, { clientId, sequence });
    if (code !== 0) throw new Error(`Fill failed with ${code}: ${message}`);
  }
}

/**
 * Every fault, as a command and in a query that is decided, sent to all replicas at once under one session and sequence;
 * and then again as the client library sends it.
 * @param {Stage} stage
 */
async function everyReplicaAtOnce({ cluster, tally, progress }) {
  const clientId = await cluster.openSession();
  let sequence = 0;
  for (const fault of faults)
    for (const method of fault.commandsOnly ? ["Break"] : ["Break", "Look"]) {
      const before = await counts(cluster, tally);
      const answer = await same(cluster, tally, fault, method, { clientId, sequence: ++sequence });
      const what = `${method} "${fault.how}"`;
      tally.expect(
        answer.code === fault.code && fault.says.test(answer.message),
        () => `${what}: ${text(answer)}`,
      );
      if (fault.logged) inTheLogs(cluster, tally, what, answer.slot, cluster.replicas);
      const after = await counts(cluster, tally);
      tally.expect(after === before, () => `${what}: there was ${before}, and then ${after}`);
      await goesOn(cluster, tally, { clientId, sequence: ++sequence });
      progress(`${what}: ${text(answer)}`);
    }
  await equal(cluster, tally, "after every fault");
}

/**
 * One command at every replica: the answer that all of them gave.
 * @param {ServiceCluster} cluster @param {Tally} tally @param {Fault} fault @param {string} method
 * @param {import("./support/service-cluster.mjs").Numbered} numbered
 */
async function same(cluster, tally, { how }, method, numbered) {
  const metadata = {
    [metadataKeys.clientId]: numbered.clientId,
    [metadataKeys.sequence]: String(numbered.sequence),
  };
  const byName = await Promise.all(cluster.replicas.map((id) => cluster.call(id, method, { how }, metadata)));
  const again = await Promise.all(
    cluster.replicas.map((id) => cluster.execute(id, method, { how }, numbered)),
  );
  const answers = [...byName, ...again];
  const [first] = answers;
  if (first === undefined) throw new Error("expected replicas, found none");
  tally.answers += answers.length;
  // A query that is repeated is executed again, in a slot of its own.
  const told = (/** @type {ServiceAnswer} */ answer) =>
    JSON.stringify(method === "Look" ? { ...answer, slot: 0 } : answer);
  for (const answer of answers) {
    tally.expect(
      told(answer) === told(first),
      () => `${method} "${how}": ${text(first)} and ${text(answer)}`,
    );
    const words = `${answer.message} ${Buffer.from(answer.details, "base64")}`;
    tally.expect(!inside.test(words), () => `${method} "${how}" tells what only the log should: ${words}`);
  }
  const withDetails = how.startsWith("declared");
  tally.expect(
    (first.details !== "") === withDetails,
    () => `${method} "${how}": details "${first.details}"`,
  );
  tally.expect(first.slot > 0, () => `${method} "${how}" was not decided: ${text(first)}`);
  return first;
}

/**
 * Each replica's own log has the error once, with the stack, however often the command was sent.
 * @param {ServiceCluster} cluster @param {Tally} tally @param {string} what @param {number} slot @param {string[]} replicas
 */
function inTheLogs(cluster, tally, what, slot, replicas) {
  for (const id of replicas) {
    const lines = cluster.handlerErrors(id).filter((line) => line.slot === slot);
    const [error = {}] = lines.map(({ err }) => err);
    const told = typeof error === "string" ? error : `${error.stack}`;
    const stack = typeof error === "string" || /\n\s+at /.test(told);
    tally.logged += lines.length;
    tally.expect(lines.length === 1 && stack, () => `${what}: the log of ${id} has ${JSON.stringify(lines)}`);
  }
}

/** A command that is right succeeds, and every replica says so. @param {ServiceCluster} cluster @param {Tally} tally
 *  @param {import("./support/service-cluster.mjs").Numbered} numbered */
async function goesOn(cluster, tally, numbered) {
  const request = { from: String(firstGoodRow + numbered.sequence), rows: 1 };
  const answers = await Promise.all(
    cluster.replicas.map((id) => cluster.execute(id, "Fill", request, numbered)),
  );
  for (const answer of answers) tally.expect(answer.code === 0, () => `the next command: ${text(answer)}`);
  tally.goodCommands += 1;
}

/** A stale read at each replica; their answers are the same. @param {ServiceCluster} cluster @param {Tally} tally */
async function counts(cluster, tally) {
  const found = await Promise.all(cluster.replicas.map((id) => cluster.count(id, firstGoodRow)));
  tally.expect(new Set(found).size === 1, () => `the replicas hold ${found.join(", ")}`);
  return found[0] ?? "";
}

/** @param {ServiceCluster} cluster @param {Tally} tally @param {string} when */
async function equal(cluster, tally, when) {
  const { equal: same, states } = await equalReplicas(cluster.processes);
  tally.expect(same, () => `the replicas differ ${when}: ${states.join(", ")}`);
}

/** Queries that a replica answers alone go wrong in the same words. @param {Stage} stage */
async function queriesAlone({ cluster, tally }) {
  const before = await counts(cluster, tally);
  for (const { how, code, says } of faults.filter((fault) => !fault.commandsOnly))
    for (const id of cluster.replicas) {
      const answer = await cluster.call(id, "Look", { how }, { [metadataKeys.read]: "stale" });
      tally.answers += 1;
      tally.expect(
        answer.code === code && says.test(answer.message) && !inside.test(answer.message),
        () => `stale Look "${how}" at ${id}: ${text(answer)}`,
      );
    }
  const after = await counts(cluster, tally);
  tally.expect(after === before, () => `stale queries: there was ${before}, and then ${after}`);
}

/** A command that runs by itself goes wrong, and nobody is there to be told. @param {Stage} stage */
async function byItself({ cluster, tally }) {
  const before = await counts(cluster, tally);
  const numbered = { clientId: await cluster.openSession(), sequence: 1 };
  const request = { how: "undeclared", afterMs: 500 };
  const { code, slot } = await cluster.execute("r1", "BreakLater", request, numbered);
  tally.expect(code === 0, () => `BreakLater answered ${code}`);
  const failedIn = (/** @type {string} */ id) =>
    cluster.handlerErrors(id).find((line) => line.slot > slot)?.slot;
  for (const id of cluster.replicas) await until(`${id} to run it`, () => failedIn(id) !== undefined);
  const slots = new Set(cluster.replicas.map(failedIn));
  tally.expect(slots.size === 1, () => `what was scheduled failed in slots ${[...slots].join(", ")}`);
  const after = await counts(cluster, tally);
  tally.expect(after === before, () => `what was scheduled: there was ${before}, and then ${after}`);
  await goesOn(cluster, tally, { ...numbered, sequence: 2 });
  await equal(cluster, tally, "after a command that failed by itself");
}

/** A replica that was away executes the same commands later, and comes to the same. @param {Stage} stage */
async function afterwards({ cluster, tally }) {
  const { processes } = cluster;
  const clientId = await cluster.openSession();
  await processes.kill("r3");
  /** @type {{ fault: Fault, sequence: number, answer: ServiceAnswer }[]} */
  const told = [];
  for (const [index, fault] of faults.entries()) {
    const sequence = index + 1;
    const answer = await cluster.execute("r2", "Break", { how: fault.how }, { clientId, sequence });
    told.push({ fault, sequence, answer });
  }
  processes.start("r3");
  await processes.ready(["r3"]);
  await equal(cluster, tally, "after one came back");
  for (const { fault, sequence, answer } of told) {
    const later = await cluster.execute("r3", "Break", { how: fault.how }, { clientId, sequence });
    tally.answers += 2;
    const what = `"${fault.how}" executed later`;
    tally.expect(
      JSON.stringify(later) === JSON.stringify(answer),
      () => `${what}: ${text(answer)} and ${text(later)}`,
    );
    if (fault.logged) inTheLogs(cluster, tally, what, answer.slot, ["r2", "r3"]);
  }
  await counts(cluster, tally);
  await goesOn(cluster, tally, { clientId, sequence: faults.length + 1 });
}

/** @param {ServiceAnswer} answer */
function text({ code, message, slot, details }) {
  return `${code} in slot ${slot}: ${message}${details === "" ? "" : ` with ${details}`}`;
}
