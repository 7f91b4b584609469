import type { Command, Genesis } from "@synod/core";
import { configurationCodec } from "@synod/wire";
import { describe, expect, it } from "vitest";
import { Status } from "../src/definition/status.js";
import { BoundService } from "../src/engine/service.js";
import {
  type Answer,
  Engine,
  encodeSaid,
  engineName,
  type Offer,
  reportMethod,
  type SlotContent,
  switchVersionMethod,
  systemService,
} from "../src/index.js";
import { sessionLimits } from "../src/sessions/session-table.js";
import { commandOf, openCommand, serviceOf, TestMap } from "./support.js";

const name = "test.v1.Test";
const replicas = ["r1", "r2", "r3"].map((id) => ({ id, address: "127.0.0.1:1" }));
const genesis: Genesis = {
  window: 4,
  configuration: { number: 1, predecessor: 0, acceptors: [], leaders: [], replicas },
};

/** The test service in the versions that a build offers; it answers which one is in force. */
function build(oldestVersion: number, version: number): BoundService {
  const described = serviceOf({ kind: "command", execute: (_tx, _request, { version: v }) => ({ v }) });
  const fresh = serviceOf({ kind: "command", since: 2, execute: () => ({ fresh: true }) });
  const methods = new Map([
    ["Do", method(described)],
    ["Fresh", method(fresh)],
  ]);
  return new BoundService(name, { version, oldestVersion }, methods);
}

function method(service: BoundService) {
  const prepared = service.prepare("Do", Buffer.from("{}"), 9);
  if ("status" in prepared) throw new Error(prepared.message);
  return { definition: prepared.definition, codec: prepared.codec };
}

/** A replica: an engine that may be started again with another build. */
class Replica {
  readonly map = new TestMap();
  engine: Engine;
  #sequence = 0;

  constructor(service: BoundService | undefined) {
    this.engine = this.start(service);
    this.apply([openCommand()]);
  }

  start(service: BoundService | undefined): Engine {
    const services = service === undefined ? [] : [service];
    this.engine = new Engine({
      state: this.map,
      genesis,
      configurationCodec,
      services,
      onHandlerError: () => {},
    });
    return this.engine;
  }

  apply(commands: readonly Command[]): readonly Answer[] {
    return this.engine.apply(this.engine.appliedSlot + 1, { kind: "batch", commands });
  }

