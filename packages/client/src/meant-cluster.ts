import { status as Code } from "@grpc/grpc-js";
import { anotherCluster } from "@synod/wire";

/**
 * The cluster that a client means: given to it, or that of its first session, and the same from then on (rule 28). A cluster
 * made anew at the same addresses is another one, which knows nothing of what this client has done.
 */
export class MeantCluster {
  #id: string | undefined;

  /** @param id unknown unless given */
  constructor(id?: string) {
    this.#id = id;
  }

  get id(): string | undefined {
    return this.#id;
  }

  /** Takes the cluster that answered for the one meant, if none is known. Throws AnotherCluster when it is another. */
  require(found: string, address: string): void {
    this.#id ??= found;
    if (this.#id !== found)
      throw new AnotherCluster(anotherCluster(`the replica at ${address}`, found, this.#id));
  }
}

/** The replica at an address is not one of the cluster meant. */
export class AnotherCluster extends Error {
  override readonly name = "AnotherCluster";
  readonly code = Code.FAILED_PRECONDITION;
}
