// Trips: start one, correct one, end one, by the API.
import { post, refusal, wrong } from "./ask.js";

const id = document.getElementById("trip")?.dataset.trip;
const field = (form, name) => form.elements[name].value.trim();

/** Container, route, destination, references and tags of a form. */
function booking(form) {
  const lines = field(form, "references").split("\n").map((line) => line.trim()).filter(Boolean);
  return {
    ...Object.fromEntries(["container", "route", "destination"].map((name) => [name, field(form, name)])),
    references: Object.fromEntries(lines.map((line) => [line.split(/[=＝]/)[0].trim(), line.split(/[=＝]/).slice(1).join("=").trim()])),
    tags: field(form, "tags").split(/[,，]/).map((tag) => tag.trim()).filter(Boolean),
  };
}

/** Send it; errors are shown below the form, and nothing that was typed is lost. */
async function send(form, path, body, method) {
  const answer = await post(path, body, method);
  const found = await answer.json();
  if (answer.ok) location.href = `/trips/${found.trip}`;
  const place = form.querySelector("[role=alert]");
  place.hidden = answer.ok;
  if (!answer.ok) {
    place.textContent = refusal(found);
    place.className = wrong(place.textContent);
  }
}

const start = document.getElementById("start");
start?.addEventListener("submit", (event) => {
  event.preventDefault();
  const [since, tenant] = ["since", "tenant"].map((name) => field(start, name));
  send(start, "/v1/trips", {
    ...booking(start), device: field(start, "device"), ...(since ? { since } : {}), ...(tenant ? { tenant } : {}),
  });
});
document.querySelectorAll("[data-offer]").forEach((button) => button.addEventListener("click", () => {
  start.elements.device.value = button.dataset.offer;
  start.elements.since.value = button.dataset.since;
  start.elements.container.focus();
}));
const edit = document.getElementById("edit");
edit?.addEventListener("submit", (event) => {
  event.preventDefault();
  // Only what was changed here: the rest may be out of date.
  const changed = Object.entries(booking(edit)).filter(([name]) => edit.elements[name].value !== edit.elements[name].defaultValue);
  send(edit, `/v1/trips/${id}`, Object.fromEntries(changed), "PATCH");
});
document.getElementById("end")?.addEventListener("click", ({ target }) => {
  if (window.confirm(target.dataset.question)) send(edit, `/v1/trips/${id}/end`, {});
});
