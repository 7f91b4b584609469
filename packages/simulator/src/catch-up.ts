import { below, type Random, Replica, type Value } from "@synod/core";
import { nextDigest, noDigest } from "@synod/node/parts";
import { fromLeader, replicaService, type SnapshotPage } from "@synod/wire";
import type { Cluster } from "./cluster.js";
import type { SimulatedNode } from "./node.js";
import type { ReplicaDisk, Snapshot } from "./replica-disk.js";
import type { ReplicaProcess } from "./replica-process.js";
import { clusterId } from "./services.js";
import type { Row } from "./state-map.js";
import { Violation } from "./violation.js";

/** What one replica gives to another, as it travels: decisions of its log, or the pages of its state. */
interface Help {
  readonly kind: "log" | "snapshot";
  readonly messages: readonly Uint8Array[];
  /** Of a snapshot; 0 for a log. */
  readonly slot: number;
}

interface Transfer {
  readonly at: number;
  readonly to: SimulatedNode;
  readonly life: number;
  readonly help: Help;
  readonly donor: SimulatedNode;
  readonly donorLife: number;
  /** When the donor gives up waiting for others to confirm the snapshot. */
  readonly giveUpAt: number;
}

/** Whoever was given a snapshot, and wants the log behind it. */
interface Reader {
  readonly disk: ReplicaDisk;
  readonly slot: number;
  readonly until: number;
}

const slotsAtOnce = 6;
const rowsAtOnce = 200;
const longestTicks = 30;
/** That a donor waits for others to confirm a snapshot. */
const confirmedWithinTicks = 200;

/** Replicas below the trim point get from another one what leaders need not know any more (rule 19; PMMC 4.2). */
export class CatchUp {
  readonly #cluster: Cluster;
  readonly #random: Random;
  #transfers: Transfer[] = [];
  #readers: Reader[] = [];

  constructor(cluster: Cluster, random: Random) {
    this.#cluster = cluster;
    this.#random = random;
  }

