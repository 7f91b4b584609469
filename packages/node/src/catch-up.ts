import { setTimeout as delay } from "node:timers/promises";
import type * as grpc from "@grpc/grpc-js";
import type { Decision, Member } from "@synod/core";
import { anotherCluster, callUnary, openChannel, replicaService } from "@synod/wire";
import { channelOptions } from "./channel.js";
import { messageOf } from "./failure.js";
import type { HostLogger } from "./host.js";
import type { SnapshotReceiver } from "./snapshot-receiver.js";

/** Between looks at whether this replica lags too far, in milliseconds. */
export const catchUpCheckMs = 200;

/** Before another round of all peers, when none could help. */
const againMs = 1_000;
const pageWithinMs = 10_000;
const appliedCheckMs = 5;

export interface CatchUpOptions {
  readonly clusterId: string;
  /** The other replicas. */
  readonly peers: readonly Member[];
  readonly credentials: grpc.ChannelCredentials;
  readonly logger: HostLogger;
  readonly receiver: SnapshotReceiver;
  /** The lowest slot not applied here. */
  slotOut(): number;
  /** Below it nobody but a replica need know what was decided. */
  trimmedBelow(): number;
  /** Hands a decided slot to the role. False asks to wait until `whenRoom` calls back. */
  learn(decision: Decision): boolean;
  whenRoom(callback: () => void): void;
}

/**
 * Brings a replica up that lags behind the trim point, where leaders need not know decisions any more (rule 19; PMMC 4.2):
 * from the log of another replica where that reaches back far enough, else with its snapshot. Over channels of its own,
 * so that no message of the protocol waits behind it.
 */
export class CatchUp {
  readonly #options: CatchUpOptions;
  #running = false;
  /** Why each peer could not help, the last time it was asked. */
  readonly #problems = new Map<string, string>();
  #closed = false;
  #client: { close(abruptly: boolean): void } | undefined;

  constructor(options: CatchUpOptions) {
    this.#options = options;
  }

  /** To be called every `catchUpCheckMs`. */
  tick(): void {
    if (this.#running || this.#closed || !this.#behind) return;
    this.#running = true;
    void this.#run().finally(() => {
      this.#running = false;
    });
  }

  /** Why it takes long, when it does: what each peer said that could not help. */
  get problems(): readonly string[] {
    return [...this.#problems].map(([peer, problem]) => `${peer}: ${problem}`);
  }

  close(): void {
    this.#closed = true;
    this.#client?.close(true);
  }

  get #behind(): boolean {
    return this.#options.slotOut() < this.#options.trimmedBelow();
  }

  async #run(): Promise<void> {
    const { peers, logger } = this.#options;
    // Another order each time, so that not everybody asks the same one.
    const order = [...peers].sort(() => Math.random() - 0.5);
    for (const peer of order) {
      if (this.#closed || !this.#behind) return;
      try {
        await this.#from(peer);
        this.#problems.clear();
      } catch (error) {
        if (this.#closed) return;
        this.#problems.set(peer.id, messageOf(error));
        logger.warn({ peer: peer.id, err: error }, `catching up from ${peer.id} failed`);
      }
    }
    if (this.#behind) await delay(againMs, undefined, { ref: false });
  }

  async #from({ id, address }: Member): Promise<void> {
    const { credentials, receiver, slotOut, trimmedBelow, logger } = this.#options;
    const channel = openChannel(address, credentials, channelOptions);
    this.#client = channel;
    try {
      logger.info({ peer: id, slotOut: slotOut(), trimmedBelow: trimmedBelow() }, `catching up from ${id}`);
      if (await this.#fromLog(channel.client, `who answers for ${id} at ${address}`)) return;
      await receiver.receive(channel.client, id);
      logger.info({ peer: id, slotOut: slotOut() }, `the state is that of ${id} now`);
    } finally {
      this.#client = undefined;
      channel.close(true);
    }
  }

  /** False when the peer's log begins above what is lacking here. */
  async #fromLog(client: grpc.Client, peer: string): Promise<boolean> {
    const { slotOut, clusterId } = this.#options;
    for (let from = slotOut(); this.#behind && !this.#closed; from = slotOut()) {
      const options = { deadline: Date.now() + pageWithinMs };
      const page = await callUnary(client, replicaService.Log, { from, limit: 0, clusterId }, options);
      // Addresses change and are used again: what another cluster decided in a slot is nothing to this one (rule 28).
      if (page.clusterId !== clusterId) throw new Error(anotherCluster(peer, page.clusterId, clusterId));
      const { decisions } = page;
      const last = decisions.at(-1);
      if (decisions[0]?.slot !== from || last === undefined) return false;
      for (const decision of decisions)
        if (!this.#options.learn(decision)) await new Promise<void>((room) => this.#options.whenRoom(room));
      await this.#applied(last.slot);
    }
    return true;
  }

  async #applied(slot: number): Promise<void> {
    const giveUpAt = Date.now() + pageWithinMs;
    while (this.#options.slotOut() <= slot && !this.#closed) {
      if (Date.now() > giveUpAt) throw new Error(`slot ${slot} was not applied within ${pageWithinMs} ms`);
      await delay(appliedCheckMs, undefined, { ref: false });
    }
  }
}
