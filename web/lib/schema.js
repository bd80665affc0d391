// JSON Schema as forms need it: what a place takes, and what a control's text means there.

/** @typedef {import("./types.d.ts").Schema} Schema */
/** @typedef {"text" | "long text" | "number" | "integer" | "yes or no" | "choice" | "object" | "names" | "json"} Kind */

/**
 * A schema with its reference followed, and of several alternatives the one that is not null when there is just one.
 * @param {Schema} schema @param {Schema} root @returns {Schema}
 */
export function resolved(schema, root) {
  if (schema.$ref) {
    const name = schema.$ref.split("/").at(-1) ?? "";
    const { $ref: _, ...own } = schema;
    return { ...resolved(root.$defs?.[name] ?? {}, root), ...own };
  }
  const alternatives = (schema.anyOf ?? schema.oneOf ?? []).filter((each) => each.type !== "null");
  const [only] = alternatives;
  if (only && alternatives.length === 1) return { ...schema, anyOf: undefined, oneOf: undefined, ...resolved(only, root) };
  return schema;
}

/** How a place is shown. @param {Schema} schema a resolved one @returns {Kind} */
export function kindOf(schema) {
  if (schema.enum) return "choice";
  if (schema.type === "string") return (schema.maxLength ?? 0) > 20_000 ? "long text" : "text";
  if (schema.type === "number" || schema.type === "integer") return schema.type;
  if (schema.type === "boolean") return "yes or no";
  if (schema.format === "names") return "names";
  if (schema.type === "object" && schema.properties && Object.keys(schema.properties).length) return "object";
  return "json";
}

/** The names of an object's places, those that it needs first; what can only have one value is left out. @param {Schema} schema */
export function placesOf(schema) {
  const required = new Set(schema.required ?? []);
  return Object.entries(schema.properties ?? {})
    .filter(([, each]) => each.const === undefined)
    .sort(([one], [other]) => Number(required.has(other)) - Number(required.has(one)));
}

/** What a schema fixes: the places that can only have one value. @param {Schema} schema */
export function fixedOf(schema) {
  return Object.fromEntries(
    Object.entries(schema.properties ?? {})
      .filter(([, each]) => each.const !== undefined)
      .map(([name, each]) => [name, each.const]),
  );
}

/** A name as a label: `expected_code` as `Expected code`. @param {string} name */
export function labelOf(name) {
  const known = /** @type {Record<string, string>} */ ({ url: "URL", validate_ssl: "Check certificates" })[name];
  const words = name.replaceAll("_", " ");
  return known ?? words.charAt(0).toUpperCase() + words.slice(1);
}

/** A value with one place set, or left out when it is undefined. @param {unknown} object @param {string} name @param {unknown} value */
export function withPlace(object, name, value) {
  const copy = { .../** @type {Record<string, unknown>} */ (object ?? {}) };
  if (value === undefined) delete copy[name];
  else copy[name] = value;
  return copy;
}
