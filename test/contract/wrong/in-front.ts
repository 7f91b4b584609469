/** Methods of a store in front of it; the rest is the store's own. */
export function inFront<Store extends object>(store: Store, methods: Partial<Store>): Store {
  return new Proxy(store, {
    get(target, key) {
      const found: unknown = Reflect.get(Object.hasOwn(methods, key) ? methods : target, key, target);
      return typeof found === "function" ? found.bind(target) : found;
    },
  });
}
