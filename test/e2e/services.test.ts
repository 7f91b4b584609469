import { createServer } from "node:net";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type RoleName, SmallCluster } from "./service-process.js";

let cluster: SmallCluster;

beforeEach(async () => {
  cluster = new SmallCluster();
  await cluster.layOut();
});

afterEach(() => cluster.end());

const roles: readonly RoleName[] = ["replica", "leader", "acceptor"];

async function serving(role: RoleName): Promise<void> {
  await vi.waitFor(async () => expect((await cluster.status(role))?.serving).toBe(true), {
    interval: 100,
  });
}

test("started with its peers absent each service waits for them, and stops at SIGTERM with 0 within 5 s", async () => {
  const replica = cluster.start("replica");
  await vi.waitFor(
    async () =>
      expect((await cluster.status("replica"))?.problem).toMatch(
        /^no active leader known: l1: connection refused/,
      ),
    {
      timeout: 10_000,
    },
  );
  const leader = cluster.start("leader");
  await vi.waitFor(
    async () => expect((await cluster.status("leader"))?.problem).toMatch(/1 of 1 needed; a1 unreachable/),
    {
      timeout: 10_000,
    },
  );
  expect((await cluster.status("replica"))?.serving).toBe(false);
  const acceptor = cluster.start("acceptor");
  for (const role of roles) await serving(role);

  const stopped = await Promise.all([replica, leader, acceptor].map((service) => service.stop()));
  for (const [index, role] of roles.entries()) {
    const { code, stdout, stderr, tookMs } = stopped[index] ?? { tookMs: Number.NaN };
    expect([role, code]).toEqual([role, 0]);
    expect(tookMs).toBeLessThan(5_000);
    // The line for people says where, who and which cluster; the log is JSON and nothing else.
    expect(stderr).toMatch(
      new RegExp(
        `^synod-${role}: ${role} \\w+ listens on ${cluster.address(role)} \\(process \\d+, cluster [0-9a-f]{32}\\)\n$`,
      ),
    );
    const log = (stdout ?? "")
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as { msg: string });
    expect(log.at(-1)?.msg).toBe("stopped");
  }
});

test("an acceptor with a newly made store under an old name runs, warns, and is never counted", async () => {
  const fresh = await cluster.makeStore("a1-again");
  const acceptor = cluster.start("acceptor", "--data", cluster.path("a1-again"));
  cluster.start("leader");
  const words = new RegExp(`store ${fresh} is not the one .*${cluster.store}`);
  await vi.waitFor(async () => {
    const leader = await cluster.status("leader");
    expect(leader?.peers.find(({ id }) => id === "a1")?.problem).toMatch(words);
    expect(leader?.serving).toBe(false);
  });
  const status = await cluster.status("acceptor");
  expect([status?.serving, status?.problem]).toEqual([false, expect.stringMatching(words)]);
  expect((await acceptor.stop()).stderr).toMatch(new RegExp(`^synod-acceptor: warning: ${words.source}`));
});

test("a store that is absent, empty, another's or in use, and a busy address, are refused each with its own exit code", async () => {
  const running = cluster.start("acceptor");
  await serving("acceptor");
  const busy = createServer();
  await new Promise<void>((resolve) => busy.listen(0, "127.0.0.1", resolve));
  const { port } = busy.address() as { port: number };
  const other = await cluster.makeStore("other");
  const store = cluster.path("other");

  const cases: readonly (readonly [RoleName, readonly string[], number, RegExp])[] = [
    [
      "acceptor",
      ["--data", cluster.path("none")],
      4,
      /none: expected the store of acceptor a1, found no directory.* `synod-acceptor init`/,
    ],
    [
      "acceptor",
      ["--data", cluster.path("none"), "--id", "a2"],
      2,
      /--id: expected one of the cluster file's acceptors \(a1\), found "a2"/,
    ],
    ["acceptor", [], 6, /a1: expected a data directory that nobody uses, found it in use by process \d+/],
    ["replica", ["--data", store], 5, /other: expected the store of a replica, found that of acceptor a1/],
    ["leader", ["--listen", `127.0.0.1:${port}`], 3, new RegExp(`127.0.0.1:${port} is in use`)],
  ];
  const ended = await Promise.all(
    cases.map(([role, parameters]) => cluster.start(role, ...parameters).ended),
  );
  busy.close();
  for (const [index, [role, parameters, code, words]] of cases.entries()) {
    const { code: found, stderr } = ended[index] ?? { stderr: "" };
    expect([role, parameters, found]).toEqual([role, parameters, code]);
    expect(stderr).toMatch(words);
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
  }
  // Refusals changed nothing: the store still is what init made, and never was started before.
  await running.stop();
  cluster.start("acceptor", "--data", store);
  await vi.waitFor(async () =>
    expect((await cluster.status("acceptor"))?.state).toMatchObject({
      store: other,
      startCount: 1,
      highestSlot: 0,
    }),
  );
});
