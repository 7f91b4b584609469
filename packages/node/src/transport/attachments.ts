import * as grpc from "@grpc/grpc-js";
import type { Message, Peer, Role } from "@synod/core";
import { eventLoop, type Hello, type Incoming, Invalid, ran, type Scheduler } from "@synod/wire";
import { incompatibility } from "./hello.js";
import { messageBytes } from "./message-bytes.js";
import { Outbox } from "./outbox.js";
import { repeatOf } from "./repeats.js";

/** A stream that a peer opened here. */
export type ServerStream<Out, In> = grpc.ServerDuplexStream<Incoming<In | Hello>, Incoming<Out | Hello>>;

export interface AttachmentsOptions<Out extends Message, In extends Message> {
  /** Name of the method, for texts. */
  readonly method: string;
  /** The members that may open a stream. */
  readonly accepts: readonly Role[];
  /** This side's hello, made anew for every stream. */
  hello(): Hello;
  /**
   * One peer keeps one stream of each lane; a newer one replaces the older. A stream's lane is that of its first
   * message, and answers leave on the lane they belong to. Absent when there is one lane only.
   */
  laneOf?(message: In | Out): string;
  onConnected(peer: Peer, hello: Hello): void;
  /** The last stream of the peer has ended. */
  onDisconnected(peer: Peer): void;
  /** False asks to read no more from this stream until `whenRoom` calls back. */
  onMessage(peer: Peer, message: In): boolean;
  whenRoom(callback: () => void): void;
  readonly helloMs?: number;
  readonly maxStreams?: number;
  readonly scheduler?: Scheduler | undefined;
}

export interface AttachedPeer {
  readonly peer: Peer;
  readonly address: string;
}

interface Attachment<Out, In> {
  readonly call: ServerStream<Out, In>;
  readonly outbox: Outbox<Out | Hello>;
  readonly address: string;
  peer: Peer | undefined;
  lane: string | undefined;
  ended: boolean;
}

/** Streams of one peer that have not sent a message yet, beside those that have. */
const maxStreamsPerPeer = 4;

const onlyLane = "all";

/** The serving side of a stream method: who is attached, and how to reach them. */
export class Attachments<Out extends Message, In extends Message> {
  readonly #options: AttachmentsOptions<Out, In>;
  readonly #helloMs: number;
  readonly #maxStreams: number;
  readonly #scheduler: Scheduler;
  readonly #all = new Set<Attachment<Out, In>>();
  /** By peer, oldest first. */
  readonly #byPeer = new Map<string, Attachment<Out, In>[]>();
  #closed = false;
  #dropped = 0;

  constructor(options: AttachmentsOptions<Out, In>) {
    this.#options = options;
    this.#helloMs = options.helloMs ?? 2_000;
    this.#maxStreams = options.maxStreams ?? 1_024;
    this.#scheduler = options.scheduler ?? eventLoop;
  }

  /** Messages lost because a peer did not drain, or was not attached. */
  get dropped(): number {
    return this.#dropped;
  }

