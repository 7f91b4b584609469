import type { Descriptors } from "../definition/method-types.js";
import { descriptorSetBase64 } from "../gen/descriptors.js";
import type { Protos } from "../gen/types.js";

/** Describes the services that come with Synod. */
export const builtInDescriptors: Descriptors<Protos> = Buffer.from(descriptorSetBase64, "base64");
