// Starts the page.

import { App } from "./app.js";
import { h, render } from "./lib/html.js";
import { watch } from "./lib/live.js";
import { learnSession } from "./lib/session.js";
import { signInByLink } from "./screens/sign_in.js";

const page = /** @type {HTMLElement} */ (document.getElementById("page"));
page.replaceChildren(); // what is shown until here
render(h(App, {}), page);
watch();
await signInByLink();
await learnSession();
