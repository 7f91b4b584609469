import type { Peer, ReplicaInput } from "@synod/core";
import { ExitCode, helloOf, LeaderLinks, ReplicaProcess } from "@synod/node/parts";
import { ExecutionMarker, type MemoryReplicaDisk, type ReplicaStore, type StoreError } from "@synod/storage";
import type { Machine } from "./machine.js";
import { openingLimits } from "./options.js";
import type { CommandWatch } from "./remedies/lethal-commands.js";
import type { Running } from "./role-process.js";
import { boundsOf, clusterId, servicesOf } from "./services.js";
import { expectDeclared } from "./stock/undeclared.js";
import { Violation } from "./violation.js";

/** A replica's process as it ships, and the store that it has open. */
export function replicaProcess(
  machine: Machine,
  disk: MemoryReplicaDisk,
): { readonly process: ReplicaProcess; readonly running: Running; readonly store: ReplicaStore } {
  const { id, genesis, incarnation, random, options, clock, watcher, logs } = machine;
  const store = disk.open({
    id,
    clusterId,
    flushEveryMs: 0,
    onFlushed: (slot) => watcher.durable(disk.store, slot),
    onFailure: (error) => machine.ends(endOf(error), error),
  });
  let trimPoint = 0;
  let applied = 0;
  let told = 0;
  let halted = false;
  /** A replica that halted may be given decisions once more that it could not execute; no other goes back (rule 19). */
  const tells = (slotOut: number) => {
    if (slotOut < told && !halted)
      machine.ends(1, new Violation(`${id} goes back from slot_out ${told} to ${slotOut}`));
    told = slotOut;
  };
  const process = new ReplicaProcess({
    ...{ id, clusterId, genesis, incarnation, store, random },
    services: servicesOf(machine.build, options),
    ground: machine.ground,
    marker: options.remedies
      ? new ExecutionMarker(disk.markerFiles.open(), `build ${machine.repairs}`)
      : undefined,
    watch: watchOf(machine),
    limits: options.limits,
    pageBytes: options.pageBytes,
    logger: { debug: () => {}, info: logs, warn: logs, error: logs },
    scheduler: machine.timers,
    clocks: { monotonicMs: () => clock.monotonicMs, wallMs: () => clock.wallMs },
    drawName: () => machine.drawName(),
    ...boundsOf(options),
    openingLimits,
    keptLog: { slots: options.keptLog, bytes: 1 << 20 },
    reportHaste: options.reportHaste,
    send: (leader, message) => {
      const to: Peer = { role: "leader", id: leader };
      if (message.kind === "replica-status") tells(message.slotOut);
      if (links) links.send(leader, message);
      else machine.send(to, message);
    },
    links: () => links?.status ?? [],
    reach: (peer) => machine.reach(peer),
    onHandlerError: (failure) => expectDeclared(failure, id),
    observer: {
      applied: (slot, value, answers) => {
        const { engine } = process;
        watcher.applied(id, slot, value, engine, answers);
        applied = slot;
        const { reports } = engine.system;
        if (reports.trimPoint !== trimPoint) watcher.trimPointMoved(slot, trimPoint, reports.trimPoint);
        trimPoint = reports.trimPoint;
      },
      replaced: () => {
        watcher.installed(id, applied, process.engine);
        applied = process.engine.appliedSlot;
        trimPoint = process.engine.system.reports.trimPoint;
      },
      withdrew: () => machine.withdraws(),
    },
    onHalted: ({ kind, reason }) => {
      halted = true;
      if (kind === "lacking" && options.upgrades) machine.lacks();
      else if (kind === "foreign" && options.engines) machine.standsOnAnother();
      else if ((kind === "stuck" || kind === "held") && options.remedies) machine.waitsForRemedy();
      else machine.ends(1, new Violation(`${id} ${reason}`));
    },
    onFatal: (code, error) => machine.ends(code, error),
  });
  applied = process.engine.appliedSlot;
  trimPoint = process.engine.system.reports.trimPoint;
  const links = options.streams ? linksOf(machine, process) : undefined;
  const start = () =>
    void process.start(() => {
      if (machine.takesPart()) links?.start();
    });
  return { process, store, running: { start, post: (input) => process.post(input as ReplicaInput) } };
}

/** Told before each command, which takes its time in some worlds. */
function watchOf({ watch, timers, options: { handlerMs } }: Machine): CommandWatch | undefined {
  if (handlerMs === 0) return watch;
  return {
    begin(...command) {
      timers.work(handlerMs);
      watch?.begin(...command);
    },
    end: () => watch?.end(),
  };
}

function linksOf(machine: Machine, process: ReplicaProcess): LeaderLinks {
  const { id, genesis, dial, timers: scheduler, random } = machine;
  return new LeaderLinks({
    leaders: genesis.configuration.leaders,
    ...{ dial, scheduler, random },
    hello: () => {
      const { configurations, slotOut } = process;
      return helloOf({ id, clusterId }, { role: "replica", configurations, slotOut });
    },
    loses: (to, message) => machine.loses(to, message),
    post: (input) => process.post(input),
    whenRoom: (callback) => process.whenRoom(callback),
  });
}

/** The code with which a process ends whose store fails. */
function endOf({ reason }: StoreError): ExitCode {
  return reason === "damaged" ? ExitCode.foreignStore : ExitCode.writeFailed;
}
