import { fileURLToPath } from "node:url";
import type { RoleName } from "./plan.js";

/** The committed bin of a role's own service. */
export function serviceBin(role: RoleName): string {
  return fileURLToPath(import.meta.resolve(`@synod/service-${role}/bin`));
}
