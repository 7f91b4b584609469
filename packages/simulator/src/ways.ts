import { type Member, randomBelow } from "@synod/core";
import type { OtherReplica, SnapshotStream } from "@synod/node/parts";
import { type LogRequest, replicaService, type SnapshotPage, type SnapshotRequest } from "@synod/wire";
import { GiverChecker } from "./giver-checker.js";
import type { Network } from "./network.js";
import type { SimulatedNode } from "./node.js";
import type { WorldOptions } from "./options.js";
import { clusterId } from "./services.js";
import type { Streams } from "./streams.js";
import type { Trace } from "./trace.js";

const longestTicks = 12;
const lossOnTheWay = 0.05;

/** Somebody cannot be reached, or not any more. */
class Unreachable extends Error {}

/** The parts of a simulated cluster that calls between its replicas depend on. */
export interface Surroundings {
  readonly streams: Streams;
  readonly network: Network;
  readonly trace: Trace;
  readonly replicas: readonly SimulatedNode[];
  /** In ticks. */
  readonly now: number;
  /** While faults may happen. */
  readonly faulty: boolean;
  readonly options: Pick<WorldOptions, "interruptions">;
  later(ticks: number, action: () => void): void;
  /** A replica asks for another one's state. */
  lacks(replica: SimulatedNode): void;
}

/** The ways in which replicas ask each other for what they lack: late, over connections that break, and in bytes. */
export class Ways {
  readonly #cluster: Surroundings;
  readonly #open = new Set<Connection>();
  readonly givers = new GiverChecker();

  constructor(cluster: Surroundings) {
    this.#cluster = cluster;
  }

  tick(): void {
    this.givers.demand();
    for (const connection of this.#open) {
      if (!connection.broken) continue;
      this.#open.delete(connection);
      connection.whenBroken();
      connection.end();
    }
  }

