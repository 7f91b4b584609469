import * as grpc from "@grpc/grpc-js";
import type { Decision, Member } from "@synod/core";
import { type LogPage, type LogRequest, replicaService, type SnapshotPage, serviceLoop } from "@synod/wire";
import { afterEach, describe, expect, test, vi } from "vitest";
import { CatchUp, catchUpCheckMs } from "../src/replica/catch-up/catch-up.js";
import { type OtherReplica, reachReplica } from "../src/replica/catch-up/other-replica.js";
import { UnfitSnapshot } from "../src/replica/catch-up/snapshot-receiver.js";
import { Server, unary } from "../src/transport/server.js";
import { VirtualTime } from "./support/virtual-time.js";

describe("a replica that catches up", () => {
  let peer: Server | undefined;
  afterEach(() => peer?.stop());

  /** A replica that asks nobody what is meant, of some cluster, with one decision. */
  async function peerOf(clusterId: string) {
    const decision: Decision = { kind: "decision", slot: 1, value: { kind: "no-op" } };
    const asked: string[] = [];
    const server = new Server(grpc.ServerCredentials.createInsecure(), "r2", clusterId);
    peer = server;
    server.grpc.addService(
      { Log: replicaService.Log },
      {
        Log: unary((call: { request: { clusterId: string } }) => {
          asked.push(call.request.clusterId);
          return { response: { decisions: [decision], next: 0, clusterId } };
        }),
      },
    );
    const learnt: number[] = [];
    const said: string[] = [];
    const note = (fields: object, text: string) =>
      said.push(`${text}: ${(fields as { err?: Error }).err?.message ?? ""}`);
    const catchUp = new CatchUp({
      clusterId: "ours",
      replica: "r1",
      durableSlot: () => learnt.length,
      peers: [{ id: "r2", address: `127.0.0.1:${await server.listen("127.0.0.1:0")}` }],
      reach: (member) => reachReplica(member, grpc.credentials.createInsecure()),
      scheduler: serviceLoop,
      random: Math.random,
      logger: { debug: () => {}, info: note, warn: note, error: note },
      receiver: { receive: () => Promise.reject(new Error("no snapshot")) } as never,
      slotOut: () => 1 + learnt.length,
      introduced: () => false,
      trimmedBelow: () => 2,
      learn: ({ slot }) => learnt.push(slot) > 0,
      whenRoom: (callback) => callback(),
    });
    catchUp.tick();
    return { asked, learnt, said, catchUp };
  }

  test("takes the log of a peer of its cluster, whose name it gives", async () => {
    const { asked, learnt, catchUp } = await peerOf("ours");
    await vi.waitFor(() => expect(learnt).toEqual([1]));
    // For what it lacks, and to take leave; once more where the machine had it wait for too long.
    await vi.waitFor(() => expect(asked.length).toBeGreaterThanOrEqual(2));
    expect(new Set(asked)).toEqual(new Set(["ours"]));
    catchUp.close();
  });

  test("takes nothing from another cluster's replica that answers at a peer's address", async () => {
    const { learnt, said, catchUp } = await peerOf("theirs");
    await vi.waitFor(() =>
      expect(said.join()).toContain("belongs to cluster theirs, and cluster ours was meant"),
    );
    expect(learnt).toEqual([]);
    catchUp.close();
  });
});

/** A replica that lacks what is below slot 100, and has two peers. */
class Bench {
  readonly time = new VirtualTime();
  /** What was asked of whom, and when. */
  readonly asked: string[] = [];
  readonly askedAtMs: number[] = [];
  slotOut = 1;
  /** What is applied is on the disk a while later. */
  durableSlot = 0;
  readonly trimmedBelow = 100;
  /** By peer: the first slot of its log, and what becomes of a transfer of its state. */
  readonly logFrom: Record<string, number> = { r2: 1_000, r3: 1_000 };
  transfer: (peer: string, cameIn: () => void) => Promise<number> = () => Promise.reject(new Error("none"));
  readonly room: (() => void)[] = [];
  full = false;
  /** Slots behind each that leaders tell of besides. */
  told = 0;
  giver: string | undefined;
  readonly requests: LogRequest[] = [];
  #catchUp: CatchUp | undefined;

  /** For so many milliseconds. */
  async run(ms: number): Promise<void> {
    this.#catchUp ??= this.#made();
    const catchUp = this.#catchUp;
    const cancel = this.time.every(catchUpCheckMs, () => catchUp.tick());
    await this.time.pass(ms);
    cancel();
  }

  get progress() {
    return this.#catchUp?.progress;
  }

