// Every construct of protobuf is a value whose type is the generated one, the same for each caller and to the byte; or
// `synod generate` refuses it by name, and so does whoever loads it.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { loadServices } from "@synod/wire";
import { shell } from "./support/clone.mjs";
import { root } from "./support/copy.mjs";
import { Processes } from "./support/processes.mjs";
import {
  calledByPython,
  compiledAlone,
  encodedByGo,
  pythonLacks,
  reflecting,
  same,
  TypeScriptCaller,
} from "./types-and-values/callers.mjs";
import { contentsOf, everything } from "./types-and-values/coverage.mjs";
import { project } from "./types-and-values/project.mjs";
import { notCompiled, refused } from "./types-and-values/refused.mjs";

export const name = "types-and-values";
export const promise =
  "every construct of protobuf has the type, the value and the bytes that its type says, for every caller, or generate refuses it by name";

/** One fault shows in many places. */
const shownProblems = 20;
const ledgerService = "bank.v1.Ledger";

/** @param {import("./run.mjs").Options} options */
export async function run({ progress }) {
  const lacking = pythonLacks();
  if (lacking !== undefined) throw new Error(`needs ${lacking}`);
  const folder = mkdtempSync(path.join(tmpdir(), "synod-types-and-values-"));
  /** @type {Processes | undefined} */
  let processes;
  /** @type {string[]} */
  const problems = [];
  try {
    const covered = new Set();
    const made = await project(path.join(folder, "project"));
    for (const each of contentsOf(made.descriptors)) covered.add(each);
    const fields = made.kept.reduce((sum, kept) => sum + kept.fields, 0);
    progress(
      `${fields} enumerated fields and ${made.kept.length} services compile, with the types that are expected`,
    );
    const modules = [...made.kept.map(({ module }) => module), path.join(folder, "project/dist/ledger.js")];
    processes = await Processes.start({ acceptors: 3, leaders: 1, replicas: 3 }, modules);
    const addresses = processes.ids("replica").map((id) => processes?.address(id) ?? "");
    const calls = await compared(made, addresses, problems);
    progress(`${calls.rows} rows kept and read: ${JSON.stringify(calls.by)}`);
    const odd = await oddRequests(addresses[0] ?? "", made, problems);
    await anyKeys(addresses[0] ?? "", made.descriptors, problems);
    const refusals = await refusedByName(path.join(folder, "refused"), covered, problems, progress);
    const left = [...everything()].filter((each) => !covered.has(each));
    problems.push(...left.map((each) => `no proto here has ${each}`));
    const first = problems.slice(0, shownProblems);
    for (const problem of first) progress(`PROBLEM ${problem}`);
    return {
      holds: problems.length === 0 && fields > 500 && calls.rows > 20 && refusals > 15,
      figures: {
        ...{ fields, services: made.kept.length, ...calls, oddRequests: odd },
        ...{
          refusedByGenerateAndAtLoad: refusals,
          notProtobuf: notCompiled.length,
          constructs: covered.size,
        },
        ...{ problems: problems.length, first },
      },
    };
  } finally {
    await processes?.end();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @param {Awaited<ReturnType<typeof project>>} made @param {string[]} addresses @param {string[]} problems */
async function compared({ kept, descriptors, set }, addresses, problems) {
  const by = { typescript: 0, go: 0, reflection: 0, python: 0, pythonIsTooOldFor: 0 };
  /** @type {(import("./types-and-values/callers.mjs").Job & { canonical: string })[]} */
  const jobs = [];
  const [address = "", other = ""] = addresses;
  const caller = new TypeScriptCaller(address, descriptors);
  try {
    for (const { service, scope, rows } of kept)
      for (const { id, given, json, read } of rows) {
        const place = `${service} ${id}`;
        const go = encodedByGo(set, `${scope}Row`, given);
        const canonical = hex(caller.canonical(service, go));
        const answer = await caller.call(service, "Keep", read);
        by.typescript += 1;
        if (!same(answer.message, read))
          problems.push(`${place}: TypeScript read ${shown(answer.message, read)}`);
        // A default that TypeScript writes is not set.
        if (id !== "default" && hex(answer.bytes) !== canonical)
          problems.push(`${place}: TypeScript's bytes are ${hex(answer.bytes)}, Go's ${canonical}`);
        const kept = await caller.raw(service, "Keep", go);
        const again = await caller.call(service, "Get", { id });
        by.go += 1;
        if (hex(kept) !== canonical || hex(again.bytes) !== canonical)
          problems.push(`${place}: what Go encodes comes back otherwise`);
        if (!same(again.message, read))
          problems.push(`${place}: what Go encodes reads ${shown(again.message, read)}`);
        for (const call of reflecting(other)) {
          const answers = [
            call(`${service}/Keep`, JSON.stringify(given)),
            call(`${service}/Get`, JSON.stringify({ id })),
          ];
          by.reflection += 1;
          for (const each of answers)
            if (!same(each, JSON.parse(JSON.stringify(json))))
              problems.push(`${place}: JSON is ${shown(each, json)}`);
        }
        jobs.push({ service, message: `${scope}Row`, id, given, canonical });
      }
  } finally {
    caller.close();
  }
  for (const [index, answer] of calledByPython(set, other, jobs).entries()) {
    const { service, id, canonical } = jobs[index] ?? {};
    if (answer === null) by.pythonIsTooOldFor += 1;
    else {
      by.python += 1;
      for (const [what, bytes] of Object.entries(answer))
        if (bytes !== canonical)
          problems.push(`${service} ${id}: Python's ${what} is ${bytes}, expected ${canonical}`);
    }
  }
  return { rows: jobs.length, by };
}

/** What no type has: bytes that are no text, deep nesting, -0, fields and numbers that nobody knows. */
async function oddRequests(
  /** @type {string} */ address,
  /** @type {Awaited<ReturnType<typeof project>>} */ { descriptors },
  /** @type {string[]} */ problems,
) {
  const caller = new TypeScriptCaller(address, descriptors);
  const service = "odd.Keeper";
  const bytes = (/** @type {string} */ text) => Buffer.from(text, "hex");
  const refusals = {
    "a text that is no UTF-8": bytes("0a02c328"),
    "a key that is no UTF-8": bytes("aa01070a02c328120161"),
    "messages nested 200 deep": nested(200),
    "a field cut short": bytes("0a05"),
    "a group that nobody knows and that does not end": bytes("f33f"),
  };
  try {
    for (const [what, request] of Object.entries(refusals)) {
      const code = await caller.raw(service, "Keep", request).then(
        () => "OK",
        (error) => error.code,
      );
      if (code !== 3) problems.push(`${what}: expected INVALID_ARGUMENT, found ${code}`);
    }
    /** @type {Record<string, readonly [service: string, bytes: string]>} */
    const kept = {
      "a field that nobody knows": [service, "0a0161c23e026869"],
      "-0, which is not 0": [service, "0a0161a1010000000000000080"],
      "an enum's number without a name": [service, "0a0161b0012a"],
      "numbers without a name of closed enums": ["stated.Keeper", "0a0161280932030109024007"],
      "messages nested 99 deep": [service, hex(nested(99))],
    };
    for (const [what, [of, request]] of Object.entries(kept)) {
      const answer = hex(await caller.raw(of, "Keep", bytes(request)));
      if (answer !== request)
        problems.push(`${what}: sent ${request.slice(0, 80)}, found ${answer.slice(0, 80)}`);
    }
    return Object.keys(refusals).length + Object.keys(kept).length;
  } finally {
    caller.close();
  }
}

/** A message in a message, in field 14. @param {number} depth */
function nested(depth) {
  let bytes = Buffer.alloc(0);
  for (let each = 0; each < depth; each++) {
    /** @type {number[]} */
    const length = [];
    for (let rest = bytes.length; ; rest = Math.floor(rest / 128)) {
      length.push(rest < 128 ? rest : (rest % 128) | 128);
      if (rest < 128) break;
    }
    bytes = Buffer.concat([Buffer.from([14 * 8 + 2, ...length]), bytes]);
  }
  return bytes;
}

/** The ledger of docs/services.md, whose rows have a map by account, with accounts called like properties of every object. */
async function anyKeys(
  /** @type {string} */ address,
  /** @type {Buffer} */ descriptors,
  /** @type {string[]} */ problems,
) {
  const caller = new TypeScriptCaller(address, descriptors);
  const accounts = ["constructor", "__proto__", "toString", "valueOf", "hasOwnProperty", "ann"];
  try {
    for (const account of accounts)
      await caller.call(ledgerService, "Open", { account, balance: 100, person: account });
    for (const from of accounts)
      for (const to of accounts.filter((each) => each !== from))
        await caller.call(ledgerService, "Transfer", { from, to, amount: 1 });
    for (const account of accounts) {
      const { message } = await caller.call(ledgerService, "Show", { account });
      const { received, balance } = /** @type {{ account: any }} */ (message).account;
      const right = accounts.filter((each) => each !== account).every((from) => received[from] === "1");
      if (!right || balance !== "100")
        problems.push(`the account ${account} received ${JSON.stringify(received)}`);
    }
  } finally {
    caller.close();
  }
}

/**
 * @param {string} folder @param {Set<string>} covered @param {string[]} problems @param {(line: string) => void} progress
 */
async function refusedByName(folder, covered, problems, progress) {
  const all = await generatedFrom(folder, [...refused, ...notCompiled]);
  for (const [index, { what, line, name: fullName, says }] of refused.entries()) {
    const { own, code, stderr } = all[index] ?? nowhere;
    const expected = `proto/x.proto:${line}: ${fullName}: `;
    const sentence = stderr.split("\n").find((each) => each.includes(expected)) ?? "";
    if (code === 0 || !sentence.includes(says))
      problems.push(`${what}: expected ${expected}… ${says}, found ${code} and ${stderr.trim()}`);
    const set = path.join(own, "alone.binpb");
    const trouble = compiledAlone(path.join(own, "proto"), set);
    if (trouble !== undefined) problems.push(`${what}: buf does not compile it: ${trouble}`);
    else {
      for (const each of contentsOf(readFileSync(set))) covered.add(each);
      const atLoad = refusalAtLoad(readFileSync(set));
      if (!atLoad.includes(says))
        problems.push(`${what}: at load, expected ${says}, found ${atLoad || "nothing"}`);
    }
    progress(`refused | ${what} | ${sentence.trim()}`);
  }
  for (const [index, { what }] of notCompiled.entries()) {
    const { code, stderr } = all[refused.length + index] ?? nowhere;
    const [, sentence = ""] = stderr.split("\n");
    if (code === 0 || !/^ {2}proto\/x\.proto:\d+:\d+: \S/.test(sentence))
      problems.push(
        `${what}: expected that it does not compile, with its place; found ${code} and ${stderr.trim()}`,
      );
    progress(`no proto | ${what} | ${sentence.trim()}`);
  }
  return refused.length;
}

const nowhere = { own: "", code: 0, stderr: "" };
/** Projects that are generated from at once. */
const atOnce = 3;

/** What `synod generate` says of each proto, in a project of its own. @param {string} folder @param {readonly { proto: string }[]} cases */
async function generatedFrom(folder, cases) {
  /** @type {{ own: string, code: number | null, stderr: string }[]} */
  const found = [];
  const waiting = [...cases.entries()];
  const work = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [index, { proto }] = next;
      const own = path.join(folder, String(index));
      mkdirSync(path.join(own, "proto"), { recursive: true });
      symlinkSync(path.join(root, "node_modules"), path.join(own, "node_modules"));
      writeFileSync(path.join(own, "proto/x.proto"), `${proto}\n`);
      const { code, stderr } = await shell("npx synod generate", own, { withinMs: 60_000 });
      found[index] = { own, code, stderr };
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return found;
}

/** What a replica says that loads it: of messages at once, of methods when their service is defined. @param {Uint8Array} set */
function refusalAtLoad(set) {
  try {
    const methods = [...loadServices(set).services.values()].flatMap((service) => [
      ...service.methods.values(),
    ]);
    return methods.map((method) => method.refused ?? "").join("\n");
  } catch (error) {
    return /** @type {Error} */ (error).message;
  }
}

/** @param {Uint8Array} bytes */
function hex(bytes) {
  return Buffer.from(bytes).toString("hex");
}

/** The first difference, in words. @param {unknown} found @param {unknown} expected */
function shown(found, expected) {
  const [a, b] = /** @type {Record<string, unknown>[]} */ ([found, expected]);
  const keys = [...new Set([...Object.keys(a ?? {}), ...Object.keys(b ?? {})])];
  const text = (/** @type {unknown} */ value) =>
    value === undefined ? "nothing" : String(JSON.stringify(value));
  return keys
    .filter((key) => !same(a?.[key], b?.[key]))
    .slice(0, 3)
    .map((key) => `${key} ${text(a?.[key])}, expected ${text(b?.[key])}`)
    .join("; ");
}