  /** What is answered to a call, or the status and message of the failure. */
  call(method = "Do", more: readonly Command[] = []): unknown {
    const answer = this.apply([...more, commandOf("1.0", ++this.#sequence, name, method, {})]).at(-1);
    const { status, message, response } = answer as Answer;
    return status === 0 ? JSON.parse(Buffer.from(response).toString()) : { status, message };
  }

  report(replica: string, offers: readonly Offer[], ground = this.engine.system.ground): Command {
    const number = this.engine.system.reports.nextNumber(replica);
    return systemCommand(reportMethod, {
      replica,
      store: "store",
      number,
      slot: 0,
      hash: "",
      earlier: [],
      offers,
      ground,
    });
  }

  switch(version: number): { status: number; message: string } {
    const [answer] = this.apply([systemCommand(switchVersionMethod, { service: name, version })]);
    return answer as Answer;
  }
}

function systemCommand(method: string, said: Parameters<typeof encodeSaid>[0]): Command {
  const request = encodeSaid(said);
  return { clientId: "nonce", sequence: 1, acknowledged: 0, service: systemService, method, request };
}

function offer(oldest: number, newest: number): Offer[] {
  return [{ service: name, oldest, newest }];
}

const first = (version: number) => {
  const replica = new Replica(build(1, version));
  return replica.engine.system.installationsFor([commandOf("1.0", 1, name, "Do", {})]);
};

describe("the version of a service (rule 26)", () => {
  it("is what the proposer of the first command says, and stays when another says otherwise", () => {
    const replica = new Replica(build(1, 3));
    expect(replica.call("Do", first(2))).toEqual({ v: 2 });
    expect(replica.call("Do", first(3))).toEqual({ v: 2 });
    expect(replica.engine.system.installationsFor([commandOf("1.0", 9, name, "Do", {})])).toEqual([]);
  });

  it("is not decided by a proposer alone where a replica is known not to offer it", () => {
    const replica = new Replica(build(1, 2));
    replica.apply([replica.report("r1", offer(1, 2)), replica.report("r2", offer(1, 1))]);
    expect(replica.call("Do", first(2))).toMatchObject({ status: Status.failedPrecondition });
    replica.apply([replica.report("r2", offer(2, 2))]);
    expect(replica.call("Do", first(2))).toEqual({ v: 2 });
  });

  it("is switched only when every replica has said that it offers the new one; who does not is named", () => {
    const replica = new Replica(build(1, 2));
    replica.call("Do", first(1));
    replica.apply([replica.report("r1", offer(1, 2)), replica.report("r2", offer(1, 1))]);
    const { status, message } = replica.switch(2);
    expect(status).toBe(Status.failedPrecondition);
    expect(message).toContain("r2 offers version 1; r3 has not said what it offers");
    expect(replica.call()).toEqual({ v: 1 });
    replica.apply([replica.report("r2", offer(1, 2)), replica.report("r3", offer(2, 3))]);
    expect(replica.switch(2).status).toBe(Status.ok);
    expect(replica.call()).toEqual({ v: 2 });
  });

  it("changes between two slots: a slot runs under one version", () => {
    const replica = new Replica(build(1, 2));
    replica.call("Do", first(1));
    const reports = ["r1", "r2", "r3"].map((id) => replica.report(id, offer(1, 2)));
    replica.apply(reports);
    const switching = systemCommand(switchVersionMethod, { service: name, version: 2 });
    expect(replica.call("Do", [switching])).toEqual({ v: 1 });
    expect(replica.call()).toEqual({ v: 2 });
  });

  it("has the methods that came with it, and those that come later are not there yet", () => {
    const replica = new Replica(build(1, 2));
    expect(replica.call("Fresh", first(1))).toMatchObject({ status: Status.unimplemented });
    replica.apply(["r1", "r2", "r3"].map((id) => replica.report(id, offer(1, 2))));
    replica.switch(2);
    expect(replica.call("Fresh")).toEqual({ fresh: true });
  });

  it("is not what the edge judges by: a switch may be decided that a lagging replica has not applied", () => {
    const lagging = new Replica(build(1, 2));
    lagging.call("Do", first(1));
    const { engine } = lagging;
    expect(engine.validate(name, "Fresh", Buffer.from("{}"))).toBeUndefined();
    expect(engine.validate(name, "Absent", Buffer.from("{}"))).toMatchObject({
      status: Status.unimplemented,
    });
    expect(engine.validate(name, "Do", Buffer.from("{"))).toMatchObject({ status: Status.invalidArgument });
    expect(lagging.switch(0).status).toBe(Status.ok);
    expect(engine.validate(name, "Do", Buffer.from("{}"))).toBeUndefined();
    const older = lagging.start(build(1, 1));
    expect(older.validate(name, "Fresh", Buffer.from("{}"))).toMatchObject({ status: Status.unimplemented });
  });

  it("is lacking in a replica that does not offer it: before the switched slots, and after a restart", () => {
    const replica = new Replica(build(1, 2));
    replica.call("Do", first(1));
    replica.apply(["r1", "r2", "r3"].map((id) => replica.report(id, offer(1, 2))));
    const old = replica.start(build(1, 1));
    expect(old.system.lackingFor({ kind: "no-op" })).toBeUndefined();
    replica.switch(2);
    const lacking = { service: name, version: 2, offered: { service: name, oldest: 1, newest: 1 } };
    expect(replica.engine.system.lackingFor({ kind: "no-op" })).toEqual(lacking);
    expect(replica.start(build(1, 1)).system.lackingFor({ kind: "no-op" })).toEqual(lacking);
    expect(replica.start(undefined).system.lackingFor({ kind: "no-op" })).toMatchObject({
      offered: undefined,
    });
    expect(replica.start(build(1, 2)).system.lackingFor({ kind: "no-op" })).toBeUndefined();
    expect(replica.call()).toEqual({ v: 2 });
  });

  it("is lacking before the slot that installs it, so that the slot changes nothing there", () => {
    const replica = new Replica(undefined);
    const slot: SlotContent = { kind: "batch", commands: [...first(2), commandOf("1.0", 1, name, "Do", {})] };
    expect(replica.engine.system.lackingFor(slot)).toEqual({ service: name, version: 2, offered: undefined });
    expect(replica.engine.system.lackingFor({ kind: "no-op" })).toBeUndefined();
  });

  it("can be taken out of use, and then any build will do", () => {
    const replica = new Replica(build(1, 1));
    expect(replica.switch(0)).toMatchObject({ status: Status.failedPrecondition });
    replica.call("Do", first(1));
    expect(replica.switch(0).status).toBe(Status.ok);
    expect(replica.call()).toMatchObject({ status: Status.unimplemented });
    expect(replica.start(undefined).system.lackingFor({ kind: "no-op" })).toBeUndefined();
    expect(replica.call()).toMatchObject({ status: Status.unimplemented });
  });

  it("does not change by what nobody can read", () => {
    const replica = new Replica(build(1, 1));
    const request = Buffer.from('{"service":1}');
    for (const method of [switchVersionMethod, reportMethod, "Nothing"]) {
      const command = { ...systemCommand(method, { service: name, version: 2 }), request };
      expect(replica.apply([command])).toMatchObject([{ status: Status.unimplemented }]);
    }
    expect(replica.engine.system.versions.all.size).toBe(0);
  });
});

describe("a switch (rule 32)", () => {
  const offeredByAll = (replica: Replica) => ["r1", "r2", "r3"].map((id) => replica.report(id, offer(1, 2)));

  it("is a checkpoint at its slot, and known as the last one, after a restart too", () => {
    const replica = new Replica(build(1, 2));
    replica.call("Do", first(1));
    replica.apply(offeredByAll(replica));
    expect(replica.engine.system.versions.lastSwitch).toBe(0);
    replica.switch(2);
    const slot = replica.engine.appliedSlot;
    for (const { system } of [replica.engine, replica.start(build(2, 2))]) {
      expect(system.versions.lastSwitch).toBe(slot);
      expect(system.reports.checkpoints.at(-1)?.slot).toBe(slot);
    }
    replica.switch(0);
    expect(replica.engine.system.versions.lastSwitch).toBe(slot + 1);
    expect(replica.engine.system.reports.checkpoints.at(-1)?.slot).toBe(slot + 1);
  });

  it("that is refused is none", () => {
    const replica = new Replica(build(1, 1));
    replica.call("Do", first(1));
    expect(replica.switch(2).status).toBe(Status.failedPrecondition);
    expect(replica.engine.system.versions.lastSwitch).toBe(0);
    expect(replica.engine.system.reports.checkpoints).toEqual([]);
  });

  it("is refused while a replica runs on another runtime than the one in force, with what to do", () => {
    const replica = new Replica(build(1, 2));
    replica.call("Do", first(1));
    const ground = { ...replica.engine.system.ground, runtime: "another", node: "v99.0.0" };
    replica.apply([...offeredByAll(replica)]);
    replica.apply([replica.report("r2", offer(1, 2), ground)]);
    const { status, message } = replica.switch(2);
    expect(status).toBe(Status.failedPrecondition);
    expect(message).toContain(
      `r2 runs Node v99.0.0, whose results may differ from those of Node ${process.version}`,
    );
    replica.apply([replica.report("r2", offer(1, 2))]);
    expect(replica.switch(2).status).toBe(Status.ok);
  });

  it("is refused while replicas differ unjudged, and while one that was outvoted is not replaced", () => {
    const replica = new Replica(build(1, 2));
    replica.call("Do", first(1));
    const { system } = replica.engine;
    const said = (id: string, hash: string, store = "store"): Command => {
      const number = system.reports.nextNumber(id);
      const plain = { replica: id, store, number, earlier: [], offers: offer(1, 2), ground: system.ground };
      return systemCommand(reportMethod, { ...plain, slot: 1, hash: hash.repeat(64) });
    };
    replica.apply(offeredByAll(replica));
    replica.apply([said("r1", "a"), said("r2", "b")]);
    expect(replica.switch(2).message).toContain("replicas differ at slot 1 (r1, r2) and no majority agrees");
    replica.apply([said("r3", "a")]);
    expect(replica.switch(2).message).toContain("r2 differs from the others");
    expect(replica.switch(0).status).toBe(Status.ok);
    replica.apply([said("r2", "a", "another")]);
    expect(replica.switch(2).status).toBe(Status.ok);
  });
});

describe("what commands are executed on (rule 32)", () => {
  const begin = new Replica(build(1, 1)).engine.system.installationsFor([]);
  const on = (runtime: string, sessions = sessionLimits) =>
    new Engine({
      ...{
        state: new TestMap(),
        genesis,
        configurationCodec,
        services: [build(1, 1)],
        onHandlerError: () => {},
      },
      ...{ ground: { runtime }, sessionLimits: sessions },
    });
  const batch = (...commands: Command[]): SlotContent => ({ kind: "batch", commands });

  it("is said by the first batch of a cluster, whatever it holds, and by no other", () => {
    const replica = new Replica(build(1, 1));
    const { system } = replica.engine;
    expect(begin).toMatchObject([{ method: "InstallFoundation" }]);
    replica.apply(begin);
    expect(system.foundation).toMatchObject({ node: process.version, runtime: system.ground.runtime });
    expect(system.installationsFor([])).toEqual([]);
    const { foundation } = system;
    replica.apply(new Replica(build(1, 1)).engine.system.installationsFor([]));
    expect(replica.start(build(1, 1)).system.foundation).toEqual(foundation);
  });

  it("keeps a process with another runtime from executing anything, before the slot that says it and after", () => {
    const foreign = on("another");
    expect(foreign.system.foreignFor(batch())).toBeUndefined();
    expect(foreign.system.foreignFor(batch(...begin))).toMatchObject({ what: "runtime" });
    const replica = new Replica(build(1, 1));
    replica.apply(begin);
    expect(replica.engine.system.foreignFor(batch())).toBeUndefined();
    const restarted = new Engine({
      ...{
        state: replica.map,
        genesis,
        configurationCodec,
        services: [build(1, 1)],
        onHandlerError: () => {},
      },
      ground: { runtime: "another" },
    });
    expect(restarted.system.foreignFor({ kind: "no-op" })).toMatchObject({ what: "runtime" });
  });

  it("keeps a build with other constants under the same number from executing anything", () => {
    const { runtime } = new Replica(build(1, 1)).engine.system.ground;
    const same = on(runtime);
    expect(same.system.foreignFor(batch(...begin))).toBeUndefined();
    const other = on(runtime, { ...sessionLimits, maxWindow: sessionLimits.maxWindow + 1 });
    expect(other.system.foreignFor(batch(...begin))).toMatchObject({ what: "engine" });
  });

  it("changes its engine by a switch that every replica offers, with a checkpoint, and not to what has no number", () => {
    const replica = new Replica(build(1, 1));
    replica.apply(begin);
    const { ground } = replica.engine.system;
    const version = (ground.engines.at(-1)?.version ?? 0) + 1;
    const engines = [...ground.engines, { version, digest: "of the next" }];
    const switching = systemCommand(switchVersionMethod, { service: engineName, version });
    const answer = () => replica.apply([switching])[0] as Answer;
    replica.apply(["r1", "r2"].map((id) => replica.report(id, [], { ...ground, engines })));
    replica.apply([replica.report("r3", [])]);
    expect(answer().message).toContain("is not offered by every replica: r3 does not");
    const unlike = [{ version, digest: "another" }];
    replica.apply([replica.report("r3", [], { ...ground, engines: unlike })]);
    expect(answer().message).toContain("is not the same everywhere");
    replica.apply([replica.report("r3", [], { ...ground, engines })]);
    expect(answer().status).toBe(Status.ok);
    expect(replica.engine.system.foundation?.engine).toEqual({ version, digest: "of the next" });
    expect(replica.engine.system.versions.lastSwitch).toBe(replica.engine.appliedSlot);
    expect(replica.engine.system.foreignFor(batch())).toMatchObject({ what: "engine" });
    expect(replica.switch(0)).toMatchObject({ status: Status.failedPrecondition });
  });
});
