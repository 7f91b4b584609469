import { Status } from "../definition/status.js";
import { engineName } from "../system/foundation.js";
import { type Offer, systemService } from "../system/system-command.js";
import type { BoundService, Rejection } from "./service.js";
import { type ServiceSpace, serviceSpace } from "./transaction.js";

/** A service that this build brings, and its part of the state. */
export interface InstalledService {
  readonly service: BoundService;
  readonly space: ServiceSpace;
}

/** The services that this build brings, by name. */
export class InstalledServices {
  readonly #services = new Map<string, InstalledService>();

  constructor(services: readonly BoundService[]) {
    for (const service of services) {
      if ([systemService, engineName].includes(service.name) || this.#services.has(service.name)) {
        throw new TypeError(
          `services: expected each name once and none to be ${systemService} or ${engineName}, found ${service.name}`,
        );
      }
      this.#services.set(service.name, { service, space: serviceSpace(service.name) });
    }
  }

  get(name: string): InstalledService | undefined {
    return this.#services.get(name);
  }

  /** The versions of each that this build can run. */
  get offers(): readonly Offer[] {
    return [...this.#services.values()].map(({ service: { name, oldestVersion, version, build } }) => {
      const offer = { service: name, oldest: oldestVersion, newest: version };
      return build === undefined ? offer : { ...offer, build };
    });
  }

  /**
   * The reason why no version of this build would execute a request; undefined when some version would.
   * @param inForce the version that is expected to execute it; undefined or 0 when none is in force
   */
  validate(
    name: string,
    method: string,
    request: Uint8Array,
    inForce: number | undefined,
  ): Rejection | undefined {
    const installed = this.get(name)?.service;
    if (installed === undefined) return noService(name);
    const { oldestVersion, version: newest } = installed;
    const known = inForce || newest;
    const rejection = installed.validate(method, request, known);
    for (let version = newest; rejection !== undefined && version >= oldestVersion; version--)
      if (version !== known && installed.validate(method, request, version) === undefined) return undefined;
    return rejection;
  }
}

export function noService(name: string): Rejection {
  return {
    status: Status.unimplemented,
    message: `there is no replicated service "${name.slice(0, 64)}" here`,
  };
}
