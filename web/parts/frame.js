// What stands around each screen: the bar, the navigation, the warning that the session ends.

import { html, useEffect, useRef } from "../lib/html.js";
import { liveness } from "../lib/live.js";
import { useOpenAlerts } from "../lib/open_alerts.js";
import { theme, zone, zones } from "../lib/preferences.js";
import { linkTo, route } from "../lib/router.js";
import { endsSoonMs, session, signOut } from "../lib/session.js";
import { lengthOf } from "../lib/times.js";
import { navigation } from "../screens/all.js";
import { t } from "../texts.js";
import { closeDialog, openDialog, Title } from "./dialog.js";
import { Choice, valueOf } from "./fields.js";
import { attempt } from "./notices.js";

export function Bar() {
  return html`<header class="bar">
    <a class="brand" href=${linkTo(["now"])}>
      <img src=${new URL("../icon.svg", import.meta.url).href} alt="" width="22" height="22" />
      <span class="name">${t.product}</span>
    </a>
    <${Liveness} />
    <span class="push"></span>
    <button type="button" class="narrow-only" onClick=${() => openDialog(() => html`<${Display} />`)}>${t.display.title}</button>
    <select class="wide-only" aria-label=${t.fields.shownZone} value=${zone.value} onChange=${(/** @type {Event} */ event) => (zone.value = valueOf(event))}>
      ${zones.map((each) => html`<option key=${each} value=${each} selected=${each === zone.value}>${each}</option>`)}
    </select>
    <select class="wide-only" aria-label=${t.fields.theme} value=${theme.value} onChange=${(/** @type {Event} */ event) => (theme.value = valueOf(event))}>
      ${Object.entries(t.themes).map(
        ([name, text]) => html`<option key=${name} value=${name} selected=${name === theme.value}>${text}</option>`,
      )}
    </select>
    <span class="soft wide-only">${session.value?.character_name || session.value?.user_id}</span>
    <button type="button" onClick=${() => attempt(signOut)}>${t.session.signOut}</button>
  </header>`;
}

/** The choices of the bar, for screens that have no room for them there. */
function Display() {
  return html`<${Title}>${t.display.title}<//>
    <${Choice} label=${t.fields.shownZone} value=${zone.value} options=${zones.map((each) => [each, each])}
      onChange=${(/** @type {string} */ name) => (zone.value = name)} />
    <${Choice} label=${t.fields.theme} value=${theme.value} options=${Object.entries(t.themes)}
      onChange=${(/** @type {string} */ name) => (theme.value = name)} />
    <div class="buttons"><button type="button" onClick=${closeDialog}>${t.dialog.close}</button></div>`;
}

function Liveness() {
  if (liveness.value === "off") return null;
  const isLive = liveness.value === "live";
  return html`<span class="liveness" title=${isLive ? t.states.liveHint : t.states.pollingHint}>
    ${isLive ? t.states.live : t.states.polling}
  </span>`;
}

export function EndsSoon() {
  if (endsSoonMs.value === null) return null;
  return html`<p class="banner" role="status">${t.session.endsSoon(lengthOf(endsSoonMs.value))}</p>`;
}

export function Rail() {
  const open = useOpenAlerts().data?.total ?? 0;
  const present = route.value.path[0];
  const rail = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => {
    const show = () => { // on a phone there is no room for all
      const link = /** @type {HTMLElement | null | undefined} */ (rail.current?.querySelector("[aria-current]"));
      if (rail.current && link) rail.current.scrollLeft = link.offsetLeft - (rail.current.clientWidth - link.offsetWidth) / 2;
    };
    show();
    addEventListener("resize", show);
    return () => removeEventListener("resize", show);
  }, [present]);
  return html`<nav class="rail" ref=${rail} aria-label=${t.nav.label}>
    <ul>${navigation().map(
      (name) => {
        const isMarked = name === "alerts" && open > 0; // beside the link, whose name stays what it is
        return html`<li key=${name}>
          <a href=${linkTo([name])} aria-current=${present === name ? "page" : undefined} aria-describedby=${isMarked ? "open-alerts" : undefined}>${t.nav[name]}</a>
          ${isMarked && html`<span class="badge" id="open-alerts">${open}<span class="hidden-text"> ${t.status.open}</span></span>`}
        </li>`;
      },
    )}</ul>
  </nav>`;
}
