import path from "node:path";
import { onTestFinished } from "vitest";
import {
  MemoryReplicaDisk,
  openReplicaStore,
  type ReplicaStore,
  type ReplicaStoreOptions,
} from "../src/index.js";
import { key, text } from "./samples.js";
import { temporaryDirectory } from "./temporary.js";

export type Open = (options?: Partial<ReplicaStoreOptions>) => Promise<ReplicaStore>;

export const defaults = { id: "r1", clusterId: "c1", flushEveryMs: 0 };
export const bothKinds = ["lmdb", "memory"] as const;
/** Each call makes a store of its own, which outlives its openings. */
export const kinds = {
  lmdb(): Open {
    const directory = path.join(temporaryDirectory(), "below", "store.1");
    return (options) => closing(openReplicaStore(directory, { ...defaults, ...options }));
  },
  memory(): Open {
    const disk = new MemoryReplicaDisk({ store: "store of a test" });
    return (options) => closing((async () => disk.open({ ...defaults, ...options }))());
  },
};

/** Closed when the test ends. */
export async function closing(opening: Promise<ReplicaStore>): Promise<ReplicaStore> {
  const store = await opening;
  onTestFinished(() => store.close());
  return store;
}

export const put = (store: ReplicaStore, name: string, value: string) =>
  store.state.put(key(name), key(value));
export const get = (store: ReplicaStore, name: string) => text(store.state.get(key(name)));
export const names = (
  store: ReplicaStore,
  range: { from?: string; until?: string; limit?: number; reverse?: boolean },
) =>
  [
    ...store.state.range({
      ...range,
      from: key(range.from ?? ""),
      until: range.until === undefined ? undefined : key(range.until),
    }),
  ].map(([found, value]) => `${text(found)}=${text(value)}`);
export const slots = (store: ReplicaStore, from: number, limit = 100, maxBytes = 1e9) => {
  const { entries, next } = store.log.page(from, limit, maxBytes);
  return [...entries.map(({ slot, value }) => `${slot}:${text(value)}`), next];
};
