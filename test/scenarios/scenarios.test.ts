// Each .txt file beside this one is a story: commands, and below each what the real core did. To write the expected
// lines anew after a deliberate change: UPDATE_SCENARIOS=1 npx vitest run test/scenarios, then read the difference.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { ScenarioCluster } from "./cluster.js";

const folder = import.meta.dirname;

/** Runs a scenario and returns it with the lines that its commands really gave. */
function replay(text: string): string {
  let cluster: ScenarioCluster | undefined;
  const blocks = text.trimEnd().split(/\n\n+/);
  return `${blocks
    .map((block) => {
      const lines = block.split("\n");
      const separator = lines.indexOf("----");
      const head = separator === -1 ? lines : lines.slice(0, separator);
      const commands = head.filter((line) => line !== "" && !line.startsWith("#"));
      if (commands.length === 0) return block;
      for (const line of commands) cluster = run(cluster, line);
      return [...head, "----", ...(cluster?.takeLines() ?? [])].join("\n");
    })
    .join("\n\n")}\n`;
}

function run(cluster: ScenarioCluster | undefined, line: string): ScenarioCluster {
  const [name = "", ...words] = line.split(/\s+/);
  if (name === "cluster")
    return new ScenarioCluster(
      Object.fromEntries(words.map((word) => [word.split("=")[0], Number(word.split("=")[1])])),
    );
  if (!cluster) throw new Error("a scenario begins with: cluster acceptors=3 leaders=1 replicas=1 window=4");
  const [first = "", second = "", third] = words;
  const commands: Record<string, () => void> = {
    connect: () => (first === "all" ? cluster.connectAll() : cluster.connect(first, second)),
    disconnect: () => cluster.disconnect(first, second || undefined),
    tick: () => cluster.tick(first, Number(second || 1)),
    request: () => cluster.request(first, words.slice(1)),
    reconfigure: () => cluster.reconfigure(first, second, words.slice(2)),
    trim: () => cluster.trimPoint(first, Number(second)),
    snapshot: () => cluster.snapshot(first, second),
    deliver: () => cluster.deliver(first, second, third === undefined ? undefined : Number(third)),
    drop: () => cluster.drop(first, second),
    double: () => cluster.double(first, second),
    settle: () => cluster.settle(),
    hold: () => cluster.hold(first),
    sync: () => cluster.sync(first),
    crash: () => cluster.crash(first),
    lose: () => cluster.lose(first),
    start: () => cluster.start(first),
    status: () => words.forEach((id) => void cluster.status(id)),
    quietly: () => cluster.quietly(() => run(cluster, words.join(" "))),
  };
  const command = commands[name];
  if (!command) throw new Error(`no command "${name}"; there are ${Object.keys(commands).join(", ")}`);
  command();
  return cluster;
}

describe("scenarios", () => {
  for (const file of readdirSync(folder).filter((name) => name.endsWith(".txt"))) {
    it(file.replace(".txt", "").replaceAll("-", " "), () => {
      const text = readFileSync(path.join(folder, file), "utf8");
      const replayed = replay(text);
      if (process.env.UPDATE_SCENARIOS) writeFileSync(path.join(folder, file), replayed);
      else expect(replayed).toBe(text);
    });
  }
});
