import { descriptorSet, loadServices } from "@synod/wire";

/** @typedef {import("@synod/core").Command} Command */

const service = "synod.kv.v1.KeyValue";
const methods = loadServices(descriptorSet).services.get(service)?.methods;

/** The largest value that the key-value store takes, in bytes. */
export const largestValue = 512 << 10;

/** A command of the key-value store, in no session. @param {string} method @param {Record<string, unknown>} request @returns {Command} */
export function kvCommand(method, request) {
  const encoded = methods?.get(method)?.encodeRequest(request) ?? new Uint8Array();
  return { clientId: "", sequence: 0, acknowledged: 0, service, method, request: encoded };
}
