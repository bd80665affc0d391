// The settings under `metadata` that most tasks leave out, as the form needs them. docs/api.md lists them.

import { t } from "../texts.js";
import { instantOf } from "./times.js";

/** @typedef {import("./types.d.ts").Schema} Schema */
/** @typedef {{ include?: string[], exclude?: string[], on_excluded?: string }} CalendarRules */

const hints = t.settingsOf.hints;
const duration = { type: "string" };

/** @type {Schema} */
export const LIMITS = {
  type: "object",
  properties: {
    start_at: { type: "string", description: hints.start_at },
    end_at: { type: "string", description: hints.end_at },
    max_runs: { type: "integer", description: hints.max_runs },
    jitter: { ...duration, description: hints.jitter },
    start_within: { ...duration, description: hints.start_within },
  },
};

/** @type {Schema} */
export const CATCH_UP = {
  type: "object",
  properties: {
    runs: { enum: ["none", "last", "all"], default: "none", description: hints.runs },
    max_age: { ...duration, description: hints.max_age },
    max_runs: { type: "integer", default: 100, description: hints.most_caught_up },
    order: { enum: ["oldest_first", "newest_first"], default: "oldest_first" },
  },
};

/** @type {Schema} */
export const ALERTS = {
  type: "object",
  properties: {
    enabled: { type: "boolean", default: true },
    failures_in_a_row: { type: "integer", description: hints.failures_in_a_row },
    failure_rate: { type: "number", description: hints.failure_rate },
    late_after: { ...duration, description: hints.late_after },
    channels: { type: "array", format: "names", description: hints.channels },
    expect_success: {
      type: "object",
      required: ["period"],
      properties: {
        period: { ...duration, description: hints.period },
        grace: { ...duration, default: "5m", description: hints.grace },
        while_paused: { type: "boolean", default: false },
      },
    },
  },
};

/** Instants as they are typed, on the clock of a zone, as they are sent. @param {Record<string, unknown>} metadata @param {string} zone */
export function withInstants(metadata, zone) {
  const read = Object.entries(metadata).map(([name, value]) => [name, typeof value === "string" && name.endsWith("_at") ? instantIn(value, zone) : value]);
  return Object.fromEntries(read);
}

/** The instant of a text; the text itself in a zone that there is not. @param {string} text @param {string} zone */
export function instantIn(text, zone) {
  try {
    return instantOf(text, zone || "UTC");
  } catch {
    return text; // the service names the zone
  }
}
