import type { HandlerError } from "@synod/state-machine";
import { Violation } from "../violation.js";
import { stockName } from "./definition.js";

/** A handler failed in a way that its service does not declare: only the one that is made to. */
export function expectDeclared({ service, method, error }: HandlerError, where: string): void {
  if (service === stockName && error instanceof Error && error.name === "SyntaxError") return;
  throw new Violation(`${service}/${method} failed at ${where}: ${error}`);
}
