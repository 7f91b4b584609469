import type { PeerStatus } from "@synod/wire";
import { describe, expect, it } from "vitest";
import { gather } from "../src/status/gather.js";
import { presentStatus } from "../src/status/present.js";
import type { Answered, RoleReport } from "../src/status/report.js";
import { verdict } from "../src/status/verdict.js";

const ballot = { round: 3, leader: "l2", incarnation: 99 };
const common = {
  answered: true,
  clusterId: "c",
  version: "0",
  pid: 1,
  uptimeSeconds: 1,
  serving: true,
  problem: "",
  peers: [],
  configuration: {
    number: 1,
    predecessor: 0,
    acceptors: ["a1", "a2"].map((id) => ({ id, address: `h:${id}`, store: `s-${id}` })),
    leaders: [{ id: "l2", address: "h:l2" }],
    replicas: [{ id: "r1", address: "h:r1" }],
  },
} as const;

function acceptor(id: string): Answered {
  const state = {
    role: "acceptor",
    store: `s-${id}`,
    startCount: 1,
    trimmedBelow: 1,
    promised: ballot,
    highestSlot: 11,
  } as const;
  return { ...common, role: "acceptor", id, address: `h:${id}`, state };
}

function leader(
  id: string,
  phase: "passive" | "scouting" | "active" = "passive",
  unreachable: string[] = [],
  peers: PeerStatus[] = [],
): Answered {
  const state = {
    role: "leader",
    phase,
    ballot,
    slotOut: 12,
    commanders: 0,
    queued: 0,
    unreachable,
  } as const;
  return { ...common, role: "leader", id, address: `h:${id}`, peers, state };
}

function replica(id: string, slotOut = 12, changes: Partial<Answered> = {}): Answered {
  const counts = {
    highestKnown: 11,
    queued: 0,
    outstanding: 0,
    durableSlot: 11,
    services: [],
    trimPoint: 0,
    stateBytes: 0,
    quotaBytes: 0,
    warnings: [],
    node: "v22.0.0",
    runtime: "r",
    lastSwitch: 0,
  };
  const state = { role: "replica", slotOut, ...counts, hash: "ab", leader: "l2", ballot } as const;
  return { ...common, role: "replica", id, address: `h:${id}`, state, ...changes };
}

function silent(one: Answered): RoleReport {
  const { role, id, address } = one;
  return { role, id, address, answered: false, reason: "connection refused" };
}

const acceptors = ["a1", "a2", "a3"].map(acceptor);
const leaders = [leader("l1"), leader("l2", "active"), leader("l3")];
const replicas = ["r1", "r2", "r3"].map((id) => replica(id));

