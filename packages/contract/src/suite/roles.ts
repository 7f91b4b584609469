/** The roles that are services of their own. */
export const roles = ["acceptor", "leader", "replica"] as const;
export type RoleName = (typeof roles)[number];
