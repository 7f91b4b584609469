import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import * as grpc from "@grpc/grpc-js";
import { freePorts } from "@synod/cli";
import { callUnary, clusterService, type Status } from "@synod/wire";

export type RoleName = "acceptor" | "leader" | "replica";

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The process of one service, started as a user would start it. */
export class ServiceProcess {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;

  constructor(role: RoleName, parameters: readonly string[]) {
    const bin = fileURLToPath(import.meta.resolve(`@synod/service-${role}/bin`));
    this.child = spawn(process.execPath, [bin, ...parameters], { stdio: ["ignore", "pipe", "pipe"] });
    const texts = { stdout: "", stderr: "" };
    for (const name of ["stdout", "stderr"] as const) {
      this.child[name]?.setEncoding("utf8").on("data", (text: string) => {
        texts[name] += text;
      });
    }
    this.ended = new Promise((resolve) => {
      this.child.once("close", (code) => resolve({ code, ...texts }));
    });
  }

  /** SIGTERM; resolves when it is gone, with how long that took. */
  async stop(): Promise<Ended & { tookMs: number }> {
    const askedAt = performance.now();
    this.child.kill("SIGTERM");
    const ended = await this.ended;
    return { ...ended, tookMs: performance.now() - askedAt };
  }
}

/** A cluster of one acceptor, one leader and one replica, laid out on disk; nothing runs yet. */
export class SmallCluster {
  readonly directory = mkdtempSync(path.join(tmpdir(), "synod-services-"));
  readonly #processes: ServiceProcess[] = [];
  #firstPort = 0;
  /** The acceptor's store as the cluster file names it. */
  store = "";

  async layOut(): Promise<void> {
    this.#firstPort = await freePorts(3);
    this.store = await this.makeStore("a1");
    const cluster = {
      window: 64,
      acceptors: [{ id: "a1", address: this.address("acceptor"), store: this.store }],
      leaders: [{ id: "l1", address: this.address("leader") }],
      replicas: [{ id: "r1", address: this.address("replica") }],
    };
    this.write("cluster.json", cluster);
    this.write("acceptor.json", { id: "a1", cluster: "cluster.json", data: "a1" });
    this.write("leader.json", { id: "l1", cluster: "cluster.json" });
    this.write("replica.json", { id: "r1", cluster: "cluster.json", data: "r1" });
  }

  address(role: RoleName): string {
    return `127.0.0.1:${this.#firstPort + ["replica", "leader", "acceptor"].indexOf(role)}`;
  }

  path(name: string): string {
    return path.join(this.directory, name);
  }

  write(name: string, content: unknown): void {
    writeFileSync(this.path(name), JSON.stringify(content));
  }

  /** Runs `synod-acceptor init` and returns the id it printed. */
  async makeStore(name: string): Promise<string> {
    const { code, stdout, stderr } = await new ServiceProcess("acceptor", [
      "init",
      "--id",
      "a1",
      "--data",
      this.path(name),
    ]).ended;
    if (code !== 0) throw new Error(`init ended with ${code}: ${stderr}`);
    return stdout.trim();
  }

  start(role: RoleName, ...parameters: string[]): ServiceProcess {
    const started = new ServiceProcess(role, ["--config", this.path(`${role}.json`), ...parameters]);
    this.#processes.push(started);
    return started;
  }

  /** What a role tells of itself; undefined while it does not answer. */
  async status(role: RoleName): Promise<Status | undefined> {
    // A connection of its own: the back-off of one that was refused before would outlast the wait.
    const options = { "grpc.use_local_subchannel_pool": 1 };
    const client = new grpc.Client(this.address(role), grpc.credentials.createInsecure(), options);
    try {
      return await callUnary(client, clusterService.Status, {}, { deadline: Date.now() + 1_000 });
    } catch {
      return undefined;
    } finally {
      client.close();
    }
  }

  async end(): Promise<void> {
    for (const { child } of this.#processes) child.kill("SIGKILL");
    await Promise.all(this.#processes.map(({ ended }) => ended));
    rmSync(this.directory, { recursive: true, force: true });
  }
}
