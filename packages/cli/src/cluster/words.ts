import { LossyOutput, withoutWaiting } from "@synod/node/surroundings";

const lastWordsWithinMs = 500;

/** The outputs of a command that keeps a cluster up: whether they can be written is no condition for that. */
export interface Words {
  say(text: string): void;
}

export function wordsOn(descriptor: 1 | 2): Words {
  const notice = (lost: number, reason: string) => `${lost} lines could not be written here (${reason})`;
  const output = new LossyOutput({ take: withoutWaiting(descriptor), notice });
  process.once("exit", () => output.flush(lastWordsWithinMs));
  return { say: (text) => output.write(`${text}\n`) };
}
