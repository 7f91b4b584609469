import { oversizedOnStream, voteDoor } from "../every-role/streams.js";
import { type Check, check } from "../suite/matrix.js";
import { oversized } from "../suite/message.js";
import { endsWith } from "../suite/target.js";
import { type Port, unchanged } from "./acceptor-bench.js";

/** The checks of messages that are too large, besides those given. */
export function oversizedCell(port: Port, more: Check[]): Check[] {
  if (port.stream) return [...oversizedOnStream(voteDoor), ...more];
  return [
    check(
      "gRPC",
      "5 MiB: RESOURCE_EXHAUSTED, nothing changes, and the next call is served",
      async (context) => {
        await unchanged(context, async () => {
          endsWith(await port.refused(context, oversized), ["RESOURCE_EXHAUSTED"], [], "5 MiB");
        });
      },
    ),
    ...more,
  ];
}
