import type { Context } from "../suite/context.js";
import { equal } from "../suite/expect.js";
import { check, type Row } from "../suite/matrix.js";
import { type Message, notText, oversized, unreadable } from "../suite/message.js";
import type { RoleName } from "../suite/roles.js";
import { endsWith, pause, type Stream } from "../suite/target.js";
import { libraryServices } from "./cluster-cells.js";
import { noBallot, noMessage, oversizedUnary, ownService, refusedUnary } from "./role-calls.js";

const spoiledHealth = { ...unreadable, ...notText };

async function healthy(context: Context, role: RoleName, service: string): Promise<void> {
  const until = performance.now() + context.patienceMs;
  for (;;) {
    const { status } = await context.target(role).call("grpc.health.v1.Health/Check", { service });
    if (status === "SERVING") return;
    if (performance.now() > until) equal(status, "SERVING", `the health of "${service}"`);
    await pause(50);
  }
}

export function healthRow(role: RoleName): Row {
  const rpc = "grpc.health.v1.Health/Check";
  return {
    role,
    rpc: `Health.Check (${role})`,
    cells: {
      accepted: [
        check("health.proto", "the process and each service of the role are SERVING", async (context) => {
          for (const service of ["", ...ownService[role]]) await healthy(context, role, service);
        }),
        check("health.proto", "a service that is not there is NOT_FOUND", async (context) => {
          const ending = await context.target(role).ask(rpc, { service: "no.such.Service" });
          endsWith(ending, ["NOT_FOUND"], [], "no.such.Service");
        }),
      ],
      "higher ballot": noBallot,
      repeated: [
        check("health.proto", "asked again, it answers the same", async (context) => {
          for (let count = 0; count < 3; count++) await healthy(context, role, "");
        }),
      ],
      reordered: [
        check("health.proto", "many at once are all answered", async (context) => {
          const services = ["", ...ownService[role], ""];
          await Promise.all(services.map((service) => context.target(role).call(rpc, { service })));
        }),
      ],
      malformed: refusedUnary(role, rpc, noMessage, spoiledHealth),
      oversized: [
        ...oversizedUnary(role, rpc),
        check(
          "gRPC",
          "a name of 1 MiB is refused, for NOT_FOUND might repeat it, and the next call is served",
          async (context) => {
            const ending = await context.target(role).ask(rpc, { service: "x".repeat(1 << 20) });
            endsWith(ending, ["INVALID_ARGUMENT", "NOT_FOUND"], [], "1 MiB");
            await context.target(role).status();
          },
        ),
      ],
      "wrong cluster": libraryServices,
    },
  };
}

export function watchRow(role: RoleName): Row {
  const open = (context: Context, request: Message | Buffer) => {
    const stream = context.target(role).open("grpc.health.v1.Health/Watch");
    stream.send(request);
    stream.finish();
    return stream;
  };
  const first = async (stream: Stream) => (await stream.next("the present status", () => true)).status;
  return {
    role,
    rpc: `Health.Watch (${role})`,
    cells: {
      accepted: [
        check("health.proto", "the present status comes first", async (context) => {
          await healthy(context, role, "");
          equal(await first(open(context, { service: "" })), "SERVING", "status");
        }),
        check(
          "health.proto",
          "a service that is not there is SERVICE_UNKNOWN, and the stream stays",
          async (context) => {
            equal(await first(open(context, { service: "no.such.Service" })), "SERVICE_UNKNOWN", "status");
          },
        ),
      ],
      "higher ballot": noBallot,
      repeated: [
        check("health.proto", "two watches are served side by side", async (context) => {
          const streams = [open(context, { service: "" }), open(context, { service: "" })];
          for (const stream of streams) await first(stream);
        }),
      ],
      reordered: "one request opens the stream; there is nothing to reorder",
      malformed: Object.entries(spoiledHealth).map(([what, request]) =>
        check("gRPC", `${what}: the stream ends with ${noMessage.join(" or ")}`, async (context) => {
          endsWith(await open(context, request).ending(), noMessage, [], what);
          await context.target(role).status();
        }),
      ),
      oversized: [
        check("gRPC", "5 MiB end the stream with RESOURCE_EXHAUSTED", async (context) => {
          endsWith(await open(context, oversized).ending(), ["RESOURCE_EXHAUSTED"], [], "5 MiB");
          await context.target(role).status();
        }),
      ],
      "wrong cluster": libraryServices,
    },
  };
}
