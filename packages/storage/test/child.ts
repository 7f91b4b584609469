/*
 * A process for the tests of what only processes can show. It takes a task and a directory, says what it did in lines
 * on standard output, and lives until it is killed or its input ends.
 */

import { recordCodec } from "@synod/wire";
import { openAcceptorStore, openReplicaStore, StoreError } from "../src/index.js";
import { accept, applyNext, batch, key, roundKeys, slotsPerRound } from "./samples.js";

const [task, directory] = process.argv.slice(2) as [string, string];
const say = (line: string) => process.stdout.write(`${line}\n`);

process.on("unhandledRejection", (error) => say(`unhandled ${error}`));
process.stdin.resume().on("end", () => process.exit(0));

const tasks: Record<string, () => Promise<void>> = {
  /** Opens an acceptor's store and keeps it. */
  async own() {
    await openAcceptorStore(directory, { id: "a1", codec: recordCodec });
    say("owner");
  },

  /** Commits slots 1 to 100, writes slot 101, and waits to be killed. */
  async accept() {
    const store = await openAcceptorStore(directory, { id: "a1", codec: recordCodec });
    for (let slot = 1; slot <= 100; slot++) store.write(accept(slot));
    await store.commit();
    store.write(accept(101));
    say("committed");
  },

  /** Flushes slots 1 to 10, each with a key of its own, applies another, and waits to be killed. */
  async apply() {
    const store = await openReplicaStore(directory, { id: "r1", clusterId: "c1", flushEveryMs: 0 });
    for (let slot = 1; slot <= 11; slot++) {
      if (slot === 11) await store.flush();
      store.state.put(key(`key ${slot}`), key("value"));
      store.log.append(slot, key(`slot ${slot}`));
    }
    say("flushed");
  },

  /**
   * Takes in one snapshot after the other, each of keys that all say its number, while slots go on being applied to the
   * state there is. Says each step before it takes it, and goes on until it is killed.
   */
  async install() {
    const store = await openReplicaStore(directory, { id: "r1", clusterId: "c1", flushEveryMs: 1 });
    for (;;) {
      const round = Math.floor(store.durableSlot / slotsPerRound) + 1;
      say(`begin ${round}`);
      const install = await store.beginInstall({ id: `round ${round}`, slot: round * slotsPerRound });
      for (let from = install.progress[0] ?? 0; from < roundKeys.length; from += 5) {
        say(`put ${from}`);
        applyNext(store);
        const value = key(`${round}`);
        const entries = roundKeys.slice(from, from + 5).map((name) => [name, value] as const);
        await install.put(entries, Uint8Array.of(from + entries.length));
      }
      say(`finish ${round}`);
      const finishing = install.finish();
      applyNext(store);
      await finishing;
      say(`finished ${round}`);
      applyNext(store);
    }
  },

  /** Takes a snapshot of slot 10 in over slots 1 to 3, and is gone at the very moment it has taken the state's place. */
  async replace() {
    const store = await openReplicaStore(directory, { id: "r1", clusterId: "c1", flushEveryMs: 0 });
    for (let slot = 1; slot <= 3; slot++) applyNext(store);
    await store.flush();
    const install = await store.beginInstall({ id: "x", slot: 10 });
    await install.put([[key("new"), key("")]], key(""));
    say("finish");
    await install.finish(() => process.kill(process.pid, "SIGKILL"));
  },

  /** Accepts until the disk is full, and tells the last slot that was committed. */
  async fill() {
    console.error = () => {}; // lmdb-js reports there too
    const store = await openAcceptorStore(directory, { id: "a1", codec: recordCodec });
    for (let slot = 1; ; slot++) {
      store.write(accept(slot, 1, batch(slot, new Uint8Array(100_000))));
      try {
        await store.commit();
      } catch (error) {
        say(`failed ${(error as StoreError).reason} ${slot - 1}`);
        const again = await store.commit().catch((later: unknown) => later);
        say(again === error ? "failed again" : `expected the same error, found ${again}`);
        await store.close().catch(() => {});
        setImmediate(() => process.exit(0));
        return;
      }
    }
  },
};

try {
  await tasks[task]?.();
} catch (error) {
  say(error instanceof StoreError ? `${error.reason} ${error.message}` : `unexpected ${error}`);
}
