// Trips: start one, correct one, end one, by the API.
import { post, wrong } from "./ask.js";
import { _ } from "./words.js";

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

/** Send it; an error is shown at its field or below the form, and nothing that was typed is lost. */
async function send(form, path, body, method) {
  const odd = field(form, "references").split("\n").find((line) => line.trim() && !/^[^=＝]*[^=＝\s][^=＝]*[=＝].*\S/.test(line));
  if (odd) return refuse(form, _("{text} is not of the form NAME=VALUE, such as order=4711", { text: odd.trim() }), "references");
  const answer = await post(path, body, method);
  const found = await answer.json();
  if (answer.ok) location.href = `/trips/${found.trip}`;
  else refuse(form, found.detail, found.errors?.[0]?.pointer?.split("/")[1]);
}

/** Show why a form was refused. */
function refuse(form, why, name) {
  const [place, input] = [form.querySelector("[role=alert]"), form.elements[name]];
  Object.assign(place, { textContent: why, className: wrong(why), hidden: false });
  for (const each of form.querySelectorAll("[aria-invalid]")) ["aria-invalid", "aria-describedby"].forEach((of) => each.removeAttribute(of));
  if (!input) return form.append(place);
  input.after(place);
  input.setAttribute("aria-invalid", "true");
  input.setAttribute("aria-describedby", place.id);
  input.focus();
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
