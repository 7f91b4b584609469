import {
  calculatorService,
  keyValueService,
  lockService,
  type ReplicatedService,
} from "@synod/state-machine";

/** The replicated services that come with Synod. */
export const builtInServices: readonly ReplicatedService[] = [
  keyValueService,
  calculatorService,
  lockService,
];
