// What the architecture check needs to know about one source file: what it imports, and which impure
// names it mentions.
import { parse } from "@babel/parser";

/** Global names that read a clock, chance or the outside, or that put work off to later. */
const impureNames = new Set([
  ..."Date Temporal performance Intl crypto Crypto WeakRef FinalizationRegistry Promise".split(" "),
  ..."setTimeout setInterval setImmediate clearTimeout clearInterval clearImmediate queueMicrotask".split(
    " ",
  ),
  ..."process console fetch navigator require module globalThis global window self eval Function".split(" "),
  ..."Buffer Worker MessageChannel BroadcastChannel EventTarget AbortSignal Atomics SharedArrayBuffer".split(
    " ",
  ),
]);

/** @typedef {Record<string, any> & { type: string }} Node */

/**
 * @param {string} text
 * @param {string} file named in the message when it does not parse
 */
export function parseSource(text, file) {
  /** @type {{ specifier: string, line: number }[]} */
  const imports = [];
  /** @type {{ what: string, line: number }[]} */
  const impurities = [];
  let program;
  try {
    program = parse(text, { sourceType: "module", plugins: file.endsWith("ts") ? ["typescript"] : [] });
  } catch (error) {
    throw new Error(`${file}: ${error instanceof Error ? error.message : error}`);
  }
  walk(program.program, undefined, "", (node, parent, role) => {
    const line = node.loc.start.line;
    const specifier = specifierOf(node);
    if (specifier !== undefined) imports.push({ specifier, line });
    const what = impurityOf(node, parent, role);
    if (what !== undefined) impurities.push({ what, line });
  });
  return { imports, impurities };
}

/**
 * @param {Node} node
 * @param {Node | undefined} parent
 * @param {string} role the parent's property that holds the node
 * @param {(node: Node, parent: Node | undefined, role: string) => void} visit
 */
function walk(node, parent, role, visit) {
  visit(node, parent, role);
  for (const [key, value] of Object.entries(node)) {
    if (key === "loc" || key.endsWith("Comments")) continue;
    for (const child of Array.isArray(value) ? value : [value]) {
      if (child && typeof child === "object" && typeof child.type === "string") walk(child, node, key, visit);
    }
  }
}

/**
 * @param {Node} node
 * @returns {string | undefined}
 */
function specifierOf(node) {
  switch (node.type) {
    case "ImportDeclaration":
    case "ExportNamedDeclaration":
    case "ExportAllDeclaration":
    case "ImportExpression":
      return node.source?.value;
    case "CallExpression": {
      const isRequire = node.callee.type === "Identifier" && node.callee.name === "require";
      return node.callee.type === "Import" || isRequire ? node.arguments[0]?.value : undefined;
    }
    case "TSImportType":
      return node.argument.value ?? node.argument.literal?.value;
    case "TSExternalModuleReference":
      return node.expression.value;
    default:
      return undefined;
  }
}

/**
 * @param {Node} node
 * @param {Node | undefined} parent
 * @param {string} role
 * @returns {string | undefined}
 */
function impurityOf(node, parent, role) {
  if (node.type === "MetaProperty" && node.meta.name === "import") return "import.meta";
  if (node.type === "AwaitExpression") return "await";
  if (node.async === true) return "an async function";
  if (node.type === "Import" || node.type === "ImportExpression") return "import()";
  if (node.type === "MemberExpression" || node.type === "OptionalMemberExpression") {
    const member = node.computed ? node.property.value : node.property.name;
    if (node.object.name === "Math" && (member === "random" || member === undefined)) return "Math.random";
    if (/^(toLocale|localeCompare$)/.test(member ?? "")) return `${member}, which differs between machines`;
  }
  if (node.type === "VariableDeclarator" && node.init?.name === "Math") return "Math as a whole";
  if (node.type !== "Identifier" || !impureNames.has(node.name)) return undefined;
  return isOnlyAProperty(parent, role) ? undefined : node.name;
}

/**
 * Whether an identifier is the name of a member (`message.process`), which says nothing about a global.
 * @param {Node | undefined} parent
 * @param {string} role
 */
function isOnlyAProperty(parent, role) {
  if (!parent) return false;
  if (parent.type === "TSQualifiedName") return role === "right";
  if (parent.type === "ImportSpecifier") return role === "imported";
  if (parent.type === "ExportSpecifier") return role === "exported";
  if (parent.computed === true) return false;
  if (/MemberExpression$/.test(parent.type)) return role === "property";
  return role === "key";
}
