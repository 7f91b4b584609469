import { type Message, pvalueBytes, type Tick, trimRecordBytes, valueBytes } from "@synod/core";

/** Rough size of a message on the wire, in bytes; what queues count. */
export function messageBytes(message: Message): number {
  switch (message.kind) {
    case "p2a":
      return pvalueBytes(message.pvalue);
    case "p1b":
      return message.accepted.reduce(
        (bytes, pvalue) => bytes + pvalueBytes(pvalue),
        256 + trimRecordBytes(message.trim),
      );
    case "trim":
    case "trimmed":
      return 64 + trimRecordBytes(message.trim);
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
