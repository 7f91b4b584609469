import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { descriptorSet } from "@synod/wire";
import { expect, onTestFinished, test } from "vitest";
import { ready, startMembers } from "./members.js";

/** Debian's Python: the packages are installed for that one. */
const python = "/usr/bin/python3";
const client = path.join(import.meta.dirname, "python", "client.py");

test("a client in Python puts, gets and repeats in a session", async () => {
  const directory = mkdtempSync(path.join(tmpdir(), "synod-python-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const descriptors = path.join(directory, "descriptors.binpb");
  writeFileSync(descriptors, descriptorSet);
  const members = await startMembers({ acceptors: 1, leaders: 1, replicas: 1 });
  onTestFinished(() => members.stop());
  await ready(members);
  const { stdout } = await promisify(execFile)(python, [client, members.address("r1"), descriptors]);
  expect(stdout.trimEnd().split("\n")).toHaveLength(6);
});
