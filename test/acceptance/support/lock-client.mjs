// One client process that contends for a lock, again and again, under another name each time. Its parent is told of every
// acquisition and says what to do with it.
import { LockCaller } from "./lock-caller.mjs";

/**
 * @typedef {import("./lock-caller.mjs").Note} Note
 * @typedef {{ name: string, replicas: string[], lock: string, ttlMs: number, sendToAll: boolean }} LockClientOptions
 * @typedef {"release" | "renew" | "lapse" | "pause" | "die" | "end"} Order What a holder is to do with its hold: pauses
 *   and deaths come from the parent, by signal, once the holder has written.
 * @typedef {{ kind: "acquired", owner: string, token: string, notes: Note[] }
 *   | { kind: "wrote", token: string, how: "written" | "stale" }
 *   | { kind: "stale-write", token: string, how: "written" | "stale" }
 *   | { kind: "failed", message: string }
 *   | { kind: "ended", notes: Note[] }} LockReport
 */

/** @type {LockClientOptions} */
const { name, replicas, lock, ttlMs, sendToAll } = JSON.parse(process.argv[2] ?? "{}");
const caller = new LockCaller({ replicas, lock, sendToAll });

/** @param {LockReport} report */
const tell = (report) => void process.send?.(report);

/** @type {unknown[]} */
const mail = [];
/** @type {((message: unknown) => void) | undefined} */
let reader;
process.on("message", (message) => {
  if (reader === undefined) mail.push(message);
  else reader(message);
});

/** The next message of the parent. @returns {Promise<unknown>} */
async function told() {
  if (mail.length > 0) return mail.shift();
  return new Promise((resolve) => {
    reader = (message) => {
      reader = undefined;
      resolve(message);
    };
  });
}

/** Everything that a holder might still do whose hold is over. @param {string} token */
async function actStale(token) {
  tell({ kind: "stale-write", token, how: await caller.write(token) });
  await caller.renew(token, ttlMs);
  await caller.release(token);
}

/** @type {string | undefined} */
let lapsed;

/** One acquisition to its end; true when it was the last. @param {string} owner */
async function hold(owner) {
  const token = await caller.acquire(owner, ttlMs);
  tell({ kind: "acquired", owner, token, notes: caller.takeNotes() });
  const order = /** @type {Order} */ (await told());
  tell({ kind: "wrote", token, how: await caller.write(token) });
  if (lapsed !== undefined) {
    // Its own earlier hold has ended, because it holds again: the write above came with the higher token.
    await actStale(lapsed);
    lapsed = undefined;
  }
  if (order === "renew") await caller.renew(token, ttlMs + 1_000);
  if (order === "lapse") lapsed = token;
  else if (order === "pause" || order === "die") {
    // The signal comes now. Whoever was paused goes on once others have held the lock.
    await told();
    await actStale(token);
  } else await caller.release(token);
  return order === "end";
}

const orphaned = () => process.exit(1);
process.on("disconnect", orphaned);
try {
  for (let number = 1; !(await hold(`${name}-${number}`)); number++);
  tell({ kind: "ended", notes: caller.takeNotes() });
} catch (error) {
  tell({ kind: "failed", message: error instanceof Error ? error.message : String(error) });
}
caller.close();
process.off("disconnect", orphaned);
process.disconnect?.();
