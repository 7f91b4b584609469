// A seed replays exactly: the same bytes of every message and the same hash of every state, wherever it runs.
import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { simulate } from "@synod/simulator";
import { flagNumber } from "./support/flags.mjs";

export const name = "replay";
export const promise =
  "a seed's trace, with every message's bytes and every state's hash, is the same in processes of other zones, languages and load";

const surroundings = [
  { TZ: "UTC", LANG: "C", load: false },
  { TZ: "Asia/Kathmandu", LANG: "tr_TR.UTF-8", load: false },
  { TZ: "America/St_Johns", LANG: "ar_EG.UTF-8", load: true },
];

/** @param {{ parameters: string[], progress: (line: string) => void }} options */
export async function run({ parameters, progress }) {
  const seeds = flagNumber(parameters, "--count", 20);
  const from = flagNumber(parameters, "--from", 1);
  /** @type {string[]} */
  const printed = [];
  for (const { load, ...environment } of surroundings) {
    const busy = load ? spawn(process.execPath, ["-e", "for (;;);"], { stdio: "ignore" }) : undefined;
    try {
      printed.push(await printedBy(environment, from, from + seeds - 1));
    } finally {
      busy?.kill("SIGKILL");
    }
    progress(`${JSON.stringify(environment)}${load ? " beside a busy process" : ""}: ${seeds} seeds run`);
  }
  const [first = ""] = printed;
  const lines = first
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  const equal = printed.every((text) => text === first);
  const whole =
    lines.length === seeds &&
    lines.every(({ messages, hashes, slots }) => messages > slots && hashes >= slots);
  const distinct = new Set(lines.map(({ sha256 }) => sha256)).size === seeds;
  // One thing more that goes wrong, however small, and the trace is another.
  const { events } = await simulate(from);
  const touched = await simulate({
    seed: from,
    events: [...events, { at: 20, kind: "pause", place: 1, other: 1, ticks: 1 }],
  });
  const noticed = touched.sha256 !== lines[0]?.sha256;
  return {
    holds: equal && whole && distinct && noticed,
    figures: {
      processes: printed.length,
      seeds: lines.length,
      messages: lines.reduce((sum, { messages }) => sum + messages, 0),
      stateHashes: lines.reduce((sum, { hashes }) => sum + hashes, 0),
      equal,
      distinct,
      aChangeIsNoticed: noticed,
      sha256OfTheFirst: lines[0]?.sha256,
    },
  };
}

/** @param {Record<string, string>} environment @param {number} first @param {number} last */
async function printedBy(environment, first, last) {
  const script = path.join(import.meta.dirname, "support/replayed.mjs");
  const child = spawn(process.execPath, [script, String(first), String(last)], {
    env: { ...process.env, ...environment },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let text = "";
  child.stdout.on("data", (data) => {
    text += data;
  });
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(`a run of seeds ended with ${code}`);
  return text;
}
