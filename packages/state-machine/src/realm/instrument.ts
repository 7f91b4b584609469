import { createRequire } from "node:module";
import type { Node } from "acorn";

const require = createRequire(import.meta.url);

/** The names under which a bundle finds what is put into it. */
export const names = { caught: "__synodCaught", error: "__synodError", url: "__synodUrl" } as const;

interface Insertion {
  readonly at: number;
  /** Where what it takes the place of ends; `at` when nothing is replaced. */
  readonly until: number;
  readonly text: string;
  /** Where what it closes begins: what is within another closes before it, also at one place. */
  readonly closes?: number;
}

type Catch = { param: Node | null; body: Node };
type Try = { block: Node; handler: Node | null; finalizer: Node | null };

/**
 * Has every `catch` of a bundle report what it caught before anything else, and every `finally` what passes it, and every
 * function whose exceptions become a rejected promise what it throws: an exhausted stack must not be hidden by whoever
 * catches it. Lines stay where they are, for stack traces.
 *
 * @param urlAt the value of `import.meta.url` at a place of the bundle: line from 1, column from 0
 */
export function instrument(code: string, urlAt: (line: number, column: number) => string): string {
  const insertions: Insertion[] = [];
  const insert = (at: number, text: string, until = at) => insertions.push({ at, until, text });
  const report = `${names.caught}(${names.error});`;
  const executors = new Set<Node>();
  const becomesPromise = (node: Node) => isFunction(node) && (asFunction(node).async || executors.has(node));
  // Loaded when it is needed: most processes bundle nothing, and would start later.
  const { parse } = require("acorn") as typeof import("acorn");
  for (const node of nodesOf(parse(code, { ecmaVersion: "latest", sourceType: "script", locations: true }))) {
    if (node.type === "CatchClause") {
      const { param, body } = node as unknown as Catch;
      const inside = body.start + 1;
      if (param === null) {
        insert(node.start + "catch".length, `(${names.error})`);
        insert(inside, report);
      } else if (param.type === "Identifier") {
        insert(inside, `${names.caught}(${code.slice(param.start, param.end)});`);
      } else {
        insert(param.start, names.error, param.end);
        insert(inside, `${report}let ${code.slice(param.start, param.end)}=${names.error};`);
      }
    } else if (node.type === "TryStatement") {
      const { block, handler } = node as unknown as Try;
      if (handler === null) insert(block.end, `catch(${names.error}){${report}throw ${names.error}}`);
    } else if (becomesPromise(node)) {
      const { body } = asFunction(node);
      const failing = `}catch(${names.error}){${report}throw ${names.error}}`;
      if (body.type === "BlockStatement") {
        insert(body.start + 1, "try{");
        insert(body.end - 1, failing);
      } else {
        // From behind the arrow: the expression may stand in parentheses.
        insert(code.lastIndexOf("=>", body.start) + "=>".length, "{try{return (");
        insertions.push({ at: node.end, until: node.end, text: `)${failing}}`, closes: node.start });
      }
    } else if (node.type === "NewExpression") {
      const [executor] = (node as unknown as { arguments: readonly Node[] }).arguments;
      if (executor !== undefined && isFunction(executor)) executors.add(executor);
    } else if (node.type === "Identifier" && (node as unknown as { name: string }).name === names.url) {
      const { line, column } = node.loc?.start ?? { line: 1, column: 0 };
      insert(node.start, JSON.stringify(urlAt(line, column)), node.end);
    }
  }
  return applied(code, insertions);
}

interface FunctionNode {
  readonly async: boolean;
  readonly body: Node;
}

function isFunction({ type }: Node): boolean {
  return (
    type === "FunctionDeclaration" || type === "FunctionExpression" || type === "ArrowFunctionExpression"
  );
}

function asFunction(node: Node): FunctionNode {
  return node as unknown as FunctionNode;
}

function applied(code: string, insertions: readonly Insertion[]): string {
  const parts: string[] = [];
  let done = 0;
  for (const { at, until, text } of insertions.toSorted(byPlace)) {
    parts.push(code.slice(done, at), text);
    done = until;
  }
  return [...parts, code.slice(done)].join("");
}

function byPlace(one: Insertion, other: Insertion): number {
  return one.at - other.at || (other.closes ?? -1) - (one.closes ?? -1);
}

function* nodesOf(root: Node): Generator<Node> {
  const waiting: unknown[] = [root];
  while (waiting.length > 0) {
    const next = waiting.pop();
    if (typeof next !== "object" || next === null) continue;
    if (Array.isArray(next)) {
      waiting.push(...next);
      continue;
    }
    if (typeof (next as Partial<Node>).type !== "string") continue;
    yield next as Node;
    for (const [key, value] of Object.entries(next)) if (key !== "loc") waiting.push(value);
  }
}
