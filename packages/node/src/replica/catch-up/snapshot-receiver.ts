import { status } from "@grpc/grpc-js";
import type { Engine } from "@synod/state-machine";
import type { Install, ReplicaStore } from "@synod/storage";
import { anotherCluster, type Scheduler, type SnapshotPage, type SnapshotPosition } from "@synod/wire";
import { InstallWriter } from "./install-writer.js";
import type { OtherReplica } from "./other-replica.js";
import { noDigest } from "./snapshot-digest.js";
import { DamagedPage, pagesOf } from "./snapshot-pages.js";

/** The first byte of the keys of sessions; users' tables come after them. */
const sessionsKey = 0x73;

/** The content of a snapshot speaks against going on from it. */
export class UnfitSnapshot extends Error {}

type Row = readonly [key: Uint8Array, value: Uint8Array];

interface Examined {
  /** The name of the install. */
  readonly install: string;
  readonly rows: Row[];
}

export interface SnapshotReceiverOptions {
  readonly store: Pick<ReplicaStore, "beginInstall" | "unfinishedInstall">;
  readonly engine: Pick<Engine, "system">;
  readonly clusterId: string;
  /** Id of this replica. */
  readonly replica: string;
  readonly scheduler: Scheduler;
  /** The last slot applied here. */
  appliedSlot(): number;
  /** True when slots may be applied: not while a snapshot takes the state's place, or they would be lost with it. */
  mayApply(may: boolean): void;
  /** The state was replaced, at this very moment. */
  replaced(): void;
}

/** Takes the state of another replica in beside this one's, and makes it this one's when it is whole (rule 19). */
export class SnapshotReceiver {
  readonly #options: SnapshotReceiverOptions;
  /** Only a snapshot of a higher slot is of use. */
  #above = 0;
  /** The rows of a snapshot that this process has examined, up to where it came in. */
  #examined: Examined | undefined;
  #cameIn: (page: SnapshotPage) => void = () => {};

  constructor(options: SnapshotReceiverOptions) {
    this.#options = options;
  }

  /** Id of the replica of whose state a part came in, to this process or an earlier one; undefined when there is none. */
  get giver(): string | undefined {
    return this.#options.store.unfinishedInstall?.id.split("/")[0];
  }

  /**
   * Resolves when the snapshot is the state. Rejects with the reason otherwise; what came in may be gone on with.
   * @param cameIn told of each page that is new here
   * @param atLeast a snapshot of a lower slot is of no use
   */
  async receive(
    other: OtherReplica,
    peer: string,
    cameIn: (page: SnapshotPage) => void = () => {},
    atLeast = 0,
  ): Promise<void> {
    this.#above = Math.max(this.#options.appliedSlot(), atLeast - 1);
    this.#cameIn = cameIn;
    const unfinished = this.#options.store.unfinishedInstall;
    const name = unfinished?.id.startsWith(`${peer}/`) ? unfinished.id.slice(peer.length + 1) : undefined;
    if (unfinished !== undefined && name !== undefined && unfinished.slot > this.#above) {
      const install = await this.#options.store.beginInstall({ ...unfinished, progress: noDigest });
      if (install.after !== undefined && (await this.#goOn(other, name, install))) return;
    }
    await this.#fill(other, peer, undefined, undefined);
  }

  /** False when it has to be begun again: the sender does not keep the snapshot any more, or sent something else. */
  async #goOn(other: OtherReplica, name: string, install: Install): Promise<boolean> {
    const { after, progress } = install;
    if (after === undefined) return false;
    try {
      // An earlier process took in what came before, and looked at it for itself.
      if (this.#examined?.install !== install.id) await this.#examineAgain(other, name, install.id);
      await this.#fill(other, "", install, { snapshot: name, after, digest: progress });
      return true;
    } catch (error) {
      const { code } = error as { code?: number };
      const lost = code === status.NOT_FOUND || code === status.DATA_LOSS;
      if (lost || error instanceof DamagedPage) await install.abandon();
      if (lost) return false;
      throw error;
    }
  }

  /** Has the rows to be examined sent once more, which stand at the beginning of a snapshot. */
  async #examineAgain(other: OtherReplica, snapshot: string, install: string): Promise<void> {
    const { system } = this.#options.engine;
    const rows: Row[] = [];
    const resume = { snapshot, after: new Uint8Array(), digest: noDigest };
    for await (const page of this.#pages(other, resume)) {
      rows.push(...page.entries.filter(([key]) => system.examines(key)));
      if (page.entries.some(([key]) => (key[0] ?? 0) >= sessionsKey)) break;
    }
    this.#examined = { install, rows };
  }

  async #fill(
    other: OtherReplica,
    peer: string,
    begun: Install | undefined,
    resume: SnapshotPosition | undefined,
  ): Promise<void> {
    const { store, engine, mayApply, replaced } = this.#options;
    let install = begun;
    let writer = install && new InstallWriter(install);
    try {
      for await (const page of this.#pages(other, resume)) {
        if (install === undefined) {
          const id = `${peer}/${page.snapshot}`;
          install = await store.beginInstall({ id, slot: page.slot, progress: noDigest });
          this.#examined = { install: id, rows: [] };
        }
        // The next page travels while this one goes to disk.
        writer ??= new InstallWriter(install);
        await writer.take(page);
        this.#cameIn(page);
        const examined = page.entries.filter(([key]) => engine.system.examines(key));
        const { rows } = this.#examined as Examined;
        rows.push(...examined);
        // As soon as it can be told: nothing more of it has to come in then.
        const objection = examined.length > 0 || page.last ? engine.system.objectionTo(rows) : undefined;
        if (objection !== undefined) throw new UnfitSnapshot(`the snapshot was not installed: ${objection}`);
      }
    } catch (error) {
      if (error instanceof DamagedPage || error instanceof UnfitSnapshot) await install?.abandon();
      // What has come in is gone on with.
      else await writer?.end();
      throw error;
    }
    await writer?.end();
    mayApply(false);
    try {
      await install?.finish(replaced);
    } finally {
      mayApply(true);
    }
  }

  #pages(other: OtherReplica, resume: SnapshotPosition | undefined): AsyncGenerator<SnapshotPage> {
    const { clusterId, replica, scheduler } = this.#options;
    const { digest, snapshot } = resume ?? {};
    return pagesOf({
      stream: other.snapshot({ clusterId, above: this.#above, resume, member: replica }),
      ...{ scheduler, digest, snapshot },
      requireCluster: (found) => {
        if (found !== clusterId) throw new Error(anotherCluster("who sends the snapshot", found, clusterId));
      },
    });
  }
}
