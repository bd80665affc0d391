// What a user chooses for this browser: colours and the zone of times. Kept in its local storage.

import { effect, signal } from "./html.js";

/** @param {string} name @param {string} otherwise */
export function kept(name, otherwise) {
  try {
    return localStorage.getItem(`falcon-scheduler:${name}`) ?? otherwise;
  } catch {
    return otherwise;
  }
}

/** @param {string} name @param {string} value */
export function keep(name, value) {
  try {
    localStorage.setItem(`falcon-scheduler:${name}`, value);
  } catch {
    // without storage a choice lasts as long as the page
  }
}

/** `system`, `light` or `dark`. */
export const theme = signal(kept("theme", "system"));

/** An IANA zone in which times are shown. */
export const zone = signal(known(kept("zone", "")) ?? Intl.DateTimeFormat().resolvedOptions().timeZone ?? "UTC");

/** Zones to choose from. */
export const zones = ["UTC", ...Intl.supportedValuesOf("timeZone").filter((each) => each !== "UTC")];

const narrow = matchMedia("(max-width: 44rem)");

/** Whether the page is as narrow as on a phone. The same width as in the style sheets. */
export const isNarrow = signal(narrow.matches);
narrow.addEventListener("change", () => (isNarrow.value = narrow.matches));

/** @param {string} name */
function known(name) {
  try {
    return name ? new Intl.DateTimeFormat("en", { timeZone: name }).resolvedOptions().timeZone : undefined;
  } catch {
    return undefined;
  }
}

effect(() => {
  keep("theme", theme.value);
  document.documentElement.dataset.theme = theme.value;
});
effect(() => keep("zone", zone.value));
