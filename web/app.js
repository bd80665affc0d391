// The frame: bar, navigation, the present screen, and what lies over it.

import { html, useEffect, useRef } from "./lib/html.js";
import { goToSearch, handleKeys, moveFocus } from "./lib/keys.js";
import { linkTo, replaceWith, route } from "./lib/router.js";
import { session, sessionError } from "./lib/session.js";
import { Bar, EndsSoon, Rail } from "./parts/frame.js";
import { DialogHost, openDialog } from "./parts/dialog.js";
import { KeyList } from "./parts/key_list.js";
import { Notices } from "./parts/notices.js";
import { openPalette } from "./parts/palette.js";
import { Empty, Loading } from "./parts/states.js";
import { screenOf } from "./screens/all.js";
import { SignIn } from "./screens/sign_in.js";
import { t } from "./texts.js";

export function App() {
  useEffect(() => handleKeys({ palette: openPalette, help: () => openDialog(KeyList), search: () => goToSearch() || openPalette(), move: moveFocus }), []);
  if (session.value === undefined && !sessionError.value) return html`<${Loading} />`;
  if (!session.value) return html`<${SignIn} /><${Notices} />`;
  return html`<div class="shell">
      <a class="skip" href="#content" onClick=${toContent}>${t.skip}</a>
      <${Bar} />
      <${EndsSoon} />
      <${Rail} />
      <${Screen} />
    </div>
    <${DialogHost} />
    <${Notices} />`;
}

function Screen() {
  const main = useRef(/** @type {HTMLElement | null} */ (null));
  const { path } = route.value;
  const key = path.slice(0, 3).join("/");
  const wasShown = useRef(key);
  useEffect(() => {
    if (!path.length) replaceWith(linkTo(["now"]));
  }, [path.length]);
  useEffect(() => {
    if (wasShown.current === key) return;
    wasShown.current = key;
    scrollTo(0, 0);
    main.current?.focus({ preventScroll: true }); // so that a screen reader reads the new screen
  }, [key]);
  const Present = screenOf(path);
  return html`<main class="main" id="content" tabindex="-1" ref=${main}>
    ${Present ? html`<${Present} key=${key} path=${path} />` : path.length > 0 && html`<${Empty} text=${t.states.notFound} />`}
  </main>`;
}

/** The address behind `#` is the screen's, so the link moves the focus itself. @param {Event} event */
function toContent(event) {
  event.preventDefault();
  document.getElementById("content")?.focus();
}
