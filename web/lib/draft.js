// A task as a form holds it: what is sent to create it, and what is sent to change it.

/** @typedef {import("./types.d.ts").Task} Task */
/**
 * @typedef {object} Draft
 * @property {string} name
 * @property {string} description
 * @property {string} type
 * @property {string} schedule
 * @property {string} priority
 * @property {boolean} enabled
 * @property {unknown} config
 * @property {string[]} tags
 * @property {Record<string, unknown>} metadata
 */

const METADATA = [
  ...["timezone", "overlap", "timeout", "max_retries", "retry_interval", "after", "alerts", "calendars", "catch_up"],
  ...["start_at", "end_at", "max_runs", "jitter", "start_within"],
];
/** What removes a setting, where that is not null. @type {Record<string, unknown>} */
const REMOVED = { alerts: {} };

/** @param {string} timezone @returns {Draft} */
export const newDraft = (timezone) => ({
  name: "",
  description: "",
  type: "http",
  schedule: "0 0 * * * *",
  priority: "normal",
  enabled: true,
  config: {},
  tags: [],
  metadata: { timezone, overlap: "skip", timeout: "5m0s", max_retries: 3, retry_interval: "1m0s" },
});

/** @param {Task} task @returns {Draft} */
export function draftOf(task) {
  const kept = METADATA.filter((name) => name in task.metadata);
  return {
    name: task.name,
    description: task.description ?? "",
    type: task.type,
    schedule: task.schedule,
    priority: task.priority,
    enabled: task.enabled,
    config: task.config,
    tags: task.metadata.tags,
    metadata: Object.fromEntries(kept.map((name) => [name, /** @type {any} */ (task.metadata)[name]])),
  };
}

/** The fields of a draft that differ from another one; of metadata each by itself, and what was removed as such. @param {Draft} draft @param {Draft} before */
export function changesOf(draft, before) {
  /** @type {Record<string, unknown>} */
  const changes = {};
  for (const [name, value] of Object.entries(draft)) {
    const old = /** @type {any} */ (before)[name];
    if (name !== "metadata" && !isSame(value, old)) changes[name] = value;
  }
  const metadata = Object.entries(draft.metadata).filter(([name, value]) => !isSame(value, before.metadata[name]));
  const removed = Object.keys(before.metadata).filter((name) => draft.metadata[name] === undefined);
  metadata.push(...removed.map((name) => /** @type {[string, unknown]} */ ([name, REMOVED[name] ?? null])));
  if (metadata.length) changes.metadata = Object.fromEntries(metadata);
  return changes;
}

/** @param {unknown} one @param {unknown} other */
const isSame = (one, other) => JSON.stringify(one) === JSON.stringify(other);