describe("the verdict", () => {
  it("is that a whole cluster moves, and who leads it", () => {
    const found = verdict([...acceptors, ...leaders, ...replicas]);
    expect(found).toEqual({ moves: true, reasons: [], warnings: [], leader: "l2" });
  });

  it("mentions replicas on several versions of Node, alike or not, and what replicas warn of, once", () => {
    const on = (id: string, node: string, runtime: string): Answered => {
      const one = replica(id);
      const warnings = ["at slot 9 replicas differ"];
      return { ...one, state: { ...one.state, node, runtime, warnings } as Answered["state"] };
    };
    const found = (runtime: string) =>
      verdict([...acceptors, ...leaders, on("r1", "v22.0.0", "r"), on("r2", "v24.1.0", runtime)]).warnings;
    expect(found("r")).toEqual([
      "at slot 9 replicas differ",
      "replicas run several versions of Node, alike in all that handlers can see: r1 v22.0.0, r2 v24.1.0",
    ]);
    expect(found("s")[1]).toMatch(/^replicas run versions of Node that may give other results/);
  });

  it("names the acceptors that miss for a majority, and not what merely follows from that", () => {
    const [a1, a2, a3] = acceptors as [Answered, Answered, Answered];
    const problem = "no majority of acceptors: 2 of 3 needed; a2, a3 unreachable";
    const waiting = [leader("l1"), leader("l2"), replica("r1", 12, { serving: false })];
    const found = verdict([a1, silent(a2), silent(a3), ...waiting.map((one) => ({ ...one, problem }))]);
    expect(found.moves).toBe(false);
    expect([...found.reasons, ...found.warnings]).toEqual(["2 of 3 acceptors needed: a2, a3 unreachable"]);
  });

  it("only warns while a majority of the acceptors is left", () => {
    const [a1, a2, a3] = acceptors as [Answered, Answered, Answered];
    const found = verdict([a1, silent(a2), a3, ...leaders, ...replicas]);
    expect(found.moves).toBe(true);
    expect(found.warnings).toEqual(["2 of 3 acceptors needed: a2 unreachable"]);
  });

  it("does not count an acceptor that answers with another store, and says which", () => {
    const problem = "store X is not the one configuration 1 names";
    const view = { id: "a2", role: "acceptor", address: "h:a2", connected: true, problem } as const;
    const seeing = leaders.map((one) => ({ ...one, peers: [view] }));
    const [a1, a2, a3] = acceptors as [Answered, Answered, Answered];
    const found = verdict([a1, a2, silent(a3), ...seeing, ...replicas]);
    expect(found.reasons).toContain(`2 of 3 acceptors needed: a3 unreachable; a2 not counted: ${problem}`);
  });

  it("counts an acceptor that leaders warn of, and passes the warning on once", () => {
    const problem = "counted, but its store tells of start 2 after start 5: its disk was rolled back";
    const view = { id: "a2", role: "acceptor", address: "h:a2", connected: true, problem } as const;
    const seeing = leaders.map((one) => ({ ...one, peers: [view] }));
    const [a1, a2, a3] = acceptors as [Answered, Answered, Answered];
    const found = verdict([a1, a2, silent(a3), ...seeing, ...replicas]);
    expect(found.moves).toBe(true);
    expect(found.warnings).toEqual(["2 of 3 acceptors needed: a3 unreachable", `a2 ${problem}`]);
  });

  it("says that no leader is active, and what each does", () => {
    const found = verdict([...acceptors, leader("l1", "scouting"), leader("l2"), ...replicas]);
    expect(found.reasons).toEqual(["no leader is active: l1 is scouting, l2 is passive"]);
  });

  it("says that an active leader reaches no majority", () => {
    const found = verdict([...acceptors, leader("l2", "active", ["a1", "a3"]), ...replicas]);
    expect(found.reasons).toEqual(["leader l2 reaches no majority of the acceptors: a1, a3 unreachable"]);
  });

  it("says no more than that no replica answers when nobody else is known", () => {
    expect(verdict([silent(replica("r1"))]).reasons).toEqual(["no replica answers: r1 unreachable"]);
  });

  it("needs one replica that serves", () => {
    const waiting = replica("r1", 3, { serving: false, problem: "behind by 9 slots" });
    const found = verdict([...acceptors, ...leaders, waiting, silent(replica("r2"))]);
    expect(found.reasons).toEqual([
      "no replica serves: replica r2 unreachable; replica r1: behind by 9 slots",
    ]);
  });
});

describe("the status table", () => {
  it("has one line a process, in order, with lag and the reason why nothing moves", () => {
    const [a1, a2, a3] = acceptors as [Answered, Answered, Answered];
    const text = presentStatus([
      a1,
      silent(a2),
      silent(a3),
      leader("l2", "active"),
      replica("r10", 9),
      replica("r2"),
    ]);
    expect(text.split("\n")).toEqual([
      "ROLE      ID   ADDRESS  HEALTH       BALLOT  SLOT  LAG  NOTES",
      "replica   r2   h:r2     serving      3.l2    12    0    leader l2",
      "replica   r10  h:r10    serving      3.l2    9     3    leader l2",
      "leader    l2   h:l2     serving      3.l2    12    -    active",
      "acceptor  a1   h:a1     serving      3.l2    11    -    store s-a1",
      "acceptor  a2   h:a2     unreachable  -       -     -    connection refused",
      "acceptor  a3   h:a3     unreachable  -       -     -    connection refused",
      "",
      "Nothing moves:",
      "  2 of 3 acceptors needed: a2, a3 unreachable",
    ]);
  });
});

describe("gathering", () => {
  it("finds every member of the configuration from one replica, and shows who does not answer", async () => {
    const [a1] = acceptors as [Answered];
    const answers = new Map([replica("r1"), leader("l2", "active"), a1].map((one) => [one.address, one]));
    const ask = async (address: string) => {
      const answer = answers.get(address);
      if (!answer) throw new Error("no answer within 1000 ms");
      return answer;
    };
    const reports = await gather([{ role: "replica", id: "h:r1", address: "h:r1" }], ask, undefined);
    expect(reports.map(({ id, answered }) => [id, answered])).toEqual([
      ["r1", true],
      ["l2", true],
      ["a1", true],
      ["a2", false],
    ]);
  });

  it("counts a process that is known under two addresses once, and as there when it answers at one", async () => {
    const answering = replica("r1");
    const ask = async (address: string) => {
      if (address !== answering.address) throw new Error("connection refused");
      return answering;
    };
    for (const silent of ["elsewhere:1", "before:1"]) {
      const start = [
        { role: "replica", id: "r1", address: silent },
        { role: "replica", id: "r1", address: answering.address },
      ] as const;
      for (const known of [start, start.toReversed()]) {
        const reports = await gather(known, ask, undefined);
        const found = reports.filter(({ id }) => id === "r1");
        expect(found).toMatchObject([{ id: "r1", answered: true, address: answering.address }]);
      }
    }
  });
});
