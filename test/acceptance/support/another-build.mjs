// One replica runs another build of a service, which answers otherwise under the same version: it finds that out by what
// the others report, stops serving, says so everywhere a person looks, and keeps its files (rule 27).
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { equalReplicas } from "./load.mjs";
import { until } from "./processes.mjs";
import { healthOf, ServiceCluster } from "./service-cluster.mjs";

const unavailable = 14;
/** From the first command that differs to the end of service. */
const noticedWithinMs = 10_000;

/**
 * @param {import("./service-cluster.mjs").OwnService} service @param {(line: string) => void} progress
 * @returns {Promise<{ problems: string[], figures: Record<string, unknown> }>}
 */
export async function anotherBuild(service, progress) {
  // Somebody changed it without raising its version: Fill writes one row too many.
  const changes = { r2: { from: "row < request.rows", to: "row <= request.rows" } };
  const cluster = await ServiceCluster.start(service, { changes });
  const { processes } = cluster;
  /** @type {string[]} */
  const problems = [];
  const expect = (/** @type {boolean} */ right, /** @type {string} */ problem) => {
    if (!right) problems.push(problem);
  };
  try {
    const clientId = await cluster.openSession();
    let sequence = 0;
    const fill = (/** @type {string} */ replica) => {
      sequence += 1;
      const request = { from: String(sequence * 10), rows: 2 };
      return cluster.execute(replica, "Fill", request, { clientId, sequence });
    };
    const startedAt = Date.now();
    expect((await fill("r1")).code === 0, "the first command failed");
    await until("r2 to stop serving", async () => !(await processes.serving("r2")), noticedWithinMs);
    const noticedMs = Date.now() - startedAt;
    const said = (await processes.status("r2"))?.problem ?? "";
    progress(`r2 after ${noticedMs} ms: ${said}`);
    expect(/^diverged: at slot \d+ its hash is/.test(said), `status of r2 says "${said}"`);
    expect(
      ["r1", "r3"].every((id) => said.includes(` ${id} `)),
      `r2 does not name the others: "${said}"`,
    );
    const refused = await cluster.execute("r2", "Fill", {}, { clientId, sequence });
    expect(
      refused.code === unavailable && refused.message.includes("diverged"),
      `r2 answers ${refused.message}`,
    );
    await until("health of r2", async () => (await healthOf(cluster, "r2", service.name)) === "NOT_SERVING");
    expect((await healthOf(cluster, "r1", service.name)) === "SERVING", "r1 does not serve");
    const log = readFileSync(processes.member("r2").log, "utf8");
    expect(log.includes("diverged: at slot"), "the log of r2 does not say so");
    for (const id of ["r1", "r3", "r1"]) expect((await fill(id)).code === 0, `a command at ${id} failed`);
    expect((await cluster.count("r1", 0)) === (await cluster.count("r3", 0)), "r1 and r3 differ");
    await comesBack(cluster, expect);
    return { problems, figures: { noticedMs, said } };
  } finally {
    await cluster.end();
  }
}

/**
 * Its files are kept, and it does not serve from them again, whatever it is started with; in an empty directory it learns
 * everything anew.
 * @param {ServiceCluster} cluster @param {(right: boolean, problem: string) => void} expect
 */
async function comesBack(cluster, expect) {
  const { processes } = cluster;
  const { data } = processes.member("r2");
  await processes.kill("r2");
  expect(existsSync(path.join(data, "data.mdb")), "r2 did not keep its files");
  cluster.load("r2", "service.mjs");
  processes.start("r2");
  await until("r2 to say that it differs", async () =>
    Boolean((await processes.status("r2"))?.problem.startsWith("diverged")),
  );
  expect(!(await processes.serving("r2")), "r2 serves again from a state that differs");
  await processes.kill("r2");
  processes.loseData("r2");
  processes.start("r2");
  await processes.ready(["r2"]);
  const { equal, states } = await equalReplicas(processes);
  expect(equal, `with an empty directory r2 differs still: ${states.join(", ")}`);
}
