// Rule 33: whether a slot is skipped is the same on every replica, in whatever order and however late each learns of it.

import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { type Command, type Genesis, seededRandom, type Value } from "@synod/core";
import {
  type Answer,
  Engine,
  encodeSaid,
  keyValueService,
  MemoryMap,
  openSessionMethod,
  type Remedy,
  remedyMethod,
  systemService,
} from "@synod/state-machine";
import { type ExecutionMarker, openExecutionMarker } from "@synod/storage";
import { batch, configurationCodec, descriptorSet, eventLoop, loadServices } from "@synod/wire";
import { expect, test } from "vitest";
import type { Halt } from "../src/replica/halt.js";
import { Performer } from "../src/replica/performer.js";
import type { Requests } from "../src/replica/requests/requests.js";
import { SlotRemedies } from "../src/replica/slot-remedies.js";
import { SystemCommands } from "../src/replica/system-commands.js";

const service = keyValueService.bind(loadServices);
const put = loadServices(descriptorSet).services.get(service.name)?.methods.get("Put");
const genesis: Genesis = {
  window: 4,
  configuration: { number: 1, predecessor: 0, acceptors: [], leaders: [], replicas: [] },
};
const noBytes = new Uint8Array();

class Died extends Error {}

/** The decided log, and the slots whose first command no replica can execute but by luck. */
interface World {
  readonly log: Value[];
  readonly poisoned: Set<number>;
  /** What clients were told, by slot and index. */
  readonly answers: Map<string, Answer>;
}

