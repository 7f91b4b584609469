import { readFileSync } from "node:fs";
import { performance } from "node:perf_hooks";
import { systemSentence } from "@synod/node/surroundings";
import type { CampaignSummary, RunResult, Schedule } from "@synod/simulator";
import type { CommandModule } from "yargs";
import { exitCode, Failure, reasonOf } from "../failure.js";
import { print, tell } from "../output.js";
import { writeWhole } from "../whole-file.js";

interface SimulateArguments {
  seeds: string;
  replay: string | undefined;
  trace: boolean;
  save: boolean;
  json: boolean;
}

const progressEveryMs = 2_000;
/** Failures that are made smaller and saved; the rest is only named. */
const savedFailures = 3;

export const simulateCommand: CommandModule<object, SimulateArguments> = {
  command: "simulate",
  describe:
    "whole clusters in one process under every kind of fault, each run replayed by its seed (exit 1 on failures)",
  builder: (yargs) =>
    yargs
      .option("seeds", { type: "string", default: "1-100", describe: "A-B, or one seed" })
      .option("replay", { type: "string", describe: "a saved schedule to run instead" })
      .option("trace", {
        type: "boolean",
        default: false,
        describe: "print everything that happens in the run, one line each; one seed only",
      })
      .option("save", {
        type: "boolean",
        default: true,
        describe: "make failing schedules smaller, and save them here as synod-seed-N.json",
      })
      .option("json", { type: "boolean", default: false, describe: "print one line of JSON" }),
  handler: async ({ seeds, replay, trace, save, json }) => {
    const [first, last] = rangeOf(seeds);
    // Loaded here: other commands need not wait for it.
    const { simulate } = await import("@synod/simulator");
    if (replay !== undefined || trace) {
      if (replay === undefined && first !== last)
        throw new Failure("--trace: expected one seed, as in --seeds 11", exitCode.usage);
      const schedule = replay === undefined ? { seed: first } : scheduleIn(replay);
      await show(await simulate(schedule, { wholeTrace: trace }), trace, json);
      return;
    }
    await runSeeds(first, last, save, json);
  },
};

function rangeOf(seeds: string): [first: number, last: number] {
  const [, from, to = from] = /^(\d{1,10})(?:-(\d{1,10}))?$/.exec(seeds) ?? [];
  const [first, last] = [Number(from), Number(to)];
  if (from === undefined || first > last)
    throw new Failure(`--seeds: expected A-B, as in 1-100, found ${seeds}`, exitCode.usage);
  return [first, last];
}

function scheduleIn(file: string): Schedule {
  try {
    const { schedule } = JSON.parse(readFileSync(file, "utf8")) as { schedule?: Schedule };
    if (typeof schedule?.seed === "number") return schedule;
  } catch (error) {
    throw new Failure(`--replay: ${file} cannot be read: ${reasonOf(error)}`, exitCode.usage);
  }
  throw new Failure(`--replay: ${file} holds no schedule with a seed`, exitCode.usage);
}

async function show(result: RunResult, trace: boolean, json: boolean): Promise<void> {
  const { seed, failure, sha256, options, counts, ticks } = result;
  if (json) {
    const lines = trace ? { trace: result.trace } : {};
    await print(JSON.stringify({ seed, failure: failure ?? null, sha256, ticks, options, counts, ...lines }));
  } else {
    await print(`seed ${seed} draws ${JSON.stringify(options)}`);
    for (const line of trace ? result.trace : result.trace.slice(-40)) await print(line);
    await print(failure ?? `every promise held, for ${ticks} ticks of ${options.limits.tickMs} ms`);
    await print(`sha256 of the trace: ${sha256}`);
  }
  if (failure !== undefined) process.exitCode = exitCode.failed;
}

async function runSeeds(first: number, last: number, save: boolean, json: boolean): Promise<void> {
  const { Campaign, simulate } = await import("@synod/simulator");
  const campaign = new Campaign();
  const startedAt = performance.now();
  let stopped = false;
  const stop = () => {
    stopped = true;
  };
  process.once("SIGINT", stop);
  let toldAt = startedAt;
  const failed: RunResult[] = [];
  for (let seed = first; seed <= last && !stopped; seed++) {
    const result = await simulate(seed);
    campaign.add(result);
    if (result.failure !== undefined) {
      failed.push(result);
      tell(`seed ${seed}: ${result.failure}`);
    }
    if (performance.now() - toldAt > progressEveryMs) {
      toldAt = performance.now();
      tell(`${seed - first + 1} of ${last - first + 1} seeds, ${failed.length} failed`);
    }
    // Between two runs, so that Ctrl-C is heard.
    await new Promise((resolve) => setImmediate(resolve));
  }
  const seconds = (performance.now() - startedAt) / 1000;
  const { summary } = campaign;
  const files = save && !stopped ? await saveFailures(failed.slice(0, savedFailures)) : [];
  process.off("SIGINT", stop);
  const seedsPerSecond = Math.round((100 * summary.seeds) / seconds) / 100;
  if (json) await print(JSON.stringify({ ...summary, seedsPerSecond, stopped, saved: files }));
  else await print(summaryText(summary, seedsPerSecond, stopped, files).join("\n"));
  if (failed.length > 0) process.exitCode = exitCode.failed;
}

/** Makes failing schedules smaller, and keeps them. @returns the files */
async function saveFailures(failed: readonly RunResult[]): Promise<string[]> {
  const { shrink } = await import("@synod/simulator");
  const files: string[] = [];
  for (const result of failed) {
    const { seed } = result;
    tell(`seed ${seed}: looking for a smaller schedule that fails in the same way`);
    const { overrides, events, failure, trace } = await shrink({ seed }, result);
    const file = `synod-seed-${seed}.json`;
    const schedule = JSON.stringify({ failure, schedule: { seed, overrides, events } }, undefined, 2);
    const unsaved = saveText(file, `${schedule}\n`);
    tell([...trace.slice(-40), unsaved ?? `saved as ${file}`].join("\n"));
    if (unsaved === undefined) files.push(file);
  }
  return files;
}

/** Returns the reason in words when it cannot be kept: hours of seeds are not thrown away for that. */
function saveText(file: string, text: string): string | undefined {
  try {
    writeWhole(file, text);
    return undefined;
  } catch (error) {
    return `not saved: ${systemSentence(error) ?? reasonOf(error)}`;
  }
}

function summaryText(
  summary: CampaignSummary,
  seedsPerSecond: number,
  stopped: boolean,
  files: readonly string[],
): string[] {
  const { seeds, failures, simulatedHours, decidedSlots, acknowledgedCommands } = summary;
  return [
    `${seeds} seeds${stopped ? ", then stopped" : ""}: ${failures.length} failed, ${seedsPerSecond} seeds/s`,
    `${simulatedHours} simulated hours, ${decidedSlots} decided slots, ${acknowledgedCommands} acknowledged commands`,
    `the median seed acknowledges ${summary.medianAcknowledged} commands and changes leader ${summary.medianLeaderChanges} times`,
    "part of the seeds in which each kind of event occurred:",
    ...Object.entries(summary.occurrence).map(
      ([kind, part]) => `  ${kind.padEnd(30)}${(100 * part).toFixed(1).padStart(5)} %`,
    ),
    ...failures.flatMap(({ seed, failure }) => [
      `seed ${seed}: ${failure}`,
      `  again: npx synod simulate --seeds ${seed} --trace`,
    ]),
    ...files.map((file) => `made smaller: npx synod simulate --replay ${file} --trace`),
  ];
}
