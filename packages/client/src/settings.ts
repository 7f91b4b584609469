import { status as Code } from "@grpc/grpc-js";
import { checkedMethod, checkedService, maxRequestBytes, WireError } from "@synod/wire";
import { SynodError } from "./error.js";

export interface ClientSettings {
  /** Milliseconds from the call to its end with an error, unless the call says otherwise. */
  readonly deadlineMs: number;
  /** Silence after which a call goes again, through another replica. */
  readonly silenceMs: number;
  /** Every command goes to every replica at once, and the first answer is taken. */
  readonly sendToAll: boolean;
  /** Commands outstanding under the session; the replicated session keeps 1,024 sequences above the mark. */
  readonly maxOutstanding: number;
  /** Bytes of the requests outstanding. */
  readonly maxOutstandingBytes: number;
  /** Calls that wait for room, and bytes of their requests, beyond which a call fails at once. */
  readonly maxWaiting: number;
  readonly maxWaitingBytes: number;
}

export const defaultSettings: ClientSettings = Object.freeze({
  deadlineMs: 10_000,
  silenceMs: 1_000,
  sendToAll: false,
  maxOutstanding: 768,
  maxOutstandingBytes: 8 << 20,
  maxWaiting: 65_536,
  maxWaitingBytes: 256 << 20,
});

/** A caller's request: a method of a service, and the encoded message. */
export interface Asked {
  readonly service: string;
  readonly method: string;
  readonly request: Uint8Array;
}

/**
 * The error of a call that must not be sent; undefined when it may go. A replica ends a stream with anything malformed in
 * it, and with it every other call of the client: so what a replica would refuse to read never leaves.
 * @param waiting calls that wait for room already, and their bytes
 */
export function problemWith(
  { service, method, request }: Asked,
  deadlineMs: number,
  waiting: { readonly size: number; readonly bytes: number },
  { maxWaiting, maxWaitingBytes }: ClientSettings,
): SynodError | undefined {
  const refused = (code: Code, reason: string) => new SynodError(code, reason, "not executed");
  const misnamed = problemWithNames(service, method);
  if (misnamed !== undefined) return refused(Code.INVALID_ARGUMENT, misnamed);
  if (!(deadlineMs > 0 && deadlineMs < 2 ** 31))
    return refused(
      Code.INVALID_ARGUMENT,
      `expected a deadline of 1 to ${2 ** 31 - 1} ms, found ${deadlineMs}`,
    );
  if (!(request instanceof Uint8Array))
    return refused(
      Code.INVALID_ARGUMENT,
      `expected the bytes of an encoded request, found a value of type ${typeof request}`,
    );
  if (request.length > maxRequestBytes)
    return refused(
      Code.INVALID_ARGUMENT,
      `expected a request of at most ${maxRequestBytes} bytes, found ${request.length}`,
    );
  if (waiting.size >= maxWaiting || waiting.bytes + request.length > maxWaitingBytes)
    return refused(
      Code.RESOURCE_EXHAUSTED,
      `${waiting.size} calls of ${waiting.bytes} bytes wait already: let some finish first`,
    );
  return undefined;
}

function problemWithNames(service: string, method: string): string | undefined {
  try {
    checkedService(service, "service");
    checkedMethod(method, "method");
    return undefined;
  } catch (error) {
    if (error instanceof WireError) return error.message;
    throw error;
  }
}
