import { type LmdbFile, type Meta, noPage, numberKeys, type Tree, UnsoundFile } from "./lmdb-file.js";
import { keyText } from "./seal.js";

/** Told of every record of the databases. Returns what is wrong with it; undefined when nothing is. */
export type RecordCheck = (database: string, key: Buffer, record: Buffer) => string | undefined;

/**
 * Reads all that one transaction left, without lmdb: every page that a tree reaches is the one it should be, is reached once
 * and is not given back; every key stands where a search for it ends; the trees have as many entries and pages as is
 * noted of them; and `check` finds nothing wrong with any record. Yields after every page, so that a caller may rest.
 * Throws UnsoundFile at the first thing that is wrong.
 */
export function* checkFile(file: LmdbFile, meta: Meta, check: RecordCheck): Generator<void, void> {
  yield* new Walk(file, meta, check).run();
}

interface Bounds {
  readonly from: Buffer | undefined;
  readonly until: Buffer | undefined;
}

interface Counts {
  branchPages: number;
  leafPages: number;
  overflowPages: number;
  entries: number;
}

const numberBytes = 8;
/** The keys of the list of free pages are numbers, the least byte first. */
function byNumber(a: Buffer, b: Buffer): number {
  if (a.length !== numberBytes || b.length !== numberBytes)
    throw new UnsoundFile(`a list of free pages has a key of ${a.length} bytes`);
  return Number(a.readBigUInt64LE(0) - b.readBigUInt64LE(0));
}

class Walk {
  readonly #file: LmdbFile;
  readonly #meta: Meta;
  readonly #check: RecordCheck;
  /** One bit for each page that was reached. */
  readonly #reached: Uint8Array;

  constructor(file: LmdbFile, meta: Meta, check: RecordCheck) {
    this.#file = file;
    this.#meta = meta;
    this.#check = check;
    if (meta.lastPage > 2 ** 40) throw new UnsoundFile(`page ${meta.lastPage} cannot be the last`);
    this.#reached = new Uint8Array(Math.ceil((meta.lastPage + 1) / 8));
    this.#reach(0, 2);
  }

