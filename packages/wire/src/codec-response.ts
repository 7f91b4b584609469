import {
  bytesSize,
  EncodedTexts,
  integerSize,
  KnownTexts,
  Reading,
  tagOf,
  varintSize,
  Writing,
  wireType,
} from "./bytes.js";
import * as check from "./check.js";
import type { Codec } from "./codec.js";
import { WireError } from "./wire-error.js";

/**
 * The outcome of an attempt to execute a command, as proto/synod/v1/replica.proto defines it. "unspecified" is
 * what no replica says, and is to be taken for "unknown". The index is the number on the wire.
 */
export const outcomes = ["unspecified", "answered", "not-executed", "unknown"] as const;
export type ResponseOutcome = (typeof outcomes)[number];

/** A replica's answer to one command (PMMC 2.1: ⟨response, cid, result⟩). */
export interface Response {
  readonly clientId: string;
  readonly sequence: number;
  /** gRPC status code; 0 is success. */
  readonly status: number;
  /** Empty on success. */
  readonly message: string;
  /** The encoded response message of the method, on success. */
  readonly response: Uint8Array;
  /** The slot that decided the command; 0 when none is known to have. */
  readonly slot: number;
  /** The encoded google.rpc.Status of a declared error; absent when there is none. */
  readonly details?: Uint8Array | undefined;
  readonly outcome: ResponseOutcome;
}

/** The highest gRPC status code. */
const lastStatus = 16;
export const maxResponseBytes = 1 << 20;
const maxMessageBytes = 64 << 10;

/** Field numbers of synod.v1.Response. */
const field = {
  clientId: 1,
  sequence: 2,
  status: 3,
  message: 4,
  response: 5,
  slot: 6,
  details: 7,
  outcome: 8,
} as const;
/** Responses.responses. */
const only = 1;
const texts = new EncodedTexts();
const clientIds = new KnownTexts(check.id);
const noBytes = Buffer.alloc(0);

function sizeOf(response: Response, message: Uint8Array): number {
  return (
    bytesSize(texts.of(response.clientId).length) +
    integerSize(check.checked(response.sequence, "Response.sequence")) +
    integerSize(check.checked(response.status, "Response.status")) +
    bytesSize(message.length) +
    bytesSize(response.response.length) +
    integerSize(check.checked(response.slot, "Response.slot")) +
    (response.details === undefined ? 0 : bytesSize(response.details.length)) +
    integerSize(outcomes.indexOf(response.outcome))
  );
}

function write(to: Writing, response: Response, message: Uint8Array): void {
  to.bytes(field.clientId, texts.of(response.clientId));
  to.integer(field.sequence, response.sequence);
  to.integer(field.status, response.status);
  to.bytes(field.message, message);
  to.bytes(field.response, response.response);
  to.integer(field.slot, response.slot);
  if (response.details !== undefined) to.bytes(field.details, response.details);
  to.integer(field.outcome, outcomes.indexOf(response.outcome));
}

/** Messages are errors' and mostly new, so they are not remembered. */
function messageBytes(response: Response): Uint8Array {
  return response.message === "" ? noBytes : Buffer.from(response.message, "utf8");
}

function read(from: Reading, limit: number): Response {
  const { buffer } = from;
  let clientId = "";
  let sequence = 0;
  let status = 0;
  let message = "";
  let response: Uint8Array = noBytes;
  let slot = 0;
  let details: Uint8Array | undefined;
  let outcome = 0;
  while (from.position < limit) {
    const tag = from.tag();
    switch (tag) {
      case tagOf(field.clientId, wireType.bytes): {
        const end = from.end(limit);
        clientId = clientIds.read(buffer, from.position, end, "Response.client_id");
        from.position = end;
        break;
      }
      case tagOf(field.sequence, wireType.varint):
        sequence = from.varint();
        break;
      case tagOf(field.status, wireType.varint):
        status = from.varint();
        break;
      case tagOf(field.message, wireType.bytes): {
        const end = from.end(limit);
        if (end - from.position > maxMessageBytes)
          throw new WireError(
            "Response.message",
            `at most ${maxMessageBytes} bytes`,
            `${end - from.position}`,
          );
        message = buffer.toString("utf8", from.position, end);
        from.position = end;
        break;
      }
      case tagOf(field.response, wireType.bytes): {
        const end = from.end(limit);
        response = buffer.subarray(from.position, end);
        from.position = end;
        break;
      }
      case tagOf(field.slot, wireType.varint):
        slot = from.varint();
        break;
      case tagOf(field.details, wireType.bytes): {
        const end = from.end(limit);
        details = check.bytes(buffer.subarray(from.position, end), "Response.details", maxMessageBytes);
        from.position = end;
        break;
      }
      case tagOf(field.outcome, wireType.varint):
        outcome = from.varint();
        break;
      default:
        from.skip(tag, limit);
    }
  }
  from.finish(limit);
  if (status > lastStatus)
    throw new WireError("Response.status", `a gRPC status code (0 to ${lastStatus})`, `${status}`);
  return {
    clientId,
    sequence: check.integer(sequence, "Response.sequence"),
    status,
    message,
    response: check.bytes(response, "Response.response", maxResponseBytes),
    slot: check.integer(slot, "Response.slot"),
    ...(details === undefined ? undefined : { details }),
    // One that a later version adds says nothing here.
    outcome: outcomes[outcome] ?? "unspecified",
  };
}

/** Replica → client, alone. */
export const response: Codec<Response> = {
  encode: (message) => {
    const words = messageBytes(message);
    const to = new Writing(sizeOf(message, words));
    write(to, message, words);
    return to.buffer;
  },
  decode: (bytes) => read(new Reading(bytes, "Response"), bytes.length),
};

/** Replica → client, on a stream. */
export const responses: Codec<readonly Response[]> = {
  encode: (messages) => {
    const words = messages.map(messageBytes);
    const sizes = messages.map((message, index) => sizeOf(message, words[index] as Uint8Array));
    const to = new Writing(sizes.reduce((total, size) => total + 1 + varintSize(size) + size, 0));
    for (let index = 0; index < messages.length; index++) {
      to.message(only, sizes[index] as number);
      write(to, messages[index] as Response, words[index] as Uint8Array);
    }
    return to.buffer;
  },
  decode: (bytes) => {
    const from = new Reading(bytes, "Responses");
    const found: Response[] = [];
    while (from.position < bytes.length) {
      const tag = from.tag();
      if (tag === tagOf(only, wireType.bytes)) found.push(read(from, from.end(bytes.length)));
      else from.skip(tag, bytes.length);
    }
    from.finish(bytes.length);
    return found;
  },
};
