import {
  type FieldDescriptor,
  type FileDescriptor,
  joined,
  type MessageDescriptor,
  type MethodDescriptor,
} from "../message-types.js";
import { type FileRules, rulesOf } from "./file-rules.js";
import { objectName } from "./names.js";
import { optionMessages } from "./option-messages.js";
import { declarationsOf } from "./source-info.js";

/*
 * The constructs of protobuf that replicated services cannot use. They are refused by `synod generate`, and by a replica when
 * it loads a service whose protos were compiled otherwise.
 */

/** Every message with such a construct, one sentence each: file, line if it is known, full name, reason, advice. */
export function refusedMessages(files: readonly FileDescriptor[]): string[] {
  const problems: Problem[] = [];
  /** Extensions with the scope that they are declared in. */
  const extensions: [FieldDescriptor, string][] = [];
  const visit = (message: MessageDescriptor, scope: string, outer: FileRules) => {
    const name = joined(scope, message.name);
    const rules = outer.of(message);
    problems.push(...ofMessage(message, name, rules));
    for (const extension of message.extension ?? []) extensions.push([extension, name]);
    for (const inner of message.nestedType ?? []) visit(inner, name, rules);
  };
  for (const file of files) {
    const scope = file.package ?? "";
    for (const message of file.messageType ?? []) visit(message, scope, rulesOf(file));
    for (const extension of file.extension ?? []) extensions.push([extension, scope]);
  }
  problems.push(...ofExtensions(extensions, files));
  return sentences(files, problems);
}

/** The same for methods. */
export function refusedMethods(files: readonly FileDescriptor[]): string[] {
  const problems = files.flatMap(({ package: scope = "", service = [] }) =>
    service.flatMap(({ name, method = [] }) =>
      method.flatMap((each): Problem[] => {
        const reason = refusalOfMethod(each);
        return reason === undefined ? [] : [[joined(joined(scope, name), each.name), reason]];
      }),
    ),
  );
  return sentences(files, problems);
}

/** The reason why a service with this method cannot be replicated; undefined when it can. */
export function refusalOfMethod({ name, clientStreaming }: MethodDescriptor): string | undefined {
  if (clientStreaming === true)
    return "streams requests, which cannot be replicated: a command is one request; send several commands instead";
  if (name === "then" || name in Object.prototype)
    return "has a name that objects of JavaScript have already, or that makes them promises; rename the method";
  return undefined;
}

type Problem = readonly [fullName: string, reason: string];

function sentences(files: readonly FileDescriptor[], problems: readonly Problem[]): string[] {
  if (problems.length === 0) return [];
  const declarations = declarationsOf(files);
  return problems.map(([name, reason]) => {
    const { file, line } = declarations.get(name) ?? {};
    const place = file === undefined ? "" : `${file}:${line === undefined ? "" : `${line}:`} `;
    return `${place}${name}: ${reason}`;
  });
}

function ofMessage(message: MessageDescriptor, name: string, rules: FileRules): Problem[] {
  const problems: Problem[] = [];
  if (message.options?.messageSetWireFormat === true)
    problems.push([name, "message sets are not supported; use google.protobuf.Any"]);
  for (const field of message.field ?? []) {
    const reason = ofField(field, isEntry(field, message, name) ? undefined : rules);
    if (reason !== undefined) problems.push([joined(name, field.name), reason]);
  }
  problems.push(...ofNames(message, name));
  return problems;
}

const [groupType, messageType] = [10, 11];

/** @param rules undefined where they do not apply */
function ofField(field: FieldDescriptor, rules: FileRules | undefined): string | undefined {
  if (field.type === groupType) return "groups are not supported; use a message field";
  if (field.type === messageType && rules?.isDelimited(field))
    return "messages encoded as groups (features.message_encoding = DELIMITED) are not supported; take the feature away";
  return undefined;
}

/** True for a map, and within its entries: they are never encoded as groups. */
function isEntry({ typeName }: FieldDescriptor, message: MessageDescriptor, name: string): boolean {
  if (message.options?.mapEntry === true) return true;
  return (message.nestedType ?? []).some(
    (inner) => inner.options?.mapEntry === true && typeName === `.${joined(name, inner.name)}`,
  );
}

/** Of two fields with one name in objects, one would be lost without a word. */
function ofNames({ field = [], oneofDecl = [] }: MessageDescriptor, place: string): Problem[] {
  const taken = new Map<string, string>();
  const problems: Problem[] = [];
  const synthetic = new Set(field.filter((each) => each.proto3Optional).map((each) => each.oneofIndex));
  for (const { name } of [...field, ...oneofDecl.filter((_, index) => !synthetic.has(index))]) {
    const spelt = objectName(name);
    const other = taken.get(spelt);
    if (other !== undefined)
      problems.push([
        place,
        `expected fields and oneofs with names of their own, found ${other} and ${name}, which are both ${spelt} in objects; rename one`,
      ]);
    taken.set(spelt, name);
  }
  return problems;
}

/** A handler would not see their values. */
function ofExtensions(
  extensions: readonly (readonly [FieldDescriptor, string])[],
  files: readonly FileDescriptor[],
): Problem[] {
  if (extensions.length === 0) return [];
  const allowed = optionMessages(files);
  return extensions
    .filter(([{ extendee = "" }]) => !allowed.has(extendee))
    .map(([{ name, extendee = "" }, scope]) => [
      joined(scope, name),
      `extensions are not supported, except of options; declare the field in ${extendee.slice(1)}`,
    ]);
}
