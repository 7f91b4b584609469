/** A member of a configuration. */
export interface Member {
  readonly id: string;
  /** host:port */
  readonly address: string;
}

/** An acceptor is bound to the store that holds its promises (rule 5). */
export interface AcceptorMember extends Member {
  readonly store: string;
}

/** The members from some slot on (PMMC 2.1; rule 22). */
export interface Configuration {
  readonly number: number;
  /** Number of the configuration it replaces; 0 for the first. */
  readonly predecessor: number;
  readonly acceptors: readonly AcceptorMember[];
  readonly leaders: readonly Member[];
  readonly replicas: readonly Member[];
}

/** A configuration and the first slot it rules. */
export interface RulingConfiguration {
  readonly from: number;
  readonly configuration: Configuration;
}

/**
 * Everything below a slot is decided, and these configurations were decided there. Whoever reads one may take it
 * as a fact, at any ballot (rule 7); without the configurations it would be unsafe.
 */
export interface TrimRecord {
  readonly below: number;
  readonly configurations: readonly RulingConfiguration[];
}

/** The part of the cluster file that is fixed for ever: configuration 1 and WINDOW. */
export interface Genesis {
  readonly window: number;
  readonly configuration: Configuration;
}

/**
 * The configurations a role knows to be decided, oldest first. A configuration decided in slot s rules from
 * s + WINDOW (rule 22), so the ruler of every slot below slot_out + WINDOW is known.
 */
export class Configurations {
  readonly window: number;
  #ruling: RulingConfiguration[];

  constructor(genesis: Genesis, known: readonly RulingConfiguration[] = []) {
    this.window = genesis.window;
    this.#ruling = [{ from: 1, configuration: genesis.configuration }];
    this.learn(known);
  }

  /** The configuration in force at a slot. */
  at(slot: number): Configuration {
    for (let index = this.#ruling.length - 1; index >= 0; index--) {
      const ruling = this.#ruling[index] as RulingConfiguration;
      if (ruling.from <= slot) return ruling.configuration;
    }
    throw new Error(`no configuration rules slot ${slot}`);
  }

  /** The configurations that rule a slot in [from, until). */
  serving(from: number, until: number): readonly Configuration[] {
    return this.#ruling
      .filter((ruling, index) => {
        const end = this.#ruling[index + 1]?.from ?? Number.POSITIVE_INFINITY;
        return ruling.from < until && end > from;
      })
      .map((ruling) => ruling.configuration);
  }

  /** True when configuration `number` is the one in force at `slot`. */
  rules(number: number, slot: number): boolean {
    return this.at(slot).number === number;
  }

  get latest(): RulingConfiguration {
    return this.#ruling[this.#ruling.length - 1] as RulingConfiguration;
  }

  get known(): readonly RulingConfiguration[] {
    return this.#ruling;
  }

  /** A configuration was decided in `slot`. Void, and false, unless its predecessor is the latest decided one (rule 22). */
  decided(slot: number, configuration: Configuration): boolean {
    const { number } = this.latest.configuration;
    if (configuration.predecessor !== number || configuration.number !== number + 1) return false;
    this.#ruling.push({ from: slot + this.window, configuration });
    return true;
  }

  /** Takes decided configurations that somebody else knows (hello, trim record): those newer than the latest here. */
  learn(known: readonly RulingConfiguration[]): void {
    for (const ruling of known) {
      if (ruling.configuration.predecessor === this.latest.configuration.number) this.#ruling.push(ruling);
    }
  }
}

/** Never less than its bytes within a message. */
export function configurationBytes({ acceptors, leaders, replicas }: Configuration): number {
  const members: readonly (Member & { readonly store?: string })[] = [...acceptors, ...leaders, ...replicas];
  return members.reduce(
    (bytes, { id, address, store = "" }) => bytes + 16 + id.length + address.length + store.length,
    32,
  );
}

/** Never less than its bytes within a message. */
export function trimRecordBytes({ configurations }: TrimRecord): number {
  return configurations.reduce(
    (bytes, { configuration }) => bytes + 16 + configurationBytes(configuration),
    16,
  );
}
