import type { Connected, Peer } from "@synod/core";
import type { Hello } from "@synod/wire";
import { spokenVersions } from "./hello.js";

/** The hello of a process: a part that is the same for every role, and its own. */
export function helloOf(
  { id, clusterId }: { readonly id: string; readonly clusterId: string },
  own: Pick<Hello, "role" | "configurations" | "slotOut"> & Partial<Hello>,
): Hello {
  return {
    kind: "hello",
    clusterId,
    id,
    oldestVersion: spokenVersions.oldest,
    newestVersion: spokenVersions.newest,
    ...own,
  };
}

/** The input by which a role hears of a peer's hello. */
export function connectedInput(peer: Peer, { slotOut, configurations }: Hello): Connected {
  return { kind: "connected", peer, slotOut, configurations };
}
