// Many rows of the key-value store, with values that can be told again from the key.
import { connect } from "@synod/client";

export const valueBytes = 100;
/** As many as one command may write. */
const rowsOfCommand = 1_000;
const outstanding = 8;

/** @param {number} number */
export const rowKey = (number) => `row-${String(number).padStart(9, "0")}`;

/** @param {number} number @param {string} round values of different rounds differ */
export const rowValue = (number, round = "a") => Buffer.from(`${round} ${number} `.padEnd(valueBytes, "."));

/**
 * Writes rows through the cluster, 1,000 in a command and several commands at a time.
 * @param {string[]} replicas @param {number} count @param {{ round?: string, progress?: (line: string) => void }} [options]
 */
export async function fill(replicas, count, { round, progress = () => {} } = {}) {
  const client = connect({ replicas, deadlineMs: 60_000, silenceMs: 20_000 });
  /** @type {{ CompareAndSet(request: { writes: { key: string, put: Uint8Array }[] }): Promise<{ succeeded: boolean }> }} */
  const store = client.service("synod.kv.v1.KeyValue");
  const startedAt = performance.now();
  let next = 0;
  const worker = async () => {
    while (next < count) {
      const from = next;
      next = Math.min(count, from + rowsOfCommand);
      const writes = Array.from({ length: next - from }, (_, index) => ({
        key: rowKey(from + index),
        put: rowValue(from + index, round),
      }));
      const { succeeded } = await store.CompareAndSet({ writes });
      if (!succeeded) throw new Error(`the rows from ${from} on were not written`);
      if (from % 200_000 === 0 && from > 0) progress(`${from} rows written`);
    }
  };
  try {
    await Promise.all(Array.from({ length: outstanding }, worker));
  } finally {
    client.close();
  }
  const seconds = (performance.now() - startedAt) / 1000;
  progress(`${count} rows written in ${seconds.toFixed(1)} s`);
  return { rows: count, seconds: Math.round(seconds), perSecond: Math.round(count / seconds) };
}

/**
 * Overwrites one key with large values, until nobody keeps what was decided before: replicas keep 64 MiB of the log.
 * @param {string[]} replicas
 */
export async function pushLogOn(replicas, bytes = 90 << 20) {
  const client = connect({ replicas, deadlineMs: 60_000, silenceMs: 20_000 });
  /** @type {{ Put(request: { key: string, value: Uint8Array }): Promise<unknown> }} */
  const store = client.service("synod.kv.v1.KeyValue");
  const value = Buffer.alloc(512 << 10, 0x2e);
  let left = Math.ceil(bytes / value.length);
  const worker = async () => {
    while (left-- > 0) await store.Put({ key: "large", value });
  };
  try {
    await Promise.all(Array.from({ length: 4 }, worker));
  } finally {
    client.close();
  }
}
