import type { ServiceVersionStatus } from "@synod/wire";
import { formatTable } from "../table.js";

/** The replicated services as one replica has them. */
export interface ReplicaServices {
  readonly id: string;
  readonly services: readonly ServiceVersionStatus[];
}

/** One line a service: what is in force, and what each replica's build can run. */
export function presentServices(replicas: readonly ReplicaServices[]): string {
  const names = new Set(replicas.flatMap(({ services }) => services.map(({ name }) => name)));
  const head = ["SERVICE", "IN FORCE", "OFFERED", "BUILD"];
  const rows = [...names]
    .sort()
    .map((name) => [name, inForce(name, replicas), offered(name, replicas), built(name, replicas)]);
  return formatTable(head, rows);
}

/** A replica that is behind may not know the last switch: what differs is said by name. */
function inForce(name: string, replicas: readonly ReplicaServices[]): string {
  return byReplica(replicas, (services) => {
    const version = services.find((service) => service.name === name)?.inForce ?? 0;
    return version === 0 ? "-" : String(version);
  });
}

function offered(name: string, replicas: readonly ReplicaServices[]): string {
  return byReplica(replicas, (services) => {
    const { oldestOffered = 0, newestOffered = 0 } = services.find((service) => service.name === name) ?? {};
    if (newestOffered === 0) return "none";
    return oldestOffered === newestOffered ? String(newestOffered) : `${oldestOffered} to ${newestOffered}`;
  });
}

/** The beginning of the module's digest, which tells builds apart. */
function built(name: string, replicas: readonly ReplicaServices[]): string {
  return byReplica(replicas, (services) => {
    const { build = "" } = services.find((service) => service.name === name) ?? {};
    return build.slice(0, 12) || "-";
  });
}

/** "2" where all say the same, else "2 (r1, r2), 1 (r3)". */
function byReplica(
  replicas: readonly ReplicaServices[],
  said: (services: readonly ServiceVersionStatus[]) => string,
): string {
  const ids = new Map<string, string[]>();
  for (const { id, services } of replicas) {
    const text = said(services);
    ids.set(text, [...(ids.get(text) ?? []), id]);
  }
  if (ids.size === 1) return [...ids.keys()][0] ?? "";
  return [...ids].map(([text, who]) => `${text} (${who.join(", ")})`).join(", ");
}
