import { aKey } from "../replica/replica-bench.js";
import type { Context } from "../suite/context.js";
import { equal, holds } from "../suite/expect.js";
import { type Row, writing } from "../suite/matrix.js";
import type { Message } from "../suite/message.js";
import { endsWith, pause } from "../suite/target.js";
import { type Method, rowOf } from "./service-rows.js";

const lock = "synod.lock.v1.Lock";
const ttlMs = 60_000;
/** The shortest that there is. */
const shortMs = 2_000;
const longName = "n".repeat(257);

const ask = (context: Context, method: string, request: Message): Promise<Message> =>
  context.target("replica").call(`${lock}/${method}`, request);

const acquire = (context: Context, name: string, owner: string, more: Message = {}): Promise<Message> =>
  ask(context, "Acquire", { name, owner, ttlMs, ...more });

/** A lock of this run that somebody holds: its name and token. */
async function held(context: Context, name = aKey(context)): Promise<{ name: string; token: number }> {
  const { acquired, fencingToken } = await acquire(context, name, "holder");
  equal(acquired, true, "acquired, of a lock that is free");
  holds(fencingToken > 0, "fencing_token", "one above 0", fencingToken);
  return { name, token: fencingToken };
}

/** Somebody who waits in line, by token. */
async function inLine(context: Context, name: string, owner: string, ahead: number): Promise<number> {
  const answer = await acquire(context, name, owner, { wait: true });
  equal([answer.acquired, answer.ahead], [false, ahead], `acquired and ahead of ${owner}`);
  return answer.fencingToken;
}

const oneHolds = writing(
  "lock.proto",
  "one owner holds, and is told the same when asking again; another one is not given it",
  async (context) => {
    const { name, token } = await held(context);
    const first = await acquire(context, name, "holder");
    equal([first.acquired, first.fencingToken], [true, token], "the holder, asking again");
    const other = await acquire(context, name, "other");
    equal([other.acquired, other.fencingToken], [false, 0], "another one, who does not wait");
    const { held: still, owner, waiting } = await ask(context, "Get", { name });
    equal([still, owner, waiting], [true, "holder", []], "held, owner and waiting");
  },
);

const inOrder = writing(
  "lock.proto",
  "who waits is granted it in the order of asking, and fencing tokens grow from holder to holder",
  async (context) => {
    const { name, token } = await held(context);
    const second = await inLine(context, name, "second", 0);
    const third = await inLine(context, name, "third", 1);
    equal(await inLine(context, name, "second", 0), second, "the token of one who asks again while waiting");
    equal((await ask(context, "Get", { name })).waiting, ["second", "third"], "waiting");
    holds(token < second && second < third, "fencing tokens", "growing ones", [token, second, third]);
    for (const [owner, mine, next] of [
      ["second", token, second],
      ["third", second, third],
    ] as const) {
      await ask(context, "Release", { name, fencingToken: mine });
      const found = await ask(context, "Get", { name });
      equal([found.owner, found.fencingToken], [owner, next], "the next holder and its token");
    }
  },
);

const expires = writing(
  "rule 16, lock.proto",
  "it expires by itself, and not early: the next in line holds it then",
  async (context) => {
    const name = aKey(context);
    const askedAt = performance.now();
    await acquire(context, name, "holder", { ttlMs: shortMs });
    const token = await inLine(context, name, "next", 0);
    const until = askedAt + shortMs + 2 * context.patienceMs;
    let found = await ask(context, "Get", { name });
    while (found.owner === "holder" && performance.now() < until) {
      await pause(50);
      found = await ask(context, "Get", { name });
    }
    equal([found.owner, found.fencingToken], ["next", token], "owner and token after the time to live");
    const elapsedMs = performance.now() - askedAt;
    holds(elapsedMs >= shortMs, "the lock's life", `at least ${shortMs} ms`, `${Math.round(elapsedMs)} ms`);
  },
);

const renews = writing("lock.proto", "it expires later then", async (context) => {
  const { name, token } = await held(context);
  const before = (await ask(context, "Get", { name })).expiresAtMs;
  const { expiresAtMs } = await ask(context, "Renew", { name, fencingToken: token, ttlMs: 2 * ttlMs });
  holds(expiresAtMs >= before + ttlMs, "expires_at_ms", `at least ${before + ttlMs}`, expiresAtMs);
  equal((await ask(context, "Get", { name })).expiresAtMs, expiresAtMs, "Get.expires_at_ms");
});

