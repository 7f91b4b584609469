import { below, Replica, type Value } from "@synod/core";
import type { StateImage } from "./application.js";
import type { Cluster } from "./cluster.js";
import type { SimulatedNode } from "./node.js";
import type { ReplicaProcess } from "./replica-process.js";

/** What one replica gives to another: a part of its log, or its state. */
type Help =
  | { readonly kind: "log"; readonly slots: readonly (readonly [slot: number, value: Value])[] }
  | { readonly kind: "snapshot"; readonly image: StateImage };

interface Transfer {
  readonly at: number;
  readonly to: SimulatedNode;
  readonly life: number;
  readonly help: Help;
}

const slotsAtOnce = 6;
const longestTicks = 30;

/** Replicas below the trim point get from another one what leaders need not know any more (rule 19; PMMC 4.2). */
export class CatchUp {
  readonly #cluster: Cluster;
  #transfers: Transfer[] = [];

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  tick(): void {
    for (const node of this.#cluster.replicas) this.#ask(node);
    const due = this.#transfers.filter(({ at }) => at <= this.#cluster.now);
    this.#transfers = this.#transfers.filter(({ at }) => at > this.#cluster.now);
    for (const transfer of due) this.#arrive(transfer);
  }

  #ask(node: SimulatedNode): void {
    const { random, faulty, replicas, now, trace } = this.#cluster;
    const { role, replica, life, up, paused } = node;
    if (!up || paused || !(role instanceof Replica) || !replica) return;
    if (this.#transfers.some((transfer) => transfer.to === node && transfer.life === life)) return;
    const behind = replica.state.slot + 1 < role.status().trimmedBelow;
    // Now and again without need: what is applied meanwhile may be more than the snapshot has.
    if (random() >= (behind ? 0.2 : faulty ? 0.002 : 0)) return;
    const others = replicas.filter((other) => other !== node && other.up && !other.paused);
    const donor = others[below(random, others.length)]?.replica;
    if (!donor) return;
    if (faulty && random() < 0.2) {
      trace.count("catch-up lost");
      return;
    }
    const at = now + 1 + below(random, longestTicks);
    this.#transfers.push({ at, to: node, life, help: this.#help(replica, donor) });
  }

  #help({ state }: ReplicaProcess, { disk }: ReplicaProcess): Help {
    const slots: (readonly [number, Value])[] = [];
    for (let slot = state.slot + 1; slots.length < slotsAtOnce; slot++) {
      const value = disk.log.get(slot);
      if (!value) break;
      slots.push([slot, value]);
    }
    return slots.length > 0 ? { kind: "log", slots } : { kind: "snapshot", image: disk.durable };
  }

  #arrive(transfer: Transfer): void {
    const { trace, now } = this.#cluster;
    const { to, life, help } = transfer;
    if (!to.up || to.life !== life) return;
    if (to.paused) {
      this.#transfers.push({ ...transfer, at: now + 1 });
      return;
    }
    if (help.kind === "log") {
      trace.count("caught up from a log");
      const from = { role: "replica", id: to.peer.id } as const;
      for (const [slot, value] of help.slots) {
        this.#cluster.note(`${to.peer.id} reads slot ${slot} in another's log`);
        to.step({ kind: "message", from, message: { kind: "decision", slot, value } } as never);
      }
    } else if (to.replica?.install(help.image)) {
      trace.count("snapshot installed");
      this.#cluster.note(`${to.peer.id} takes in a snapshot of slot ${help.image.slot}`);
    } else trace.count("snapshot too old");
  }
}
