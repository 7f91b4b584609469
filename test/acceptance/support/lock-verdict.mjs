// What the decided log and the clients' notes say of locks, in two ways:
//
// From the answers alone, each put at the place in the log where its command stands first. An answer that says "you hold
// it, with token t" is evidence that t was the holder's at that place. If the stretches of evidence of two tokens never
// overlap, no two holders were ever told so in log order, whatever the service did inside; if tokens grow from stretch to
// stretch, they strictly increase; and if the owners first asked in the order of the stretches, the line was served in
// order.
//
// From a model that replays the log: every answer is the one the model gives. This covers holds that nobody lived to
// tell of, the times of expiry, and the line as a whole.
//
// Beside both, clocks: from an owner's last word before its hold began to the first word of its successor, at least the
// time to live passed on the clock that all processes share; and log time as a whole ran no faster than that clock.
import { lockService, storeService } from "./lock-caller.mjs";
import { LockModel } from "./lock-model.mjs";

/** @typedef {import("./lock-caller.mjs").Note} Note @typedef {import("./lock-model.mjs").Place} Place */
/** @typedef {{ token: number, lock: string, owner: string, first: Place, last: Place, seenAtMs: number }} Hold */
/** @typedef {Note & { place: Place }} Placed */

/** @param {Place} a @param {Place} b */
const before = (a, b) => a.slot < b.slot || (a.slot === b.slot && a.index < b.index);

/**
 * @param {import("./decided-log.mjs").DecidedBatch[]} log from slot 1 on
 * @param {Note[]} notes of all clients, in whatever order
 * @param {number} realMs that passed from before the first command until after the last
 */
export function judge(log, notes, realMs) {
  const model = LockModel.replay(log);
  /** @type {string[]} */
  const otherAnswers = [];
  const placed = place(notes, model, otherAnswers);
  /** @type {string[]} */
  const sharedTokens = [];
  const holds = holdsOf(placed, sharedTokens);
  const guard = guardProblems(placed);
  const early = earlyEnds(placed, holds, model);
  const logTimeMs = model.timeMs - model.firstTimeMs;
  const ahead = `log time moved ${logTimeMs} ms within ${Math.round(realMs)} ms`;
  const found = {
    twoHolders: overlapProblems(holds),
    sharedTokens,
    tokensThatFall: fallingTokens(holds, model),
    outOfOrder: lineProblems(holds, model),
    staleWrites: guard.problems,
    earlyEnds: early.problems,
    timeAhead: logTimeMs > realMs ? [ahead] : [],
    otherAnswersThanTheLog: otherAnswers,
  };
  const broken = Object.entries(found).filter(([, each]) => each.length > 0);
  return {
    problems: Object.values(found).flat(),
    figures: {
      slots: log.at(-1)?.slot ?? 0,
      answers: notes.length,
      repeatsInLog: model.repeats,
      grantsToldToClients: holds.length,
      grantsInLog: model.grants.length,
      expiredInLog: model.grants.filter(({ end }) => end === "expired").length,
      guardedWrites: guard.writes,
      expiriesSeen: early.expiries,
      shortestExpiryMs: early.shortestMs,
      logTimeMs,
      realMs: Math.round(realMs),
      broken: Object.fromEntries(broken.map(([check, each]) => [check, each.length])),
    },
  };
}

/** Each note with its place, and held against the model. @param {Note[]} notes @param {LockModel} model @param {string[]} problems */
function place(notes, model, problems) {
  /** @type {Placed[]} */
  const placed = [];
  for (const note of notes) {
    const { clientId, sequence, method, asked, answer } = note;
    const what = `${clientId}#${sequence} ${method} ${JSON.stringify(asked)}`;
    const executed = model.executed.get(`${clientId}#${sequence}`);
    if (executed === undefined) {
      problems.push(`${what} was answered, but is not in the log`);
      continue;
    }
    const { command, again } = executed;
    const isAnswer = (/** @type {import("./lock-model.mjs").Execution} */ execution) =>
      Object.entries(execution.answer).every(
        ([key, expected]) => JSON.stringify(answer[key]) === JSON.stringify(expected),
      );
    const { place, answer: told } = [executed, ...again].find(isAnswer) ?? executed;
    const same = Object.entries(asked).every(([key, value]) => command.request[key] === value);
    if (command.method !== method || !same)
      problems.push(`${what} stands in the log as ${command.method} ${JSON.stringify(command.request)}`);
    for (const [key, expected] of Object.entries(told)) {
      const [found, wanted] = [JSON.stringify(answer[key]), JSON.stringify(expected)];
      if (found !== wanted) problems.push(`${what}: ${key} is ${found}, and ${wanted} by the log`);
    }
    placed.push({ ...note, place });
  }
  return placed.sort((a, b) => (before(a.place, b.place) ? -1 : 1));
}

/** The token that an answer proves to be the holder's. @param {Placed} note */
function provenToken({ service, method, asked, answer }) {
  if (service !== lockService || answer.code !== undefined) return undefined;
  if (method === "Acquire") return answer.acquired ? Number(answer.fencingToken) : undefined;
  return method === "Renew" || answer.released ? Number(asked.fencingToken) : undefined;
}

