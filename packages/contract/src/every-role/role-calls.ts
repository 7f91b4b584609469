import { type Check, check } from "../suite/matrix.js";
import { oversized, unreadable } from "../suite/message.js";
import type { RoleName } from "../suite/roles.js";
import { endsWith } from "../suite/target.js";

export const noBallot = "the call carries no ballot";

export const ownService = {
  acceptor: ["synod.v1.Acceptor"],
  leader: ["synod.v1.Leader"],
  replica: [
    "synod.v1.Replica",
    "synod.kv.v1.KeyValue",
    "synod.calculator.v1.Calculator",
    "synod.lock.v1.Lock",
  ],
} as const;

export function oversizedUnary(role: RoleName, rpc: string): Check[] {
  return [
    check("gRPC", "5 MiB: RESOURCE_EXHAUSTED, and the next call is served", async (context) => {
      endsWith(await context.target(role).ask(rpc, oversized), ["RESOURCE_EXHAUSTED"], [], "5 MiB");
      await context.target(role).status();
    }),
  ];
}

/** gRPC's own services may be a library's, which has no other status for this than INTERNAL. */
export const noMessage = ["INVALID_ARGUMENT", "INTERNAL"] as const;

export function refusedUnary(
  role: RoleName,
  rpc: string,
  codes: Parameters<typeof endsWith>[1],
  requests: Readonly<Record<string, Buffer>> = unreadable,
): Check[] {
  return Object.entries(requests).map(([what, request]) =>
    check("gRPC", `${what}: ${codes.join(" or ")}, and the next call is served`, async (context) => {
      endsWith(await context.target(role).ask(rpc, request), codes, [], what);
      await context.target(role).status();
    }),
  );
}
