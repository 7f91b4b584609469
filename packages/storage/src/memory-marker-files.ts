import type { MarkerFiles } from "./marker-files.js";

/** The files of an execution marker in memory: they outlive the processes that open them, as those on a disk do. */
export class MemoryMarkerFiles {
  readonly #directory: string;
  #executing: string | undefined;
  #held: string | undefined;

  constructor(directory: string) {
    this.#directory = directory;
  }

  open(): MarkerFiles {
    return {
      directory: this.#directory,
      descriptor: undefined,
      executing: this.#executing,
      held: this.#held,
      writeExecuting: (record) => {
        this.#executing = Buffer.from(record).toString();
      },
      writeHeld: (text) => {
        this.#held = text;
      },
      close: () => {},
    };
  }
}