/** In the order of serving. @param {Placed[]} placed in log order @param {string[]} problems */
function holdsOf(placed, problems) {
  /** @type {Map<string, Hold>} */
  const holds = new Map();
  for (const note of placed) {
    const token = provenToken(note);
    if (token === undefined) continue;
    const lock = String(note.asked.name);
    const key = `${lock} ${token}`;
    const hold = holds.get(key);
    const owner = String(note.asked.owner ?? hold?.owner);
    if (hold === undefined)
      holds.set(key, {
        token,
        lock,
        owner,
        first: note.place,
        last: note.place,
        seenAtMs: note.receivedAtMs,
      });
    else {
      hold.last = note.place;
      if (hold.owner !== owner) problems.push(`token ${token} is that of ${hold.owner} and of ${owner}`);
    }
  }
  return [...holds.values()].sort((a, b) => (before(a.first, b.first) ? -1 : 1));
}

/** Each hold of a lock with the one before. @param {Hold[]} holds */
function* neighbours(holds) {
  /** @type {Map<string, Hold>} */
  const latest = new Map();
  for (const hold of holds) {
    const last = latest.get(hold.lock);
    if (last !== undefined) yield/** @type {const} */ ([last, hold]);
    latest.set(hold.lock, hold);
  }
}

/** @param {Hold[]} holds in the order of serving */
function overlapProblems(holds) {
  return [...neighbours(holds)]
    .filter(([one, next]) => !before(one.last, next.first))
    .map(
      ([one, next]) =>
        `${one.owner} was told of token ${one.token} up to slot ${one.last.slot}, and ${next.owner} of ${next.token} from ${next.first.slot} on`,
    );
}

/** Served in the order of asking. @param {Hold[]} holds in the order of serving @param {LockModel} model */
function lineProblems(holds, model) {
  /** @type {Map<string, Place>} */
  const askedAt = new Map();
  for (const { command, place } of model.executed.values())
    if (command.method === "Acquire" && !askedAt.has(command.request.owner))
      askedAt.set(command.request.owner, place);
  const asked = (/** @type {Hold} */ { owner }) => /** @type {Place} */ (askedAt.get(owner));
  return [...neighbours(holds)]
    .filter(([one, next]) => !before(asked(one), asked(next)))
    .map(([one, next]) => `${next.owner} asked before ${one.owner}, and held after it`);
}

/** What is protected is never written with a token below one that it was written with. @param {Placed[]} placed */
function guardProblems(placed) {
  const writes = placed.filter(
    ({ service, method }) => service === storeService && method === "CompareAndSet",
  );
  const done = writes.filter(({ answer }) => answer.succeeded);
  const tokens = done.map(({ written }) => Number(written));
  const problems = tokens.flatMap((token, index) =>
    token < (tokens[index - 1] ?? 0) ? [`${token} wrote after ${tokens[index - 1]}`] : [],
  );
  return { problems, writes: done.length };
}

/** As clients were told, and as the log has it. @param {Hold[]} holds @param {LockModel} model */
function fallingTokens(holds, { grants }) {
  const told = [...neighbours(holds)]
    .filter(([one, next]) => next.token <= one.token)
    .map(([one, next]) => `${next.owner} held with ${next.token} after ${one.owner} with ${one.token}`);

  /** @type {Map<string, number>} */
  const highest = new Map();
  const granted = grants.flatMap(({ lock, token }) => {
    const last = highest.get(lock) ?? 0;
    highest.set(lock, token);
    return token > last ? [] : [`${lock} was granted with ${token} after ${last}`];
  });
  return [...told, ...granted];
}

/**
 * Holds that ended by themselves, and how long they lasted at most, as seen from outside: since its owner sent the last
 * question that it did not yet hold at, or its last renewal, until somebody else was told to hold.
 * @param {Placed[]} placed @param {Hold[]} holds @param {LockModel} model
 */
function earlyEnds(placed, holds, model) {
  const expired = new Set(model.grants.filter(({ end }) => end === "expired").map(({ token }) => token));
  /** @type {Map<string, { sinceMs: number, ttlMs: number }>} */
  const leases = new Map();
  for (const { method, asked, answer, sentAtMs } of placed) {
    const owner = String(asked.owner);
    if (method === "Acquire" && (!answer.acquired || !leases.has(owner)))
      leases.set(owner, { sinceMs: sentAtMs, ttlMs: Number(asked.ttlMs) });
    const renewed = method === "Renew" && answer.code === undefined;
    const holder = renewed ? holds.find(({ token }) => token === Number(asked.fencingToken)) : undefined;
    if (holder !== undefined) leases.set(holder.owner, { sinceMs: sentAtMs, ttlMs: Number(asked.ttlMs) });
  }
  /** @type {string[]} */
  const problems = [];
  let expiries = 0;
  let shortestMs = Number.POSITIVE_INFINITY;
  for (const [one, next] of neighbours(holds)) {
    const lease = leases.get(one.owner);
    if (!expired.has(one.token) || lease === undefined) continue;
    const lastedMs = Math.round(next.seenAtMs - lease.sinceMs);
    expiries += 1;
    shortestMs = Math.min(shortestMs, lastedMs);
    if (lastedMs < lease.ttlMs)
      problems.push(`${one.owner} lost its lock after ${lastedMs} ms instead of ${lease.ttlMs}`);
  }
  return { problems, expiries, shortestMs: Number.isFinite(shortestMs) ? shortestMs : undefined };
}
