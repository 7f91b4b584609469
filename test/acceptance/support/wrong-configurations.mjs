// Wrong configurations: each service must name every mistake at once and exit with code 2, having started nothing.
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { root } from "./copy.mjs";

/**
 * @param {import("./processes.mjs").Processes} processes
 * @param {(line: string) => void} progress
 * @returns {{ what: string, right: boolean }[]}
 */
export function wrongConfigurations(processes, progress) {
  const folder = path.join(processes.plan.directory, "wrong");
  mkdirSync(folder, { recursive: true });
  const cluster = JSON.parse(readFileSync(processes.plan.clusterFile, "utf8"));
  let files = 0;
  /** @param {unknown} content */
  const file = (content) => {
    const name = path.join(folder, `${++files}.json`);
    writeFileSync(name, typeof content === "string" ? content : JSON.stringify(content));
    return name;
  };
  const goodCluster = processes.plan.clusterFile;
  /** @param {object} changes */
  const clusterWith = (changes) => file({ ...cluster, ...changes });
  const base = { id: "a1", cluster: goodCluster, data: path.join(folder, "data") };
  /** @type {[string, string, string[], RegExp[], Record<string, string>?][]} */
  const rows = [
    ["no configuration at all", "acceptor", [], [/id/, /cluster/, /data/]],
    ["a file that is not there", "leader", ["--config", path.join(folder, "absent.json")], [/absent\.json/]],
    ["JSON with a mistake", "leader", ["--config", file('{ "id": "l1",\n  "cluster": }')], [/line 2/]],
    [
      "an unknown field and a wrong type",
      "acceptor",
      ["--config", file({ ...base, id: 7, dta: "x" })],
      [/dta/, /id/],
    ],
    [
      "an id that is no member, and no data",
      "replica",
      ["--config", file({ id: "r9", cluster: goodCluster })],
      [/r9/, /data/],
    ],
    ["a member of another role", "leader", ["--config", file({ id: "a1", cluster: goodCluster })], [/a1/]],
    [
      "a wide address without saying so, and a log level",
      "acceptor",
      ["--config", file({ ...base, listen: "0.0.0.0:5101", logLevel: "loud" })],
      [/0\.0\.0\.0/, /loud/],
    ],
    [
      "two unknown flags",
      "leader",
      ["--config", file({ id: "l1", cluster: goodCluster }), "--fast", "--colour", "red"],
      [/--fast/, /--colour/],
    ],
    [
      "an unknown variable",
      "leader",
      ["--config", file({ id: "l1", cluster: goodCluster })],
      [/SYNOD_CLUSTR/],
      { SYNOD_CLUSTR: "x" },
    ],
    [
      "a window of 0, ids and addresses twice",
      "leader",
      [
        "--id",
        "l1",
        "--cluster",
        clusterWith({ window: 0, leaders: [cluster.leaders[0], cluster.leaders[0]] }),
      ],
      [/window/, /l1/, /127\.0\.0\.1/],
    ],
    [
      "acceptors without stores, an address without a port",
      "leader",
      ["--id", "l1", "--cluster", clusterWith({ acceptors: [{ id: "a1", address: "localhost" }] })],
      [/store/, /localhost/],
    ],
    [
      "no acceptors, and a name with a space",
      "leader",
      [
        "--id",
        "l1",
        "--cluster",
        clusterWith({ acceptors: [], replicas: [{ id: "r 1", address: "127.0.0.1:1" }] }),
      ],
      [/acceptors/, /r 1/],
    ],
    [
      "one store for two acceptors",
      "leader",
      [
        "--id",
        "l1",
        "--cluster",
        clusterWith({
          acceptors: cluster.acceptors.map((/** @type {object} */ one) => ({ ...one, store: "same" })),
        }),
      ],
      [/store/, /same/],
    ],
  ];
  return rows.map(([what, role, parameters, mistakes, environment = {}]) => {
    const bin = path.join(root, "services", role, "bin", `synod-${role}.js`);
    const { status, stderr } = spawnSync(process.execPath, [bin, ...parameters], {
      cwd: folder,
      encoding: "utf8",
      timeout: 20_000,
      env: { PATH: process.env.PATH, ...environment },
    });
    const unnamed = mistakes.filter((mistake) => !mistake.test(stderr));
    const right = status === 2 && unnamed.length === 0;
    progress(
      `${right ? "ok" : `EXPECTED exit 2 naming ${unnamed.join(" ")}`} | ${what} | exit ${status} | ${stderr.trim().replaceAll("\n", " / ")}`,
    );
    return { what, right };
  });
}
