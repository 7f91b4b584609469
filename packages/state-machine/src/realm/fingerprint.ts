import { createHash } from "node:crypto";
import { probe } from "./inside/probe.js";
import { Realm } from "./realm.js";

let known: string | undefined;

/**
 * sha-256, hex, of what a fixed program computes in a realm: arithmetic, texts, sorting, dates, patterns, errors. Two
 * processes that differ here would give handlers different results, whatever the names of their engines are; two that
 * agree may run the same cluster. Computed once in a process, in some 50 ms.
 */
export function realmFingerprint(): string {
  known ??= computed();
  return known;
}

function computed(): string {
  const realm = new Realm({ constants: {}, services: {} });
  const work = realm.evaluate(`(function () { "use strict"; return ${probe}; })()`) as typeof probe;
  const digest = createHash("sha256");
  work((text) => void digest.update(text).update("\n"));
  return digest.digest("hex");
}
