import * as grpc from "@grpc/grpc-js";
import { type Channel, openChannel } from "@synod/wire";
import { fail, holds, Violation } from "./expect.js";
import { type Message, rpcOf } from "./message.js";

/** The end of a call. */
export interface Ending {
  /** gRPC status code. */
  readonly code: number;
  readonly details: string;
}

export interface Answer extends Ending {
  /** There when the code is 0. */
  readonly message: Message | undefined;
  readonly trailer: grpc.Metadata;
}

export interface AskOptions {
  readonly metadata?: Readonly<Record<string, string>>;
  readonly deadlineMs?: number;
}

export function ended({ code, details }: Ending): string {
  return `${grpc.status[code] ?? code}: ${details}`;
}

/** True when nobody answered. */
export function cannotReach({ code }: Ending): boolean {
  return code === grpc.status.UNAVAILABLE || code === grpc.status.DEADLINE_EXCEEDED;
}

/** Requires a call to have ended with a status, by name, and with certain words. */
export function endsWith(
  ending: Ending,
  statuses: readonly (keyof typeof grpc.status)[],
  words: readonly string[],
  what: string,
): void {
  const found = grpc.status[ending.code] as keyof typeof grpc.status;
  holds(statuses.includes(found), what, statuses.join(" or "), ended(ending));
  for (const word of words)
    holds(ending.details.includes(word), `${what}: the reason`, `one that says ${word}`, ending.details);
}

/** Requires the trailer of a call to say what is known of its command. */
export function saysOutcome({ trailer }: Answer, outcome: "answered" | "not-executed", what: string): void {
  holds(
    trailer.get("synod-outcome")[0] === outcome,
    `${what}: the trailer synod-outcome`,
    outcome,
    trailer.get("synod-outcome"),
  );
}

/** A service under test, reached over gRPC and in no other way. */
export class Target {
  readonly address: string;
  readonly patienceMs: number;
  #channel: Channel;
  readonly #streams = new Set<Stream>();

  /** @param patienceMs how long an answer may take that has to come */
  constructor(address: string, patienceMs: number) {
    this.address = address;
    this.patienceMs = patienceMs;
    this.#channel = connection(address);
  }

