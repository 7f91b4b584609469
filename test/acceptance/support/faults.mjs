// Faults that are planted in what was built, for scripts that must notice them: see copyWithFault. Whoever changes these
// places in the sources is told by the scripts, which refuse to go on without having planted anything.

/** What makes an acceptor tell of records that are not on its disk (rule 3). */
export const earlyVotes = {
  "lmdb does not sync": {
    file: "packages/storage/dist/environment.js",
    sound: "overlappingSync: false",
    faulty: "noSync: true, overlappingSync: false",
  },
  "any commit releases every answer": {
    file: "packages/node/dist/driver.js",
    sound: "held && held.after <= this.#durable",
    faulty: "held",
  },
  "a P2b waits for no commit": {
    file: "packages/core/dist/acceptor.js",
    sound: `kind: "send-durable",\n            to: leader,\n            message: {\n                kind: "p2b"`,
    faulty: `kind: "send",\n            to: leader,\n            message: {\n                kind: "p2b"`,
  },
  "a P1b waits for no commit": {
    file: "packages/core/dist/acceptor.js",
    sound: `kind: "send-durable",\n            to: leader,\n            message: {\n                kind: "p1b"`,
    faulty: `kind: "send",\n            to: leader,\n            message: {\n                kind: "p1b"`,
  },
};

/** What makes a snapshot that came in only in part the state (rule 19). */
export const halfInstalls = {
  "a snapshot is the state from its beginning on": {
    file: "packages/storage/dist/lmdb-states.js",
    sound: "this.#meta.put(installKey, encodeInstall(record));",
    faulty:
      "this.#meta.put(installKey, encodeInstall(record)); this.#meta.put(currentKey, encodeCurrent(this.#current === 0 ? 1 : 0));",
  },
};
