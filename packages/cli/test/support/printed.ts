import { vi } from "vitest";

/** What a test printed since it began to look; nothing of it is shown. */
export interface Printed {
  stdout: string;
  stderr: string;
}

/** Takes in what is printed until mocks are restored. */
export function takePrinted(): Printed {
  const printed = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"] as const) {
    vi.spyOn(process[stream], "write").mockImplementation((text, encoding, done) => {
      printed[stream] += typeof text === "string" ? text : Buffer.from(text).toString();
      const written = typeof encoding === "function" ? encoding : done;
      written?.(null);
      return true;
    });
  }
  return printed;
}
