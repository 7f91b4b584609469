import { EventEmitter } from "node:events";
import type { CommandStream, ReplicaPort, StreamEvents } from "@synod/client";
import { type Command, randomBelow } from "@synod/core";
import { ExecuteStream, type ExecuteStreamCall, unreadPlaces } from "@synod/node/parts";
import { openedSession } from "@synod/state-machine";
import { type Requested, type Response, requests, responses } from "@synod/wire";
import type { Cluster } from "./cluster.js";
import type { SimulatedNode } from "./node.js";
import { Violation } from "./violation.js";

const unavailable = 14;
const deadlineExceeded = 4;

/** An error with the code that gRPC would give it. */
class Failure extends Error {
  readonly code: number;
  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

/** The way from one client to one replica: late, over streams that break or fall silent, and in bytes. */
export class ClientWay implements ReplicaPort {
  readonly address: string;
  readonly #client: string;
  readonly #node: SimulatedNode;
  readonly #cluster: Cluster;

  constructor(client: string, node: SimulatedNode, cluster: Cluster) {
    this.address = node.peer.id;
    this.#client = client;
    this.#node = node;
    this.#cluster = cluster;
  }

  async openSession(deadlineMs: number): Promise<string> {
    return this.#within(deadlineMs, (give, refuse) => {
      this.#travel(() => {
        const { process } = this.#node;
        if (!process) return refuse(new Failure(unavailable, "no connection established"));
        process.openings.open(this.#client, deadlineMs, (answer) =>
          this.#travel(() => {
            this.#note("answers", `${answer.clientId} with ${answer.status}`);
            if (answer.status === 0) give(openedSession(answer.response));
            else refuse(new Failure(answer.status, answer.message));
          }),
        );
      });
    });
  }

  async problem(deadlineMs: number): Promise<string> {
    return this.#within(deadlineMs, (give, refuse) => {
      this.#travel(() => {
        const { process } = this.#node;
        if (!process) return refuse(new Failure(unavailable, "no connection established"));
        const { problem } = process.condition;
        this.#travel(() => give(problem));
      });
    });
  }

  openStream(events: StreamEvents): CommandStream {
    return new Stream(this.#client, this.#node, this.#cluster, events);
  }

  close(): void {}

  /** @param ask gives the answer, or refuses one; both may be called again, and too late */
  #within<Answer>(
    deadlineMs: number,
    ask: (give: (answer: Answer) => void, refuse: (error: Error) => void) => void,
  ): Promise<Answer> {
    const ticks = Math.ceil(deadlineMs / this.#cluster.options.limits.tickMs);
    return new Promise((resolve, reject) => {
      this.#cluster.later(ticks, () => reject(new Failure(deadlineExceeded, "Deadline exceeded")));
      ask(resolve, reject);
    });
  }

  /** Something arrives, perhaps. */
  #travel(arrive: () => void): void {
    const { faulty, options, streams } = this.#cluster;
    if (faulty && streams.clients() < options.loss) return;
    const { life } = this.#node;
    this.#cluster.later(1 + randomBelow(streams.clients, options.maxDelay), () => {
      if (this.#node.life === life && !this.#node.paused) arrive();
    });
  }

  #note(verb: string, what: string): void {
    this.#cluster.note(`${this.address} → ${this.#client} ${verb} ${what}`);
  }
}

/** A stream as its server sees it. */
class ServerSide extends EventEmitter {
  readonly #client: string;
  readonly #answer: (answers: readonly Response[]) => void;
  readonly #end: (code: number, details: string) => void;
  #paused = false;
  readonly #unread: (readonly Requested[])[] = [];

  constructor(
    client: string,
    answer: (answers: readonly Response[]) => void,
    end: (code: number, details: string) => void,
  ) {
    super();
    this.#client = client;
    this.#answer = answer;
    this.#end = end;
    this.on("error", ({ code, details }: { code: number; details: string }) => this.#end(code, details));
  }

  getPeer(): string {
    return this.#client;
  }

  take(commands: readonly Requested[]): void {
    this.#unread.push(commands);
    this.#read();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    queueMicrotask(() => this.#read());
  }

  write(answers: readonly Response[]): boolean {
    this.#answer(answers);
    return true;
  }

  end(): void {
    this.#end(0, "");
  }

  #read(): void {
    while (!this.#paused && this.#unread.length > 0) this.emit("data", this.#unread.shift());
  }
}

interface Arrival {
  readonly at: number;
  readonly arrive: () => void;
}

/** A stream as gRPC has it: in order, whole or ended; a way that fell silent ends it only later. */
class Stream implements CommandStream {
  readonly writable = true;
  readonly #client: string;
  readonly #node: SimulatedNode;
  readonly #cluster: Cluster;
  readonly #events: StreamEvents;
  readonly #life: number;
  #server: ServerSide | undefined;
  #open = true;
  #silent = false;
  /** The messages on their way, in each direction, in the order in which they were sent. */
  readonly #underWay = { there: [] as Arrival[], back: [] as Arrival[] };

