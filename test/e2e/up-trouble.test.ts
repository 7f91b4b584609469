import { createServer } from "node:net";
import { freePorts } from "@synod/cli";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { alive, free, type Member, membersOf, type ReadyLine, Workplace } from "./synod-command.js";

let place: Workplace;

beforeEach(() => {
  place = new Workplace();
});

afterEach(() => place.end());

const oneOfEach = ["--acceptors", "1", "--leaders", "1", "--replicas", "1"];

async function startUp(...args: string[]) {
  const port = await freePorts(5);
  const up = place.start("up", "--json", "--port", String(port), ...args);
  const [line] = await up.printed(/^\{.*\}$/m);
  return { up, port, ready: JSON.parse(line) as ReadyLine };
}

describe("synod up", () => {
  it("has its data directory alone, and leaves no child 5 s after it was killed with -9", async () => {
    const { up, ready } = await startUp(...oneOfEach);
    const members = membersOf(ready);
    const second = await place.run("up", ...oneOfEach);
    expect(second.code).toBe(6);
    expect(second.stderr).toContain(`in use by process ${up.pid}`);
    up.child.kill("SIGKILL");
    await up.ended;
    await vi.waitFor(() => expect(members.filter(({ pid }) => alive(pid))).toEqual([]), { timeout: 5_000 });
    for (const { address } of members) expect(await free(address)).toBe(true);
  });

  it("refuses busy ports by number before anything is made", async () => {
    const port = await freePorts(3);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(port + 1, "127.0.0.1", resolve));
    const refused = await place.run("up", "--port", String(port), ...oneOfEach);
    server.close();
    expect(refused).toMatchObject({ code: 3, stdout: "" });
    expect(refused.stderr).toContain(`port ${port + 1}, meant for leader l1, is in use`);
    expect((await place.run("status")).stderr).toContain("no cluster is known here");
  });

  it("reports a child that died, with its exit code and its last words, and goes on with the rest", async () => {
    const { up, ready } = await startUp("--acceptors", "1", "--leaders", "1", "--replicas", "2");
    const [first, second] = ready.replicas as [Member, Member];
    process.kill(first.pid, "SIGKILL");
    await up.printed(/replica r1 ended: signal SIGKILL[\s\S]*run it again/, "stderr");
    expect(up.stderr).toContain(first.log);
    const put = await place.run("kv", "put", "still", "here", "--replica", second.address);
    expect(put).toMatchObject({ code: 0 });
    const status = await place.run("status");
    expect(status).toMatchObject({ code: 0 });
    expect(status.stdout).toMatch(/r1 +\S+ +unreachable/);
  });
});

describe("the synod command", () => {
  it("says that an address does not answer", async () => {
    const address = `127.0.0.1:${await freePorts(1)}`;
    const get = await place.run("kv", "get", "a", "--replica", address, "--timeout", "500");
    expect(get.code).toBe(1);
    expect(get.stderr).toContain(`${address}: UNAVAILABLE`);
    expect(get.stderr).toContain('"npx synod status" shows who runs');
    expect(get.stderr).not.toContain("Resolution note");
    const log = await place.run("log", "--replica", address);
    expect(log.stderr).toContain(address);
  });
});
