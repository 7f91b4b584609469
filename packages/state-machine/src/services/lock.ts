import { replicatedService } from "../definition/replicated-service.js";
import { Status } from "../definition/status.js";
import type { ReadTransaction, Transaction } from "../definition/table.js";
import { timeLimits } from "../engine/limits.js";
import type { Read, Write } from "../gen/types.js";
import { builtInDescriptors } from "./descriptors.js";

const lock = replicatedService({
  descriptors: builtInDescriptors,
  service: "synod.lock.v1.Lock",
});
/** The holders of locks, by name. A lock that is free has no row. */
const holders = lock.table("holders", ["string"], "synod.lock.v1.Claim");
/** The callers that wait for a lock, by name and fencing token, so in the order of asking. */
const waiters = lock.table("waiters", ["string", "int64"], "synod.lock.v1.Claim");

export const lockLimits = Object.freeze({
  maxNameBytes: 256,
  maxOwnerBytes: 256,
  minTtlMs: timeLimits.shortestExpiryMs,
  maxTtlMs: 24 * 60 * 60 * 1000,
  /** Of one lock. */
  maxWaiters: 1000,
});

interface Clock {
  readonly time: Date;
  schedule(at: Date, method: "Release", request: { name: string; fencingToken: string }, id: string): void;
  unschedule(id: string): void;
}

/**
 * A lock's end is a release that comes by itself; renewing moves it. Log time may run one step ahead of real time (rule
 * 16), so a lock gets that step on top: who counts its time to live by a clock of its own never loses it early.
 */
function expireAt(context: Clock, name: string, fencingToken: string, ttlMs: string): string {
  const at = context.time.getTime() + Number(ttlMs) + timeLimits.maxStepMs;
  context.schedule(new Date(at), "Release", { name, fencingToken }, name);
  return String(at);
}

function grant(
  tx: Transaction,
  context: Clock,
  name: string,
  claim: Write<"synod.lock.v1.Claim"> & { fencingToken: string; ttlMs: string },
) {
  const expiresAtMs = expireAt(context, name, claim.fencingToken, claim.ttlMs);
  tx.put(holders, [name], { ...claim, expiresAtMs });
  return { acquired: true, fencingToken: claim.fencingToken, expiresAtMs };
}

/** The next in line holds, or nobody does. */
function passOn(tx: Transaction, context: Clock, name: string): void {
  for (const [key, claim] of tx.range(waiters, { prefix: [name], limit: 1 })) {
    tx.delete(waiters, ...key);
    grant(tx, context, name, claim);
    return;
  }
  tx.delete(holders, name);
  context.unschedule(name);
}

function waiting(tx: ReadTransaction, name: string): readonly Read<"synod.lock.v1.Claim">[] {
  return [...tx.range(waiters, { prefix: [name], limit: lockLimits.maxWaiters })].map(([, claim]) => claim);
}

function textProblem(field: string, text: string, most: number): string | undefined {
  const bytes = Buffer.byteLength(text);
  return bytes >= 1 && bytes <= most
    ? undefined
    : `${field}: expected 1 to ${most} bytes of UTF-8, found ${bytes}`;
}

function nameProblem({ name }: { readonly name: string }): string | undefined {
  return textProblem("name", name, lockLimits.maxNameBytes);
}

function ttlProblem({ ttlMs }: { readonly ttlMs: string }): string | undefined {
  const { minTtlMs, maxTtlMs } = lockLimits;
  const ttl = Number(ttlMs);
  return ttl >= minTtlMs && ttl <= maxTtlMs
    ? undefined
    : `ttl_ms: expected ${minTtlMs} to ${maxTtlMs}, found ${ttlMs}`;
}

function tokenProblem({ fencingToken }: { readonly fencingToken: string }): string | undefined {
  return BigInt.asIntN(64, BigInt(fencingToken)) > 0n
    ? undefined
    : `fencing_token: expected one that Acquire gave, found ${fencingToken}`;
}

/** `synod.lock.v1.Lock`: locks that expire, with fencing tokens. A token is the revision of the command that asked. */
export const lockService = lock.define({
  version: 1,
  errors: {
    NotHeld: { code: Status.failedPrecondition, detail: "synod.lock.v1.NotHeld" },
    TooManyWait: { code: Status.resourceExhausted },
  },
  commands: {
    Acquire(tx, { name, owner, ttlMs, wait }, context) {
      const holder = tx.get(holders, name);
      const fencingToken = String(context.revision);
      if (holder === undefined) return grant(tx, context, name, { owner, fencingToken, ttlMs });
      if (holder.owner === owner)
        return { acquired: true, fencingToken: holder.fencingToken, expiresAtMs: holder.expiresAtMs };
      const line = waiting(tx, name);
      const place = line.findIndex((claim) => claim.owner === owner);
      if (place !== -1)
        return { acquired: false, fencingToken: line[place]?.fencingToken ?? "0", ahead: place };
      if (!wait) return { acquired: false };
      if (line.length >= lockLimits.maxWaiters)
        context.fail("TooManyWait", `${line.length} owners wait for "${name}" already; try again later`);
      tx.put(waiters, [name, context.revision], { owner, fencingToken, ttlMs });
      return { acquired: false, fencingToken, ahead: line.length };
    },
    Renew(tx, { name, fencingToken, ttlMs }, context) {
      const holder = tx.get(holders, name);
      if (holder?.fencingToken !== fencingToken)
        return context.fail(
          "NotHeld",
          { name, fencingToken: holder?.fencingToken ?? "0" },
          `"${name}" is not held with fencing token ${fencingToken}; acquire it again`,
        );
      const expiresAtMs = expireAt(context, name, fencingToken, ttlMs);
      tx.put(holders, [name], { ...holder, ttlMs, expiresAtMs });
      return { expiresAtMs };
    },
    Release(tx, { name, fencingToken }, context) {
      if (tx.get(holders, name)?.fencingToken === fencingToken) {
        passOn(tx, context, name);
        return { released: true };
      }
      const released = tx.get(waiters, name, BigInt(fencingToken)) !== undefined;
      if (released) tx.delete(waiters, name, BigInt(fencingToken));
      return { released };
    },
  },
  queries: {
    Get(tx, { name }) {
      const holder = tx.get(holders, name);
      if (holder === undefined) return { held: false };
      const { owner, fencingToken, expiresAtMs } = holder;
      return {
        held: true,
        owner,
        fencingToken,
        expiresAtMs,
        waiting: waiting(tx, name).map((claim) => claim.owner),
      };
    },
  },
  validate: {
    Acquire: (request) =>
      nameProblem(request) ??
      textProblem("owner", request.owner, lockLimits.maxOwnerBytes) ??
      ttlProblem(request),
    Renew: (request) => nameProblem(request) ?? tokenProblem(request) ?? ttlProblem(request),
    Release: (request) => nameProblem(request) ?? tokenProblem(request),
    Get: nameProblem,
  },
});
