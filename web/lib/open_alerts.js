// The alerts that are open: read once, shown in the navigation and on Now.

import { read } from "./api.js";
import { signal, useEffect } from "./html.js";
import { useResource } from "./resource.js";

/** @typedef {import("./resource.js").Resource<{ alerts: import("./types.d.ts").Alert[], total: number }>} OpenAlerts */

const SHOWN = 20;

export const openAlerts = signal(/** @type {OpenAlerts} */ ({ data: undefined, error: null, isLoading: true, reload: () => {} }));

/** For the one place that is always there. @returns {OpenAlerts} */
export function useOpenAlerts() {
  const found = useResource("open", (signal) => read("/alerts", { state: "open", page_size: SHOWN }, signal), (change) => change.subject === "alert");
  useEffect(() => void (openAlerts.value = found), [found.data, found.error]);
  return found;
}
