import { type Means, sealOf } from "../definition.js";

/** The revision of the last command that was executed with this module. */
let latest = 0n;

/** All from the language, which is the log's in a realm and nowhere else. */
export const realmMeans: Means = {
  nowMs: () => Date.now(),
  random: () => Math.random(),
  uuid: () => crypto.randomUUID(),
  seal: sealOf,
  begin(revision) {
    // A replica's revisions grow as long as its process runs: another one's would be seen here if they shared the module.
    if (revision <= latest) throw new Error(`expected a revision above ${latest}, found ${revision}`);
    latest = revision;
  },
};
