import { type Check, check } from "../suite/matrix.js";
import { malformed, oversized } from "../suite/message.js";
import { endsWith } from "../suite/target.js";

export const noBallot = "the call carries no ballot: those are between leaders and acceptors";

/** The check that a unary call refuses a request that is too large. */
export function oversizedCall(rpc: string): Check {
  return check("gRPC", "5 MiB: RESOURCE_EXHAUSTED, and the next call is served", async (context) => {
    const target = context.target("replica");
    endsWith(await target.ask(rpc, oversized), ["RESOURCE_EXHAUSTED"], [], "5 MiB");
    await target.status();
  });
}

export function malformedCall(rpc: string): Check {
  return check("replica.proto", "bytes that are no message: INVALID_ARGUMENT", async (context) => {
    const ending = await context.target("replica").ask(rpc, malformed);
    endsWith(ending, ["INVALID_ARGUMENT"], [], "no message");
  });
}