  peers(): AttachedPeer[] {
    return [...this.#byPeer.values()].flatMap((attachments) => {
      const newest = attachments.at(-1);
      return newest?.peer ? [{ peer: newest.peer, address: newest.address }] : [];
    });
  }

  /** Sends on the peer's newest stream of the message's lane. False when it was dropped. */
  send(to: Peer, message: Out): boolean {
    const attachments = this.#byPeer.get(peerKey(to));
    const lane = this.#options.laneOf?.(message) ?? onlyLane;
    const attachment = attachments?.findLast((candidate) => candidate.lane === lane) ?? attachments?.at(-1);
    const sent = attachment?.outbox.send(message) ?? false;
    if (!sent) this.#dropped++;
    return sent;
  }

  /** Serves one stream until it ends. */
  serve(call: ServerStream<Out, In>): void {
    const attachment: Attachment<Out, In> = {
      call,
      outbox: new Outbox<Out | Hello>({
        stream: call,
        scheduler: this.#options.scheduler,
        bytesOf: (message) => (message.kind === "hello" ? 0 : messageBytes(message)),
        repeatOf,
        onStalled: () =>
          this.#refuse(attachment, grpc.status.RESOURCE_EXHAUSTED, "the peer has taken nothing for long"),
      }),
      address: call.getPeer(),
      peer: undefined,
      lane: undefined,
      ended: false,
    };
    call.on("error", () => {});
    if (this.#closed || this.#all.size >= this.#maxStreams) {
      const text = this.#closed ? "shutting down" : `${this.#maxStreams} streams are open already`;
      this.#refuse(attachment, grpc.status.UNAVAILABLE, text);
      return;
    }
    this.#all.add(attachment);
    const refuseSilent = () => {
      const text = `no hello within ${this.#helloMs} ms: every stream of ${this.#options.method} opens with one`;
      this.#refuse(attachment, grpc.status.DEADLINE_EXCEEDED, text);
    };
    const cancelWatchdog = ran(this.#scheduler, this.#helloMs, () => false, refuseSilent);
    call.on("data", (message: Incoming<In | Hello>) => {
      if (attachment.ended) return;
      attachment.outbox.heard();
      cancelWatchdog();
      if (message instanceof Invalid) this.#refuse(attachment, message.error.code, message.error.message);
      else if (message.kind === "hello") this.#greet(attachment, message);
      else if (attachment.peer) this.#take(attachment, attachment.peer, message);
      else
        this.#refuse(
          attachment,
          grpc.status.FAILED_PRECONDITION,
          `expected a hello first, found a ${message.kind}`,
        );
    });
    call.on("end", () => {
      this.#remove(attachment);
      call.end();
    });
    call.on("close", () => {
      cancelWatchdog();
      this.#remove(attachment);
    });
  }

  /** Ends every stream, and takes no more. */
  close(): void {
    this.#closed = true;
    for (const attachment of [...this.#all]) {
      this.#remove(attachment);
      attachment.call.end();
    }
  }

  #greet(attachment: Attachment<Out, In>, theirs: Hello): void {
    const ours = this.#options.hello();
    const { role } = theirs;
    const accepted = this.#options.accepts.find((candidate) => candidate === role);
    const refusal =
      incompatibility(ours, theirs) ??
      (accepted
        ? undefined
        : `${this.#options.method} is opened by a ${this.#options.accepts.join(" or a ")}, found ${role} ${theirs.id}`) ??
      (attachment.peer ? "expected one hello, found a second" : undefined);
    if (refusal !== undefined || !accepted) {
      this.#refuse(attachment, grpc.status.FAILED_PRECONDITION, refusal ?? "");
      return;
    }
    const peer = { role: accepted, id: theirs.id };
    attachment.peer = peer;
    const others = this.#byPeer.get(peerKey(peer)) ?? [];
    this.#byPeer.set(peerKey(peer), [...others, attachment]);
    if (!this.#options.laneOf) this.#enter(attachment, peer, onlyLane);
    else if (others.length >= maxStreamsPerPeer)
      this.#replace(others.find((other) => other.lane === undefined) ?? others[0]);
    attachment.outbox.send(ours);
    this.#options.onConnected(peer, theirs);
  }

  #take(attachment: Attachment<Out, In>, peer: Peer, message: In): void {
    if (attachment.lane === undefined)
      this.#enter(attachment, peer, this.#options.laneOf?.(message) ?? onlyLane);
    if (this.#options.onMessage(peer, message)) return;
    attachment.call.pause();
    this.#options.whenRoom(() => attachment.call.resume());
  }

  #enter(attachment: Attachment<Out, In>, peer: Peer, lane: string): void {
    this.#replace(this.#byPeer.get(peerKey(peer))?.find((other) => other.lane === lane));
    attachment.lane = lane;
  }

  #replace(older: Attachment<Out, In> | undefined): void {
    if (older) this.#refuse(older, grpc.status.ABORTED, "a newer stream of the same peer took its place");
  }

  #refuse(attachment: Attachment<Out, In>, code: grpc.status, details: string): void {
    if (attachment.ended) return;
    this.#remove(attachment);
    // grpc-js ends the stream with this status; the peer sees it once what was written before has left.
    attachment.call.emit("error", { code, details });
  }

  #remove(attachment: Attachment<Out, In>): void {
    if (attachment.ended) return;
    attachment.ended = true;
    attachment.outbox.close();
    this.#dropped += attachment.outbox.dropped;
    this.#all.delete(attachment);
    if (!attachment.peer) return;
    const key = peerKey(attachment.peer);
    const left = (this.#byPeer.get(key) ?? []).filter((other) => other !== attachment);
    if (left.length > 0) {
      this.#byPeer.set(key, left);
      return;
    }
    this.#byPeer.delete(key);
    if (!this.#closed) this.#options.onDisconnected(attachment.peer);
  }
}

function peerKey(peer: Peer): string {
  return `${peer.role}/${peer.id}`;
}
