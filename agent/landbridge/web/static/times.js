// On every page: times in the viewer's zone, countries in his language, a question before what acts.
import { country, language, show } from "./words.js";

const every = (selector, act) => document.querySelectorAll(selector).forEach(act);
const tell = () => every("time", show);
tell();
setInterval(tell, 30_000);
every("[data-country]", (it) => {
  const isBare = it.textContent === it.dataset.country;
  if (isBare || language !== "en") it.textContent = country(it.dataset.country, it.textContent);
});
every("form[data-confirm]", (form) => form.addEventListener("submit", (event) => {
  if (!window.confirm(form.dataset.confirm)) event.preventDefault();
}));
