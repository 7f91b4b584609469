import { CommandClient, defaultSettings, type ReplicaPort, type Reply, SynodError } from "@synod/client";
import { type Random, randomBelow } from "@synod/core";
import type { Scheduler } from "@synod/wire";
import { learnToken, type Operation } from "./operation.js";

/** The parts of the world that a client depends on. */
export interface ClientWorld {
  readonly random: Random;
  /** Something to ask for. */
  draw(client: string, name: string, tokens: Map<string, string>): Operation;
  readonly scheduler: Scheduler;
  readonly outstanding: number;
  /** In a world where faults may happen a call may end without an answer. */
  readonly faulty: () => boolean;
  readonly replicas: number;
  /** The way to a replica; another one each time. */
  port(replica: number): ReplicaPort;
  /** A call was answered. */
  answered(operation: Operation, reply: Reply): void;
  /** A call ended otherwise. */
  failed(operation: Operation, error: SynodError): void;
}

/** The most calls outstanding at a time; below the window that sessions have. */
const maxOutstanding = 12;
const silenceMs = 600;
/** Long enough for whatever is answered at all. */
const longestMs = 2 ** 31 - 1;
const shortestMs = 1_000;
const spreadMs = 8_000;

/** A client as it ships: it wants something now and then, and is told what came of it. */
export class Client {
  readonly id: string;
  readonly #world: ClientWorld;
  readonly #tokens = new Map<string, string>();
  readonly #everywhere: CommandClient;
  /** By replica: a client that knows only this one. */
  readonly #pinned = new Map<number, CommandClient>();
  /** The only replica it talks to. */
  pinned: number | undefined;
  #calls = 0;
  #outstanding = 0;
  #wanted = 0;

  constructor(id: string, world: ClientWorld) {
    this.id = id;
    this.#world = world;
    const first = randomBelow(world.random, world.replicas);
    const order = Array.from({ length: world.replicas }, (_, index) => (first + index) % world.replicas);
    this.#everywhere = this.#connect(order);
  }

  /** Asks for more commands, as far as there is room for them. */
  want(count: number): void {
    this.#wanted = Math.min(this.#wanted + count, this.#world.outstanding);
  }

  /** The number of answers that it still waits for. */
  get waiting(): number {
    return this.#outstanding + this.#wanted;
  }

  tick(): void {
    while (this.#wanted > 0 && this.#outstanding < this.#world.outstanding) {
      this.#wanted--;
      void this.#call();
    }
  }

  async #call(): Promise<void> {
    const { random, faulty, answered, failed } = this.#world;
    const operation = this.#world.draw(this.id, `${this.id}-${++this.#calls}`, this.#tokens);
    const { service, method, request } = operation;
    const deadlineMs = faulty() && random() < 0.2 ? shortestMs + randomBelow(random, spreadMs) : longestMs;
    this.#outstanding++;
    try {
      const reply = await this.#client.execute(service, method, request, deadlineMs);
      learnToken(operation, reply.response, this.#tokens);
      answered(operation, reply);
    } catch (error) {
      if (!(error instanceof SynodError)) throw error;
      failed(operation, error);
    } finally {
      this.#outstanding--;
    }
  }

  get #client(): CommandClient {
    const { pinned } = this;
    if (pinned === undefined) return this.#everywhere;
    const known = this.#pinned.get(pinned) ?? this.#connect([pinned]);
    this.#pinned.set(pinned, known);
    return known;
  }

  #connect(replicas: readonly number[]): CommandClient {
    const { port, scheduler } = this.#world;
    const settings = { ...defaultSettings, maxOutstanding, silenceMs };
    return new CommandClient(replicas.map(port), settings, scheduler);
  }
}
