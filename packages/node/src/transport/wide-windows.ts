import type { Http2Server, ServerHttp2Session } from "node:http2";
import type * as grpc from "@grpc/grpc-js";

/** The parts of a grpc-js server that know HTTP/2. */
interface Inside {
  readonly commonServerOptions?: { settings?: { initialWindowSize?: number } };
  readonly http2Servers?: ReadonlyMap<Http2Server, unknown>;
}

/**
 * Lets callers send so many bytes ahead. An option of grpc-js says so for its clients only (flow_control_window); its servers
 * stay at 64 KiB, which is 320 kB/s over a round trip of 200 ms. So this reaches inside, and a test holds that it works.
 * @returns to be called when the server listens
 */
export function widenWindows(server: grpc.Server, bytes: number): () => void {
  const { commonServerOptions, http2Servers } = server as unknown as Inside;
  if (commonServerOptions)
    commonServerOptions.settings = { ...commonServerOptions.settings, initialWindowSize: bytes };
  return () => {
    for (const each of http2Servers?.keys() ?? [])
      each.on("session", (session: ServerHttp2Session) => session.setLocalWindowSize(bytes));
  };
}