const renewsOwn = writing(
  "lock.proto",
  "with another token it is FAILED_PRECONDITION, with NotHeld as its detail, and changes nothing",
  async (context) => {
    const { name, token } = await held(context);
    const before = await ask(context, "Get", { name });
    const request = { name, fencingToken: token + 1, ttlMs };
    const answer = await context.target("replica").ask(`${lock}/Renew`, request);
    endsWith(answer, ["FAILED_PRECONDITION"], [], "a token that does not hold");
    const details = answer.trailer.get("grpc-status-details-bin").map(String).join();
    holds(details.includes("synod.lock.v1.NotHeld"), "grpc-status-details-bin", "a NotHeld", details);
    equal(await ask(context, "Get", { name }), before, "the lock");
  },
);

const releases = writing(
  "lock.proto",
  "it frees the lock, or leaves the line; a token that neither holds nor waits releases nothing",
  async (context) => {
    const { name, token } = await held(context);
    const waiting = await inLine(context, name, "second", 0);
    const released = async (fencingToken: number) =>
      (await ask(context, "Release", { name, fencingToken })).released;
    equal(await released(waiting), true, "released, of one who waits");
    equal(await released(waiting), false, "released, the second time");
    equal((await ask(context, "Get", { name })).fencingToken, token, "the token that holds");
    equal(await released(token), true, "released, of the holder");
    equal(await released(token), false, "released, of one who held");
    equal((await ask(context, "Get", { name })).held, false, "held");
  },
);

const tells = writing(
  "lock.proto",
  "a lock that is free has no owner; one that is held has",
  async (context) => {
    const name = aKey(context);
    const free = { held: false, owner: "", fencingToken: 0, expiresAtMs: 0, waiting: [] };
    equal(await ask(context, "Get", { name }), free, "a lock that nobody asked for");
    const { token } = await held(context, name);
    const { expiresAtMs, ...found } = await ask(context, "Get", { name });
    equal(found, { held: true, owner: "holder", fencingToken: token, waiting: [] }, "the lock that is held");
    holds(expiresAtMs > 0, "expires_at_ms", "a time", expiresAtMs);
  },
);

const badTtls = (request: Message): Record<string, Message> => ({
  "a time to live of 1,999 ms": { ...request, ttlMs: 1_999 },
  "no time to live": { ...request, ttlMs: 0 },
});
const longTtl = (request: Message): Record<string, Message> => ({
  "a time to live above a day": { ...request, ttlMs: 86_400_001 },
});
const name = "contract";
const asked = { name, owner: "owner", ttlMs };
const renewed = { name, fencingToken: 1, ttlMs };
const longNames = (request: Message): Record<string, Message> => ({
  "a name of 257 bytes": { ...request, name: longName },
});

const methods: readonly Method[] = [
  {
    service: lock,
    name: "Acquire",
    request: (key) => ({ name: key, owner: "owner", ttlMs }),
    accepted: [oneHolds, inOrder, expires],
    bad: {
      "no name": { ...asked, name: "" },
      "no owner": { ...asked, owner: "" },
      ...badTtls(asked),
    },
    large: {
      ...longNames(asked),
      "an owner of 257 bytes": { ...asked, owner: longName },
      ...longTtl(asked),
    },
  },
  {
    service: lock,
    name: "Renew",
    request: (key) => ({ name: key, fencingToken: 1, ttlMs }),
    prepared: async (context, key) => ({ name: key, fencingToken: (await held(context, key)).token, ttlMs }),
    accepted: [renews, renewsOwn],
    bad: {
      "no name": { ...renewed, name: "" },
      "no token": { ...renewed, fencingToken: 0 },
      ...badTtls(renewed),
    },
    large: { ...longNames(renewed), ...longTtl(renewed) },
  },
  {
    service: lock,
    name: "Release",
    request: (key) => ({ name: key, fencingToken: 1 }),
    prepared: async (context, key) => ({ name: key, fencingToken: (await held(context, key)).token }),
    accepted: [releases],
    bad: { "no name": { name: "", fencingToken: 1 }, "no token": { name, fencingToken: 0 } },
    large: longNames({ name, fencingToken: 1 }),
  },
  {
    service: lock,
    name: "Get",
    query: true,
    request: (key) => ({ name: key }),
    accepted: [tells],
    bad: { "no name": { name: "" } },
    large: longNames({}),
  },
];

export const lockRows: readonly Row[] = methods.map(rowOf);
