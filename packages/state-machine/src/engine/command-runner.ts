import type { Command } from "@synod/core";
import { Status } from "../definition/status.js";
import { type Call, failed, type HandlerError, type Outcome, run } from "./execution.js";
import { type InstalledServices, noService } from "./installed-services.js";
import type { AfterStandstill, LogTimes } from "./log-time.js";
import type { ReplicatedState } from "./replicated-state.js";
import type { Rejection } from "./service.js";

/** Runs commands and queries on the state, in the version of their service that is in force. Writes nothing. */
export class CommandRunner {
  readonly #services: InstalledServices;
  readonly #onHandlerError: (error: HandlerError) => void;

  constructor(services: InstalledServices, onHandlerError: (error: HandlerError) => void) {
    this.#services = services;
    this.#onHandlerError = onHandlerError;
  }

  /**
   * @param uninstalled the version to run where none is in force yet; none, unless given
   * @param running called before the handler is
   */
  run(
    { map, system, progress, schedule }: ReplicatedState,
    command: Command,
    at: { readonly slot: number; readonly index: number },
    { uninstalled, running }: { readonly uninstalled?: number | undefined; readonly running?: () => void },
  ): Outcome {
    const { method, request, clientId, sequence } = command;
    const installed = this.#services.get(command.service);
    const version = system.versions.inForce(command.service) ?? uninstalled;
    if (version === undefined) return rejected(notInUse(command.service));
    if (version === 0) return rejected(outOfUse(command.service));
    if (installed === undefined) return rejected(noService(command.service));
    const afterStandstill = installed.service.afterStandstill(version);
    const call: Call = {
      service: installed.service,
      space: installed.space,
      version,
      method,
      request,
      slot: at.slot,
      index: at.index,
      revision: progress.revision,
      timeMs: timeFor(progress.time, afterStandstill),
      afterStandstill,
      client: clientId === "" ? undefined : { id: clientId, sequence },
      previousHash: progress.hash,
      scheduled: schedule.length,
    };
    running?.();
    return run(map, call, this.#onHandlerError);
  }
}

function timeFor({ resumeMs, catchUpMs }: LogTimes, afterStandstill: AfterStandstill): number {
  return afterStandstill === "resume" ? resumeMs : catchUpMs;
}

function rejected({ status, message }: Rejection): Outcome {
  return failed(status, message);
}

function outOfUse(name: string): Rejection {
  return { status: Status.unimplemented, message: `service ${name} was taken out of use` };
}

/** Every batch says what its services need; so a replica is known not to have this one, or the batch is nobody's. */
function notInUse(name: string): Rejection {
  return {
    status: Status.failedPrecondition,
    message: `service "${name.slice(0, 64)}" is not in use: not every replica offers the version that was to be used`,
  };
}
