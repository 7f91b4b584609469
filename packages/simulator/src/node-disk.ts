import type { AcceptorRecord, Peer } from "@synod/core";
import { MemoryAcceptorDisk, MemoryReplicaDisk } from "@synod/storage";
import { recordCodec } from "@synod/wire";

/** The disk of a process, which writes nothing by itself: an acceptor's, a replica's, or none, since a leader keeps nothing. */
export class NodeDisk {
  readonly acceptor: MemoryAcceptorDisk | undefined;
  readonly replica: MemoryReplicaDisk | undefined;

  private constructor(acceptor: MemoryAcceptorDisk | undefined, replica: MemoryReplicaDisk | undefined) {
    this.acceptor = acceptor;
    this.replica = replica;
  }

  /** An empty one. @param persisted told of records of an acceptor that became durable */
  static empty(
    { id, role }: Peer,
    store: string,
    persisted: (records: readonly AcceptorRecord[]) => void,
  ): NodeDisk {
    const acceptor =
      role === "acceptor" ? new MemoryAcceptorDisk({ id, store, codec: recordCodec }, persisted) : undefined;
    const replica = role === "replica" ? new MemoryReplicaDisk({ store }) : undefined;
    acceptor?.hold(true);
    replica?.hold(true);
    return new NodeDisk(acceptor, replica);
  }

  /** The disk of an acceptor as it once was. */
  static of(copy: MemoryAcceptorDisk): NodeDisk {
    return new NodeDisk(copy, undefined);
  }

  /** Something that was written is on its way to it. */
  get waiting(): boolean {
    return this.acceptor?.waiting === true || this.replica?.waiting === true;
  }

  /** The write that has waited longest reaches it. */
  releaseOne(): void {
    this.acceptor?.releaseOne();
    if (this.replica?.waiting) this.replica.releaseOne();
  }

  /** The writes that wait fail. */
  fail(cause: Error): void {
    this.acceptor?.fail(cause);
    this.replica?.fail(cause);
  }

  /** Its process has ended. @param whole what was being written is there all the same */
  crash(whole: boolean): void {
    this.acceptor?.crash(whole);
    this.replica?.crash(whole);
  }

  /** A stored byte changes; false when nothing is stored. */
  rot(which: number): boolean {
    return this.acceptor?.rot(which) ?? this.replica?.rot(which) ?? false;
  }

  /** True when something on it is not what was written. */
  get rotten(): boolean {
    return this.acceptor?.damage !== undefined || this.replica?.damaged === true;
  }

  /** Throws when reading all of it finds damage. */
  scrub(): void {
    if (this.acceptor?.damage) throw this.acceptor.damage;
    this.replica?.scrub();
  }
}
