import type { Context } from "../suite/context.js";
import { equal, holds } from "../suite/expect.js";
import { check, type Row } from "../suite/matrix.js";
import { type Message, malformed, oversized } from "../suite/message.js";
import { type RoleName, roles } from "../suite/roles.js";
import { endsWith, type Stream } from "../suite/target.js";
import { libraryServices, refusesAnotherCluster } from "./cluster-cells.js";
import { healthRow, watchRow } from "./health-rows.js";
import { noBallot, noMessage, oversizedUnary, ownService, refusedUnary } from "./role-calls.js";

const enumOf = (role: RoleName) => `ROLE_${role.toUpperCase()}`;

function statusRow(role: RoleName): Row {
  const rpc = "synod.v1.Cluster/Status";
  return {
    role,
    rpc: `Cluster.Status (${role})`,
    cells: {
      accepted: [
        check(
          "cluster.proto",
          "it says who answers, whether it serves, and its role's state",
          async (context) => {
            const status = await context.target(role).status();
            equal([status.role, status.state], [enumOf(role), role], "role and state");
            for (const field of ["clusterId", "id", "version"])
              holds(status[field] !== "", `Status.${field}`, "a text", status[field]);
            holds(status.pid > 0 && status.uptimeSeconds >= 0, "pid and uptime", "of a process", status.pid);
            const members = status.configuration?.[`${role}s`] ?? [];
            const ids: string[] = members.map((member: Message) => member.id);
            holds(ids.includes(status.id), "Status.configuration", `one with ${role} ${status.id}`, ids);
          },
        ),
      ],
      "higher ballot": noBallot,
      repeated: [
        check("cluster.proto", "asked again, the same process answers, later", async (context) => {
          const [one, two] = [await context.target(role).status(), await context.target(role).status()];
          for (const field of ["clusterId", "id", "role", "version", "pid"])
            equal(two[field], one[field], `Status.${field}`);
          holds(two.uptimeSeconds >= one.uptimeSeconds, "uptime", "one that grows", two.uptimeSeconds);
        }),
      ],
      reordered: [
        check("cluster.proto", "many at once are all answered", async (context) => {
          await Promise.all(Array.from({ length: 20 }, () => context.target(role).status()));
        }),
      ],
      malformed: refusedUnary(role, rpc, ["INVALID_ARGUMENT"]),
      oversized: oversizedUnary(role, rpc),
      "wrong cluster": refusesAnotherCluster(role, rpc),
    },
  };
}

const any = () => true;

async function reflect(stream: Stream, question: Message): Promise<Message> {
  stream.send({ host: "", ...question });
  return stream.next("an answer", any);
}

function reflectionRow(role: RoleName, version: "v1" | "v1alpha"): Row {
  const rpc = `grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`;
  const open = (context: Context) => context.target(role).open(rpc);
  const list = async (context: Context): Promise<string[]> => {
    const answer = await reflect(open(context), { listServices: "" });
    return (answer.listServicesResponse?.service ?? []).map(({ name }: Message) => name);
  };
  return {
    role,
    rpc: `reflection ${version} (${role})`,
    cells: {
      accepted: [
        check(
          "reflection.proto",
          "every service is listed, and described with all that it imports",
          async (context) => {
            const services = await list(context);
            const expected = [...ownService[role], "synod.v1.Cluster", "grpc.health.v1.Health"];
            for (const name of expected)
              holds(services.includes(name), "services", `one called ${name}`, services);
            const stream = open(context);
            for (const name of services) {
              const answer = await reflect(stream, { fileContainingSymbol: name });
              const files = answer.fileDescriptorResponse?.fileDescriptorProto ?? [];
              holds(files.length > 0, `what describes ${name}`, "files", answer.errorResponse);
            }
          },
        ),
        check(
          "reflection.proto",
          "an unknown symbol is an error_response NOT_FOUND, and the stream goes on",
          async (context) => {
            const stream = open(context);
            const answer = await reflect(stream, { fileContainingSymbol: "no.such.Symbol" });
            equal(answer.errorResponse?.errorCode, 5, "error_code");
            await reflect(stream, { listServices: "" });
          },
        ),
      ],
      "higher ballot": noBallot,
      repeated: [
        check("reflection.proto", "asked again, it answers the same", async (context) => {
          equal(await list(context), await list(context), "the second list");
        }),
      ],
      reordered: [
        check(
          "reflection.proto",
          "several questions on one stream are answered in their order",
          async (context) => {
            const stream = open(context);
            const [own] = ownService[role];
            for (const question of [
              { fileContainingSymbol: own },
              { listServices: "" },
              { fileContainingSymbol: "no.such" },
            ])
              stream.send({ host: "", ...question });
            const kinds: string[] = [];
            for (let count = 0; count < 3; count++)
              kinds.push((await stream.next("an answer", any)).messageResponse);
            equal(kinds, ["fileDescriptorResponse", "listServicesResponse", "errorResponse"], "answers");
          },
        ),
      ],
      malformed: [
        check("gRPC", "bytes that are no message end the stream with INVALID_ARGUMENT", async (context) => {
          const stream = open(context);
          stream.send(malformed);
          endsWith(await stream.ending(), noMessage, [], "no message");
        }),
        check(
          "reflection.proto",
          "no question at all is an error_response INVALID_ARGUMENT",
          async (context) => {
            equal((await reflect(open(context), {})).errorResponse?.errorCode, 3, "error_code");
          },
        ),
      ],
      oversized: [
        check("gRPC", "5 MiB end the stream with RESOURCE_EXHAUSTED", async (context) => {
          const stream = open(context);
          stream.send(oversized);
          endsWith(await stream.ending(), ["RESOURCE_EXHAUSTED"], [], "5 MiB");
          await context.target(role).status();
        }),
      ],
      "wrong cluster": libraryServices,
    },
  };
}

export const everyRoleRows: readonly Row[] = roles.flatMap((role) => [
  statusRow(role),
  healthRow(role),
  watchRow(role),
  reflectionRow(role, "v1"),
  reflectionRow(role, "v1alpha"),
]);
