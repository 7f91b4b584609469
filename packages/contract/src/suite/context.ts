import { randomInt } from "node:crypto";
import { NotPossible, Violation } from "./expect.js";
import type { RoleName } from "./roles.js";
import { cannotReach, Target } from "./target.js";

export interface ContextOptions {
  readonly addresses: Readonly<Partial<Record<RoleName, string>>>;
  readonly patienceMs: number;
  /** Kills the service and starts it again on what its disk holds. Resolves when it has been started. */
  readonly restart?: ((role: RoleName) => Promise<void>) | undefined;
}

/** The targets, names and streams that the checks of one run share. */
export class Context {
  readonly patienceMs: number;
  readonly restart: ContextOptions["restart"];
  /** Tells this run from every other one in names and ids. */
  readonly run = randomInt(1, 2 ** 47);
  readonly #targets = new Map<string, Target>();
  readonly #addresses: ContextOptions["addresses"];
  readonly #reached = new Map<string, boolean>();
  readonly #shared = new Map<unknown, unknown>();
  #number = 0;

  constructor(options: ContextOptions) {
    this.#addresses = options.addresses;
    this.patienceMs = options.patienceMs;
    this.restart = options.restart;
  }

  has(role: RoleName): boolean {
    return this.#addresses[role] !== undefined;
  }

  target(role: RoleName): Target {
    const address = this.#addresses[role];
    if (address === undefined) throw new Violation(`no address of a ${role} was given`);
    return this.at(address);
  }

  /** Another member, by an address that a status gave. */
  at(address: string): Target {
    const known = this.#targets.get(address);
    if (known) return known;
    const target = new Target(address, this.patienceMs);
    this.#targets.set(address, target);
    return target;
  }

  /**
   * A member that a check cannot do without, by what a status says of it. Where its address means nothing from here, as
   * that of another network does, the check is not possible.
   */
  async member({ id, address }: { readonly id: string; readonly address: string }): Promise<Target> {
    const target = this.at(address);
    const reached =
      this.#reached.get(address) ?? !cannotReach(await target.ask("synod.v1.Cluster/Status", {}));
    this.#reached.set(address, reached);
    if (reached) return target;
    throw new NotPossible(
      `it needs ${id}, which does not answer from here at ${address}, where a status says it is`,
    );
  }

  /** A number not used before in this run, from 1. */
  next(): number {
    return ++this.#number;
  }

  /** A member's name not used before. */
  name(): string {
    return `contract-${this.next()}`;
  }

  /** Something that several checks rest on, made once. */
  shared<T>(make: (context: Context) => T): T {
    if (!this.#shared.has(make)) this.#shared.set(make, make(this));
    return this.#shared.get(make) as T;
  }

  /** Has it made again: what it rested on is gone. */
  forget(made: (context: Context) => unknown): void {
    this.#shared.delete(made);
  }

  /** Ends the streams that the last check opened. */
  release(): void {
    for (const target of this.#targets.values()) target.release();
  }

  close(): void {
    for (const target of this.#targets.values()) target.close();
  }
}
