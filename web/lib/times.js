// Instants and lengths of time: read from the API, shown in the chosen zone.

import { signal } from "./html.js";
import { zone } from "./preferences.js";

/** The present, moved on each second for what counts down. */
export const present = signal(Date.now());
setInterval(() => document.hidden || (present.value = Date.now()), 1000);

/** @type {Map<string, Intl.DateTimeFormat>} */
const formats = new Map();

/** @param {string} timeZone @param {Intl.DateTimeFormatOptions} options */
function format(timeZone, options) {
  const key = timeZone + JSON.stringify(options);
  const known = formats.get(key) ?? new Intl.DateTimeFormat("en-CA", { timeZone, hourCycle: "h23", ...options });
  formats.set(key, known);
  return known;
}

const DAY_MS = 86_400_000;
const DAY = /** @type {const} */ ({ year: "numeric", month: "2-digit", day: "2-digit" });
const TIME = /** @type {const} */ ({ hour: "2-digit", minute: "2-digit", second: "2-digit" });

/** @param {string | number} instant @param {string} [timeZone] */
export const dayOf = (instant, timeZone = zone.value) => format(timeZone, DAY).format(new Date(instant));
/** @param {string | number} instant @param {string} [timeZone] */
export const clockOf = (instant, timeZone = zone.value) => format(timeZone, TIME).format(new Date(instant));
/** Day and time, as `2026-01-15 10:30:00`. @param {string | number} instant @param {string} [timeZone] */
export const fullOf = (instant, timeZone = zone.value) => `${dayOf(instant, timeZone)} ${clockOf(instant, timeZone)}`;
/** The weekday. @param {string | number} instant @param {string} [timeZone] */
export const weekdayOf = (instant, timeZone = zone.value) =>
  format(timeZone, { weekday: "short" }).format(new Date(instant));

/**
 * The instant of a day and time as the clock of a zone shows them (`2026-01-15 10:30`), in RFC 3339. Of a time that the clock
 * shows twice it is the first one. Other texts are returned as they are.
 * @param {string} text @param {string} [timeZone]
 */
export function instantOf(text, timeZone = zone.value) {
  const [, day, clock] = text.trim().match(/^((?:19|2\d)\d\d-\d\d-\d\d)[ T](\d\d:\d\d(?::\d\d)?)$/) ?? [];
  const wall = Date.parse(`${day}T${clock}Z`);
  if (Number.isNaN(wall) || dayOf(wall, "UTC") !== day) return text.trim(); // no such day
  /** @param {number} instant */
  const wallAt = (instant) => Date.parse(`${fullOf(instant, timeZone).replace(" ", "T")}Z`);
  const [early, late] = [wall - DAY_MS, wall + DAY_MS].map((near) => wall - wallAt(near) + near);
  const isAfterChange = wallAt(early ?? 0) !== wall && wallAt(late ?? 0) === wall;
  return new Date((isAfterChange ? late : early) ?? wall).toISOString();
}

/** The time alone when it is today, else with its day. @param {string | number} instant */
export function briefOf(instant) {
  return dayOf(instant) === dayOf(Date.now()) ? clockOf(instant) : fullOf(instant).slice(0, 16);
}

/** The zone's distance from UTC at an instant, as `UTC+01:00`. @param {string | number} instant @param {string} timeZone */
export function offsetOf(instant, timeZone) {
  const parts = format(timeZone, { timeZoneName: "longOffset" }).formatToParts(new Date(instant));
  return (parts.find((part) => part.type === "timeZoneName")?.value ?? "").replace("GMT", "UTC");
}

const UNITS = /** @type {const} */ ([
  ["day", DAY_MS],
  ["hour", 3_600_000],
  ["minute", 60_000],
  ["second", 1000],
]);
const relative = new Intl.RelativeTimeFormat("en", { numeric: "always", style: "short" });

/** How far an instant is from now, as `in 5 min.` or `2 hr. ago`. @param {string | number} instant */
export function distanceOf(instant, now = present.value) {
  const distance = new Date(instant).getTime() - now;
  const [unit, size] = UNITS.find(([, each]) => Math.abs(distance) >= each) ?? ["second", 1000];
  return relative.format(Math.trunc(distance / size), unit);
}

const SIZES = /** @type {Record<string, number>} */ ({
  ns: 1e-6,
  us: 1e-3,
  "µs": 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
});

const DURATION = /^(?:[\d.]+(?:ns|us|µs|ms|s|m|h))+$/;

/** Whether a value is a Go duration, as the API sends them. @param {unknown} value @returns {value is string} */
export const isDuration = (value) => typeof value === "string" && DURATION.test(value);

/** A Go duration (`1m30.5s`) in milliseconds. @param {string | undefined} text */
export function millisecondsOf(text) {
  let sum = 0;
  for (const [, number, unit] of (text ?? "").matchAll(/([\d.]+)(ns|us|µs|ms|s|m|h)/g)) {
    sum += Number(number) * (SIZES[unit ?? "s"] ?? 0);
  }
  return sum;
}

/** A length of time for people: `23 ms`, `1.2 s`, `2 min 5 s`, `1 h 30 min`, `3 d`. @param {number} ms */
export function lengthOf(ms) {
  if (ms > 0 && ms < 1) return "< 1 ms";
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 9950) return `${Math.round(ms / 100) / 10} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return inTwo(seconds, 60, "min", "s");
  const minutes = Math.round(seconds / 60);
  return minutes < 48 * 60 ? inTwo(minutes, 60, "h", "min") : inTwo(Math.round(minutes / 60), 24, "d", "h");
}

/** The smaller unit is left out where nothing of it is left. @param {number} count @param {number} size @param {string} large @param {string} small */
const inTwo = (count, size, large, small) => `${Math.floor(count / size)} ${large}${count % size ? ` ${count % size} ${small}` : ""}`;
