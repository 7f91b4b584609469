// What a running process serves, as its own reflection tells: an RPC that is new tomorrow is found without a word here.
import * as loader from "@grpc/proto-loader";
import { loadServices } from "@synod/wire";
import { Reflection } from "../reflection-client.mjs";
import { delimited } from "./bytes.mjs";

/**
 * @typedef {{ name: string, number: number, label: string, type: string, typeName?: string, oneofIndex?: number }} Field
 * @typedef {{ name: string, fields: Field[] }} Type
 * @typedef {{ service: string, path: string, input: string, output: string, requestStream: boolean, responseStream: boolean }} Rpc
 * @typedef {{ types: Map<string, Type>, enums: Map<string, number[]>, rpcs: Rpc[],
 *   declared: import("@synod/wire").LoadedServices }} Served
 * @typedef {{ name: string, field?: Field[], nestedType?: Message[], enumType?: Enum[] }} Message
 * @typedef {{ name: string, value?: { number?: number }[] }} Enum
 * @typedef {{ name: string, package?: string, messageType?: Message[], enumType?: Enum[], service?: { name: string,
 *   method?: { name: string, inputType: string, outputType: string, clientStreaming?: boolean, serverStreaming?: boolean }[] }[] }} File
 */

// Without defaults: a field outside every oneof must not seem to be in the first one.
const google = loader.loadSync("google/protobuf/descriptor.proto", { enums: String });
const fileType = /** @type {any} */ (google["google.protobuf.FileDescriptorProto"]);

/** Asks a process what it serves. @param {string} address @returns {Promise<Served>} */
export async function servedBy(address) {
  const reflection = new Reflection(address, "v1");
  /** @type {Map<string, { bytes: Buffer, file: File }>} */
  const files = new Map();
  /** @type {string[]} */
  let services;
  try {
    const list = await reflection.ask({ list_services: "" });
    services = (list.list_services_response?.service ?? []).map(({ name }) => name);
    for (const name of services) {
      const answer = await reflection.ask({ file_containing_symbol: name });
      for (const bytes of answer.file_descriptor_response?.file_descriptor_proto ?? []) {
        const file = /** @type {File} */ (fileType.deserialize(bytes));
        files.set(file.name, { bytes, file });
      }
    }
  } finally {
    reflection.close();
  }
  /** @type {Served} */
  const served = {
    types: new Map(),
    enums: new Map(),
    rpcs: [],
    declared: loadServices(Buffer.concat([...files.values()].map(({ bytes }) => delimited(1, bytes)))),
  };
  for (const { file } of files.values()) addFile(served, file, services);
  return served;
}

/** @param {Served} served @param {File} file @param {string[]} services those that the process says it has */
function addFile(served, file, services) {
  const scope = `.${file.package}`;
  for (const message of file.messageType ?? []) addMessage(served, message, scope);
  for (const declared of file.enumType ?? []) addEnum(served, declared, scope);
  for (const { name, method = [] } of file.service ?? []) {
    const service = `${file.package}.${name}`;
    if (!services.includes(service)) continue;
    for (const each of method)
      served.rpcs.push({
        service,
        path: `/${service}/${each.name}`,
        input: each.inputType,
        output: each.outputType,
        requestStream: each.clientStreaming === true,
        responseStream: each.serverStreaming === true,
      });
  }
}

/** @param {Served} served @param {Message} message @param {string} scope */
function addMessage(served, message, scope) {
  const name = `${scope}.${message.name}`;
  served.types.set(name, { name, fields: message.field ?? [] });
  for (const inner of message.nestedType ?? []) addMessage(served, inner, name);
  for (const declared of message.enumType ?? []) addEnum(served, declared, name);
}

/** @param {Served} served @param {Enum} declared @param {string} scope */
function addEnum(served, declared, scope) {
  served.enums.set(
    `${scope}.${declared.name}`,
    (declared.value ?? []).map(({ number = 0 }) => number),
  );
}