  constructor(client: string, node: SimulatedNode, cluster: Cluster, events: StreamEvents) {
    this.#client = client;
    this.#node = node;
    this.#cluster = cluster;
    this.#events = events;
    this.#life = node.life;
    this.#watch();
  }

  send(commands: readonly Command[]): boolean {
    if (commands.length === 0)
      throw new Violation(`${this.#client} sends ${this.#node.peer.id} a message without a command`);
    const bytes = requests.encode(commands);
    this.#travel("there", () => {
      const text = () => `asks ${commands.map(describe).join(", ")}`;
      this.#trace(this.#client, this.#node.peer.id, bytes, text);
      this.#serve()?.take(requests.decode(bytes));
    });
    return true;
  }

  close(): void {
    this.#open = false;
    this.#server?.emit("close");
  }

  /** The replica's side, which begins with the first message. */
  #serve(): ServerSide | undefined {
    const { process } = this.#node;
    if (this.#server || !process) return this.#server;
    const server = new ServerSide(
      this.#client,
      (answers) => this.#answer(answers),
      (code, details) => this.#travel("back", () => this.#end(code || unavailable, details)),
    );
    this.#server = server;
    new ExecuteStream(server as unknown as ExecuteStreamCall, {
      requests: process.requests,
      readable: () => process.pace.keepsUp,
      whenReadable: (callback) => process.pace.whenKeepingUp(callback),
      onEnded: () => {},
      // Of this stream alone, which takes all at once.
      unread: unreadPlaces(),
    });
    return server;
  }

  #answer(answers: readonly Response[]): void {
    const bytes = responses.encode(answers);
    this.#travel("back", () => {
      const text = () =>
        `answers ${answers.map((answer) => `${describe(answer)} with ${answer.status}`).join(", ")}`;
      this.#trace(this.#node.peer.id, this.#client, bytes, text);
      this.#events.answers(responses.decode(bytes));
    });
  }

  #travel(way: "there" | "back", arrive: () => void): void {
    const { faulty, options, streams, now } = this.#cluster;
    if (faulty && streams.clients() < options.loss / 2) this.#break(streams.clients() < 0.5);
    const at = now + 1 + randomBelow(streams.clients, options.maxDelay);
    this.#underWay[way].push({ at, arrive });
    this.#cluster.later(at - now, () => this.#deliver(way));
  }

  /** A process that stands still reads what has arrived when it goes on. */
  #deliver(way: "there" | "back"): void {
    const underWay = this.#underWay[way];
    for (let next = underWay[0]; next && next.at <= this.#cluster.now; next = underWay[0]) {
      if (!this.#open || this.#silent || !this.#alive) return;
      if (way === "there" && this.#node.paused) {
        this.#cluster.later(1, () => this.#deliver(way));
        return;
      }
      underWay.shift();
      next.arrive();
    }
    const [next] = underWay;
    if (next) this.#cluster.later(next.at - this.#cluster.now, () => this.#deliver(way));
  }

  get #alive(): boolean {
    return this.#node.up && this.#node.life === this.#life;
  }

  /** @param silently nobody is told for a while, as when a switch on the way is gone */
  #break(silently: boolean): void {
    if (this.#silent) return;
    this.#silent = true;
    const { streams } = this.#cluster;
    this.#cluster.later(silently ? 20 + randomBelow(streams.clients, 150) : 1, () =>
      this.#end(unavailable, "the connection was lost"),
    );
  }

  /** A replica that dies, or is not there, ends it soon; one that stands still does not. */
  #watch(): void {
    if (!this.#open) return;
    if (!this.#alive) this.#end(unavailable, "no connection established");
    else this.#cluster.later(5, () => this.#watch());
  }

  #end(code: number, reason: string): void {
    if (!this.#open) return;
    this.#open = false;
    this.#server?.emit("close");
    // Not within the call that opens it.
    this.#cluster.later(1, () => this.#events.ended(code, reason));
  }

  #trace(from: string, to: string, bytes: Uint8Array, text: () => string): void {
    const { trace, now } = this.#cluster;
    trace.message(now, `${from}>${to}`, bytes, () => `${from} → ${to} ${text()}`);
  }
}

function describe({ clientId, sequence }: Pick<Command, "clientId" | "sequence">): string {
  return `${clientId}#${sequence}`;
}