  /** Somebody asks this replica for something. */
  asks(replica: SimulatedNode): boolean {
    return [...this.#open].some(({ to, broken }) => to === replica && !broken);
  }

  reach(from: SimulatedNode, { id }: Member): OtherReplica {
    const to = this.#cluster.replicas.find(({ peer }) => peer.id === id) as SimulatedNode;
    const connection = new Connection(from, to, (connection) => this.#travel(connection));
    this.#open.add(connection);
    return {
      status: async () => {
        await connection.travelled();
        const { state } = connection.process;
        await connection.travelled();
        return { clusterId, state } as Awaited<ReturnType<OtherReplica["status"]>>;
      },
      log: async (request) => this.#log(connection, request),
      snapshot: (request) => this.#snapshot(connection, request),
      close: () => connection.close(),
    };
  }

  async #log(connection: Connection, asked: LogRequest) {
    const { requestSerialize, requestDeserialize, responseSerialize, responseDeserialize } =
      replicaService.Log;
    const request = requestSerialize(asked);
    await connection.travelled();
    const page = connection.process.log(requestDeserialize(request) as LogRequest);
    const bytes = responseSerialize(page);
    this.givers.log(connection.to, connection.from, asked, page, this.#cluster.now);
    await connection.travelled();
    const { trace, now } = this.#cluster;
    trace.message(now, connection.name, bytes, () => `${connection.text} log ${page.decisions.length} slots`);
    if (page.decisions.length > 0) trace.count("caught up from a log");
    return responseDeserialize(bytes) as typeof page;
  }

  #snapshot(connection: Connection, asked: SnapshotRequest): SnapshotStream {
    const { trace } = this.#cluster;
    const now = () => this.#cluster.now;
    this.#cluster.lacks(connection.from);
    let cancelled = false;
    let cancel: (reason: Error) => void = () => {};
    const cancellation = new Promise<never>((_, reject) => {
      cancel = reject;
    });
    cancellation.catch(() => {});
    const givers = this.givers;
    const { to, from } = connection;
    const refused = (error: Error & { code?: number }) => {
      trace.count("snapshot refused");
      givers.refused(to, from, asked, error.code, now());
      throw error;
    };
    const { requestSerialize, requestDeserialize, responseSerialize, responseDeserialize } =
      replicaService.Snapshot;
    return {
      async *[Symbol.asyncIterator]() {
        const request = requestSerialize(asked);
        await connection.travelled();
        const { sender } = connection.process;
        givers.asked(to, from, asked);
        const gone = () => cancelled || connection.broken;
        const pages = sender.pages(requestDeserialize(request) as SnapshotRequest, gone);
        connection.whenBroken = () => void pages.return(undefined).catch(() => {});
        try {
          for (;;) {
            const next = pages.next().catch(refused);
            const { done, value: page } = await connection.living(
              Promise.race([next, connection.broke, cancellation]),
            );
            if (done) break;
            const bytes = responseSerialize(page);
            const arrived = givers.page(to, from, page);
            await connection.travelled();
            trace.message(
              now(),
              connection.name,
              bytes,
              () => `${connection.text} page of slot ${page.slot}`,
            );
            arrived(now());
            yield responseDeserialize(bytes) as SnapshotPage;
          }
        } finally {
          // Who gives them notices that nobody takes them.
          cancelled = true;
          void pages.return(undefined).catch(() => {});
        }
      },
      cancel: () => {
        cancelled = true;
        cancel(new Unreachable("the call was cancelled"));
      },
    };
  }

  /** Some ticks pass, and the connection may break. */
  async #travel(connection: Connection): Promise<void> {
    const { streams, faulty, now, trace, options } = this.#cluster;
    const { recovery: random } = streams;
    const loss = faulty ? lossOnTheWay : options.interruptions;
    const at = now + 1 + randomBelow(random, faulty ? longestTicks : 2);
    if (loss > 0 && random() < loss) {
      trace.count("catch-up lost");
      connection.close();
    }
    await new Promise<void>((resolve) => this.#cluster.later(at - now, resolve));
    const { from, to } = connection;
    if (!this.#cluster.network.linked(from.peer.id, to.peer.id) || to.paused) connection.close();
  }
}

/** The connection from one replica to another, for as long as both live. */
class Connection {
  readonly from: SimulatedNode;
  readonly to: SimulatedNode;
  readonly #lives: readonly [number, number];
  readonly #travel: (connection: Connection) => Promise<void>;
  /** Rejects when it breaks while both live on, or only the one who asks does. */
  readonly broke: Promise<never>;
  /** Has whoever is asked notice that nobody takes anything any more. */
  whenBroken: () => void = () => {};
  #end: (reason: Error) => void = () => {};
  #closed = false;

  constructor(from: SimulatedNode, to: SimulatedNode, travel: (connection: Connection) => Promise<void>) {
    this.from = from;
    this.to = to;
    this.#lives = [from.life, to.life];
    this.#travel = travel;
    this.broke = new Promise((_, reject) => {
      this.#end = reject;
    });
    this.broke.catch(() => {});
  }

  get name(): string {
    return `${this.to.peer.id}>${this.from.peer.id}`;
  }

  get text(): string {
    return `${this.to.peer.id} → ${this.from.peer.id}`;
  }

  get broken(): boolean {
    const [from, to] = this.#lives;
    return this.#closed || this.from.life !== from || this.to.life !== to || !this.to.up || !this.from.up;
  }

  /** The process of the replica that is asked. */
  get process() {
    const { process } = this.to;
    if (this.broken || process === undefined) throw new Unreachable(`${this.to.peer.id} does not answer`);
    return process;
  }

  close(): void {
    this.#closed = true;
  }

  /** Whoever asks and still lives is told that it broke. */
  end(): void {
    if (this.#asks) this.#end(new Unreachable(`the connection to ${this.to.peer.id} broke`));
  }

  get #asks(): boolean {
    return this.from.life === this.#lives[0] && this.from.up;
  }

  /** Ends as the work does. Never ends for a process that has died meanwhile: that does nothing more. */
  async living<Result>(work: Promise<Result>): Promise<Result> {
    try {
      return await work;
    } finally {
      if (!this.#asks) await new Promise(() => {});
    }
  }

  /** Resolves when something sent now has arrived. Never resolves for a process that has died meanwhile. */
  async travelled(): Promise<void> {
    await this.living(this.#travel(this));
    if (this.broken) throw new Unreachable(`the connection to ${this.to.peer.id} broke`);
  }
}