class Replica {
  readonly #directory = mkdtempSync(
    path.join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "synod-remedies-"),
  );
  marker: ExecutionMarker | undefined;
  readonly #world: World;
  readonly #lucky: () => boolean;
  #durable = new MemoryMap();
  #state = new MemoryMap();
  #next = 1;
  #build = "first";
  engine!: Engine;
  performer!: Performer;
  remedies!: SlotRemedies;
  halts: Halt[] = [];

  constructor(world: World, lucky: () => boolean) {
    this.#world = world;
    this.#lucky = lucky;
    this.start();
  }

  /** The keys and values of its state, in order. */
  get rows(): string {
    const rows = this.#state.range({ from: new Uint8Array(0) });
    return [...rows].map((row) => row.map((bytes) => Buffer.from(bytes).toString("hex"))).join("\n");
  }

  /** A process that goes on from what is on disk. */
  start(build = this.#build): void {
    this.#build = build;
    this.marker?.close();
    this.marker = openExecutionMarker(this.#directory, build);
    this.#state = copyOf(this.#durable);
    this.engine = new Engine({
      state: this.#state,
      genesis,
      configurationCodec,
      clusterId: "c".repeat(64),
      services: [service],
      onHandlerError: () => {},
      onExecuting: (slot, index) => {
        if (index === 0 && this.#world.poisoned.has(slot) && !this.#lucky()) throw new Died();
      },
    });
    this.performer = new Performer({
      scheduler: { nowMs: () => 0 },
      engine: this.engine,
      logTime: { applied: () => {} },
      proposed: () => true,
      log: { append: () => {} },
      requests: {
        executed: (command, answer) => this.#answered(command, answer),
        jumpedOver: () => {},
      },
      proposer: { applied: () => {} },
      logger: { error: () => {}, info: () => {} },
      marker: this.marker,
      onHalted: (halt) => this.halts.push(halt),
      onResumed: (slot) => {
        this.#next = slot;
      },
    });
    this.remedies = new SlotRemedies({
      requests: {} as Requests,
      commands: new SystemCommands(),
      scheduler: eventLoop,
      propose: () => {},
      marker: this.marker,
      performer: this.performer,
      appliedSlot: () => this.engine.appliedSlot,
      durableSlot: () => 0,
      highestKnown: () => this.#world.log.length,
      remedyOf: (slot) => this.engine.system.remedyOf(slot),
    });
    this.#next = this.engine.appliedSlot + 1;
    this.performer.haltIfUnfit();
  }

  /** Takes the next decided slot in; when that ends the process, it is started again. */
  learn(): void {
    const value = this.#world.log[this.#next - 1];
    if (value === undefined) return;
    const slot = this.#next++;
    try {
      this.performer.apply(slot, value);
    } catch (error) {
      if (!(error instanceof Died)) throw error;
      this.start();
    }
  }

  learnAll(): void {
    for (let steps = 0; !this.knowsAll; steps++) {
      if (steps > 20 * this.#world.log.length)
        throw new Error(`no progress: ${this.performer.halted?.reason}`);
      this.learn();
      if (steps % 8 === 7) this.flush();
    }
  }

  flush(): void {
    this.#durable = copyOf(this.#state);
  }

  end(): void {
    this.marker?.close();
    rmSync(this.#directory, { recursive: true });
  }

  get knowsAll(): boolean {
    return this.#next > this.#world.log.length;
  }

  /** Executed by its own process, and said so: nothing else may ever be said of it. */
  #answered(command: Command, answer: Answer): void {
    if (command.service === systemService) return;
    const key = `${command.clientId}/${command.sequence}`;
    const before = this.#world.answers.get(key);
    expect([key, answer.status, answer.message]).toEqual([
      key,
      before?.status ?? answer.status,
      before?.message ?? answer.message,
    ]);
    this.#world.answers.set(key, answer);
  }
}

function copyOf(map: MemoryMap): MemoryMap {
  const copy = new MemoryMap();
  for (const [key, value] of map.range({ from: Uint8Array.of(0) })) copy.put(key, value);
  return copy;
}

function systemCommand(method: string, request: Uint8Array = noBytes): Command {
  return { clientId: "nonce", sequence: 1, acknowledged: 0, service: systemService, method, request };
}

/** People act on slots that stop replicas, replicas learn and die at any time, and one of them executes a slot by luck. */
function drawn(seed: number): { skipped: number; missed: number; stopped: number } {
  const random = seededRandom(seed);
  const chance = (part: number) => random() < part;
  const world: World = { log: [], poisoned: new Set(), answers: new Map() };
  const luck = chance(0.3) ? 0.3 : 0;
  const replicas = [0, 1, 2].map(() => new Replica(world, () => chance(luck)));
  const decide = (...commands: Command[]) => {
    world.log.push({
      kind: "batch",
      proposal: { replica: "r1", incarnation: 1, number: world.log.length + 1 },
      commands: batch.encode({ commands, logTimeMs: 1, beginsLogTime: true }),
    });
    return world.log.length;
  };
  decide(systemCommand(openSessionMethod));
  decide(systemCommand("InstallService", encodeSaid({ service: service.name, version: service.version })));
  const session = "1.0.cccccccccccc";
  let sequence = 0;
  const say = () => {
    sequence++;
    const request = put?.encodeRequest?.({ key: `k${sequence}`, value: Buffer.from("v") });
    return {
      clientId: session,
      sequence,
      acknowledged: 0,
      service: service.name,
      method: "Put",
      request: request ?? noBytes,
    };
  };
  /** As `synod skip` does it; what it has had decided may stand in the log much later than the promises. */
  const proposed: Remedy[] = [];
  const act = () => {
    const stopped = replicas.find(({ performer }) => performer.halted !== undefined)?.performer.halted;
    if (stopped === undefined || stopped.kind === "missed") return;
    const { slot } = stopped;
    const number =
      1 +
      Math.max(
        ...replicas.map(({ performer }) => (performer.halted?.slot === slot ? performer.remediesOfNext : 0)),
      );
    const held = replicas.map(({ remedies }) => {
      try {
        return remedies.hold({ slot, number }).response.held;
      } catch {
        return false;
      }
    });
    if (!held.every(Boolean)) {
      if (replicas.some(({ marker }) => marker?.heldAt(slot))) proposed.push({ slot, number });
      return;
    }
    proposed.push(chance(0.2) ? { slot, number } : { slot, number, skip: chance(0.5) ? "batch" : 0 });
  };
  for (let step = 0; step < 150; step++) {
    const replica = replicas[Math.floor(random() * 3)] as Replica;
    if (chance(0.15)) {
      const slot = decide(say(), say());
      if (chance(0.15)) world.poisoned.add(slot);
    }
    if (chance(0.1)) act();
    if (chance(0.2) && proposed.length > 0) {
      const remedy = proposed[Math.floor(random() * proposed.length)] as Remedy;
      decide(systemCommand(remedyMethod, encodeSaid(remedy)));
    }
    if (chance(0.1)) replica.flush();
    if (chance(0.03)) replica.start();
    replica.learn();
  }
  // In the end people act until nothing stops anybody but what stops for good.
  for (let round = 0; ; round++) {
    // What one executed, answered and lost stops the others' people; then a better build comes.
    if (round === 10) {
      world.poisoned.clear();
      for (const replica of replicas) replica.start("better");
    }
    expect(round).toBeLessThan(20);
    for (const replica of replicas) replica.learnAll();
    if (replicas.every(({ performer: { halted } }) => halted === undefined || halted.kind === "missed"))
      break;
    act();
    for (const remedy of proposed.splice(0)) decide(systemCommand(remedyMethod, encodeSaid(remedy)));
  }
  for (const replica of replicas) replica.end();
  const sound = replicas.filter(({ performer }) => performer.halted === undefined);
  expect(new Set(sound.map(({ rows }) => rows)).size).toBeLessThanOrEqual(1);
  for (const { engine } of sound) expect(engine.appliedSlot).toBe(world.log.length);
  return {
    skipped: [...world.answers.values()].filter(({ status }) => status !== 0).length,
    missed: replicas.length - sound.length,
    stopped: replicas.flatMap(({ halts }) => halts).length,
  };
}

test("in drawn schedules every replica skips the same, and what was answered stands", () => {
  const total = { skipped: 0, missed: 0, stopped: 0 };
  for (let seed = 1; seed <= 10; seed++) {
    try {
      const found = drawn(seed);
      for (const key of ["skipped", "missed", "stopped"] as const) total[key] += found[key];
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
  }
  expect(total).toMatchObject({ missed: 0 });
  expect(total.skipped).toBeGreaterThan(8);
});
