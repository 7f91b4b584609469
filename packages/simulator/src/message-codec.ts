import type { FromAcceptor, FromLeader, Message, Peer, ToAcceptor, ToLeader } from "@synod/core";
import { fromAcceptor, fromLeader, toAcceptor, toLeader } from "@synod/wire";

const toLeaders: ReadonlySet<Message["kind"]> = new Set(["propose", "question", "replica-status", "ping"]);

/** The message that an array of bytes holds, so that a broadcast is decoded once. Messages are never changed once made. */
const read = new WeakMap<Uint8Array, Message>();

/** A message as it travels. */
export function encodeMessage(from: Peer, to: Peer, message: Message): Uint8Array {
  if (to.role === "acceptor") return toAcceptor.encode(message as ToAcceptor);
  if (from.role === "acceptor") return fromAcceptor.encode(message as FromAcceptor);
  return toLeaders.has(message.kind)
    ? toLeader.encode(message as ToLeader)
    : fromLeader.encode(message as FromLeader);
}

/** @param answers the sender is one who was dialed: what leaders say to replicas, and answer each other */
export function decodeMessage(from: Peer, to: Peer, answers: boolean, bytes: Uint8Array): Message {
  const known = read.get(bytes);
  if (known) return known;
  const codec =
    to.role === "acceptor"
      ? toAcceptor
      : from.role === "acceptor"
        ? fromAcceptor
        : answers
          ? fromLeader
          : toLeader;
  const message = codec.decode(bytes) as Message;
  read.set(bytes, message);
  return message;
}

/** True when a message travels back on a connection that its receiver opened. */
export function isAnswer(from: Peer, message: Message): boolean {
  return from.role === "acceptor" || (from.role === "leader" && !toLeaders.has(message.kind));
}
