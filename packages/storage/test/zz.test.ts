import { mkdtempSync, readFileSync, writeFileSync, copyFileSync } from "node:fs";
import path from "node:path";
import { it } from "vitest";
import { createAcceptorStore, openAcceptorStore, openReplicaStore } from "../src/index.js";
import { checkFile } from "../src/lmdb-check.js";
import { LmdbFile } from "../src/lmdb-file.js";
import { sealCheck } from "../src/preflight.js";
import { key, accept } from "./samples.js";
import { temporaryDirectory } from "./temporary.js";

const run = (file: string, kind: "replica" | "acceptor") => {
  try {
    const f = new LmdbFile(file);
    try { for (const _ of checkFile(f, f.newestMeta(), sealCheck(kind))); } finally { f.close(); }
    return undefined;
  } catch (e) { return String(e); }
};
it("x", { timeout: 300000 }, async () => {
  const directory = temporaryDirectory();
  const store = await openReplicaStore(directory, { id: "r1", clusterId: "c1", flushEveryMs: 0 });
  for (let slot = 1; slot <= 30; slot++) {
    for (let row = 0; row < 5; row++) {
      const name = key(`key ${(slot * 7 + row * 13) % 40}`);
      if ((slot + row) % 4 === 0) store.state.delete(name); else store.state.put(name, key(`${slot} `.repeat(slot % 7 === 0 ? 6000 : 3 + row * 10)));
    }
    store.log.append(slot, key(`value ${slot}`));
    await store.flush();
  }
  await store.close();
  const file = readFileSync(path.join(directory, "data.mdb"));
  const P = 8192;
  const f = new LmdbFile(path.join(directory, "data.mdb"));
  const meta = f.newestMeta();
  console.log(JSON.stringify(meta), file.length / P);
  for (const p of [0, 1]) console.log(file.subarray(p * P, p * P + 176).toString("hex"));
  const seen: string[] = [];
  const walk = (page: number, what: string) => {
    const { bytes, kind } = f.page(page);
    seen.push(`${page}:${what}:${kind}`);
    if (kind === "branch") { for (const b of f.branches(page, bytes)) walk(b.child, what); return; }
    for (const l of f.leaves(page, bytes)) {
      if (l.kind === "tree") { console.log("tree", l.key.toString(), JSON.stringify(l.tree)); if (Number.isFinite(l.tree.root)) walk(l.tree.root, l.key.toString()); }
      if (what === "free" && l.kind === "value") console.log("free", l.key.readBigUInt64LE(0), [...Array(l.value.length / 8).keys()].map((i) => Number(l.value.readBigInt64LE(8 * i))).join(" "));
    }
  };
  walk(meta.main.root, "main");
  walk(meta.free.root, "free");
  console.log(seen.join(" "));
  const bad = path.join(temporaryDirectory(), "data.mdb");
  const regions: [number, number, string][] = [[0, 176, "m0"], [P, P + 176, "m1"]];
  for (const s of seen) { const [pg, w] = s.split(":"); const lower = file.readUInt16LE(+pg! * P + 20), upper = file.readUInt16LE(+pg! * P + 22); 
    regions.push([+pg! * P, +pg! * P + 24 + lower, `${w} head`]); 
    if (w === "main\0" || w === "main" || w === "free") regions.push([+pg! * P + 24 + upper, (+pg! + 1) * P, `${w} nodes`]); }
  const missed: string[] = [];
  let n = 0;
  for (const [from, to, what] of regions) for (let at = from; at < to; at++) for (const bit of [1 << (at % 8)]) {
    const b = Buffer.from(file); b[at] = b[at]! ^ bit; writeFileSync(bad, b); n++;
    if (run(bad, "replica") === undefined) missed.push(`${what} page ${Math.floor(at / P)}+${at % P} ^${bit}`);
  }
  console.log(n, "flips; missed", missed.length);
  console.log(missed.join("\n"));
});
