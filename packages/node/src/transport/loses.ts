import type { Message, Peer } from "@synod/core";

/**
 * The network's port beside the streams, for simulated worlds: true when a message is lost between its role and the stream.
 * Streams lose messages themselves, where nobody is connected or a peer takes nothing, but none out of their middle.
 */
export type Loses = (to: Peer, message: Message) => boolean;
