import type { OrderedMap } from "@synod/core";
import { Status } from "../definition/status.js";
import { lastSwitchKey, versionKey, versionRange } from "../state/layout.js";
import type { Offer, Report, ServiceVersion } from "./system-command.js";

/** A version of a service that a replica cannot run, though it is in force or about to be. */
export interface Lacking extends ServiceVersion {
  /** The versions that its build offers; undefined when it does not have the service at all. */
  readonly offered: Offer | undefined;
}

/** The answer to a switch. Its message is the same on every replica. */
export interface SwitchAnswer {
  readonly status: number;
  readonly message: string;
}

/**
 * The version of each service that is in force (rule 26), in the replicated state. A switch takes effect after its slot,
 * so a whole slot runs under one version, and a replica that lacks the new one stops between two slots.
 */
export class Versions {
  readonly #state: OrderedMap;
  readonly #offered: ReadonlyMap<string, Offer>;
  readonly #inForce = new Map<string, number>();
  readonly #next = new Map<string, number>();
  #lastSwitch = 0;
  #lacking: Lacking | undefined;

  /** @param offered what this replica's build can run */
  constructor(state: OrderedMap, offered: readonly Offer[]) {
    this.#state = state;
    this.#offered = new Map(offered.map((offer) => [offer.service, offer]));
    for (const [key, value] of state.range(versionRange)) {
      this.#inForce.set(Buffer.from(key.subarray(1)).toString(), Number(Buffer.from(value).toString()));
    }
    const lastSwitch = state.get(lastSwitchKey);
    if (lastSwitch !== undefined) this.#lastSwitch = Number(Buffer.from(lastSwitch).toString());
    this.#look();
  }

  /**
   * The last slot that switched anything; 0 before the first. What was decided up to there was executed under other versions,
   * perhaps by other builds, and is not executed again by whoever comes later (rule 32).
   */
  get lastSwitch(): number {
    return this.#lastSwitch;
  }

  /** Undefined before its first command; 0 when the service was taken out of use. */
  inForce(service: string): number | undefined {
    return this.#inForce.get(service);
  }

  /** All that was ever decided, by name. */
  get all(): ReadonlyMap<string, number> {
    return this.#inForce;
  }

  /** A version in force that this replica does not offer: it must not apply another slot. */
  get lacking(): Lacking | undefined {
    return this.#lacking;
  }

  /** A version in force that this replica does not offer, of another service than these. */
  lackingBut(retired: ReadonlySet<string>): Lacking | undefined {
    if (this.#lacking === undefined || !retired.has(this.#lacking.service)) return this.#lacking;
    for (const [service, version] of this.#inForce) {
      const lacking = retired.has(service) ? undefined : this.#lacks(service, version);
      if (lacking !== undefined) return lacking;
    }
    return undefined;
  }

  /** The version that an installation decided in the next slot would bring and this replica does not offer. */
  lackingAfter(wanted: ServiceVersion, reports: readonly Report[]): Lacking | undefined {
    const { service, version } = wanted;
    return this.#installs(wanted, reports) ? this.#lacks(service, version) : undefined;
  }

  /** Takes a service out of use at once, as a remedy for the slot that is about to be executed. */
  retire(service: string): void {
    this.#set(service, 0);
  }

  /**
   * The first command of a service is about to come, from a replica that runs this version: it is in force at once, unless
   * one is already, or a replica is known not to offer it. (A replica that never said anything does not hold the
   * others up.)
   */
  install(wanted: ServiceVersion, reports: readonly Report[]): void {
    if (this.#installs(wanted, reports)) this.#set(wanted.service, wanted.version);
  }

  /**
   * Judges a switch by what the replicas said of themselves before.
   * @param replicas the ids of all members
   */
  switch(
    wanted: ServiceVersion,
    replicas: readonly string[],
    reports: ReadonlyMap<string, Report>,
  ): SwitchAnswer {
    const { service, version } = wanted;
    if (version === 0) {
      if (!this.#inForce.has(service))
        return refused(`${service} is not in use: expected a service that was used, found none of this name`);
    } else {
      const missing = replicas.flatMap((id) => missingAt(id, reports.get(id), wanted));
      if (missing.length > 0)
        return refused(
          `version ${version} of ${service} is not offered by every replica: ${missing.join("; ")}; ` +
            "start those with a build that offers it first",
        );
    }
    this.#next.set(service, version);
    return { status: Status.ok, message: "" };
  }

  /** Ends a slot: what was switched in it is in force from here on. True when anything was. */
  settle(): boolean {
    if (this.#next.size === 0) return false;
    for (const [service, version] of this.#next) this.#set(service, version);
    this.#next.clear();
    return true;
  }

  /** This slot switched something, of a service or of what all of them run on. */
  noteSwitch(slot: number): void {
    this.#lastSwitch = slot;
    this.#state.put(lastSwitchKey, Buffer.from(String(slot)));
  }

  #installs(wanted: ServiceVersion, reports: readonly Report[]): boolean {
    if (this.#inForce.has(wanted.service) || wanted.version === 0) return false;
    return reports.every((report) => missingAt(report.replica, report, wanted).length === 0);
  }

  #set(service: string, version: number): void {
    this.#inForce.set(service, version);
    this.#state.put(versionKey(service), Buffer.from(String(version)));
    this.#look();
  }

  #look(): void {
    this.#lacking = undefined;
    for (const [service, version] of this.#inForce) this.#lacking ??= this.#lacks(service, version);
  }

  #lacks(service: string, version: number): Lacking | undefined {
    const offered = this.#offered.get(service);
    return version === 0 || offers(offered, version) ? undefined : { service, version, offered };
  }
}

export function refused(message: string): SwitchAnswer {
  return { status: Status.failedPrecondition, message };
}

function offers(offer: Offer | undefined, version: number): boolean {
  return offer !== undefined && offer.oldest <= version && version <= offer.newest;
}

function missingAt(id: string, report: Report | undefined, { service, version }: ServiceVersion): string[] {
  if (report === undefined) return [`${id} has not said what it offers`];
  const offer = report.offers.find((each) => each.service === service);
  return offers(offer, version) ? [] : [`${id} offers ${offerText(offer)}`];
}

/** "version 1", "versions 1 to 2", or "no version". */
export function offerText(offer: Offer | undefined): string {
  if (offer === undefined) return "no version";
  const { oldest, newest } = offer;
  return oldest === newest ? `version ${newest}` : `versions ${oldest} to ${newest}`;
}
