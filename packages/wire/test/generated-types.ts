import { type ParserOptions, parse } from "@babel/parser";

/*
 * Generated types as checks at run time: what they say is compared with what the codec reads and writes.
 */

/** The parts of babel's syntax tree that generated types consist of. */
interface Node {
  type: string;
  id: { name: string };
  body: { body: Node[] };
  members: Node[];
  types: Node[];
  elementType: Node;
  typeAnnotation: Node;
  typeName: { name: string };
  literal: { value: unknown };
  key: { name?: string; value?: string };
  optional?: boolean;
}

const primitives: Readonly<Record<string, (value: unknown) => boolean>> = {
  TSNumberKeyword: (value) => typeof value === "number",
  TSStringKeyword: (value) => typeof value === "string",
  TSBooleanKeyword: (value) => typeof value === "boolean",
  TSUndefinedKeyword: (value) => value === undefined,
  TSNullKeyword: (value) => value === null,
};

export class GeneratedTypes {
  readonly #declared = new Map<string, Node>();
  /** Each alternative of a type, and each presence of a property, that a value was found to have. */
  readonly seen = new Set<string>();

  constructor(source: string) {
    const settings: ParserOptions = { sourceType: "module", plugins: ["typescript"] };
    for (const statement of parse(source, settings).program.body) {
      const { declaration } = statement as unknown as { declaration: Node };
      const type =
        declaration.type === "TSInterfaceDeclaration"
          ? { ...declaration, type: "TSTypeLiteral" }
          : declaration;
      this.#declared.set(
        declaration.id.name,
        type.type === "TSTypeLiteral" ? { ...type, members: type.body.body } : type.typeAnnotation,
      );
    }
  }

  /** True when a value is of the type of this name. */
  has(name: string, value: unknown): boolean {
    return this.#matches({ type: "TSTypeReference", typeName: { name } } as Node, value, name);
  }

  /** Everything that `seen` may become for a type. */
  alternatives(name: string): string[] {
    return this.#alternatives(this.#declared.get(name) as Node, name);
  }

  #matches(node: Node, value: unknown, place: string): boolean {
    const primitive = primitives[node.type];
    if (primitive !== undefined) return primitive(value);
    switch (node.type) {
      case "TSLiteralType":
        return value === node.literal.value;
      case "TSParenthesizedType":
        return this.#matches(node.typeAnnotation, value, place);
      case "TSUnionType":
        return node.types.some((each, index) =>
          this.#saw(this.#matches(each, value, place), `${place}|${index}`),
        );
      case "TSArrayType":
        return (
          Array.isArray(value) && value.every((each) => this.#matches(node.elementType, each, `${place}[]`))
        );
      case "TSTypeLiteral":
        return isRecord(value) && this.#members(node.members, value, place);
      case "TSTypeReference":
        return this.#named(node.typeName.name, value, place);
      default:
        throw new Error(`${place}: a type of kind ${node.type}`);
    }
  }

  #named(name: string, value: unknown, place: string): boolean {
    if (name === "Buffer") return Buffer.isBuffer(value);
    if (name === "Uint8Array") return value instanceof Uint8Array;
    if (name === "Record") return isRecord(value) && Object.keys(value).length === 0;
    const declared = this.#declared.get(name);
    if (declared === undefined) throw new Error(`${place}: a type ${name} that is nowhere`);
    return this.#matches(declared, value, name);
  }

  #members(members: readonly Node[], value: Record<string, unknown>, place: string): boolean {
    const [first] = members;
    if (first?.type === "TSIndexSignature")
      return Object.values(value).every((each) => this.#matches(annotation(first), each, `${place}{}`));
    const names = new Set(members.map(nameOf));
    if (Object.keys(value).some((key) => !names.has(key))) return false;
    return members.every((member) => {
      const name = nameOf(member);
      const within = `${place}.${name}`;
      if (!Object.hasOwn(value, name)) return this.#saw(member.optional === true, `${within} absent`);
      return this.#saw(this.#matches(annotation(member), value[name], within), `${within} present`);
    });
  }

  #saw(matches: boolean, what: string): boolean {
    if (matches) this.seen.add(what);
    return matches;
  }

  #alternatives(node: Node, place: string): string[] {
    switch (node.type) {
      case "TSParenthesizedType":
        return this.#alternatives(node.typeAnnotation, place);
      case "TSUnionType":
        return node.types.flatMap((each, index) => [`${place}|${index}`, ...this.#alternatives(each, place)]);
      case "TSTypeReference": {
        const declared = this.#declared.get(node.typeName.name);
        return declared?.type === "TSUnionType" ? this.#alternatives(declared, node.typeName.name) : [];
      }
      case "TSArrayType":
        return this.#alternatives(node.elementType, `${place}[]`);
      case "TSTypeLiteral":
        return node.members.flatMap((member) => {
          if (member.type === "TSIndexSignature") return this.#alternatives(annotation(member), `${place}{}`);
          const within = `${place}.${nameOf(member)}`;
          const absent = member.optional === true ? [`${within} absent`] : [];
          return [`${within} present`, ...absent, ...this.#alternatives(annotation(member), within)];
        });
      default:
        return [];
    }
  }
}

function annotation(node: Node): Node {
  return node.typeAnnotation.typeAnnotation;
}

function nameOf({ key }: Node): string {
  return key.name ?? String(key.value);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return (
    typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)
  );
}
