import path from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type Install,
  MemoryReplicaDisk,
  openReplicaStore,
  type ReplicaStore,
  type StateSnapshot,
} from "../src/index.js";
import { storedBytes } from "../src/replica-record.js";
import { defaults, names } from "./replica-stores.js";
import { key, text } from "./samples.js";
import { failureOf, temporaryDirectory } from "./temporary.js";

/*
 * The whole of a replica's store against a plain map, a list and copies of both: state, log, trims, flushes that
 * overlap with what follows, snapshots that stay open, installs that end in every way, and restarts.
 */

const letter = fc.constantFrom("a", "b", "c", "d", "e");
const kindOnly = <K extends string>(kind: K) => fc.record({ kind: fc.constant(kind) });
const step = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant("apply" as const), name: letter, clears: letter }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("trim" as const), ahead: fc.nat(4) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("flush" as const), wait: fc.boolean() }) },
  { weight: 2, arbitrary: kindOnly("reopen") },
  { weight: 3, arbitrary: kindOnly("snapshot") },
  { weight: 2, arbitrary: kindOnly("close snapshot") },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("begin" as const), ahead: fc.nat(8) }) },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant("put" as const), count: fc.nat(3) }) },
  { weight: 3, arbitrary: kindOnly("finish") },
  { weight: 1, arbitrary: kindOnly("abandon") },
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

class Model {
  state = new Map<string, string>();
  log: string[] = [];
  last = 0;
  incoming: { slot: number; keys: string[] } | undefined;
  snapshots: { slot: number; shown: string[] }[] = [];

  get shown(): string[] {
    return [...this.state].map(([name, value]) => `${name}=${value}`).sort();
  }
}

/** A store, and what it must look like. */
class Run {
  readonly #open: () => Promise<ReplicaStore>;
  readonly #model = new Model();
  #store: ReplicaStore | undefined;
  #snapshots: StateSnapshot[] = [];
  #install: Install | undefined;

  constructor(open: () => Promise<ReplicaStore>) {
    this.#open = open;
  }

  async all(steps: readonly Step[]): Promise<void> {
    this.#store = await this.#open();
    try {
      for (const action of steps) {
        await this.#take(action, this.#store);
        this.#compare(this.#store);
      }
      await this.#reopen(this.#store);
      this.#compare(this.#store);
    } finally {
      await this.#store.close();
    }
  }

  async #take(action: Step, store: ReplicaStore): Promise<void> {
    const model = this.#model;
    switch (action.kind) {
      case "apply": {
        model.last++;
        model.log.push(`${model.last}`);
        model.state.set(action.name, `${model.last}`);
        model.state.delete(action.clears);
        store.log.append(model.last, key(`${model.last}`));
        store.state.put(key(action.name), key(`${model.last}`));
        store.state.delete(key(action.clears));
        return;
      }
      case "trim": {
        const below = Number(model.log[0] ?? 0) + action.ahead;
        model.log = model.log.filter((slot) => Number(slot) >= below);
        store.log.trim(below);
        return;
      }
      case "flush": {
        const flushed = store.flush();
        await (action.wait ? flushed : new Promise((resolve) => setImmediate(resolve)));
        return;
      }
      case "reopen":
        return this.#reopen(store);
      case "snapshot": {
        if (this.#snapshots.length === 3) return;
        model.snapshots.push({ slot: model.last, shown: model.shown });
        this.#snapshots.push(await store.snapshot());
        return;
      }
      case "close snapshot":
        this.#snapshots.shift()?.close();
        model.snapshots.shift();
        return;
      default:
        return this.#takeIn(action, store);
    }
  }

  async #takeIn(action: Step, store: ReplicaStore): Promise<void> {
    const model = this.#model;
    if (action.kind === "begin") {
      const slot = Math.max(0, model.last - 2) + action.ahead;
      if (model.incoming?.slot !== slot) model.incoming = { slot, keys: [] };
      this.#install = await store.beginInstall({ id: "some", slot });
      return;
    }
    const { incoming } = model;
    const install = this.#install;
    if (incoming === undefined || install === undefined) return;
    if (action.kind === "put") {
      const from = incoming.keys.length;
      const added = Array.from({ length: action.count }, (_, index) =>
        String.fromCharCode(97 + from + index),
      );
      incoming.keys.push(...added);
      const entries = added.map((name) => [key(name), key(`from ${incoming.slot}`)] as const);
      await install.put(entries, key(`${incoming.keys.length}`));
      return;
    }
    model.incoming = undefined;
    this.#install = undefined;
    if (action.kind === "abandon") await install.abandon();
    else if (incoming.slot <= model.last)
      expect(await failureOf(install.finish())).toBeInstanceOf(RangeError);
    else {
      await install.finish();
      model.state = new Map(incoming.keys.map((name) => [name, `from ${incoming.slot}`]));
      model.log = [];
      model.last = incoming.slot;
    }
  }

  async #reopen(store: ReplicaStore): Promise<void> {
    const model = this.#model;
    await store.close();
    this.#snapshots = [];
    model.snapshots = [];
    this.#store = await this.#open();
    expect(this.#store.durableSlot).toBe(model.last);
    this.#install =
      model.incoming && (await this.#store.beginInstall({ id: "some", slot: model.incoming.slot }));
  }

  #compare(store: ReplicaStore): void {
    const model = this.#model;
    expect(names(store, {})).toEqual(model.shown);
    expect(names(store, { reverse: true })).toEqual(model.shown.toReversed());
    expect(store.log.page(1, 1000, 1e9).entries.map(({ slot }) => `${slot}`)).toEqual(model.log);
    const { first, last, bytes } = store.log;
    const stored = model.log.reduce((sum, value) => sum + storedBytes(Buffer.from(value)), 0);
    expect([first, last, bytes]).toEqual([Number(model.log[0] ?? 0), model.last, stored]);
    const shown = this.#snapshots.map((snapshot) => ({
      slot: snapshot.slot,
      shown: snapshot.page(undefined, 1e9).entries.map((entry) => entry.map(text).join("=")),
    }));
    expect(shown).toEqual(model.snapshots);
    expect(store.unfinishedInstall?.slot).toBe(model.incoming?.slot);
    const { keys = [] } = model.incoming ?? {};
    if (this.#install === undefined) return;
    expect(text(this.#install.after)).toBe(keys.at(-1));
    if (keys.length > 0) expect(text(this.#install.progress)).toBe(`${keys.length}`);
  }
}

describe("a replica's store does what a plain model does", () => {
  test("in memory", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 100 }), async (steps) => {
        const disk = new MemoryReplicaDisk({ store: "s" });
        await new Run(async () => disk.open(defaults)).all(steps);
      }),
      { numRuns: 150 },
    );
  });

  test("in lmdb", async () => {
    const root = temporaryDirectory();
    let count = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 100 }), async (steps) => {
        const directory = path.join(root, String(count++));
        await new Run(() => openReplicaStore(directory, defaults)).all(steps);
      }),
      { numRuns: 40 },
    );
  });
});
