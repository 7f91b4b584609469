import { freePorts } from "@synod/cli";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { alive, free, type Member, type SynodProcess, shell, Workplace } from "./synod-command.js";

const place = new Workplace();
let port: number;
let up: SynodProcess;

beforeAll(async () => {
  port = await freePorts(9);
  up = place.start("up", "--port", String(port));
  await up.printed(/Ctrl-C stops it/);
});

afterAll(() => place.end());

/** The members as `synod up` printed them. */
function printedMembers(): Member[] {
  const lines = up.stdout.matchAll(/^ {2}(?:replica|leader|acceptor) +(\w+) +(\S+) {2}process (\d+)$/gm);
  return [...lines].map(([, id = "", address = "", pid]) => ({ id, address, pid: Number(pid), log: "" }));
}

function bufLine(method: string): string {
  const line = up.stdout
    .split("\n")
    .find((text) => text.trim().startsWith("npx buf curl") && text.endsWith(method));
  expect(line, `a buf line for ${method}`).toBeDefined();
  return line ?? "";
}

describe("synod up", () => {
  it("runs nine processes, each a service of its own", () => {
    const members = printedMembers();
    expect(members.map(({ id }) => id)).toEqual(["r1", "r2", "r3", "l1", "l2", "l3", "a1", "a2", "a3"]);
    expect(new Set(members.map(({ pid }) => pid)).size).toBe(9);
    for (const { pid } of members) expect(alive(pid)).toBe(true);
  });

  it("prints buf lines for put, get and Add that work as printed", async () => {
    const put = await shell(bufLine("KeyValue/Put"));
    expect(put).toMatchObject({ code: 0 });
    const get = await shell(bufLine("KeyValue/Get"));
    expect(JSON.parse(get.stdout)).toMatchObject({
      found: true,
      value: Buffer.from("hello").toString("base64"),
    });
    const add = await shell(bufLine("Calculator/Add"));
    expect(JSON.parse(add.stdout)).toEqual({ value: "5" });
    expect(up.stdout.match(/^ {2}grpcurl -plaintext/gm)).toHaveLength(3);
  });

  it("lets kv find the cluster without being told where it is", async () => {
    expect(await place.run("kv", "put", "colour", "deep blue")).toMatchObject({ code: 0 });
    expect(await place.run("kv", "get", "colour")).toMatchObject({ code: 0, stdout: "deep blue\n" });
    expect(await place.run("kv", "range", "col")).toMatchObject({ code: 0, stdout: "colour\tdeep blue\n" });
    expect(await place.run("kv", "delete", "colour")).toMatchObject({ code: 0 });
    const absent = await place.run("kv", "get", "colour");
    expect(absent).toMatchObject({ code: 1, stdout: "" });
    expect(absent.stderr).toContain('no key "colour"');
  });

  it("reads through another replica what was written through the first while that one is stopped", async () => {
    const [r1, , r3] = printedMembers() as [Member, Member, Member];
    const put = await place.run("kv", "put", "kept", "yes", "--replica", r1.address);
    expect(put).toMatchObject({ code: 0 });
    process.kill(r1.pid, "SIGSTOP");
    try {
      const get = await place.run("kv", "get", "kept", "--replica", r3.address);
      expect(get).toMatchObject({ code: 0, stdout: "yes\n" });
      const anyone = await place.run("kv", "get", "kept");
      expect(anyone).toMatchObject({ code: 0, stdout: "yes\n" });
    } finally {
      process.kill(r1.pid, "SIGCONT");
    }
  });

  it("has status show all nine, who leads, and that the cluster moves", async () => {
    const status = await place.run("status");
    expect(status.code).toBe(0);
    expect(status.stdout).toMatch(/The cluster moves; l[123] leads/);
    for (const { id, address } of printedMembers()) {
      expect(status.stdout).toMatch(new RegExp(`${id} +${address} +serving`));
    }
  });

  it("has status find all nine from the address of one replica", async () => {
    const status = await place.run("status", "--replica", `127.0.0.1:${port + 1}`, "--json");
    expect(status.code).toBe(0);
    const { members, moves } = JSON.parse(status.stdout);
    expect(moves).toBe(true);
    const ids = members.map((member: { id: string }) => member.id);
    expect(ids).toEqual(expect.arrayContaining(["r2", "l1", "l2", "l3", "a1", "a2", "a3"]));
  });

  it("has status say why nothing moves, and a call end with the reason", async () => {
    const stopped = printedMembers().filter(({ id }) => id === "a1" || id === "a2");
    for (const { pid } of stopped) process.kill(pid, "SIGSTOP");
    try {
      const call = await place.run("kv", "put", "never", "x", "--timeout", "2000");
      expect(call.code).toBe(1);
      expect(call.stderr).toMatch(/UNAVAILABLE|DEADLINE_EXCEEDED/);
      const status = await place.run("status");
      expect(status.code).toBe(1);
      expect(status.stdout).toContain("2 of 3 acceptors needed: a1, a2 unreachable");
    } finally {
      for (const { pid } of stopped) process.kill(pid, "SIGCONT");
    }
    expect(await place.run("kv", "put", "again", "x")).toMatchObject({ code: 0 });
  });

  it("has log print what was decided, one line a slot", async () => {
    const log = await place.run("log");
    expect(log.code).toBe(0);
    const lines = log.stdout.trimEnd().split("\n");
    expect(lines.map((line) => Number(line.split(" ", 1)[0]))).toEqual(lines.map((_, index) => index + 1));
    expect(log.stdout).toContain('synod.kv.v1.KeyValue/Put {"key":"colour"');
    const two = await place.run("log", "--from", "2", "--limit", "2", "--json");
    expect(
      two.stdout
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line).slot),
    ).toEqual([2, 3]);
  });

  it("stops everything on Ctrl-C within 5 s and frees the ports", async () => {
    const members = printedMembers();
    const asked = performance.now();
    up.child.kill("SIGINT");
    expect(await up.ended).toMatchObject({ code: 0 });
    expect(performance.now() - asked).toBeLessThan(5_000);
    for (const { pid, address } of members) {
      expect(alive(pid)).toBe(false);
      expect(await free(address)).toBe(true);
    }
  });

  it("says that nobody answers once it is stopped", async () => {
    const status = await place.run("status");
    expect(status.code).toBe(1);
    expect(status.stdout).toContain("2 of 3 acceptors needed: a1, a2, a3 unreachable");
  });

  it("resumes the same cluster, with what was written, when it runs again", async () => {
    const again = place.start("up", "--port", String(port));
    await again.printed(/Ctrl-C stops it/);
    expect(again.stdout).toContain("resuming the cluster");
    expect(await place.run("kv", "get", "kept")).toMatchObject({ code: 0, stdout: "yes\n" });
    again.child.kill("SIGINT");
    expect(await again.ended).toMatchObject({ code: 0 });
  });
});