  /** One unary call; never rejects. */
  ask(name: string, request: Message | Buffer, options: AskOptions = {}): Promise<Answer> {
    const rpc = rpcOf(name);
    const metadata = new grpc.Metadata();
    for (const [key, value] of Object.entries(options.metadata ?? {})) metadata.set(key, value);
    const deadline = Date.now() + (options.deadlineMs ?? this.patienceMs);
    return new Promise((resolve) => {
      let message: Message | undefined;
      const call = this.#channel.client.makeUnaryRequest(
        rpc.path,
        rpc.encode,
        rpc.decode,
        request,
        metadata,
        { deadline },
        (_, answer) => {
          message = answer;
        },
      );
      call.on("status", ({ code, details, metadata: trailer }) =>
        resolve({ code, details, trailer, message }),
      );
    });
  }

  /** One unary call that has to succeed. */
  async call(name: string, request: Message, options: AskOptions = {}): Promise<Message> {
    const answer = await this.ask(name, request, options);
    if (answer.message) return answer.message;
    throw new Violation(`${name} at ${this.address}: expected an answer, found ${ended(answer)}`);
  }

  /** Also for a unary call, with one message. */
  open(name: string, more: Readonly<Record<string, string>> = {}): Stream {
    const rpc = rpcOf(name);
    const metadata = new grpc.Metadata();
    for (const [key, value] of Object.entries(more)) metadata.set(key, value);
    const call = this.#channel.client.makeBidiStreamRequest(rpc.path, rpc.encode, rpc.decode, metadata);
    const stream = new Stream(name, call, this.patienceMs);
    this.#streams.add(stream);
    void stream.ended.then(() => this.#streams.delete(stream));
    return stream;
  }

  status(): Promise<Message> {
    return this.call("synod.v1.Cluster/Status", {});
  }

  /** After the service was restarted: forgets the old connection, and waits until the new process answers. */
  async reconnect(): Promise<void> {
    this.close();
    this.#channel = connection(this.address);
    const until = Date.now() + 15_000;
    for (;;) {
      const { code, details } = await this.ask("synod.v1.Cluster/Status", {}, { deadlineMs: 1_000 });
      if (code === grpc.status.OK) return;
      if (Date.now() > until) fail(`${this.address} after its restart`, "an answer", details);
      await pause(20);
    }
  }

  /** Ends what the checks left open. */
  release(): void {
    for (const stream of this.#streams) stream.close();
  }

  close(): void {
    this.release();
    this.#channel.close(false);
  }
}

function connection(address: string): Channel {
  return openChannel(address, grpc.credentials.createInsecure(), {
    "grpc.initial_reconnect_backoff_ms": 50,
    "grpc.max_reconnect_backoff_ms": 500,
    "grpc.max_send_message_length": -1,
    "grpc.max_receive_message_length": -1,
  });
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

interface Waiter {
  readonly match: (message: Message) => boolean;
  readonly resolve: (message: Message) => void;
  readonly reject: (error: Error) => void;
}

/** A bidirectional stream; what arrives is kept until a check asks for it. */
export class Stream {
  readonly name: string;
  /** Resolves when the other side has ended the stream. */
  readonly ended: Promise<Ending>;
  readonly #call: grpc.ClientDuplexStream<Message | Buffer, Message>;
  readonly #patienceMs: number;
  #unread: Message[] = [];
  readonly #waiters = new Set<Waiter>();
  #ending: Ending | undefined;

  constructor(name: string, call: grpc.ClientDuplexStream<Message | Buffer, Message>, patienceMs: number) {
    this.name = name;
    this.#call = call;
    this.#patienceMs = patienceMs;
    call.on("error", () => {});
    call.on("data", (message: Message) => this.#take(message));
    this.ended = new Promise((resolve) => {
      call.on("status", ({ code, details }: Ending) => {
        this.#ending = { code, details };
        for (const waiter of this.#waiters) waiter.reject(new Violation(ended({ code, details })));
        resolve({ code, details });
      });
    });
  }

  send(message: Message | Buffer): void {
    if (!this.#ending) this.#call.write(message);
  }

  /** Says that nothing more will be sent. */
  finish(): void {
    this.#call.end();
  }

  /** The first message not yet read that matches; others stay for later. */
  async next(
    what: string,
    match: (message: Message) => boolean,
    withinMs = this.#patienceMs,
  ): Promise<Message> {
    const index = this.#unread.findIndex(match);
    if (index >= 0) return this.#unread.splice(index, 1)[0] as Message;
    const expected = `${this.name}: expected ${what}`;
    if (this.#ending) throw new Violation(`${expected}, found the stream ended with ${ended(this.#ending)}`);
    return new Promise((resolve, reject) => {
      const done = () => {
        clearTimeout(timer);
        this.#waiters.delete(waiter);
      };
      const waiter: Waiter = {
        match,
        resolve: (message) => {
          done();
          resolve(message);
        },
        reject: (error) => {
          done();
          reject(new Violation(`${expected}, found the stream ended with ${error.message}`));
        },
      };
      const timer = setTimeout(() => {
        done();
        const kinds = [...new Set(this.#unread.map(({ message }) => message ?? "messages"))].join(", ");
        reject(new Violation(`${expected} within ${withinMs} ms, found ${kinds || "nothing"}`));
      }, withinMs);
      this.#waiters.add(waiter);
    });
  }

  /** Everything that matches and has arrived unread. */
  take(match: (message: Message) => boolean): Message[] {
    const found = this.#unread.filter(match);
    this.#unread = this.#unread.filter((message) => !match(message));
    return found;
  }

  /** The end of the stream by the other side, which has to come. */
  async ending(): Promise<Ending> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(new Violation(`${this.name}: expected the stream to be ended, found it open`)),
        this.#patienceMs,
      );
    });
    return Promise.race([this.ended, late]).finally(() => clearTimeout(timer));
  }

  close(): void {
    this.#call.cancel();
  }

  #take(message: Message): void {
    for (const waiter of this.#waiters) {
      if (!waiter.match(message)) continue;
      waiter.resolve(message);
      return;
    }
    this.#unread.push(message);
    // Heartbeats and statuses that no check reads do not pile up.
    if (this.#unread.length > 50_000) this.#unread.splice(0, 25_000);
  }
}