  *run(): Generator<void, void> {
    const { main, free, transaction } = this.#meta;
    // The main tree has the roots of the others, so each transaction writes its root anew.
    if (main.root !== noPage && this.#file.page(main.root).transaction !== transaction)
      throw new UnsoundFile(`page ${main.root} is not of transaction ${transaction}, the last`);
    const databases: { name: string; tree: Tree }[] = [];
    yield* this.#tree(main, Buffer.compare, (key, tree, value) => {
      if (tree === undefined) throw new UnsoundFile(`a database is called ${value.length} bytes`);
      databases.push({ name: key.toString().replace(/\0$/, ""), tree }); // lmdb-js ends names with a zero
    });
    for (const { name, tree } of databases)
      yield* this.#tree(tree, Buffer.compare, (key, inner, value) => {
        const flaw = inner === undefined ? this.#check(name, key, value) : "it is a database";
        if (flaw !== undefined)
          throw new UnsoundFile(`database ${name} has a damaged record under key ${keyText(key)} (${flaw})`);
      });
    const givenBack: Buffer[] = [];
    yield* this.#tree(free, byNumber, (_, __, value) => givenBack.push(Buffer.from(value)));
    for (const list of givenBack) this.#giveBack(list);
  }

  *#tree(
    tree: Tree,
    compare: (a: Buffer, b: Buffer) => number,
    entry: (key: Buffer, tree: Tree | undefined, value: Buffer) => void,
  ): Generator<void, void> {
    // lmdb goes by these: with another order of the keys it would find nothing, or the wrong thing.
    const flags = compare === byNumber ? numberKeys : 0;
    if (tree.flags !== flags)
      throw new UnsoundFile(`page ${tree.root} begins a tree with flags ${tree.flags}, and not ${flags}`);
    const counts: Counts = { branchPages: 0, leafPages: 0, overflowPages: 0, entries: 0 };
    const file = this.#file;
    const noBytes = Buffer.alloc(0);
    const leaf = (number: number, page: Buffer, bounds: Bounds) => {
      let before = bounds.from;
      for (const [index, node] of file.leaves(number, page).entries()) {
        const { key } = node;
        const isFirst = index === 0;
        const order = before === undefined ? 1 : compare(key, before);
        if (isFirst ? order < 0 : order <= 0) throw new UnsoundFile(`page ${number} has keys out of order`);
        if (bounds.until !== undefined && compare(key, bounds.until) >= 0)
          throw new UnsoundFile(`page ${number} has a key of another page`);
        before = key;
        counts.entries++;
        if (node.kind === "tree") entry(key, node.tree, noBytes);
        else if (node.kind === "value") entry(key, undefined, node.value);
        else {
          this.#reach(node.overflow.page, node.overflow.pages);
          counts.overflowPages += node.overflow.pages;
          entry(key, undefined, file.large(node.overflow, node.bytes));
        }
      }
    };
    const walk = function* (
      this: Walk,
      number: number,
      depth: number,
      bounds: Bounds,
    ): Generator<void, void> {
      this.#reach(number, 1);
      const { bytes, kind, transaction } = file.page(number);
      if (transaction > this.#meta.transaction)
        throw new UnsoundFile(`page ${number} is of transaction ${transaction}, later than the last`);
      if ((kind === "leaf") !== (depth === tree.depth))
        throw new UnsoundFile(`page ${number} is a ${kind} at depth ${depth} of ${tree.depth}`);
      yield;
      if (kind === "leaf") {
        counts.leafPages++;
        leaf(number, bytes, bounds);
        return;
      }
      counts.branchPages++;
      const nodes = file.branches(number, bytes);
      for (const [index, { key, child }] of nodes.entries()) {
        const from = index === 0 ? bounds.from : key;
        const until = nodes[index + 1]?.key ?? bounds.until;
        if (from !== undefined && until !== undefined && compare(from, until) >= 0)
          throw new UnsoundFile(`page ${number} has branches out of order`);
        yield* walk.call(this, child, depth + 1, { from, until });
      }
    };
    if (tree.root !== noPage) yield* walk.call(this, tree.root, 1, { from: undefined, until: undefined });
    for (const what of ["branchPages", "leafPages", "overflowPages", "entries"] as const)
      if (counts[what] !== tree[what])
        throw new UnsoundFile(
          `page ${tree.root} begins a tree with ${counts[what]} ${what}, and ${tree[what]} are noted`,
        );
  }

  /** Notes that pages are in use. */
  #reach(first: number, count: number): void {
    if (!(first >= 0) || count < 1 || first + count - 1 > this.#meta.lastPage)
      throw new UnsoundFile(`page ${first} is needed, and ${this.#meta.lastPage} is the last`);
    for (let page = first; page < first + count; page++) {
      if (this.#isReached(page)) throw new UnsoundFile(`page ${page} is used twice`);
      const at = Math.floor(page / 8);
      this.#reached[at] = (this.#reached[at] ?? 0) | (1 << (page % 8));
    }
  }

  #isReached(page: number): boolean {
    return ((this.#reached[Math.floor(page / 8)] ?? 0) & (1 << (page % 8))) !== 0;
  }

  /** A record of the list of free pages: how many numbers follow; 0 says nothing, and −n that n pages begin at the next. */
  #giveBack(list: Buffer): void {
    if (list.length < numberBytes) throw new UnsoundFile(`a list of free pages has ${list.length} bytes`);
    const entries = Number(list.readBigInt64LE(0));
    const room = Math.floor(list.length / numberBytes) - 1;
    // lmdb reads as many as it says, whatever lies behind the record.
    if (entries < 0 || entries > room)
      throw new UnsoundFile(`a list of free pages says that it has ${entries} entries, in room for ${room}`);
    for (let index = 1; index <= entries; index++) {
      const number = Number(list.readBigInt64LE(numberBytes * index));
      if (number === 0) continue;
      const count = number < 0 ? -number : 1;
      const first =
        number < 0 && index < entries ? Number(list.readBigInt64LE(numberBytes * ++index)) : number;
      if (first < 0) throw new UnsoundFile("a list of free pages ends early");
      for (let page = first; page < first + count; page++)
        if (page > this.#meta.lastPage || this.#isReached(page))
          throw new UnsoundFile(`page ${page} is in use, and given back`);
    }
  }
}
