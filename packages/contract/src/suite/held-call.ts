import { once } from "node:events";
import http2 from "node:http2";
import { fail } from "./expect.js";
import { type Message, rpcOf } from "./message.js";

const headBytes = 5;

/** A call with many answers of which one was read: the service cannot have said much more. */
export interface HeldCall {
  readonly first: Message;
  /** Goes away in the middle. */
  cancel(): Promise<void>;
}

/**
 * Reads the first answer and no more. By HTTP/2 itself, because gRPC's client reads ahead of whoever uses it, and what it
 * has read the service has sent.
 */
export async function heldCall(
  address: string,
  name: string,
  request: Message,
  patienceMs: number,
): Promise<HeldCall> {
  const rpc = rpcOf(name);
  const session = http2.connect(`http://${address}`);
  session.on("error", () => {});
  const stream = session.request({
    ":method": "POST",
    ":path": rpc.path,
    "content-type": "application/grpc",
    te: "trailers",
  });
  stream.on("error", () => {});
  stream.end(framed(rpc.encode(request)));
  const cancel = async () => {
    if (!stream.closed) {
      const closed = once(stream, "close");
      stream.close(http2.constants.NGHTTP2_CANCEL);
      await closed;
    }
    session.destroy();
  };
  const late = setTimeout(() => stream.close(http2.constants.NGHTTP2_CANCEL), patienceMs);
  try {
    return { first: rpc.decode(await firstMessage(stream)), cancel };
  } catch (error) {
    await cancel();
    throw error;
  } finally {
    clearTimeout(late);
  }
}

function framed(message: Buffer): Buffer {
  const head = Buffer.alloc(headBytes);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

async function firstMessage(stream: http2.ClientHttp2Stream): Promise<Buffer> {
  let all = Buffer.alloc(0);
  await new Promise<void>((resolve, reject) => {
    stream.on("data", (chunk: Buffer) => {
      all = Buffer.concat([all, chunk]);
      if (all.length < headBytes || all.length < headBytes + all.readUInt32BE(1)) return;
      stream.pause();
      stream.removeAllListeners("data");
      resolve();
    });
    stream.once("close", () => reject(new Error("closed")));
  }).catch(() => fail("the first answer of a stream", "one in time", `${all.length} bytes`));
  return all.subarray(headBytes, headBytes + all.readUInt32BE(1));
}