  tick(): void {
    this.#keepLogs();
    for (const node of this.#cluster.replicas) if (this.#behind(node) && this.#random() < 0.2) this.ask(node);
    if (this.#transfers.length === 0) return;
    const due = this.#transfers.filter(({ at }) => at <= this.#cluster.now);
    this.#transfers = this.#transfers.filter(({ at }) => at > this.#cluster.now);
    for (const transfer of due) this.#arrive(transfer);
  }

  /** That others confirm a snapshot moves the trim point beyond it: without the log that follows it, none would ever do. */
  #keepLogs(): void {
    for (const { disk } of this.#readers) disk.reader = Number.POSITIVE_INFINITY;
    this.#readers = this.#readers.filter(({ until }) => until > this.#cluster.now);
    for (const { disk, slot } of this.#readers) disk.reader = Math.min(disk.reader, slot);
  }

  #behind({ up, paused, role, replica }: SimulatedNode): boolean {
    return (
      up &&
      !paused &&
      role instanceof Replica &&
      replica !== undefined &&
      replica.engine.appliedSlot + 1 < role.status().trimmedBelow
    );
  }

  /** Also without need: what is applied meanwhile may be more than the snapshot has. */
  ask(node: SimulatedNode): void {
    const { faulty, replicas, now, trace } = this.#cluster;
    const { replica, life, up, paused } = node;
    if (!up || paused || !replica) return;
    if (this.#transfers.some((transfer) => transfer.to === node && transfer.life === life)) return;
    const others = replicas.filter((other) => other !== node && other.up && !other.paused);
    const donor = others[below(this.#random, others.length)];
    if (!donor?.replica || donor.replica.disk.durableSlot === 0) return;
    if (faulty && this.#random() < 0.2) {
      trace.count("catch-up lost");
      return;
    }
    if (this.#behind(node)) donor.replica.confirmation.lacks(node.peer.id, replica.engine.appliedSlot);
    const at = now + 1 + below(this.#random, longestTicks);
    const given = help(replica, donor.replica);
    const giveUpAt = at + confirmedWithinTicks;
    this.#transfers.push({ at, to: node, life, donor, donorLife: donor.life, help: given, giveUpAt });
    if (given.kind === "snapshot")
      this.#readers.push({
        disk: donor.replica.disk,
        slot: given.slot,
        until: giveUpAt + confirmedWithinTicks,
      });
  }

  #arrive(transfer: Transfer): void {
    const { trace, now } = this.#cluster;
    const { to, life, help } = transfer;
    if (!to.up || to.life !== life || !to.replica) return;
    if (to.paused) {
      this.#transfers.push({ ...transfer, at: now + 1 });
      return;
    }
    if (help.kind === "snapshot" && !this.#confirmed(transfer)) return;
    if (help.kind === "log") {
      trace.count("caught up from a log");
      const from = { role: "replica", id: to.peer.id } as const;
      for (const bytes of help.messages) {
        this.#cluster.noteMessage("another's log", to.peer.id, bytes, fromLeader.decode(bytes) as never);
        to.post({ kind: "message", from, message: fromLeader.decode(bytes) } as never);
      }
      return;
    }
    const pages = help.messages.map((bytes) =>
      replicaService.Snapshot.responseDeserialize(Buffer.from(bytes)),
    );
    const snapshot = whole(pages as readonly SnapshotPage[]);
    this.#cluster.note(`${to.peer.id} gets a snapshot of slot ${snapshot.slot}`);
    trace.count(to.replica.install(snapshot) ? "snapshot" : "snapshot too old");
  }

  /** Rule 27, at the donor: without it the transfer is put off, and in the end given up. */
  #confirmed(transfer: Transfer): boolean {
    const { trace, now } = this.#cluster;
    const { donor, donorLife, to, help, giveUpAt } = transfer;
    if (!donor.up || donor.life !== donorLife || !donor.replica || now > giveUpAt) {
      trace.count("snapshot not confirmed");
      return false;
    }
    const { confirmation } = donor.replica;
    if (confirmation.unconfirmed(help.slot, to.peer.id).length === 0) return true;
    if (!donor.paused) confirmation.ask(help.slot);
    this.#transfers.push({ ...transfer, at: now + 1 });
    return false;
  }
}

function help({ engine }: ReplicaProcess, { disk }: ReplicaProcess): Help {
  const slots: (readonly [number, Value])[] = [];
  for (let slot = engine.appliedSlot + 1; slots.length < slotsAtOnce; slot++) {
    const value = disk.log.get(slot);
    if (!value) break;
    slots.push([slot, value]);
  }
  const messages = slots.map(([slot, value]) => fromLeader.encode({ kind: "decision", slot, value }));
  if (messages.length > 0) return { kind: "log", messages, slot: 0 };
  const snapshot = disk.snapshot();
  return { kind: "snapshot", messages: pagesOf(disk.store, snapshot), slot: snapshot.slot };
}

function pagesOf(store: string, { slot, rows }: Snapshot): Uint8Array[] {
  const pages: Uint8Array[] = [];
  let digest = noDigest;
  for (let from = 0; from === 0 || from < rows.length; from += rowsAtOnce) {
    const entries = rows.slice(from, from + rowsAtOnce);
    digest = nextDigest(digest, entries);
    const last = from + rowsAtOnce >= rows.length;
    const snapshot = `${store}-${slot}`;
    pages.push(
      replicaService.Snapshot.responseSerialize({
        snapshot,
        slot,
        clusterId,
        entries,
        digest,
        last,
        confirmed: 0,
      }),
    );
  }
  return pages;
}

function whole(pages: readonly SnapshotPage[]): { slot: number; rows: readonly Row[] } {
  let digest = noDigest;
  for (const { entries, digest: said } of pages) {
    digest = nextDigest(digest, entries);
    if (Buffer.compare(digest, said) !== 0)
      throw new Violation("the digest of a page of a snapshot is wrong");
  }
  return { slot: pages[0]?.slot ?? 0, rows: pages.flatMap(({ entries }) => entries) };
}
