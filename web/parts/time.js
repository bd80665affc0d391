// An instant, in the chosen zone, with UTC beside it; and a length of time.

import { html } from "../lib/html.js";
import { zone } from "../lib/preferences.js";
import { briefOf, distanceOf, fullOf, lengthOf, millisecondsOf } from "../lib/times.js";

/** The whole of an instant: in the chosen zone and in UTC. @param {string} at */
export const bothZones = (at) =>
  zone.value === "UTC" ? `${fullOf(at, "UTC")} UTC` : `${fullOf(at)} ${zone.value} · ${fullOf(at, "UTC")} UTC`;

/**
 * `brief` shows the time alone when it is today, `both` shows it in both zones, `near` adds how far it is.
 * @param {{ at: string | undefined, form?: "brief" | "both" | "near" | "distance", none?: string }} props
 */
export function Time({ at, form = "brief", none = "–" }) {
  if (!at) return html`<span class="soft">${none}</span>`;
  const whole = bothZones(at);
  const texts = {
    brief: () => briefOf(at),
    both: () => whole,
    near: () => `${briefOf(at)} (${distanceOf(at)})`,
    distance: () => distanceOf(at),
  };
  return html`<time datetime=${at} title=${whole}>${texts[form]()}</time>`;
}

/** A Go duration of the API as people read it; hover it for its exact value. @param {{ of: string | undefined }} props */
export const Length = ({ of }) => html`<span class="number" title=${of}>${of ? lengthOf(millisecondsOf(of)) : "–"}</span>`;