  #made(): CatchUp {
    return new CatchUp({
      ...{ clusterId: "c", replica: "r1", scheduler: this.time },
      peers: ["r2", "r3"].map((id) => ({ id, address: id })),
      reach: (peer) => this.#reach(peer),
      random: () => 0.6,
      logger: { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} },
      receiver: {
        giver: this.giver,
        receive: async (_: unknown, peer: string, cameIn: (page: SnapshotPage) => void) => {
          this.#ask(`state of ${peer}`);
          const through = { rows: 1, ofRows: 4, bytes: 3 << 20 };
          const slot = await this.transfer(peer, () => cameIn({ slot: 50, through } as SnapshotPage));
          this.slotOut = slot + 1;
          this.durableSlot = slot;
        },
      } as never,
      slotOut: () => this.slotOut,
      durableSlot: () => this.durableSlot,
      introduced: () => true,
      trimmedBelow: () => this.trimmedBelow,
      learn: ({ slot }) => {
        this.slotOut = Math.max(this.slotOut, slot + 1 + this.told);
        this.time.after(60, () => {
          this.durableSlot = slot;
        });
        return !this.full;
      },
      whenRoom: (callback) => this.room.push(callback),
    });
  }

  #reach({ id }: Member): OtherReplica {
    const log = async (request: LogRequest): Promise<LogPage> => {
      this.#ask(`log of ${id} from ${request.from}`);
      this.requests.push(request);
      // What is not there yet would be needed again after a crash.
      expect(request.reader).toEqual({ member: "r1", durableSlot: this.durableSlot });
      const first = Math.max(request.from, this.logFrom[id] ?? 0);
      const decisions = [0, 1, 2].map(
        (each) => ({ kind: "decision", slot: first + each, value: { kind: "no-op" } }) as const,
      );
      return { decisions, next: first + 3, clusterId: "c" };
    };
    return { log, close: () => {} } as never;
  }

  #ask(what: string): void {
    this.asked.push(what);
    this.askedAtMs.push(this.time.nowMs());
  }
}

const cut = () => new Error("the connection broke");

describe("whom a replica catches up from (rule 19)", () => {
  test("it goes on with the one whose state came in half, and takes its log behind it", async () => {
    const bench = new Bench();
    let cuts = 0;
    bench.transfer = async (peer, cameIn) => {
      if (peer === "r2") throw new Error("nobody there");
      cameIn();
      if (++cuts < 5) throw cut();
      bench.logFrom.r3 = 51;
      return 50;
    };
    await bench.run(20_000);
    expect(new Set(bench.asked.slice(0, 2))).toEqual(new Set(["log of r2 from 1", "log of r3 from 1"]));
    const after = bench.asked.slice(bench.asked.indexOf("state of r3"));
    expect(after.filter((asked) => asked.includes("r2"))).toEqual([]);
    expect(after).toContain("log of r3 from 51");
    expect([bench.slotOut, cuts]).toEqual([102, 5]);
    // The last one is no request for more: it tells how far this replica has got.
    expect(bench.requests.at(-1)).toMatchObject({ from: 102, limit: 1, reader: { durableSlot: 101 } });
  });

  test("it begins with the one whose state an earlier process took in half", async () => {
    const bench = new Bench();
    bench.giver = "r3";
    bench.transfer = async () => 99;
    await bench.run(1_000);
    expect(bench.asked.slice(0, 2)).toEqual(["log of r3 from 1", "state of r3"]);
  });

  test.each([
    ["gives nothing for 15 s", cut(), 15_000],
    ["refuses", Object.assign(new Error("diverged"), { code: grpc.status.FAILED_PRECONDITION }), 0],
    ["gives what is of no use", new UnfitSnapshot("of another format"), 0],
  ])("it turns to another one when the one that helped %s", async (_, error, leastMs) => {
    const bench = new Bench();
    let first: string | undefined;
    bench.transfer = async (peer, cameIn) => {
      if (first !== undefined && peer !== first) return 99;
      if (first === undefined) cameIn();
      first = peer;
      throw error;
    };
    await bench.run(40_000);
    const states = bench.asked.flatMap((asked, index) => (asked.startsWith("state") ? [index] : []));
    const [begun = 0] = states;
    const turned = states.findLast((index) => bench.asked[index] !== bench.asked[begun]) ?? 0;
    const took = (bench.askedAtMs[turned] ?? 0) - (bench.askedAtMs[begun] ?? 0);
    expect(bench.slotOut).toBe(100);
    expect(took).toBeGreaterThanOrEqual(leastMs);
    expect(took).toBeLessThan(leastMs + 1_500);
  });

  test("rounds in which nobody can help come at most once a second", async () => {
    const bench = new Bench();
    await bench.run(10_000);
    expect(bench.asked.filter((asked) => asked === "log of r2 from 1").length).toBeLessThanOrEqual(20);
    expect(bench.asked.filter((asked) => asked === "state of r2").length).toBeGreaterThan(5);
    expect(bench.asked.filter((asked) => asked === "state of r2").length).toBeLessThanOrEqual(10);
  });

  test("it takes no more of a log than the role has room for", async () => {
    const bench = new Bench();
    bench.logFrom.r2 = 1;
    bench.logFrom.r3 = 1;
    bench.full = true;
    await bench.run(5_000);
    expect([bench.slotOut, bench.room.length]).toEqual([2, 1]);
    for (let slot = 2; slot < 100; slot++) {
      bench.room.shift()?.();
      await bench.run(50);
      expect(bench.slotOut).toBeLessThanOrEqual(slot + 1);
    }
    expect(bench.slotOut).toBeGreaterThan(98);
  });

  test("what leaders tell meanwhile is no reason to take another state", async () => {
    const bench = new Bench();
    bench.logFrom.r2 = 1;
    bench.logFrom.r3 = 1;
    bench.told = 2;
    await bench.run(5_000);
    expect(bench.slotOut).toBeGreaterThanOrEqual(100);
    expect(bench.asked.filter((asked) => asked.startsWith("state"))).toEqual([]);
  });

  test("it tells from whom, and how far it is", async () => {
    const bench = new Bench();
    bench.transfer = async (_, cameIn) => {
      cameIn();
      return new Promise(() => {});
    };
    await bench.run(1_000);
    expect(bench.progress).toMatchObject({ slot: 50, rows: 1, ofRows: 4, bytes: 3 << 20, slotsLeft: 99 });
  });
});
