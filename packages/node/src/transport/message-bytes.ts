import { type Message, type Tick, valueBytes } from "@synod/core";

/** Rough size of a message on the wire, in bytes; what queues count. */
export function messageBytes(message: Message): number {
  switch (message.kind) {
    case "p2a":
      return 64 + valueBytes(message.pvalue.value);
    case "p1b":
      return message.accepted.reduce((bytes, pvalue) => bytes + 64 + valueBytes(pvalue.value), 256);
    case "propose":
    case "decision":
      return 32 + valueBytes(message.value);
    default:
      return 128;
  }
}

/** Of an input that waits to be stepped. */
export function inputBytes(input: { readonly kind: string; readonly message?: Message } | Tick): number {
  return "message" in input && input.message !== undefined ? messageBytes(input.message) : 64;
}
