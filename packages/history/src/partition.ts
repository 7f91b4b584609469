import type { Model } from "./model.js";
import type { Operation } from "./operation.js";

/** Operations that have keys in common, directly or through others. */
export interface Partition {
  /** Its keys; empty when an operation in it touches everything. */
  readonly keys: readonly string[];
  readonly operations: readonly Operation[];
}

/**
 * A history is linearizable if each of its partitions is (Herlihy and Wing: linearizability is local), and small ones are
 * decided in a fraction of the time.
 */
export function partitionsOf<State>(model: Model<State>, operations: readonly Operation[]): Partition[] {
  const keysOf = operations.map((operation) => model.keys?.(operation));
  if (keysOf.includes(undefined)) return operations.length === 0 ? [] : [{ keys: [], operations }];
  const groups = new Groups();
  for (const keys of keysOf) for (const key of keys ?? []) groups.join(keys?.[0] ?? key, key);
  const partitions = new Map<string, { keys: Set<string>; operations: Operation[] }>();
  for (const [index, operation] of operations.entries()) {
    const keys = keysOf[index] ?? [];
    const name = groups.of(keys[0] ?? "");
    const partition = partitions.get(name) ?? { keys: new Set(), operations: [] };
    partitions.set(name, partition);
    partition.operations.push(operation);
    for (const key of keys) partition.keys.add(key);
  }
  return [...partitions.values()].map(({ keys, operations }) => ({ keys: [...keys].sort(), operations }));
}

/** Sets of keys that grow together (union-find). */
class Groups {
  readonly #parents = new Map<string, string>();

  of(key: string): string {
    let root = key;
    for (let parent = this.#parents.get(root); parent !== undefined; parent = this.#parents.get(root))
      root = parent;
    if (root !== key) this.#parents.set(key, root);
    return root;
  }

  join(left: string, right: string): void {
    const [root, other] = [this.of(left), this.of(right)];
    if (root !== other) this.#parents.set(other, root);
  }
}
