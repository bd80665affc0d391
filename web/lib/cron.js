// The text of a schedule and its six fields. The text is what counts: fields are its parts, and nothing is lost.

/** @typedef {{ prefix: string, fields: string[] }} Parts */

const PREFIX = /^(?:CRON_TZ|TZ)=\S+\s+/;

/** The fields of a text, seconds first. Null when it is not six fields: a descriptor, or several schedules. @param {string} text @returns {Parts | null} */
export function partsOf(text) {
  const prefix = text.match(PREFIX)?.[0] ?? "";
  const fields = text.slice(prefix.length).trim().split(/\s+/);
  return fields.length === 6 && !fields.some((each) => each.startsWith("@")) ? { prefix, fields } : null;
}

/** The text with one of its fields changed. @param {Parts} parts @param {number} index @param {string} field */
export function withField({ prefix, fields }, index, field) {
  return prefix + fields.map((each, at) => (at === index ? field.replaceAll(/\s+/g, "") || "*" : each)).join(" ");
}

/** Schedules to begin with, by the name of their text. */
export const PRESETS = /** @type {const} */ ([
  ["everyMinute", "0 * * * * *"],
  ["every5Minutes", "0 */5 * * * *"],
  ["hourly", "0 0 * * * *"],
  ["daily", "0 0 6 * * *"],
  ["weekdays", "0 0 9 * * 1-5"],
  ["weekly", "0 0 6 * * 1"],
  ["monthly", "0 0 6 1 * *"],
]);
