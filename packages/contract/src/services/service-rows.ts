import { refusesAnotherCluster } from "../every-role/cluster-cells.js";
import { aKey, callWithin, openSession } from "../replica/replica-bench.js";
import type { Context } from "../suite/context.js";
import { equal, holds } from "../suite/expect.js";
import { type Check, check, type Row, writing } from "../suite/matrix.js";
import { type Message, malformed, oversized } from "../suite/message.js";
import { endsWith, saysOutcome } from "../suite/target.js";

/** A method of a replicated service, and requests to try it with. */
export interface Method {
  /** Full name of its service. */
  readonly service: string;
  readonly name: string;
  readonly accepted: readonly Check[];
  /** It changes nothing. */
  readonly query?: boolean;
  /** A request of this method, always the same for the same key. */
  readonly request: (key: string) => Message;
  /** One that succeeds, where that takes something before it; `request` itself unless given. */
  readonly prepared?: (context: Context, key: string) => Promise<Message>;
  /** Requests that are refused, by what is wrong with them. */
  readonly bad: Readonly<Record<string, Message>>;
  readonly large: Readonly<Record<string, Message>>;
}

function refusals(rpc: string, requests: Readonly<Record<string, Message>>): Check[] {
  return Object.entries(requests).map(([what, request]) =>
    check("the service's proto", `${what}: INVALID_ARGUMENT`, async (context) => {
      const ending = await context.target("replica").ask(rpc, request);
      endsWith(ending, ["INVALID_ARGUMENT"], [], what);
      saysOutcome(ending, "not-executed", what);
    }),
  );
}

/** A request that succeeds, about something that is this run's alone. */
async function requestOf(context: Context, { request, prepared }: Method): Promise<Message> {
  const key = aKey(context);
  return prepared ? prepared(context, key) : request(key);
}

async function within(
  context: Context,
  { service, name }: Method,
  clientId: string,
  sequence: number,
  request: Message,
) {
  const answer = await callWithin(context, `${service}/${name}`, request, clientId, sequence);
  const { code, details, message, trailer } = answer;
  equal([code, details], [0, details], `${name} in a session`);
  saysOutcome(answer, "answered", `${name} in a session`);
  return { message, slot: trailer.get("synod-slot")[0] };
}

/** Without a session as well. */
const saysThatItIsAnswered = (method: Method): Check =>
  writing("replica.proto", "what is executed is answered, and its trailer says so", async (context) => {
    const rpc = `${method.service}/${method.name}`;
    const answer = await context.target("replica").ask(rpc, await requestOf(context, method));
    equal([answer.code, answer.details], [0, answer.details], method.name);
    saysOutcome(answer, "answered", method.name);
  });

/** The row of a method, whatever it does: exactly once in a session, and refusals. */
export function rowOf(method: Method): Row {
  const { service, name } = method;
  const rpc = `${service}/${name}`;
  return {
    role: "replica",
    rpc: `${service.split(".").at(-1)}.${name}`,
    cells: {
      accepted: [...method.accepted, saysThatItIsAnswered(method)],
      "higher ballot": "the call carries no ballot: those are between leaders and acceptors",
      repeated: [
        writing(
          "rule 16, replica.proto",
          method.query
            ? "repeated in a session it is executed again, in a later slot"
            : "repeated in a session it has the first answer, and the slot of that",
          async (context) => {
            const clientId = await openSession(context);
            const request = await requestOf(context, method);
            const first = await within(context, method, clientId, 1, request);
            holds(first.slot !== undefined, "the trailer synod-slot", "a slot", first.slot);
            const again = await within(context, method, clientId, 1, request);
            if (method.query) {
              holds(
                Number(again.slot) > Number(first.slot),
                "the slot of the repeat",
                "a later one",
                again.slot,
              );
              equal(again.message, first.message, "the answer to the repeat");
            } else equal(again, first, "the answer to the repeat");
          },
        ),
      ],
      reordered: [
        writing("rule 16", "sequence 2 before sequence 1: both are executed", async (context) => {
          const clientId = await openSession(context);
          for (const sequence of [2, 1])
            await within(context, method, clientId, sequence, await requestOf(context, method));
        }),
        writing("rule 16", "a sequence at the acknowledged mark is FAILED_PRECONDITION", async (context) => {
          const clientId = await openSession(context);
          const request = method.request(aKey(context));
          const ending = await callWithin(context, rpc, request, clientId, 1, 1);
          endsWith(ending, ["FAILED_PRECONDITION"], [], "a sequence at the mark");
          saysOutcome(ending, "not-executed", "a sequence at the mark");
        }),
      ],
      malformed: [
        ...refusals(rpc, method.bad),
        check("replica.proto", "bytes that are no message: INVALID_ARGUMENT", async (context) => {
          const ending = await context.target("replica").ask(rpc, malformed);
          endsWith(ending, ["INVALID_ARGUMENT"], [], "no message");
          saysOutcome(ending, "not-executed", "no message");
        }),
        check(
          "replica.proto",
          "metadata that names a session and no sequence: INVALID_ARGUMENT",
          async (context) => {
            const metadata = { "synod-client-id": "contract" };
            const ending = await context.target("replica").ask(rpc, method.request("k"), { metadata });
            endsWith(ending, ["INVALID_ARGUMENT"], ["synod-sequence"], "no sequence");
            saysOutcome(ending, "not-executed", "no sequence");
          },
        ),
      ],
      oversized: [
        ...refusals(rpc, method.large),
        check("gRPC", "5 MiB: RESOURCE_EXHAUSTED, and the next call is served", async (context) => {
          const target = context.target("replica");
          endsWith(await target.ask(rpc, oversized), ["RESOURCE_EXHAUSTED"], [], "5 MiB");
          await target.status();
        }),
      ],
      "wrong cluster": refusesAnotherCluster("replica", rpc, method.request("contract-wrong-cluster"), true),
    },
  };
}
