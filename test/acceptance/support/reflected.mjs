// Asks a server for everything that its services are made of, one symbol at a time.
import { fileOf, symbolsOf, typesNamedIn } from "./descriptors.mjs";
import { Reflection } from "./reflection-client.mjs";

const notFound = 5;

/** @typedef {import("./reflection-client.mjs").Answer} Answer */

/**
 * Walks from the services listed to every file that describes them.
 * @param {string} address
 * @param {"v1" | "v1alpha"} version
 * @param {string[]} services
 * @param {Map<string, Buffer>} compiled what buf makes of the protos, file by file
 */
export async function describedWhole(address, version, services, compiled) {
  /** @type {string[]} */
  const problems = [];
  const reflection = new Reflection(address, version);
  try {
    const list = await reflection.ask({ list_services: "" });
    const found = list.list_services_response?.service.map(({ name }) => name).sort();
    if (String(found) !== String(services))
      problems.push(`expected the services ${services}, found ${found}`);
    const files = await filesFor(reflection, services, compiled, problems);
    let symbols = 0;
    for (const name of files) {
      const bytes = /** @type {Buffer} */ (compiled.get(name));
      const byName = await reflection.ask({ file_by_filename: name });
      problems.push(...answerProblems(`file_by_filename ${name}`, byName, name, compiled));
      for (const symbol of symbolsOf(fileOf(bytes))) {
        symbols += 1;
        const answer = await reflection.ask({ file_containing_symbol: symbol });
        problems.push(...answerProblems(`file_containing_symbol ${symbol}`, answer, name, compiled));
      }
      problems.push(...(await extensionProblems(reflection, name, compiled)));
    }
    problems.push(...(await unknownProblems(reflection)));
    const ending = await reflection.finish();
    if (!ending?.startsWith("OK")) problems.push(`the stream ended with ${ending}`);
    return { problems, symbols, files: files.length };
  } finally {
    reflection.close();
  }
}

/**
 * The files that describe the services, and all that these import.
 * @param {Reflection} reflection
 * @param {string[]} services
 * @param {Map<string, Buffer>} compiled
 * @param {string[]} problems
 */
async function filesFor(reflection, services, compiled, problems) {
  /** @type {Set<string>} */
  const files = new Set();
  for (const service of services) {
    const answer = await reflection.ask({ file_containing_symbol: service });
    const received = receivedFiles(answer);
    if (received.length === 0) problems.push(`nothing describes ${service}`);
    for (const { name } of received)
      if (compiled.has(name)) files.add(name);
      else problems.push(`${service} is described by ${name}, which no proto gives`);
  }
  return [...files].sort();
}

/** @param {Answer} answer */
function receivedFiles(answer) {
  return (answer.file_descriptor_response?.file_descriptor_proto ?? []).map(fileOf);
}

/**
 * The first file declares what was asked for, every one is what buf makes of it, all imports of each are there, and every
 * type that is named in them is declared in one of them.
 * @param {string} what
 * @param {Answer} answer
 * @param {string} expected
 * @param {Map<string, Buffer>} compiled
 */
function answerProblems(what, answer, expected, compiled) {
  const encoded = answer.file_descriptor_response?.file_descriptor_proto ?? [];
  if (encoded.length === 0)
    return [`${what}: ${answer.message_response} ${answer.error_response?.error_message}`];
  const files = encoded.map(fileOf);
  const names = files.map(({ name }) => name);
  const declared = new Set(files.flatMap(symbolsOf));
  const problems = [];
  if (names[0] !== expected) problems.push(`expected ${expected} first, found ${names[0]}`);
  if (new Set(names).size !== names.length) problems.push(`a file twice: ${names}`);
  for (const [index, file] of files.entries()) {
    if (!compiled.get(file.name)?.equals(/** @type {Buffer} */ (encoded[index])))
      problems.push(`${file.name} differs from what buf makes of it`);
    for (const dependency of file.dependency)
      if (!names.includes(dependency))
        problems.push(`${file.name} imports ${dependency}, which is not there`);
    for (const type of typesNamedIn(file))
      if (!declared.has(type)) problems.push(`${file.name} names ${type}, which is not there`);
  }
  return problems.map((problem) => `${what}: ${problem}`);
}

/** @param {Reflection} reflection @param {string} name @param {Map<string, Buffer>} compiled */
async function extensionProblems(reflection, name, compiled) {
  const problems = [];
  const file = fileOf(/** @type {Buffer} */ (compiled.get(name)));
  for (const { extendee = "", number } of file.extension) {
    const containing_type = extendee.replace(/^\./, "");
    const answer = await reflection.ask({
      file_containing_extension: { containing_type, extension_number: number },
    });
    problems.push(...answerProblems(`extension ${number} of ${containing_type}`, answer, name, compiled));
    const { all_extension_numbers_response: all } = await reflection.ask({
      all_extension_numbers_of_type: containing_type,
    });
    if (!all?.extension_number.includes(Number(number)))
      problems.push(`${containing_type}: expected extension ${number} among ${all?.extension_number}`);
  }
  return problems;
}

/** What is not there is said so in an answer, and the stream goes on. @param {Reflection} reflection */
async function unknownProblems(reflection) {
  const problems = [];
  for (const question of [
    { file_containing_symbol: "no.such.Symbol" },
    { file_containing_symbol: "synod.v1.Cluster.NoSuchMethod" },
    { file_containing_symbol: "" },
    { file_by_filename: "no/such/file.proto" },
    { file_containing_extension: { containing_type: "synod.v1.Ballot", extension_number: 1 } },
    { all_extension_numbers_of_type: "no.such.Type" },
  ]) {
    const answer = await reflection.ask(question);
    if (answer.error_response?.error_code !== notFound)
      problems.push(`${JSON.stringify(question)}: expected NOT_FOUND, found ${JSON.stringify(answer)}`);
  }
  return problems;
}
