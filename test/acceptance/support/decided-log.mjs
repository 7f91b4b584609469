// The decided log as one replica tells it by Replica.Log, from slot 1 on: what was decided, and what each batch says of
// the time.
import * as grpc from "@grpc/grpc-js";
import { systemService } from "@synod/state-machine";
import { batch, callUnary, descriptorSet, loadServices, replicaService } from "@synod/wire";

/**
 * @typedef {{ clientId: string, sequence: number, acknowledged: number, service: string, method: string,
 *   request: Record<string, any> }} DecidedCommand `request` is empty when the service is not a built-in one
 * @typedef {{ slot: number, replica: string, logTimeMs: number, beginsLogTime: boolean, appliedSlot: number,
 *   appliedLogTimeMs: number, commands: DecidedCommand[] }} DecidedBatch
 */

const { services } = loadServices(descriptorSet);

/** The request of a command, decoded. @param {{ service: string, method: string, request: Uint8Array }} command */
function decodedRequest({ service, method, request }) {
  // What Synod's own commands say is JSON.
  if (service === systemService && request.length > 0) return JSON.parse(Buffer.from(request).toString());
  return services.get(service)?.methods.get(method)?.decodeRequest(request) ?? {};
}

/**
 * Every batch of the log, in order; what else a slot decides moves neither time nor state.
 * @param {string} address of a replica
 */
export async function readDecidedLog(address) {
  const client = new grpc.Client(address, grpc.credentials.createInsecure(), {
    "grpc.use_local_subchannel_pool": 1,
  });
  /** @type {DecidedBatch[]} */
  const batches = [];
  try {
    for (let from = 1; from !== 0; ) {
      const request = { from, limit: 1_000, clusterId: "" };
      const page = await callUnary(client, replicaService.Log, request, { deadline: Date.now() + 10_000 });
      for (const { slot, value } of page.decisions) {
        if (value.kind !== "batch") continue;
        const { commands, logTimeMs, beginsLogTime = false, ...seen } = batch.decode(value.commands);
        const { appliedSlot = 0, appliedLogTimeMs = 0 } = seen;
        const decoded = commands.map((command) => ({ ...command, request: decodedRequest(command) }));
        const { replica } = value.proposal;
        const time = { logTimeMs, beginsLogTime, appliedSlot, appliedLogTimeMs };
        batches.push({ slot, replica, ...time, commands: decoded });
      }
      from = page.next;
    }
    return batches;
  } finally {
    client.close();
  }
}
