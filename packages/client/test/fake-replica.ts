import { status as Code } from "@grpc/grpc-js";
import type { Command } from "@synod/core";
import type { Response } from "@synod/wire";
import { AnotherCluster } from "../src/meant-cluster.js";
import type { CommandStream, ReplicaPort, StreamEvents } from "../src/port.js";

/** The replicated sessions of a pretended cluster: what all its replicas agree on. */
export class FakeCluster {
  readonly executed: Command[] = [];
  readonly #answers = new Map<string, Response>();
  #sessions = 0;

  openSession(): string {
    this.#sessions += 1;
    return `${this.#sessions}.0`;
  }

  /** Executes a command once; a repeat gets the stored answer. */
  execute(command: Command): Response {
    const key = `${command.clientId}#${command.sequence}`;
    const stored = this.#answers.get(key);
    if (stored) return stored;
    this.executed.push(command);
    const answer = answerTo(command, { slot: this.executed.length, response: command.request });
    this.#answers.set(key, answer);
    return answer;
  }
}

export function answerTo(command: Command, given: Partial<Response>): Response {
  const { clientId, sequence } = command;
  const nothing = { message: "", response: new Uint8Array(), slot: 0 };
  return { clientId, sequence, status: Code.OK, ...nothing, outcome: "answered", ...given };
}

export const notMeant = "r1 belongs to cluster b, and cluster a was meant";

/** What a replica does with a command: an answer, or nothing (yet). */
export type Behaviour = (command: Command) => Response | undefined;

/** One replica of a pretended cluster. It executes commands at once unless told to behave otherwise. */
export class FakeReplica implements ReplicaPort {
  readonly address: string;
  readonly cluster: FakeCluster;
  readonly received: Command[] = [];
  behaviour: Behaviour;
  troubles = "";
  /** Messages with such a command end their stream with INVALID_ARGUMENT. */
  unreadable: (command: Command) => boolean = () => false;
  /** Rejects connections while set. */
  down = false;
  /** It is of another cluster while set. */
  misdirected = false;
  streamsOpened = 0;
  /** Sessions that it was asked for. */
  openings = 0;
  #events: StreamEvents | undefined;

  constructor(address: string, cluster: FakeCluster) {
    this.address = address;
    this.cluster = cluster;
    this.behaviour = (command) => cluster.execute(command);
  }

  async openSession(): Promise<string> {
    this.openings += 1;
    if (this.down) throw new Error("connection refused");
    if (this.misdirected) throw new AnotherCluster(notMeant);
    return this.cluster.openSession();
  }

  openStream(events: StreamEvents): CommandStream {
    this.streamsOpened += 1;
    this.#events = events;
    if (this.down) setImmediate(() => this.breakStream("connection refused"));
    else if (this.misdirected) setImmediate(() => this.#refuse());
    return {
      writable: true,
      send: (commands) => {
        if (commands.some(this.unreadable)) setImmediate(() => this.#refuseMessage(events));
        else for (const command of commands) this.#receive(command, events);
        return true;
      },
      close: () => {
        this.#events = undefined;
      },
    };
  }

  async problem(): Promise<string> {
    return this.troubles;
  }

  close(): void {
    this.#events = undefined;
  }

  /** Ends the stream, as a lost connection does. */
  breakStream(reason: string): void {
    const events = this.#events;
    this.#events = undefined;
    events?.ended(Code.UNAVAILABLE, reason);
  }

  #refuse(): void {
    const events = this.#events;
    this.#events = undefined;
    events?.ended(Code.FAILED_PRECONDITION, notMeant, true);
  }

  answer(answer: Response): void {
    this.#events?.answers([answer]);
  }

  #refuseMessage(events: StreamEvents): void {
    if (this.#events === events) this.#events = undefined;
    events.ended(Code.INVALID_ARGUMENT, "Requests.requests[0].service: expected a name");
  }

  #receive(command: Command, events: StreamEvents): void {
    this.received.push(command);
    const answer = this.down || this.misdirected ? undefined : this.behaviour(command);
    if (answer) setImmediate(() => events.answers([answer]));
  }
}
