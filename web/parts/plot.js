// Durations over time, drawn by uPlot, which is fetched when it is first needed. A table says the same in text.

import { html, useEffect, useRef, useState } from "../lib/html.js";
import { theme, zone } from "../lib/preferences.js";
import { clockOf, dayOf, lengthOf } from "../lib/times.js";

/** @typedef {{ at: string, ms: number, status: string }} Point */

const HEIGHT = 180;

/** @param {{ points: Point[], label: string }} props the oldest first */
export function DurationPlot({ points, label }) {
  const box = useRef(/** @type {HTMLDivElement | null} */ (null));
  const [isDark, setDark] = useState(false); // of the system: the plot is drawn in the colours of its moment
  useEffect(() => {
    const system = matchMedia("(prefers-color-scheme: dark)");
    const follow = () => setDark(system.matches);
    follow();
    system.addEventListener("change", follow);
    return () => system.removeEventListener("change", follow);
  }, []);
  useEffect(() => {
    /** @type {import("../vendor/uplot.js") | undefined} */
    let plot;
    const observer = new ResizeObserver(() => box.current && plot?.setSize({ width: box.current.clientWidth, height: HEIGHT }));
    if (box.current) observer.observe(box.current);
    let isGone = false;
    void import("../vendor/uplot.js").then(({ default: Plot }) => {
      if (!isGone && box.current) plot = draw(/** @type {any} */ (Plot), box.current, points);
    });
    return () => {
      isGone = true;
      observer.disconnect();
      plot?.destroy();
    };
  }, [points, theme.value, isDark, zone.value]);
  const longest = Math.max(...points.map((each) => each.ms));
  return html`<figure class="plot" ref=${box} role="img" aria-label="${label}: ${points.length}, max ${lengthOf(longest)}"></figure>`;
}

const DAY_SECONDS = 86_400;

/**
 * The labels of the axis of times: the clock in 24 hours, with the day where it begins; days alone where hours do not count.
 * @param {unknown} _ @param {number[]} instants in seconds @param {unknown} __ @param {unknown} ___ @param {number} step in seconds
 */
function timesOf(_, instants, __, ___, step) {
  return instants.map((each, index) => {
    const day = dayOf(each * 1000);
    if (step >= DAY_SECONDS) return day;
    const clock = clockOf(each * 1000).slice(0, step < 60 ? 8 : 5);
    const before = instants[index - 1];
    return before === undefined || dayOf(before * 1000) !== day ? `${clock}\n${day}` : clock;
  });
}

/** @param {typeof import("../vendor/uplot.js")} Plot @param {HTMLElement} box @param {Point[]} points */
function draw(Plot, box, points) {
  const colours = getComputedStyle(document.documentElement);
  /** @param {string} name */
  const colour = (name) => colours.getPropertyValue(name).trim();
  const axis = { stroke: colour("--ink-soft"), grid: { stroke: colour("--line") }, ticks: { stroke: colour("--line") } };
  /** @param {string} status */
  const of = (status) => points.map((each) => (each.status === status ? each.ms / 1000 : null));
  /** @param {string} tone @param {"circle" | "cross"} shape */
  const series = (tone, shape) => ({
    stroke: colour(tone),
    width: 1.5,
    paths: () => null,
    points: { show: true, size: shape === "cross" ? 9 : 6, fill: shape === "cross" ? colour("--surface") : colour(tone) },
  });
  const times = points.map((each) => Date.parse(each.at) / 1000);
  return new Plot(
    {
      width: box.clientWidth,
      height: HEIGHT,
      legend: { show: false },
      cursor: { show: false },
      tzDate: (/** @type {number} */ seconds) => Plot.tzDate(new Date(seconds * 1000), zone.value),
      scales: { x: { time: true }, y: { range: (/** @type {any} */ _, /** @type {any} */ __, /** @type {number} */ max) => [0, (max || 1) * 1.1] } },
      axes: [{ ...axis, space: 84, values: timesOf }, { ...axis, size: 72, values: (/** @type {any} */ _, /** @type {number[]} */ values) => values.map((each) => lengthOf(each * 1000)) }],
      series: [{}, series("--good", "circle"), series("--bad", "cross")],
    },
    [times, of("completed"), of("failed")],
    box,
  );
}
