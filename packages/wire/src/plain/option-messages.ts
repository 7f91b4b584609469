import {
  type FieldDescriptor,
  type FileDescriptor,
  joined,
  type MessageDescriptor,
} from "../message-types.js";

const options = /^\.google\.protobuf\.([A-Za-z]+Options|FeatureSet)$/;

/**
 * Full names, with a dot before them, of options and of the messages that options consist of. Compilers read them, and nobody
 * misses their extensions in objects.
 */
export function optionMessages(files: readonly FileDescriptor[]): { has(name: string): boolean } {
  const messages = new Map<string, MessageDescriptor>();
  const waiting: FieldDescriptor[] = [];
  const add = (extensions: readonly FieldDescriptor[] = []) =>
    waiting.push(...extensions.filter(({ extendee = "" }) => options.test(extendee)));
  const visit = (message: MessageDescriptor, scope: string) => {
    const name = joined(scope, message.name);
    messages.set(`.${name}`, message);
    add(message.extension);
    for (const inner of message.nestedType ?? []) visit(inner, name);
  };
  for (const { package: scope = "", messageType = [], extension } of files) {
    add(extension);
    for (const message of messageType) visit(message, scope);
  }
  const found = new Set<string>();
  for (let field = waiting.pop(); field !== undefined; field = waiting.pop()) {
    const { typeName = "" } = field;
    if (found.has(typeName)) continue;
    found.add(typeName);
    waiting.push(...(messages.get(typeName)?.field ?? []));
  }
  return { has: (name) => options.test(name) || found.has(name) };
}
